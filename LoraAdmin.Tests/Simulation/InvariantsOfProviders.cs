using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Tests.Simulation;

/// <summary>That no provider takes trainings is told when, and only when, it is so.</summary>
public sealed partial class Invariants
{
    /// <summary>How long an instance has no look of its own at most, and what another one has told is wrong: dead, then standing still, then not told again yet.</summary>
    private static readonly TimeSpan OthersMayBeWrongFor = TimeSpan.FromMinutes(45);

    /// <summary>By how much the age of a refusal may be misjudged: two clocks are wrong, and drift for days.</summary>
    private static readonly TimeSpan AgesDifferBy = TimeSpan.FromMinutes(2);

    /// <summary>An instance that has gone by itself while Redis was away asks it again only a while later.</summary>
    private static readonly TimeSpan BackWithin = TimeSpan.FromMinutes(2);

    private DateTimeOffset? untoldSince;
    private DateTimeOffset? toldTooLongSince;

    /// <summary>Just after an instance has looked, within one instant.</summary>
    private void CheckProviders()
    {
        NoteIncidents();
        DateTimeOffset now = world.Clock.GetUtcNow();
        if (AreProvidersDown(now) is not { } areDown)
        {
            return;
        }

        bool isTold = openIncidents.Contains((TrainingIncidents.ProvidersDown, TrainingIncidents.ProvidersSubject));
        TimeSpan within = plan is { Portals: > 1 } ? OthersMayBeWrongFor : TimeSpan.Zero;
        untoldSince = areDown && !isTold ? untoldSince ?? now : null;
        toldTooLongSince = !areDown && isTold ? toldTooLongSince ?? now : null;
        Require(!(now - untoldSince >= within), $"both providers are down at {untoldSince} and no incident says so");
        Require(!(now - toldTooLongSince >= within), $"a provider takes trainings at {toldTooLongSince} and an incident says that both are down");
    }

    /// <summary>Null: it can't be told from outside.</summary>
    private bool? AreProvidersDown(DateTimeOffset now)
    {
        if (world.Redis.AwayUntil + BackWithin > now)
        {
            return null;
        }

        DateTimeOffset millis = DateTimeOffset.FromUnixTimeMilliseconds(now.ToUnixTimeMilliseconds());
        return world.Redis.State.StatusAt(millis) == CircuitStatus.Closed ? false
            : world.HostedRedis.State.StatusAt(millis) != CircuitStatus.Closed ? true
            : IsRefused(now) is not false and var isRefused ? isRefused
            : HasNoRoom(now);
    }

    /// <summary>
    /// Whether the month has no room for what a job reserves at the fallback provider, whichever of those that wait it is; at a month's end each clock has its own month.
    /// </summary>
    private bool? HasNoRoom(DateTimeOffset now)
    {
        Month month = Month.Of(now);
        if (Month.Of(now - AgesDifferBy) != month || Month.Of(now + AgesDifferBy) != month)
        {
            return null;
        }

        Usd taken = world.Database.Months.Find(month) is { } row ? row.Spent + row.Reserved : Usd.Zero;
        Usd lacks = taken + world.Hosted.EstimateFor(world.Training.MaxDuration) - world.Budget.MonthlyLimit;
        return lacks > Usd.Zero && !world.Database.Jobs.Rows.Any(job =>
            job.State is TrainingState.Queued or TrainingState.Preparing or TrainingState.Provisioning && job.Provider != "replicate" && ComesBack(job, month) >= lacks);
    }

    /// <summary>
    /// What the month has back of a job when its attempt ends: what its entries have set aside, less what its pods have cost. Nothing while one of them is not gone.
    /// </summary>
    private Usd ComesBack(TrainingJob job, Month month)
    {
        LedgerPod[] pods = [.. world.Database.Pods.Rows.Where(pod => pod.Job == job.Id && pod.Attempt == job.Attempt && !pod.IsLetOut)];
        BudgetEntry[] entries = [.. world.Database.Entries.Rows.Where(entry => entry.Job == job.Id && entry.Attempt == job.Attempt && entry.Month == month)];
        return pods.Any(static pod => pod.Saw != PodSaw.Gone) || entries.Any(static entry => entry.Kind == EntryKind.Settle)
            ? Usd.Zero
            : entries.Where(static entry => entry.Kind is EntryKind.Reserve or EntryKind.TopUp).Aggregate(Usd.Zero, static (sum, entry) => sum + entry.Reserved)
                - pods.Aggregate(Usd.Zero, (sum, pod) => sum + pod.CostUntil(pod.GoneAt!.Value));
    }

    /// <summary>Whether the newest training that the fallback provider has answered for was refused, so lately that nobody need ask again.</summary>
    private bool? IsRefused(DateTimeOffset now)
    {
        HostedTraining? last = world.Database.Hosted.Rows
            .Where(static one => one.Kind == HostedKind.Training && (one.TrainingId is not null || one.Reason == HostedReasons.Refused))
            .MaxBy(static one => (one.RequestedAt, one.Name));
        if (last is not { TrainingId: null, EndedAt: { } at })
        {
            return false;
        }

        TimeSpan age = now - at;
        return (age - HostedRefusals.CountsFor).Duration() <= AgesDifferBy ? null : age < HostedRefusals.CountsFor;
    }
}
