using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Steps;
using LoraAdmin.Platform.LocalCloud;

namespace LoraAdmin.Tests.Simulation;

/// <summary>
/// Design §17, checked on what the vendor, the database and the buckets really hold. Shares no code with what it checks beyond the names of things.
/// </summary>
public sealed partial class Invariants(SimulatedWorld world, SimulationPlan? plan = null)
{
    /// <summary>A create call of a process that stood still may arrive after its row was given up: the sweep has this long to find its pod.</summary>
    private static readonly TimeSpan StrangersFoundWithin = TimeSpan.FromHours(1);

    private readonly HashSet<(string Rule, string Subject)> openIncidents = [];
    private int facts;

    public void CheckAlways()
    {
        foreach (PodRecord pod in world.Cloud.World.Pods.Where(pod => pod.Status != PodStatus.Terminated && !IsForeign(pod)))
        {
            bool known = RowOf(pod) is { } row && row.Saw != PodSaw.Gone;
            bool mayBeLate = plan?.FreezesPerThousandCrossings > 0 && world.Clock.GetUtcNow() - pod.CreatedAt < StrangersFoundWithin;
            Require(known || mayBeLate, $"1: pod {pod.Id} is alive and the ledger has no open row {pod.Name}");
        }

        foreach (IGrouping<(JobId, int), LedgerPod> attempt in world.Database.Pods.Rows.GroupBy(pod => (pod.Job, pod.Attempt)))
        {
            int kept = attempt.Count(pod => pod is { Want: PodWant.Needed, PodId: not null } && pod.Saw != PodSaw.Gone);
            Require(kept <= 1, $"2: attempt {attempt.Key} keeps {kept} pods");
        }

        CheckIncidents();
        CheckFiles();
        CheckMoney();
        CheckCounts();
        CheckAccount();
        int places = world.Database.Pods.Rows.Where(pod => pod.Want == PodWant.Needed && pod.Saw != PodSaw.Gone).Select(pod => pod.Job).Distinct().Count();
        Require(places <= world.Training.MaxConcurrentPods, $"{places} jobs have a pod, {world.Training.MaxConcurrentPods} may");
    }

    public void CheckAtRest()
    {
        CheckAlways();
        CheckMonths();
        foreach (PodRecord pod in world.Cloud.World.Pods.Where(pod => !IsForeign(pod)))
        {
            Require(pod.Status == PodStatus.Terminated, $"1: at rest pod {pod.Id} ({pod.Name}) is {pod.Status}");
        }

        foreach (LedgerPod pod in world.Database.Pods.Rows)
        {
            Require(pod.Saw == PodSaw.Gone, $"1: at rest the ledger says {pod.Saw}, {pod.Want} of {pod.Name}");
        }

        foreach (TrainingJob job in world.Database.Jobs.Rows)
        {
            Require(job.State.IsFinal(), $"job {job.Id} rests as {job.State}: {job.WaitReason}");
            Require(job.Cost is not null, $"4: job {job.Id} has no settled cost");
            Lora lora = world.Database.Loras.Find(job.LoraId)!;
            Require(lora.Status == job.State.ToLoraStatus(), $"job {job.Id} rests as {job.State} and its LoRA as {lora.Status}");
            if (job.State == TrainingState.Completed)
            {
                CheckCompleted(job);
            }
            else
            {
                CheckFailed(job, lora);
            }
        }

        Require(world.Database.Reservations.Rows.All(one => one.SettledAt is not null), "4: a reservation is open at rest");
        Require(world.Database.Attempts.Rows.All(one => one.State != AttemptState.Active), "an attempt is active at rest");
        foreach ((string rule, string subject) in openIncidents.Where(incident => incident.Rule is PodIncidents.Held or PodIncidents.Leaking or PodIncidents.Orphaned))
        {
            Require(false, $"9: at rest incident {rule} of {subject} is still open");
        }
    }

    private void CheckCompleted(TrainingJob job)
    {
        byte[] file = world.Objects.Find(ObjectKeys.Model(job.UserId, job.LoraId)) ?? [];
        Require(IsTrained(file, job), $"3: the stored file of {job.Id} is not the trained one");
        Require(!world.Database.Spool.Rows.Any(entry => entry.Job == job.Id), $"the spool row of {job.Id} is left behind");
        Require(job.Failure is null, $"job {job.Id} is completed and says {job.Failure}");
        Require(!NewestCharge(job).Refunded, $"5: job {job.Id} is completed and its charge was given back");
    }

    private void CheckFailed(TrainingJob job, Lora lora)
    {
        Require(plan?.JobsMayFail == true, $"job {job.Id} failed, which no job may here: {job.Failure}");
        Require(job.Failure is not null, $"job {job.Id} rests as {job.State} without a failure");
        FailureRule rule = job.Failure!.Rule;
        Require((job.State == TrainingState.Cancelled) == (rule.Failure == FailureCode.Cancelled), $"job {job.Id} rests as {job.State} with {rule.Code}");
        Require(lora.ErrorMessage == rule.Message, $"the LoRA of {job.Id} says {lora.ErrorMessage}, the table {rule.Message}");
        bool asked = world.Database.Pods.Rows.Any(pod => pod.Job == job.Id && pod.Attempt == job.Attempt);
        bool refund = rule.Refund == RefundRule.Always || (rule.Refund == RefundRule.BeforePodOrByAdmin && (!asked || job.Cancel!.By.Kind == ActorKind.Person));
        Require(NewestCharge(job).Refunded == refund, $"5: job {job.Id} ended as {rule.Code}; given back {!refund}, right is {refund}");
        Require(
            rule.Failure != FailureCode.UploadFailed || world.Disks.Any(disk => disk.FindSealed(SpoolNames.File(job.Id, job.Attempt)) is { } file && IsTrained(file, job)),
            $"3: the upload of {job.Id} failed and no spool has its file");
    }

    /// <summary>What the ledger holds or cannot end has an open incident (invariant 1).</summary>
    private void CheckIncidents()
    {
        for (; facts < world.Database.Events.Count; facts++)
        {
            foreach (IncidentSignal signal in world.Database.Events[facts].Signals ?? [])
            {
                _ = signal.Over ? openIncidents.Remove((signal.Rule, signal.Subject)) : openIncidents.Add((signal.Rule, signal.Subject));
            }
        }

        foreach (LedgerPod pod in world.Database.Pods.Rows.Where(pod => pod.PodId is not null && pod.Saw != PodSaw.Gone))
        {
            Require(
                pod.Want != PodWant.Held || openIncidents.Contains((PodIncidents.Held, pod.PodId!)) || openIncidents.Contains((PodIncidents.Orphaned, pod.PodId!)),
                $"1: pod {pod.Name} is held and no incident says so");
            Require(pod.Saw != PodSaw.Leaking || openIncidents.Contains((PodIncidents.Leaking, pod.PodId!)), $"1: pod {pod.Name} is leaking and no incident says so");
        }
    }

    /// <summary>
    /// Invariant 3: from the end of training on the file is on the pod's mount, in a spool, or in storage, or a person let it go. A pod that the vendor
    /// lost without having been asked is no fault of the portal's.
    /// </summary>
    private void CheckFiles()
    {
        foreach (PodRecord pod in world.Cloud.World.Pods.Where(pod => pod is { Agent.HasArtifact: true, Status: PodStatus.Terminated, TerminateRequests: > 0 }))
        {
            LedgerPod row = RowOf(pod)!;
            TrainingJob job = world.Database.Jobs.Find(row.Job)!;
            bool spooled = world.Disks.Any(disk => disk.FindSealed(SpoolNames.File(job.Id, row.Attempt)) is not null);
            bool stored = world.Objects.Find(ObjectKeys.Model(job.UserId, job.LoraId)) is not null;
            Require(spooled || stored || row.Proof == FileProof.Override, $"3: pod {pod.Id} was terminated and the file of job {job.Id} is nowhere ({row.Proof})");
        }
    }

    private LedgerPod? RowOf(PodRecord pod) =>
        world.Database.Pods.Find($"{pod.Name}@{pod.Id}") ?? (world.Database.Pods.Find(pod.Name) is { } row && (row.PodId is null || row.PodId == pod.Id) ? row : null);

    private Memory.ChargeRow NewestCharge(TrainingJob job) => world.Database.Charges.Find((job.Id, job.Admission))!;

    private void CheckMoney()
    {
        foreach (BudgetMonth month in world.Database.Months.Rows)
        {
            List<Reservation> mine = [.. world.Database.Reservations.Rows.Where(one => one.Month == month.Month)];
            long reserved = mine.Where(one => one.SettledAt is null).Sum(one => one.Amount.Micros);
            long spent = mine.Where(one => one.SettledAt is not null).Sum(one => one.Actual!.Value.Micros);
            Require(month.Reserved.Micros == reserved && month.Spent.Micros == spent, $"4: month {month.Month} differs from its ledger");
            Require(month.Spent + month.Reserved <= world.Budget.MonthlyLimit, $"4: month {month.Month} passes its limit");
        }
    }

    private void CheckCounts()
    {
        foreach (UserId user in world.Database.Charges.Rows.Select(charge => charge.User).Distinct())
        {
            Memory.UserCount count = world.Database.Users.Find(user)!;
            int expected = world.Database.Charges.Rows.Count(charge => charge.User == user && charge.Period == count.Period && !charge.Refunded);
            Require(count.Count == expected, $"5: user {user} counts {count.Count}, charges less refunds are {expected}");
        }
    }

    private static void Require(bool holds, string what)
    {
        if (!holds)
        {
            throw new InvariantViolatedException(what);
        }
    }
}

public sealed class InvariantViolatedException(string message) : Exception($"Invariant {message}");
