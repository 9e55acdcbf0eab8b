using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training.Steps;

/// <summary>The pods of a job's present attempt, as the ledger has them.</summary>
internal static class AttemptPods
{
    public static Task<IReadOnlyList<LedgerPod>> ListAsync(IUnitOfWork work, TrainingJob job, CancellationToken cancellationToken) =>
        work.ReadAsync((unit, token) => unit.Store<IPodLedger>().ListForAttemptAsync(job.Id, job.Attempt, token), cancellationToken);

    /// <summary>The pod that the attempt works with, or null when it has none (any more).</summary>
    public static async Task<LedgerPod?> CurrentAsync(IUnitOfWork work, TrainingJob job, CancellationToken cancellationToken) =>
        (await ListAsync(work, job, cancellationToken)).LastOrDefault(pod => pod is { Want: PodWant.Needed, PodId: not null } && pod.Saw != PodSaw.Gone);

    public static AgentAddress AddressOf(LedgerPod pod) => new(pod.PodId!, pod.Name);

    /// <summary>
    /// Wishes the end of every pod of the attempt. Without proof about the file a pod that may hold one is stopped and held instead; pods that never
    /// trained are let go in any case.
    /// </summary>
    public static async Task<bool> ReleaseAsync(
        IUnit unit, JobId job, int attempt, FileProof proof, string reason, DateTimeOffset now, CancellationToken cancellationToken)
    {
        IPodLedger ledger = unit.Store<IPodLedger>();
        bool any = false;
        foreach (LedgerPod pod in await ledger.ListForAttemptAsync(job, attempt, cancellationToken))
        {
            if (pod.Saw == PodSaw.Gone)
            {
                continue;
            }

            any = true;
            if (pod.Want == PodWant.Released)
            {
                continue;
            }

            LedgerPod ended = pod with
            {
                Want = proof == FileProof.None ? PodWant.Held : PodWant.Released,
                WantReason = proof == FileProof.None ? PodReasons.FileUnproven : reason,
                WantSince = now,
                Proof = proof,
                NextActionAt = now,
            };
            if (!await ledger.SaveAsync(ended, cancellationToken))
            {
                // The pod loop wrote the row between our read and this write: run the whole transaction again on what is true now.
                throw new ConcurrentWriteException($"Pod {pod.Name} was written meanwhile.");
            }

            if (ended is { Want: PodWant.Held, PodId: { } id } && pod.Want != PodWant.Held)
            {
                await unit.Events.AppendAsync(HeldFact(ended, id), cancellationToken);
            }
        }

        return any;
    }

    /// <summary>A held pod costs money until a person decides: it must not lie there unseen.</summary>
    private static OperationalEvent HeldFact(LedgerPod pod, string id) => new()
    {
        Kind = PodEvents.Held,
        Message = $"Pod {id} is held: its trained file may be nowhere else",
        Severity = EventSeverity.Warning,
        Actor = Actor.Portal(TrainingConductor.Name),
        Job = pod.Job,
        Attempt = pod.Attempt,
        Pod = pod.Name,
        Reason = PodReasons.FileUnproven,
        Signals = [new IncidentSignal(PodIncidents.Held, id, $"Pod {id} is stopped and kept: its trained file may be nowhere else")],
    };
}
