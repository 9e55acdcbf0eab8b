using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// What an agent's own word proves about the trained file of its attempt. An agent whose mount is missing comes up as if it were new: it says that it is
/// idle, and state and file lie where it can't see them.
/// </summary>
internal static class AgentWord
{
    /// <summary>Whether training is over and its file is there or certain to come.</summary>
    public static bool HasFile(AgentStatus status) => status.Artifact is not null || status.Phase is AgentPhase.Validating or AgentPhase.Done;

    /// <summary>Only what holds for good: an agent that trains may finish at any moment.</summary>
    /// <param name="wasStarted">A training is known to have run in the attempt, whatever its agent remembers of it.</param>
    public static FileProof Of(AgentStatus status, bool wasStarted) => status switch
    {
        { Phase: AgentPhase.Training } => FileProof.None,
        _ when HasFile(status) => FileProof.None,
        { TrainingStartedAt: null } => wasStarted ? FileProof.None : FileProof.TrainingNeverStarted,
        { Phase: AgentPhase.Failed or AgentPhase.Stopped } => FileProof.AgentHasNone,
        _ => FileProof.None,
    };

    /// <summary>Whether the job itself knows that its present attempt's training was started.</summary>
    public static bool WasStarted(TrainingJob job) => job.StartedAt is not null || job.Artifact is not null;

    /// <summary>
    /// Whether a training may have been started on the pod. Of an earlier attempt only its end is known: one that ended otherwise than before its start
    /// may have trained.
    /// </summary>
    public static async Task<bool> WasStartedAsync(IUnit unit, TrainingJob? job, int attempt, string podId, CancellationToken cancellationToken)
    {
        if (job is null || await unit.Store<IPodLedger>().FindByPodIdAsync(podId, cancellationToken) is { Proof: FileProof.TrainingNeverStarted })
        {
            return false;
        }

        if (job.Attempt == attempt)
        {
            return WasStarted(job);
        }

        TrainingAttempt? earlier = (await unit.Store<ITrainingStore>().ListAttemptsAsync(job.Id, cancellationToken)).FirstOrDefault(one => one.Number == attempt);
        return earlier is not null && earlier.Failure is not (FailureCode.NoProvider or FailureCode.InvalidTrainingImages);
    }
}
