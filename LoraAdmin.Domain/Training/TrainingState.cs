using LoraAdmin.Domain.Library;

namespace LoraAdmin.Domain.Training;

/// <summary>The fine states of a training job, kept in our own <c>training_progress</c>.</summary>
public enum TrainingState
{
    Queued,
    Preparing,
    Provisioning,
    Training,
    Retrieving,
    Uploading,
    Validating,
    Completed,
    Failed,
    Cancelled,
}

public static class TrainingStates
{
    public static bool IsFinal(this TrainingState state) => state is TrainingState.Completed or TrainingState.Failed or TrainingState.Cancelled;

    /// <summary>Cancel is refused once training has ended: the money is spent and the file is worth having.</summary>
    public static bool CanCancel(this TrainingState state) =>
        state is TrainingState.Queued or TrainingState.Preparing or TrainingState.Provisioning or TrainingState.Training;

    /// <summary>The word of the shared column <c>lora_training_jobs.status</c>.</summary>
    public static string ToSharedStatus(this TrainingState state) => state switch
    {
        TrainingState.Queued or TrainingState.Preparing => "queued",
        TrainingState.Provisioning or TrainingState.Training or TrainingState.Retrieving or TrainingState.Uploading => "training",
        TrainingState.Validating => "validating",
        TrainingState.Completed => "completed",
        TrainingState.Failed => "failed",
        TrainingState.Cancelled => "cancelled",
        _ => throw new ArgumentOutOfRangeException(nameof(state), state, null),
    };

    /// <summary>What <c>lora_models.status</c> says while its job is in the state.</summary>
    public static LoraStatus ToLoraStatus(this TrainingState state) => state switch
    {
        TrainingState.Validating => LoraStatus.Validating,
        TrainingState.Completed => LoraStatus.Completed,
        TrainingState.Failed or TrainingState.Cancelled => LoraStatus.Failed,
        _ => LoraStatus.Training,
    };

    /// <summary>The word used in the API, the URL and the database: lower case.</summary>
    public static string ToWord(this TrainingState state) => state.ToString().ToLowerInvariant();

    public static bool TryParse(string? word, out TrainingState state) => Enum.TryParse(word, ignoreCase: true, out state) && Enum.IsDefined(state);
}
