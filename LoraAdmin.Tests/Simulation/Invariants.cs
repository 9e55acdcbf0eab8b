using System.Security.Cryptography;
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
public sealed class Invariants(SimulatedWorld world)
{
    public void CheckAlways()
    {
        foreach (PodRecord pod in world.Cloud.World.Pods.Where(pod => pod.Status != PodStatus.Terminated))
        {
            Require(world.Database.Pods.Find(pod.Name) is { } row && row.Saw != PodSaw.Gone, $"1: pod {pod.Id} is alive and the ledger has no open row {pod.Name}");
        }

        foreach (IGrouping<(JobId, int), LedgerPod> attempt in world.Database.Pods.Rows.GroupBy(pod => (pod.Job, pod.Attempt)))
        {
            int kept = attempt.Count(pod => pod is { Want: PodWant.Needed, PodId: not null } && pod.Saw != PodSaw.Gone);
            Require(kept <= 1, $"2: attempt {attempt.Key} keeps {kept} pods");
        }

        CheckFiles();
        CheckMoney();
        CheckCounts();
    }

    public void CheckAtRest()
    {
        CheckAlways();
        foreach (PodRecord pod in world.Cloud.World.Pods)
        {
            Require(pod.Status == PodStatus.Terminated, $"1: at rest pod {pod.Id} ({pod.Name}) is {pod.Status}");
        }

        foreach (LedgerPod pod in world.Database.Pods.Rows)
        {
            Require(pod.Saw == PodSaw.Gone, $"1: at rest the ledger says {pod.Saw} of {pod.Name}");
        }

        foreach (TrainingJob job in world.Database.Jobs.Rows)
        {
            Require(job.State == TrainingState.Completed, $"job {job.Id} rests as {job.State}: {job.Failure} {job.WaitReason}");
            Require(job.Cost is not null, $"4: job {job.Id} has no settled cost");
            Lora lora = world.Database.Loras.Find(job.LoraId)!;
            Require(lora.Status == LoraStatus.Completed, $"LoRA {lora.Id} rests as {lora.Status}");
            byte[] file = world.Objects.Find(ObjectKeys.Model(job.UserId, job.LoraId)) ?? [];
            Require(Convert.ToHexStringLower(SHA256.HashData(file)) == job.Artifact!.Sha256, $"3: the stored file of {job.Id} is not the trained one");
            Require(world.Database.Spool.Find(job.Id) is null, $"the spool row of {job.Id} is left behind");
        }

        Require(world.Database.Reservations.Rows.All(one => one.SettledAt is not null), "4: a reservation is open at rest");
    }

    /// <summary>Invariant 3: from the end of training on the file is on the pod's mount, in the spool, or in storage.</summary>
    private void CheckFiles()
    {
        foreach (PodRecord pod in world.Cloud.World.Pods.Where(pod => pod.Agent.TrainingEndedAt is not null && pod.Status == PodStatus.Terminated))
        {
            LedgerPod row = world.Database.Pods.Find(pod.Name)!;
            TrainingJob job = world.Database.Jobs.Find(row.Job)!;
            bool spooled = world.Spool.FindSealed(RetrievingStep.SpoolName(job)) is not null;
            bool stored = world.Objects.Find(ObjectKeys.Model(job.UserId, job.LoraId)) is not null;
            Require(spooled || stored, $"3: pod {pod.Id} was terminated and the file of job {job.Id} is nowhere");
        }
    }

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
