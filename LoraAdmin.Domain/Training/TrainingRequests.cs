using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <summary>A wish to train one LoRA, as the API and the dialog hand it over.</summary>
public sealed record TrainingRequest
{
    public required UserId UserId { get; init; }
    public required string Name { get; init; }
    public required string CreatorEmail { get; init; }

    /// <summary>Keys in the bucket <c>lora-training-images</c>, in order.</summary>
    public required IReadOnlyList<string> ImageKeys { get; init; }

    /// <summary>Set when the images were sent with the request and lie staged under this upload.</summary>
    public Guid? Upload { get; init; }

    /// <summary>Null: the first configured GPU type that has stock.</summary>
    public string? GpuType { get; init; }
}

/// <param name="BodyHash">Hash over everything the caller sent.</param>
public sealed record IdempotencyKey(Guid TokenId, string Key, string BodyHash)
{
    /// <summary>Stands for the portal's own pages, which have no token; no token has this id.</summary>
    public static readonly Guid Pages = Guid.Empty;
}

public abstract record SubmitOutcome
{
    private SubmitOutcome()
    {
    }

    /// <param name="Replayed">The same request was accepted before under the same idempotency key.</param>
    public sealed record Accepted(JobId Job, LoraId Lora, bool Replayed) : SubmitOutcome;

    public sealed record Invalid(IReadOnlyList<FieldProblem> Problems) : SubmitOutcome;

    public sealed record LimitReached(ChargeResult Charge) : SubmitOutcome;

    public sealed record BudgetExhausted(BudgetMonth Month, Usd Estimate) : SubmitOutcome
    {
        /// <summary>The soonest known instant at which it may fit; null as in <see cref="BudgetOutlook.MayFitAt"/>.</summary>
        public DateTimeOffset? MayFitAt { get; init; }
    }

    /// <summary>The idempotency key was used with another body within the last 7 days.</summary>
    public sealed record KeyReused : SubmitOutcome;

    /// <summary>A request with the same idempotency key is being admitted at this moment: ask again.</summary>
    public sealed record KeyInFlight : SubmitOutcome;

    /// <summary>The staged upload is gone or was claimed by another request: send the images again.</summary>
    public sealed record UploadGone : SubmitOutcome;
}

public abstract record CancelOutcome
{
    private CancelOutcome()
    {
    }

    /// <summary>Noted; the conductor ends the job at its next step.</summary>
    public sealed record Noted : CancelOutcome;

    public sealed record NotFound : CancelOutcome;

    /// <summary>Training has ended, or the job is final.</summary>
    public sealed record TooLate(TrainingState State) : CancelOutcome;
}

public abstract record RetryOutcome
{
    private RetryOutcome()
    {
    }

    /// <param name="From">The state from which the job goes on: the last proven thing.</param>
    public sealed record Accepted(TrainingState From) : RetryOutcome;

    public sealed record NotFound : RetryOutcome;

    /// <summary>The job has not failed and was not cancelled.</summary>
    public sealed record NotFinal(TrainingState State) : RetryOutcome;

    /// <summary>The failure table says that a retry can't help, e.g. the images are bad.</summary>
    public sealed record NotRetryable(FailureRule Rule) : RetryOutcome;

    public sealed record LimitReached(ChargeResult Charge) : RetryOutcome;

    public sealed record BudgetExhausted(BudgetMonth Month, Usd Estimate) : RetryOutcome
    {
        /// <summary>The soonest known instant at which it may fit; null as in <see cref="BudgetOutlook.MayFitAt"/>.</summary>
        public DateTimeOffset? MayFitAt { get; init; }
    }

    /// <summary>Only the upload was left to do, and the file can't be had now: this job never trains again, a new one can.</summary>
    /// <param name="Why">Where the file is, or that it is gone.</param>
    /// <param name="Remedy">What a person can do.</param>
    public sealed record FileOutOfReach(string Why, string Remedy) : RetryOutcome;
}

/// <summary>The commands that people and other systems give about training jobs. Same rules for API, pages and tests.</summary>
public interface ITrainingDesk
{
    /// <summary>Admits the job in one transaction, or writes nothing.</summary>
    /// <exception cref="StoreUnavailableException">The database is away; nothing was written.</exception>
    Task<SubmitOutcome> SubmitAsync(TrainingRequest request, IdempotencyKey? key, Actor actor, CancellationToken cancellationToken);

    /// <param name="reason">1 to 500 characters.</param>
    Task<CancelOutcome> CancelAsync(JobId job, string reason, Actor actor, CancellationToken cancellationToken);

    Task<RetryOutcome> RetryAsync(JobId job, Actor actor, CancellationToken cancellationToken);
}
