using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Pods;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Pods;

public sealed class LastCensusPageTests
{
    private static readonly DateTimeOffset Start = new(2026, 11, 24, 3, 0, 0, TimeSpan.Zero);
    private static readonly ProviderError Refused = new(ProviderFailure.Unauthorized, 401, "invalid api key");

    private readonly FakeTimeProvider clock = new(Start);
    private readonly LastCensus census;

    public LastCensusPageTests()
    {
        census = new LastCensus(clock);
    }

    [Fact]
    public void Note_Listed_KeepsPodsAndWhatTheCapsHoldBack()
    {
        census.Note(Listed(heldBack: 2));

        Assert.True(census.Current.ListsHere);
        Assert.Equal(Start, census.Current.ListedAt);
        Assert.Equal(2, census.Current.HeldBack);
        Assert.Single(census.Current.Pods);
    }

    [Fact]
    public void Note_ListingsFail_KeepsTheLastOneAndTheFirstFailuresTime()
    {
        census.Note(Listed());
        clock.Advance(TimeSpan.FromMinutes(1));
        census.Note(Failed());
        clock.Advance(TimeSpan.FromMinutes(1));
        census.Note(Failed());

        Assert.Equal(Start.AddMinutes(1), census.Current.FailingSince);
        Assert.Equal(Refused, census.Current.Error);
        Assert.Equal(Start, census.Current.ListedAt);
        Assert.Single(census.Current.Pods);
    }

    [Fact]
    public void Note_ListingWorksAgain_ForgetsTheFailure()
    {
        census.Note(Failed());
        census.Note(Listed());

        Assert.Null(census.Current.FailingSince);
        Assert.Null(census.Current.Error);
    }

    [Fact]
    public void NoteElsewhere_LeaseLost_ForgetsWhatWasListed()
    {
        census.Note(Listed());
        census.NoteElsewhere();

        Assert.False(census.Current.ListsHere);
        Assert.Null(census.Current.ListedAt);
        Assert.Empty(census.Current.Pods);
    }

    private static PodWatchReport Listed(int heldBack = 0)
    {
        SweepItem[] items = [.. Enumerable.Range(1, heldBack).Select(number => PodSamples.Item(number))];
        CountedPod pod = new(PodSamples.Stranger("abcd", "box", Start), null, PodClass.Foreign, null, "Nothing says that it is ours");
        return new PodWatchReport(TimeSpan.FromMinutes(1), true, 0, [], PodSamples.Plan(Start, 0, items)) { Census = [pod] };
    }

    private static PodWatchReport Failed() => new(TimeSpan.FromMinutes(1), false, 0, [], null) { Error = Refused };
}
