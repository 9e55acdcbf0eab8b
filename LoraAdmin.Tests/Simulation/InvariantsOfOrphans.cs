using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;

namespace LoraAdmin.Tests.Simulation;

/// <summary>
/// Invariant 1's bounds: how long a pod may live that nothing needs, measured in the time in which the pod loop could see it and end it
/// (<see cref="WatchedTime"/>, docs/decisions/0051).
/// </summary>
public sealed partial class Invariants
{
    /// <summary>A stranger is left alone for two minutes; then a look, the delete, and its repetitions until it counts as leaking.</summary>
    private static readonly TimeSpan OrphansEndWithin = TimeSpan.FromMinutes(5);

    /// <summary>How long a second pod of one attempt, once seen, may live.</summary>
    private static readonly TimeSpan DuplicatesEndWithin = TimeSpan.FromMinutes(2);

    /// <summary>A create call of a process that stood still may arrive after its row was given up: the sweep has this long to find its pod.</summary>
    private static readonly TimeSpan StrangersFoundWithin = TimeSpan.FromHours(1);

    private readonly Dictionary<string, TimeSpan> orphans = [];
    private readonly Dictionary<string, TimeSpan> duplicates = [];
    private readonly Dictionary<string, DateTimeOffset> lifetimeOver = [];

    /// <summary>By how much two instances may differ over what is due.</summary>
    private TimeSpan Skew => plan?.ClocksDiffer == true ? MachineClock.MostAhead * 2 : TimeSpan.Zero;

    private TimeSpan Lifetime => world.Training.ReadyWithin + world.Training.MaxDuration + world.Training.RetrieveWithin;

    private void CheckAlive(PodRecord pod, LedgerPod? row, TrainingJob? job)
    {
        bool known = row is not null && row.Saw != PodSaw.Gone;
        bool mayBeLate = plan?.FreezesPerThousandCrossings > 0 && world.Clock.GetUtcNow() - pod.CreatedAt < StrangersFoundWithin;
        Require(known || mayBeLate, $"1: pod {pod.Id} is alive and the ledger has no open row {pod.Name}");

        bool isOrphan = IsOrphan(pod, known ? row : null, job);
        TimeSpan orphaned = Since(orphans, pod, isOrphan);
        Require(orphaned <= OrphansEndWithin + Skew, $"1: pod {pod.Name} has been an orphan for {orphaned} of watching and is {pod.Status}");
        TimeSpan seen = Since(duplicates, pod, isOrphan && row is { PodId: not null } && HasAnother(row));
        Require(seen <= DuplicatesEndWithin + Skew, $"1: pod {pod.Name} was seen to be a duplicate {seen} of watching ago and is {pod.Status}");
    }

    /// <summary>
    /// Whether nothing needs it. What the ledger holds or calls leaking is told to people by an open incident, and so is a plan that the sweep's caps hold
    /// back.
    /// </summary>
    private bool IsOrphan(PodRecord pod, LedgerPod? row, TrainingJob? job)
    {
        if (row is { Want: PodWant.Held } or { Saw: PodSaw.Leaking }
            || (row is not { Want: PodWant.Released } && openIncidents.Contains((PodIncidents.CapReached, PodIncidents.SweepSubject))))
        {
            return false;
        }

        return row is null or { Want: PodWant.Released }
            || job is null || job.State.IsFinal() || job.Attempt != row.Attempt
            || HasOutlivedItsProlongation(pod);
    }

    /// <summary>A lifetime is prolonged once, by the look that finds it over: while nobody can look it is not.</summary>
    private bool HasOutlivedItsProlongation(PodRecord pod)
    {
        if (!lifetimeOver.TryGetValue(pod.Id, out DateTimeOffset found))
        {
            if (!(world.Watched.LastAt >= pod.CreatedAt + Lifetime))
            {
                return false;
            }

            lifetimeOver[pod.Id] = found = world.Watched.LastAt!.Value;
        }

        return world.Clock.GetUtcNow() - found > world.Pods.ProlongBy;
    }

    private bool HasAnother(LedgerPod row)
    {
        foreach (LedgerPod other in world.Database.OpenPods.Rows)
        {
            if (other.Job == row.Job && other.Attempt == row.Attempt && other.Name != row.Name && other is { Want: PodWant.Needed, PodId: not null })
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>For how much watched time it has been so.</summary>
    private TimeSpan Since(Dictionary<string, TimeSpan> all, PodRecord pod, bool isSo)
    {
        if (!isSo)
        {
            if (all.Count > 0)
            {
                all.Remove(pod.Id);
            }

            return TimeSpan.Zero;
        }

        if (!all.TryGetValue(pod.Id, out TimeSpan since))
        {
            all[pod.Id] = since = world.Watched.Total;
        }

        return world.Watched.Total - since;
    }
}
