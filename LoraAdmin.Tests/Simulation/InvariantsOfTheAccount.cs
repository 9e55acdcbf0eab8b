using System.Security.Cryptography;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;

namespace LoraAdmin.Tests.Simulation;

/// <summary>What holds for the account as the vendor sees it, and for the months that money and counts belong to.</summary>
public sealed partial class Invariants
{
    private bool IsForeign(PodRecord pod) => !pod.Name.StartsWith($"lora-{world.Installation.Id}-", StringComparison.Ordinal);

    private void CheckAccount(IEnumerable<PodRecord> pods)
    {
        TimeSpan lifetime = world.Training.ReadyWithin + world.Training.MaxDuration + world.Training.RetrieveWithin;
        foreach (PodRecord pod in pods)
        {
            if (IsForeign(pod))
            {
                Require(pod is { TerminateRequests: 0, History.Count: 1 }, $"2: foreign pod {pod.Name} was touched");
                continue;
            }

            if (world.RowOf(pod) is not { } row || world.Database.Jobs.Find(row.Job) is not { } job)
            {
                continue;
            }

            bool trains = job.State == TrainingState.Training && job.Attempt == row.Attempt && job.PodId == pod.Id;
            bool isOver = world.Clock.GetUtcNow() - pod.CreatedAt > lifetime;
            Require(!trains || isOver || pod.TerminateRequests == 0, $"2: pod {pod.Name} was asked to end while its job trains on it");

            // A pod that turned up after its try had been given up for good has a row of its own, and costs what nobody reserved.
            bool settled = world.Database.Reservations.Find((row.Job, row.Attempt)) is { SettledAt: not null };
            bool late = row.Name.Contains('@', StringComparison.Ordinal);
            Require(!settled || late || pod.Status == PodStatus.Terminated, $"4: attempt {row.Attempt} of {row.Job} is settled and its pod {pod.Name} lives");
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
            Require(
                (first.Period.Year, first.Period.Number) == (job.CreatedAt.Year, job.CreatedAt.Month), $"5: the LoRA that was charged at {job.CreatedAt:u} counts in {first.Period}");
        }
    }

    private static bool IsTrained(byte[] file, TrainingJob job) => Convert.ToHexStringLower(SHA256.HashData(file)) == job.Artifact!.Sha256;
}
