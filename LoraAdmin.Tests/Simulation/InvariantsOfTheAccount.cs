using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.LocalCloud;

namespace LoraAdmin.Tests.Simulation;

/// <summary>What holds for the account as the vendor sees it, and for the months that money and counts belong to.</summary>
public sealed partial class Invariants
{
    /// <summary>A millisecond at the beginning and one at the end cost so much.</summary>
    private const long MicrosOfRounding = 4;

    private readonly Dictionary<string, int> asked = [];
    private readonly HashSet<string> letGo = [];

    private bool IsForeign(PodRecord pod) => !pod.Name.StartsWith(ours, StringComparison.Ordinal);

    private void FollowWants() => world.Database.Pods.Written += (name, before, after) =>
    {
        isDirty |= before?.Want != after?.Want || before?.Saw != after?.Saw || before?.PodId != after?.PodId || before?.Proof != after?.Proof;
        if (before is { Want: not PodWant.Released, PodId: not null } && after is { Want: PodWant.Released })
        {
            letGo.Add(name);
        }
    };

    private void CheckPod(PodRecord pod)
    {
        if (IsForeign(pod))
        {
            Require(pod is { TerminateRequests: 0, History.Count: 1 }, $"2: foreign pod {pod.Name} was touched");
            return;
        }

        LedgerPod? row = world.RowOf(pod);
        TrainingJob? job = row is null ? null : world.Database.Jobs.Find(row.Job);
        if (pod.Status != PodStatus.Terminated)
        {
            CheckAlive(pod, row, job);
        }

        if (row is null || job is null)
        {
            return;
        }

        CheckNeeded(pod, row, job);
        bool unlisted = world.EndedUnlisted.Count > 0 && world.EndedUnlisted.Remove(pod.Id);
        Require(
            !unlisted || row.WantReason is not { } reason || !PodReasons.OfTheSweep.Contains(reason),
            $"2: pod {pod.Name} was ended by the sweep and the account could not be listed before");

        // A pod that turned up after its try had been given up for good has a row of its own, and costs what nobody reserved.
        bool settled = world.Database.Reservations.Find((row.Job, row.Attempt)) is { SettledAt: not null };
        bool late = row.Name.Contains('@', StringComparison.Ordinal);
        Require(!settled || late || pod.Status == PodStatus.Terminated, $"4: attempt {row.Attempt} of {row.Job} is settled and its pod {pod.Name} lives");
    }

    /// <summary>Invariant 2, at the wish and at the call.</summary>
    private void CheckNeeded(PodRecord pod, LedgerPod row, TrainingJob job)
    {
        if (letGo.Count > 0 && letGo.Remove(row.Name) && row.Want == PodWant.Released)
        {
            Require(!IsNeeded(pod, row, job), $"2: pod {pod.Name} was let go while its job needs it ({job.State}, {row.WantReason})");
        }

        if (pod.TerminateRequests > 0 && pod.TerminateRequests > asked.GetValueOrDefault(pod.Id))
        {
            asked[pod.Id] = pod.TerminateRequests;
            Require(!IsNeeded(pod, row, job), $"2: pod {pod.Name} was asked to end while its job needs it ({job.State}, {row.Want})");
        }
    }

    /// <summary>Whether its job works with it, and neither its time to become ready nor its lifetime is over, nor has a person ended it.</summary>
    private bool IsNeeded(PodRecord pod, LedgerPod row, TrainingJob job)
    {
        if (job.Attempt != row.Attempt || job.PodId != pod.Id || world.EndedByPeople.Contains(pod.Id))
        {
            return false;
        }

        DateTimeOffset began = row.RequestedAt < pod.CreatedAt ? row.RequestedAt : pod.CreatedAt;
        TimeSpan age = world.Clock.GetUtcNow() - began + Skew;
        return age < Lifetime && job.State switch
        {
            TrainingState.Provisioning => age < world.Training.ReadyWithin && !HasStopped(pod),
            TrainingState.Training => true,
            TrainingState.Retrieving or TrainingState.Uploading => !IsSafe(pod, row, job),
            _ => false,
        };
    }

    private static bool HasStopped(PodRecord pod) => pod.History.Any(static change => change.Status is PodStatus.Exited or PodStatus.Error);

    private static string NameOf(ReplicateRecord training) => training.Webhook![(training.Webhook!.IndexOf('=', StringComparison.Ordinal) + 1)..];

    private HostedTraining? RowOf(ReplicateRecord training) => world.Database.Hosted.Find(NameOf(training));

    /// <summary>What an attempt at the fallback provider was settled at is what that has billed for it, but for the milliseconds to which it is counted.</summary>
    private void CheckBilled()
    {
        ILookup<(JobId, int), ReplicateRecord> trainings = world.Cloud.World.Replicate.Records.Where(one => RowOf(one) is not null)
            .ToLookup(one => (RowOf(one)!.Job, RowOf(one)!.Attempt));
        foreach (HostedTraining row in world.Database.Hosted.Rows)
        {
            if (world.Database.Reservations.Find((row.Job, row.Attempt)) is not { SettledAt: not null, Actual: { } actual })
            {
                continue;
            }

            Usd billed = Usd.Zero;
            foreach (ReplicateRecord training in trainings[(row.Job, row.Attempt)])
            {
                billed += Usd.FromDollars(ReplicateWorld.UsdOf(training, world.Clock.GetUtcNow()));
            }

            Require(
                Math.Abs((actual - billed).Micros) <= MicrosOfRounding * trainings[(row.Job, row.Attempt)].Count(),
                $"4: attempt {row.Attempt} of {row.Job} was settled at {actual.Micros} and {billed.Micros} were billed at the fallback provider");
        }
    }

    /// <summary>Months are the calendar's, in UTC, whatever the portal takes them for.</summary>
    private void CheckMonths()
    {
        foreach (Reservation one in world.Database.Reservations.Rows)
        {
            Require((one.Month.Year, one.Month.Number) == (one.CreatedAt.Year, one.CreatedAt.Month), $"4: what was reserved at {one.CreatedAt:u} counts in {one.Month}");
        }

        foreach (TrainingJob job in world.Database.Jobs.Rows)
        {
            Memory.ChargeRow first = world.Database.Charges.Find((job.Id, 1))!;

            // By a clock that is behind: the user's count lies in the new month already.
            DateTimeOffset latest = job.CreatedAt + Skew;
            Require(
                (first.Period.Year, first.Period.Number) == (job.CreatedAt.Year, job.CreatedAt.Month)
                    || (first.Period.Year, first.Period.Number) == (latest.Year, latest.Month),
                $"5: the LoRA that was charged at {job.CreatedAt:u} counts in {first.Period}");
        }
    }
}
