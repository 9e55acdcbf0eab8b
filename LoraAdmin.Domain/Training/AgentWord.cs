using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <summary>What our own records know of the training on a pod, whatever its agent remembers of it.</summary>
internal enum KnownTraining
{
    Nothing,

    /// <summary>A training has run.</summary>
    Started,

    /// <summary>It ended well: the agent announced a file, which never changes and never goes (docs/pod-agent.md).</summary>
    FileSeen,
}

/// <summary>
/// What an agent's own word proves about the trained file of its attempt. An agent whose mount is missing comes up as if it were new, or fails: state and
/// file lie where it can't see them. A word that contradicts what is known proves nothing.
/// </summary>
internal static class AgentWord
{
    /// <summary>What a pod's agent says when its word contradicts what is known.</summary>
    public const string Contradiction = "Its agent knows nothing of what was trained on it: its mount may be missing";

    /// <summary>Whether training is over and its file is there or certain to come.</summary>
    public static bool HasFile(AgentStatus status) => status.Artifact is not null || status.Phase is AgentPhase.Validating or AgentPhase.Done;

    /// <summary>Only what holds for good: an agent that trains may finish at any moment.</summary>
    public static FileProof Of(AgentStatus status, KnownTraining known) => status switch
    {
        { Phase: AgentPhase.Training } => FileProof.None,
        _ when HasFile(status) || known == KnownTraining.FileSeen => FileProof.None,
        { TrainingStartedAt: null } => known == KnownTraining.Nothing ? FileProof.TrainingNeverStarted : FileProof.None,
        { Phase: AgentPhase.Failed or AgentPhase.Stopped } => FileProof.AgentHasNone,
        _ => FileProof.None,
    };

    /// <summary>What the job itself knows of its present attempt.</summary>
    public static KnownTraining Known(TrainingJob job) => job.Artifact is not null ? KnownTraining.FileSeen
        : job.StartedAt is not null ? KnownTraining.Started
        : KnownTraining.Nothing;

    /// <summary>
    /// What is known of the pod's training. Of an earlier attempt only its end is known: one that ended otherwise than before its start may have trained,
    /// and one whose pod or file was lost may have had a file.
    /// </summary>
    public static async Task<KnownTraining> KnownAsync(IUnit unit, TrainingJob? job, int attempt, string podId, CancellationToken cancellationToken)
    {
        if ((await FileProofs.FilesAsync(unit, job, attempt, podId, cancellationToken)).Count > 0)
        {
            return KnownTraining.FileSeen;
        }

        if (job is null || await unit.Store<IPodLedger>().FindByPodIdAsync(podId, cancellationToken) is { Proof: FileProof.TrainingNeverStarted })
        {
            return KnownTraining.Nothing;
        }

        if (job.Attempt == attempt)
        {
            return Known(job);
        }

        TrainingAttempt? earlier = (await unit.Store<ITrainingStore>().ListAttemptsAsync(job.Id, cancellationToken)).FirstOrDefault(one => one.Number == attempt);
        return earlier?.Failure switch
        {
            _ when earlier is null => KnownTraining.Nothing,
            FailureCode.NoProvider or FailureCode.InvalidTrainingImages => KnownTraining.Nothing,
            FailureCode.PodLost or FailureCode.ArtifactCorrupt or FailureCode.UploadFailed or FailureCode.QualityValidationFailed => KnownTraining.FileSeen,
            _ => KnownTraining.Started,
        };
    }
}
