using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Pods;
using LoraAdmin.Shell;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Pods;

public sealed class GaveUpPodsTests
{
    private static readonly DateTimeOffset Start = new(2026, 11, 24, 9, 0, 0, TimeSpan.Zero);
    private static readonly Actor Ada = new(ActorKind.Person, "ada");

    private readonly FakeTimeProvider clock = new(Start.AddHours(4));
    private readonly PagePodQueries queries;
    private readonly PagePodDesk desk = new();
    private readonly GaveUpPods source;

    public GaveUpPodsTests()
    {
        queries = new PagePodQueries(clock);
        source = new GaveUpPods(queries, desk);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Requirement", "E4")]
    public async Task PodsThatDoNotEnd_AreThereWithWhatTheyCost_AndNoOthers()
    {
        LedgerPod leaking = PodSamples.Row(1, Start, PodWant.Released, PodSaw.Leaking) with { TerminateAttempts = 3, LastError = "HTTP 500" };
        queries.Ledger.AddRange([leaking, PodSamples.Row(2, Start), PodSamples.Row(3, Start, PodWant.Released)]);

        GaveUpLine line = Assert.Single(await source.ReadAsync(Token));

        Assert.Equal((leaking.PodId, leaking.Name, Permissions.EndPods, $"/pods?pod={leaking.PodId}"), (line.Id, line.Pod, line.Permission, line.Href));
        Assert.Equal(Usd.FromDollars(2.4m), line.Cost);
        Assert.Contains("tried 3 times; last: HTTP 500", line.Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Retry_AsksForTheEnd_AndNeverRisksAFile()
    {
        desk.Ends.Enqueue(new EndPodOutcome.Noted(FileProof.InStorage));
        desk.Ends.Enqueue(new EndPodOutcome.FileAtRisk());
        desk.Ends.Enqueue(new EndPodOutcome.NotFound());
        desk.Ends.Enqueue(new EndPodOutcome.CouldNotRead(new ProviderError(ProviderFailure.RateLimited, 429, "HTTP 429")));

        List<ActionResult> results = [];
        for (int time = 0; time < 4; time++)
        {
            results.Add(await source.RetryAsync("pod00001", "of a test", Ada, Token));
        }

        Assert.Equal([true, false, false, false], results.Select(one => one.Done));
        Assert.Contains("A trained file may lie on it alone", results[1].Message, StringComparison.Ordinal);
        Assert.Contains("HTTP 429", results[3].Message, StringComparison.Ordinal);
        Assert.All(desk.Ended, ended => Assert.Equal(("pod00001", "of a test", false, Ada), ended));
    }

    [Fact]
    public async Task Database_Away_IsNoEmptyList()
    {
        queries.Away = "The database is away.";

        await Assert.ThrowsAsync<StoreUnavailableException>(() => source.ReadAsync(Token));
    }
}
