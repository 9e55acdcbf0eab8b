using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// Looks for a trained file where it may be: verified in storage, proven in a spool that every living instance has, or nowhere yet, as the pod's own
/// agent says. A file on another instance's disk alone is no proof: that disk may never come back. Of a completed job only the attempt that completed it
/// is needed (docs/decisions/0020).
/// </summary>
public sealed class FileProofs(IUnitOfWork work, IPodAgent agent, ISpool spool, TimeProvider clock) : IFileProofs
{
    public async Task<FileProof> FindAsync(JobId job, int attempt, string podName, string podId, CancellationToken cancellationToken)
    {
        FileProof written = await FindWrittenAsync(job, attempt, podId, cancellationToken);
        if (written != FileProof.None)
        {
            return written;
        }

        AgentReply<AgentStatus> reply = await agent.ReadStatusAsync(new AgentAddress(podId, podName), cancellationToken);
        return reply.Value switch
        {
            null => FileProof.None,

            { } status => Said(status, await work.ReadAsync((unit, token) => KnownAsync(unit, job, attempt, podId, token), cancellationToken)),
        };
    }

    /// <summary>
    /// Nobody has stopped an agent that trains, and it may finish while it is being ended: the word that there is no finished file yet is good for two
    /// minutes.
    /// </summary>
    private static FileProof Said(AgentStatus status, KnownTraining known) => status is { Phase: AgentPhase.Training, Artifact: null } && known != KnownTraining.FileSeen
        ? FileProof.AgentHasNone
        : AgentWord.Of(status, known);

    private static async Task<KnownTraining> KnownAsync(IUnit unit, JobId job, int attempt, string podId, CancellationToken cancellationToken) =>
        await AgentWord.KnownAsync(unit, await unit.Store<ITrainingStore>().FindAsync(job, cancellationToken), attempt, podId, cancellationToken);

    /// <summary>What storage and spool prove, without asking the pod; or that the job has completed with another attempt's file.</summary>
    internal async Task<FileProof> FindWrittenAsync(JobId job, int attempt, string podId, CancellationToken cancellationToken)
    {
        (FileProof proof, SpoolEntry? mine) = await work.ReadAsync((unit, token) => WrittenAsync(unit, job, attempt, podId, token), cancellationToken);
        return proof != FileProof.InSpool || (mine is not null && await HasAsync(mine, cancellationToken)) ? proof : FileProof.None;
    }

    private async Task<(FileProof Proof, SpoolEntry? Mine)> WrittenAsync(IUnit unit, JobId id, int attempt, string podId, CancellationToken cancellationToken)
    {
        TrainingJob? job = await unit.Store<ITrainingStore>().FindAsync(id, cancellationToken);
        IReadOnlyList<SpoolEntry> files = await FilesAsync(unit, job, attempt, podId, cancellationToken);
        if (job is null && files.FirstOrDefault(entry => entry.Job is not null) is { Job: { } claimer } claimed)
        {
            // A person said whose file it is: from then on it counts as that job's.
            job = await unit.Store<ITrainingStore>().FindAsync(claimer, cancellationToken);
            attempt = claimed.Attempt;
        }

        if (job is not null && await unit.Store<ILoraStore>().FindAsync(job.LoraId, cancellationToken) is { StoragePath: not null, FileSha256: { } stored })
        {
            // A LoRA's storage path and hash are written only after read-back.
            bool announced = job.Attempt == attempt && job.Artifact?.Sha256 == stored;
            if (announced || files.Any(entry => entry.Sha256 == stored))
            {
                return (FileProof.InStorage, null);
            }
        }

        if (job is { State: TrainingState.Completed } && job.Attempt != attempt)
        {
            return (FileProof.NotNeeded, null);
        }

        // Only the disk of whoever asks can be every living instance's disk.
        SpoolEntry? mine = files.FirstOrDefault(entry => entry.Spool == spool.Id);
        return mine is not null && SpoolStanding.IsProof(mine.Spool, await unit.Store<ISpoolStore>().ListInstancesAsync(cancellationToken), spool.Id, clock.GetUtcNow())
            ? (FileProof.InSpool, mine)
            : (FileProof.None, null);
    }

    /// <summary>The proven files of one pod's attempt on all disks. A pod whose job our database does not know gives its file under its own name.</summary>
    internal static async Task<IReadOnlyList<SpoolEntry>> FilesAsync(IUnit unit, TrainingJob? job, int attempt, string podId, CancellationToken cancellationToken) =>
        job is null
            ? await unit.Store<ISpoolStore>().ListNamedAsync(SpoolNames.OfPod(podId), cancellationToken)
            : [.. (await unit.Store<ISpoolStore>().ListForJobAsync(job.Id, cancellationToken)).Where(entry => entry.Attempt == attempt)];

    /// <summary>A row whose file somebody removed, or whose disk is away, proves nothing.</summary>
    private async Task<bool> HasAsync(SpoolEntry entry, CancellationToken cancellationToken) =>
        (await spool.FindAsync(entry.Name, cancellationToken)).OrNull()?.LengthBytes == entry.SizeBytes;
}
