using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using Xunit;

namespace LoraAdmin.Tests.Pods;

public sealed class PodCensusTests
{
    private const string Own = "0a1b2c3d";
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);
    private static readonly JobId Job = new(new Guid(1, 2, 3, new byte[8]));
    private static readonly string OurName = PodNames.For(Own, Job, 1, 1);
    private static readonly string TheirName = PodNames.For("deadbeef", Job, 1, 1);
    private static readonly Actor Ada = new(ActorKind.Person, "ada");

    public static TheoryData<string, ProviderPod?, LedgerPod?, ClaimVerdict?, PodClass, string?> Table => new()
    {
        { "needed", Pod(OurName), Row(PodWant.Needed), null, PodClass.Needed, null },
        { "needed, found by its name alone", Pod(OurName), Row(PodWant.Needed) with { PodId = null }, null, PodClass.Needed, null },
        { "needed, no lifetime in the ledger", Pod(OurName), Row(PodWant.Needed) with { LiveUntil = null }, null, PodClass.Needed, null },
        { "needed, to the last instant", Pod(OurName), Row(PodWant.Needed) with { LiveUntil = Now }, null, PodClass.Needed, null },
        { "too old", Pod(OurName), Row(PodWant.Needed) with { LiveUntil = Now.AddTicks(-1) }, null, PodClass.Orphan, PodReasons.PastLifetime },
        { "held", Pod(OurName), Row(PodWant.Held) with { WantReason = PodReasons.FileUnproven }, null, PodClass.Held, PodReasons.FileUnproven },
        { "held, too old", Pod(OurName), Row(PodWant.Held) with { LiveUntil = Now.AddDays(-1) }, null, PodClass.Held, null },
        { "released", Pod(OurName), Row(PodWant.Released), null, PodClass.Orphan, PodReasons.JobEnded },
        { "late", Pod(OurName), Row(PodWant.Released) with { WantReason = PodReasons.NotReady }, null, PodClass.Orphan, "not_ready" },
        { "our name, no row", Pod(OurName), null, null, PodClass.Unknown, PodReasons.Unknown },
        { "our name, another pod has its row", Pod(OurName), Row(PodWant.Needed) with { PodId = "bbbb2222" }, null, PodClass.Unknown, PodReasons.Unknown },
        { "our name, said not ours", Pod(OurName), null, ClaimVerdict.NotOurs, PodClass.Foreign, null },
        { "any name, said ours", Pod("notebook"), null, ClaimVerdict.Ours, PodClass.Unknown, PodReasons.Unknown },
        { "another installation's", Pod(TheirName), null, null, PodClass.Foreign, null },
        { "our prefix only", Pod("lora-"), null, null, PodClass.Foreign, null },
        { "anybody's", Pod("notebook"), null, null, PodClass.Foreign, null },
        { "not listed", null, Row(PodWant.Needed), null, PodClass.Vanished, null },
    };

    [Theory]
    [MemberData(nameof(Table))]
    [Trait("Requirement", "J1")]
    public void Census_EachPod_IsInExactlyOneClass(
        string what, ProviderPod? pod, LedgerPod? row, ClaimVerdict? said, PodClass expected, string? reason)
    {
        PodListing.Complete listing = new(pod is null ? [] : [pod], Now);
        PodClaim[] claims = said is { } verdict ? [new PodClaim("aaaa1111", verdict, Ada, "looked", Now)] : [];

        IReadOnlyList<CountedPod> census = PodCensus.Count(listing, row is null ? [] : [row], claims, Own, Now);

        CountedPod counted = Assert.Single(census, one => (one.Pod is not null) == (pod is not null));
        Assert.True(expected == counted.Class, $"{what}: {counted.Class} ({counted.Why})");
        Assert.Equal(reason, counted.Reason);
        Assert.NotEmpty(counted.Why);
    }

    [Fact]
    public void Census_TerminatedPod_IsNotCounted()
    {
        PodListing.Complete listing = new([Pod(OurName) with { Status = ProviderPodStatus.Terminated }], Now);

        Assert.Empty(PodCensus.Count(listing, [], [], Own, Now));
    }

    [Theory]
    [InlineData(ProviderPodStatus.Exited, true)]
    [InlineData(ProviderPodStatus.Error, true)]
    [InlineData(ProviderPodStatus.Running, false)]
    public void HeldPod_IsSaidToBeStoppedWhereTheLedgerHasItSo(ProviderPodStatus status, bool stopped)
    {
        PodListing.Complete listing = new([Pod(OurName) with { Status = status }], Now);

        string why = Assert.Single(PodCensus.Count(listing, [Row(PodWant.Held)], [], Own, Now)).Why;

        Assert.StartsWith(stopped ? "Kept, stopped" : "Kept, and not stopped yet", why, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("deadbeef", true)]
    [InlineData(Own, false)]
    public void LooksLikeOurs_IsSaidOfAnotherInstallationsPodAlone(string installation, bool expected)
    {
        PodListing.Complete listing = new([Pod(PodNames.For(installation, Job, 1, 1))], Now);

        Assert.Equal(expected, Assert.Single(PodCensus.Count(listing, [], [], Own, Now)).LooksLikeOurs);
    }

    private static ProviderPod Pod(string name) => new(
        "aaaa1111", name, ProviderPodStatus.Running, "RUNNING", "NVIDIA A40", Usd.FromDollars(0.40m), Now.AddHours(-1), Now, Locked: false);

    private static LedgerPod Row(PodWant want) => new()
    {
        Name = OurName,
        Job = Job,
        Attempt = 1,
        Try = 1,
        Want = want,
        Saw = PodSaw.Running,
        PodId = "aaaa1111",
        GpuType = "NVIDIA A40",
        RequestedAt = Now.AddHours(-1),
        LiveUntil = Now.AddHours(2),
    };
}
