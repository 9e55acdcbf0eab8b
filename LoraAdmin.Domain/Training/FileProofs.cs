using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training;

/// <summary>Looks for a trained file where it may be: verified in storage, proven in the spool, or nowhere yet, as the pod's own agent says.</summary>
public sealed class FileProofs(IUnitOfWork work, IPodAgent agent) : IFileProofs
{
    public async Task<FileProof> FindAsync(JobId job, int attempt, string podName, string podId, CancellationToken cancellationToken)
    {
        FileProof written = await work.ReadAsync((unit, token) => WrittenAsync(unit, job, attempt, token), cancellationToken);
        if (written != FileProof.None)
        {
            return written;
        }

        AgentReply<AgentStatus> reply = await agent.ReadStatusAsync(new AgentAddress(podId, podName), cancellationToken);
        return reply.Value switch
        {
            null or { Artifact: not null } or { Phase: AgentPhase.Validating or AgentPhase.Done } => FileProof.None,
            { TrainingStartedAt: null } => FileProof.TrainingNeverStarted,
            _ => FileProof.AgentHasNone,
        };
    }

    private static async Task<FileProof> WrittenAsync(IUnit unit, JobId id, int attempt, CancellationToken cancellationToken)
    {
        if (await unit.Store<ISpoolStore>().FindAsync(id, cancellationToken) is { } spooled && spooled.Attempt == attempt)
        {
            return FileProof.InSpool;
        }

        // A job's storage path is written only after read-back, for its newest attempt.
        return await unit.Store<ITrainingStore>().FindAsync(id, cancellationToken) is { Artifact: { } artifact } job
            && job.Attempt == attempt
            && await unit.Store<ILoraStore>().FindAsync(job.LoraId, cancellationToken) is { StoragePath: not null } lora
            && lora.FileSha256 == artifact.Sha256
                ? FileProof.InStorage
                : FileProof.None;
    }
}
