using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Pods;

namespace LoraAdmin.Tests.Pods;

/// <summary>A board that the test puts together. Can be away, or not answer yet.</summary>
public sealed class PagePodQueries(TimeProvider clock) : IPodQueries
{
    private readonly TaskCompletionSource held = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public AccountLook Look { get; set; } = AccountLook.None;

    public List<LedgerPod> Ledger { get; } = [];

    public List<PodClaim> Claims { get; } = [];

    public Lister? Lister { get; set; }

    public AutomationBar? Bar { get; set; }

    public Usd WorstHourlyRate { get; set; }

    /// <summary>Null: the database answers.</summary>
    public string? Away { get; set; }

    public bool Holding { get; set; }

    public async Task<PodsBoard> ReadAsync(CancellationToken cancellationToken)
    {
        if (Holding)
        {
            await held.Task.WaitAsync(cancellationToken);
        }

        return Away is { } reason
            ? throw new StoreUnavailableException(reason)
            : PodQueriesBoard.Of(Look, Ledger, Claims, Lister, PodSamples.Installation, clock.GetUtcNow()) with { SweepBar = Bar, WorstHourlyRate = WorstHourlyRate };
    }

    /// <summary>The loop of some instance has listed these pods just now.</summary>
    public void List(DateTimeOffset at, params IReadOnlyList<ProviderPod> pods) => Look = PodSamples.Look(at, pods, Ledger);
}

/// <summary>Notes what was asked and answers what the test wants.</summary>
public sealed class PagePodDesk : IPodDesk
{
    public Queue<SweepPlanning> Previews { get; } = [];

    public Queue<ApproveSweepOutcome> Approvals { get; } = [];

    public Queue<EndPodOutcome> Ends { get; } = [];

    public List<string> Approved { get; } = [];

    public List<(string PodId, string Reason, bool EvenWithItsFile, Actor Actor)> Ended { get; } = [];

    public List<(string PodId, ClaimVerdict Verdict, string Reason)> Claimed { get; } = [];

    public Task<SweepPlanning> PreviewSweepAsync(CancellationToken cancellationToken) => Task.FromResult(Previews.Dequeue());

    public Task<ApproveSweepOutcome> ApproveSweepAsync(string planHash, Actor actor, CancellationToken cancellationToken)
    {
        Approved.Add(planHash);
        return Task.FromResult(Approvals.Dequeue());
    }

    public Task<EndPodOutcome> EndAsync(string podId, string reason, bool evenWithItsFile, Actor actor, CancellationToken cancellationToken)
    {
        Ended.Add((podId, reason, evenWithItsFile, actor));
        return Task.FromResult(Ends.Dequeue());
    }

    public Task ClaimAsync(string podId, ClaimVerdict verdict, string reason, Actor actor, CancellationToken cancellationToken)
    {
        Claimed.Add((podId, verdict, reason));
        return Task.CompletedTask;
    }
}

/// <summary>Plausible pods and rows.</summary>
public static class PodSamples
{
    public const string Installation = "0a1b2c3d";

    public static readonly Usd Rate = Usd.FromDollars(0.60m);

    /// <summary>A look that has seen these pods, beside the ledger's open rows.</summary>
    public static AccountLook Look(DateTimeOffset at, IReadOnlyList<ProviderPod> pods, IReadOnlyList<LedgerPod> open) =>
        new(1, at, [.. pods.Select(pod => new ListedPod(pod, open.Any(row => row.PodId == pod.Id || row.Name == pod.Name)))], 0, null, null);

    public static JobId Job(int number) => new(Guid.Parse($"00000000-0000-4000-8000-{number:000000000000}"));

    public static LedgerPod Row(int number, DateTimeOffset made, PodWant want = PodWant.Needed, PodSaw saw = PodSaw.Running) => new()
    {
        Name = PodNames.For(Installation, Job(number), 1, 1),
        Job = Job(number),
        Attempt = 1,
        Try = 1,
        Want = want,
        WantReason = want switch { PodWant.Released => PodReasons.JobEnded, PodWant.Held => PodReasons.FileUnproven, _ => null },
        WantSince = want == PodWant.Needed ? null : made.AddMinutes(30),
        Saw = saw,
        PodId = $"pod{number:00000}",
        GpuType = "NVIDIA A40",
        HourlyRate = Rate,
        RequestedAt = made,
        CreatedAt = made,
        LastSeenAt = made.AddMinutes(1),
    };

    public static ProviderPod Of(LedgerPod row, string status = "RUNNING") => new(
        row.PodId!, row.Name, ProviderPodStatus.Running, status, "NVIDIA A40", status == "EXITED" ? Usd.Zero : Rate, row.CreatedAt, row.CreatedAt, false);

    public static ProviderPod Stranger(string id, string name, DateTimeOffset made) =>
        new(id, name, ProviderPodStatus.Running, "RUNNING", "NVIDIA L4", Rate, made, made, false);

    public static SweepItem Item(int number, SweepAction action = SweepAction.Terminate) => new(
        $"pod{number:00000}",
        PodNames.For(Installation, Job(number), 1, 1),
        PodReasons.Unknown,
        "It bears this installation's name and no row knows it",
        action,
        action == SweepAction.Terminate ? FileProof.InStorage : FileProof.None,
        DateTimeOffset.UnixEpoch,
        Rate,
        Usd.FromDollars(1.25m));

    public static SweepPlan Plan(DateTimeOffset asOf, int withinCaps, params IReadOnlyList<SweepItem> items) => new(asOf, items, withinCaps);
}
