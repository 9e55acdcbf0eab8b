using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training.Steps;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// The held pods that one file of the spool came from: of its job's attempt, or the one that no job knows. They are let go together with the file's row,
/// because without the row nobody knows any more that their file is not missing (docs/decisions/0037).
/// </summary>
internal static class FilePods
{
    /// <summary>Lets the pods of a file go that storage has, or that its completed job does not need.</summary>
    public static async Task SettleAsync(IUnit unit, SpoolEntry file, TrainingJob job, DateTimeOffset now, CancellationToken cancellationToken)
    {
        Lora? lora = await unit.Store<ILoraStore>().FindAsync(job.LoraId, cancellationToken);
        FileProof proof = lora is { StoragePath: not null } && lora.FileSha256 == file.Sha256 ? FileProof.InStorage : FileProof.NotNeeded;
        foreach (LedgerPod held in await HeldAsync(unit, file, cancellationToken))
        {
            await LetGoAsync(unit, held, proof, proof == FileProof.InStorage ? PodReasons.FileStored : PodReasons.JobEnded, now, cancellationToken);
        }
    }

    /// <summary>A person lets the file go, and with its last copy the pods that are held for it.</summary>
    /// <returns>The provider's ids of the pods that are let go.</returns>
    public static async Task<IReadOnlyList<string>> OverrideAsync(IUnit unit, SpoolEntry file, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if ((await unit.Store<ISpoolStore>().ListNamedAsync(file.Name, cancellationToken)).Any(copy => copy.Spool != file.Spool))
        {
            return [];
        }

        IReadOnlyList<LedgerPod> pods = await HeldAsync(unit, file, cancellationToken);
        foreach (LedgerPod held in pods)
        {
            await LetGoAsync(unit, held, FileProof.Override, PodReasons.ByPerson, now, cancellationToken);
        }

        return [.. pods.Select(pod => pod.PodId!)];
    }

    /// <exception cref="ConcurrentWriteException">The pod loop wrote the row meanwhile.</exception>
    public static Task LetGoAsync(IUnit unit, LedgerPod held, FileProof proof, string reason, DateTimeOffset now, CancellationToken cancellationToken) =>
        AttemptPods.SaveAsync(
            unit.Store<IPodLedger>(),
            held with { Want = PodWant.Released, WantReason = reason, WantSince = now, Proof = proof, ProofAt = now, NextActionAt = now, FetchUntil = null },
            cancellationToken);

    private static async Task<IReadOnlyList<LedgerPod>> HeldAsync(IUnit unit, SpoolEntry file, CancellationToken cancellationToken)
    {
        IPodLedger ledger = unit.Store<IPodLedger>();
        List<LedgerPod?> pods = [];
        if (file.Job is { } job)
        {
            pods.AddRange(await ledger.ListForAttemptAsync(job, file.Attempt, cancellationToken));
        }

        if (file.Pod is { } name)
        {
            pods.Add(await ledger.FindAsync(name, cancellationToken));
        }

        if (SpoolNames.PodOf(file.Name) is { } podId)
        {
            pods.Add(await ledger.FindByPodIdAsync(podId, cancellationToken));
        }

        return [.. pods.OfType<LedgerPod>().Where(pod => pod is { Want: PodWant.Held, PodId: not null } && pod.Saw != PodSaw.Gone).DistinctBy(pod => pod.Name)];
    }
}
