namespace LoraAdmin.Domain.Training;

/// <summary>Every way in which a training job ends badly. Codes are part of the API.</summary>
public enum FailureCode
{
    InvalidTrainingImages,
    NoProvider,
    TrainingTimeout,
    TrainingFailed,
    ArtifactCorrupt,
    PodLost,
    UploadFailed,
    QualityValidationFailed,
    BudgetExhausted,
    Cancelled,

    /// <summary>Of a provider that runs trainings whole: the training, or what it made, is not there any more.</summary>
    TrainingLost,
}

public enum RefundRule
{
    Always,
    Never,

    /// <summary>Only before a pod was asked for, or when an admin cancelled.</summary>
    BeforePodOrByAdmin,
}

public enum AdminNotice
{
    None,
    Warning,
    Alert,
}

public enum RetryRule
{
    /// <summary>A person may start it again as it was.</summary>
    ByPerson,

    /// <summary>Only a new job with other images helps.</summary>
    WithNewImages,

    /// <summary>Once by itself, then a person.</summary>
    OnceByItself,

    /// <summary>Uploads what lies in the spool; never trains again.</summary>
    UploadOnly,
}

/// <param name="Code">As in the API and <c>lora_training_jobs.error_code</c>.</param>
/// <param name="Message">As in <c>lora_training_jobs.error_message</c> and to the user, letter by letter.</param>
public sealed record FailureRule(FailureCode Failure, string Code, string Message, RefundRule Refund, AdminNotice Admin, RetryRule Retry);

/// <summary>The one place that says what each failure means. UI, API, alerts and docs read it; nothing else decides.</summary>
public static class FailureTable
{
    public static IReadOnlyList<FailureRule> Rules { get; } =
    [
        new(FailureCode.InvalidTrainingImages, "invalid_training_images", "Invalid training images", RefundRule.Always, AdminNotice.None, RetryRule.WithNewImages),
        new(FailureCode.NoProvider, "no_provider", "No GPU provider could start the training", RefundRule.Always, AdminNotice.None, RetryRule.ByPerson),
        new(FailureCode.TrainingTimeout, "training_timeout", "Training timeout", RefundRule.Always, AdminNotice.Alert, RetryRule.ByPerson),
        new(FailureCode.TrainingFailed, "training_failed", "Training failed", RefundRule.Always, AdminNotice.Warning, RetryRule.ByPerson),
        new(FailureCode.ArtifactCorrupt, "artifact_corrupt", "The trained file is damaged", RefundRule.Always, AdminNotice.Warning, RetryRule.ByPerson),
        new(FailureCode.PodLost, "pod_lost", "The GPU pod was lost", RefundRule.Always, AdminNotice.Warning, RetryRule.OnceByItself),
        new(FailureCode.UploadFailed, "upload_failed", "Upload to storage failed; the file is kept", RefundRule.Never, AdminNotice.None, RetryRule.UploadOnly),
        new(FailureCode.QualityValidationFailed, "quality_validation_failed", "Quality validation failed", RefundRule.Always, AdminNotice.None, RetryRule.ByPerson),
        new(FailureCode.BudgetExhausted, "budget_exhausted", "The monthly training budget is used up", RefundRule.Always, AdminNotice.None, RetryRule.ByPerson),
        new(FailureCode.Cancelled, "cancelled", "Cancelled", RefundRule.BeforePodOrByAdmin, AdminNotice.None, RetryRule.ByPerson),
        new(FailureCode.TrainingLost, "training_lost", "The provider lost the training", RefundRule.Always, AdminNotice.Warning, RetryRule.OnceByItself),
    ];

    public static FailureRule For(FailureCode failure) => Rules[(int)failure];

    public static FailureRule? ForCode(string? code) => Rules.FirstOrDefault(rule => rule.Code == code);
}
