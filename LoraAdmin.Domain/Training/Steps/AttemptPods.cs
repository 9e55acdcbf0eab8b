using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training.Steps;

/// <summary>The pods of a job's present attempt, as the ledger has them.</summary>
internal static class AttemptPods
{
    /// <summary>Why a pod is held: its file has no room on the spool's disk yet.</summary>
    public const string NoRoom = "spool_full";

    /// <summary>Why a pod is held: the spool that its file must go into, or through, can't be read.</summary>
    public const string SpoolAway = "spool_away";

    /// <summary>How long a held pod is asked to run so that its file can be fetched; prolonged while it is used.</summary>
    public static readonly TimeSpan FetchFor = TimeSpan.FromMinutes(15);

    public static Task<IReadOnlyList<LedgerPod>> ListAsync(IUnitOfWork work, TrainingJob job, CancellationToken cancellationToken) =>
        work.ReadAsync((unit, token) => unit.Store<IPodLedger>().ListForAttemptAsync(job.Id, job.Attempt, token), cancellationToken);

    /// <summary>
    /// The pod that the attempt works with, or null when it has none (any more). A held one counts: its training and its file are on its mount.
    /// </summary>
    public static async Task<LedgerPod?> CurrentAsync(IUnitOfWork work, TrainingJob job, CancellationToken cancellationToken) =>
        Current(await ListAsync(work, job, cancellationToken));

    public static LedgerPod? Current(IReadOnlyList<LedgerPod> tries) =>
        tries.LastOrDefault(pod => IsThere(pod) && pod.Want == PodWant.Needed) ?? tries.LastOrDefault(pod => IsThere(pod) && pod.Want == PodWant.Held);

    public static AgentAddress AddressOf(LedgerPod pod) => new(pod.PodId!, pod.ProviderName);

    /// <summary>Has a held pod run for its job: the pod loop starts it, and stops it some time after nobody asks any more. A needed pod runs anyway.</summary>
    public static async Task KeepRunningAsync(IUnitOfWork work, LedgerPod pod, JobLease lease, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (pod.Want != PodWant.Held || pod.FetchUntil - now > FetchFor / 2)
        {
            return;
        }

        await work.RunAsync(
            async (unit, token) =>
            {
                await lease.GuardAsync(unit, token);
                IPodLedger ledger = unit.Store<IPodLedger>();
                if (await ledger.FindAsync(pod.Name, token) is { Want: PodWant.Held } held)
                {
                    await SaveAsync(ledger, held with { FetchUntil = now + FetchFor, NextActionAt = now }, token);
                }
            },
            cancellationToken);
    }

    /// <summary>Stops a pod whose file our disk can't take now, and keeps it until it can.</summary>
    /// <param name="why"><see cref="NoRoom"/> or <see cref="SpoolAway"/>.</param>
    public static async Task HoldForSpoolAsync(IUnit unit, LedgerPod pod, string why, DateTimeOffset now, CancellationToken cancellationToken)
    {
        IPodLedger ledger = unit.Store<IPodLedger>();
        if (await ledger.FindAsync(pod.Name, cancellationToken) is not { } row || row.Want == PodWant.Released || row is { Want: PodWant.Held, FetchUntil: null })
        {
            return;
        }

        LedgerPod held = row with
        {
            Want = PodWant.Held,
            WantReason = why,
            WantSince = row.Want == PodWant.Held ? row.WantSince : now,
            FetchUntil = null,
            NextActionAt = now,
        };
        await SaveAsync(ledger, held, cancellationToken);
        if (row.Want != PodWant.Held)
        {
            string text = why == NoRoom ? "its trained file has no room in the spool yet" : "the spool can't be read";
            await unit.Events.AppendAsync(HeldFact(held, $"Pod {held.PodId} is stopped and kept: {text}"), cancellationToken);
        }
    }

    /// <summary>
    /// Wishes the end of every pod of the attempt. Without proof about the file a pod that may hold one is stopped and held instead; pods that never
    /// trained are let go in any case. A held pod is let go only by the file's own proof, or by the word of its own agent.
    /// </summary>
    public static async Task<bool> ReleaseAsync(
        IUnit unit, JobId job, int attempt, FileProof proof, string reason, DateTimeOffset now, CancellationToken cancellationToken)
    {
        IPodLedger ledger = unit.Store<IPodLedger>();
        IReadOnlyList<LedgerPod> tries = await ledger.ListForAttemptAsync(job, attempt, cancellationToken);
        LedgerPod? current = Current(tries);
        bool any = false;
        foreach (LedgerPod pod in tries.Where(pod => pod.Saw != PodSaw.Gone))
        {
            any = true;

            // No agent was ever asked to train on a pod that has no id yet.
            FileProof about = pod.PodId is null ? FileProof.TrainingNeverStarted : proof;
            if (pod.Want == PodWant.Released || (pod.Want == PodWant.Held && !LetsHeldGo(about, pod.Name == current?.Name)))
            {
                continue;
            }

            LedgerPod ended = pod with
            {
                Want = about == FileProof.None ? PodWant.Held : PodWant.Released,
                WantReason = about == FileProof.None ? PodReasons.FileUnproven : reason,
                WantSince = now,
                Proof = about,
                ProofAt = about == FileProof.None ? null : now,
                NextActionAt = now,
            };
            await SaveAsync(ledger, ended, cancellationToken);
            if (ended.Want == PodWant.Held)
            {
                await unit.Events.AppendAsync(HeldFact(ended, $"Pod {ended.PodId} is stopped and kept: its trained file may be nowhere else"), cancellationToken);
            }
        }

        return any;
    }

    /// <exception cref="ConcurrentWriteException">The pod loop wrote the row meanwhile: the whole transaction runs again on what is true now.</exception>
    public static async Task SaveAsync(IPodLedger ledger, LedgerPod pod, CancellationToken cancellationToken)
    {
        if (!await ledger.SaveAsync(pod, cancellationToken))
        {
            throw new ConcurrentWriteException($"Pod {pod.Name} was written meanwhile.");
        }
    }

    private static bool LetsHeldGo(FileProof proof, bool isCurrent) =>
        proof is FileProof.InSpool or FileProof.InStorage || (proof == FileProof.AgentHasNone && isCurrent);

    private static bool IsThere(LedgerPod pod) => pod.PodId is not null && pod.Saw != PodSaw.Gone;

    /// <summary>A held pod costs money until a person decides: it must not lie there unseen.</summary>
    private static OperationalEvent HeldFact(LedgerPod pod, string text) => new()
    {
        Kind = PodEvents.Held,
        Message = text,
        Severity = EventSeverity.Warning,
        Actor = Actor.Portal(TrainingConductor.Name),
        Job = pod.Job,
        Attempt = pod.Attempt,
        Pod = pod.Name,
        Reason = pod.WantReason,
        Signals = [new IncidentSignal(PodIncidents.Held, pod.PodId!, text)],
    };
}
