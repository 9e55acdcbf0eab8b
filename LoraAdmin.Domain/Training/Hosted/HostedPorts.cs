using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training.Hosted;

/// <summary>Figures by which trainings are given to a provider that runs them whole on machines of its own (sections <c>Replicate</c>, <c>Training</c>).</summary>
/// <param name="WhyNot">Why none can be given, with the key to set; null: it is configured.</param>
/// <param name="HourlyPrice">What an hour of its hardware costs.</param>
public sealed record HostedRules(string? WhyNot, Usd HourlyPrice)
{
    /// <summary>A cancel takes a moment to be done.</summary>
    private static readonly TimeSpan CancelTakes = TimeSpan.FromMinutes(10);

    /// <summary>How LoRAs that were trained there are validated; null: there is no model for it, and they complete as not validated.</summary>
    public HostedValidationRules? Validation { get; init; }

    /// <summary>
    /// Of all that a refusal may be about: token, trainer, destination and input. One made under another mark says nothing of the present configuration.
    /// </summary>
    public string Mark { get; init; } = "";

    /// <summary>
    /// What is reserved for one attempt: its training, and the predictions that make its validation images, when they end in their time or are cancelled at its end. One
    /// whose cancel is not taken then is waited for: what it costs in that time is booked beyond the reservation, told, and shown.
    /// </summary>
    public Usd EstimateFor(TimeSpan maxDuration) => HourlyPrice.PerHourFor(maxDuration + CancelTakes)
        + (Validation is { } model ? model.HourlyPrice.PerHourFor(model.Within + CancelTakes) : Usd.Zero);
}

/// <param name="HourlyPrice">What an hour of the validation model's hardware costs.</param>
/// <param name="Within">How long the validation images of one LoRA may take, all tries together.</param>
public sealed record HostedValidationRules(Usd HourlyPrice, TimeSpan Within);

/// <summary>What is asked for.</summary>
/// <param name="Name">The ledger name: part of what is sent, so that a training whose create was never clearly answered is found by it.</param>
/// <param name="ImagesLink">Where the provider fetches one zip of the training images.</param>
public sealed record HostedOrder(string Name, string ImagesLink)
{
    /// <summary>What allows the call; never sent.</summary>
    public CreationPermit? Permit { get; init; }
}

/// <summary>Validation images that are asked for, of the model that makes them.</summary>
/// <param name="Name">The ledger name: part of what is sent, as for a training.</param>
/// <param name="WeightsLink">Where the provider has the LoRA that is to make them.</param>
/// <param name="Images">How many.</param>
public sealed record HostedPredictionOrder(string Name, string WeightsLink, int Images);

/// <summary>One validation image as the provider's prediction made it.</summary>
/// <param name="Score">0 to 1, as the model measured it.</param>
public sealed record HostedPicture(string Link, double Score);

/// <summary>Status as the provider says it; a word that the contract does not have is <see cref="Unknown"/>, never an error.</summary>
public enum HostedStatus
{
    Unknown,

    /// <summary>Waits for a machine; costs nothing.</summary>
    Starting,
    Processing,
    Succeeded,
    Failed,
    Canceled,
}

/// <summary>A training or prediction as the provider shows it.</summary>
/// <param name="Name">The ledger name that it was asked for under; null: it bears none, or the provider has removed it.</param>
/// <param name="Error">Why it failed, in the provider's words.</param>
/// <param name="WeightsLink">Set when it succeeded and its output is still there.</param>
/// <param name="Worked">How long it has used a machine; null until it is over.</param>
public sealed record HostedView(
    string Id,
    string? Name,
    HostedStatus Status,
    string StatusText,
    DateTimeOffset? CreatedAt,
    DateTimeOffset? StartedAt,
    string? Error,
    string? WeightsLink,
    TimeSpan? Worked)
{
    /// <summary>When it was over.</summary>
    public DateTimeOffset? CompletedAt { get; init; }

    /// <summary>The provider has removed what it made, for good.</summary>
    public bool IsRemoved { get; init; }

    /// <summary>It shows an output, of whatever form.</summary>
    public bool HasOutput { get; init; }

    /// <summary>Of a prediction: what it made, in order; null: its output is not there, or no list of images with scores from 0 to 1.</summary>
    public IReadOnlyList<HostedPicture>? Pictures { get; init; }

    public bool IsOver => Status is HostedStatus.Succeeded or HostedStatus.Failed or HostedStatus.Canceled;
}

/// <summary>Outcome of a create. Only <see cref="Created"/>, <see cref="Refused"/> and <see cref="NotSent"/> are certain.</summary>
public abstract record HostedCreation
{
    private HostedCreation()
    {
    }

    public sealed record Created(HostedView Training) : HostedCreation;

    /// <summary>Certainly not created: 4xx, connection refused.</summary>
    public sealed record Refused(ProviderError Error) : HostedCreation;

    /// <summary>5xx, time-out, broken connection: look for the name before anything else.</summary>
    public sealed record InDoubt(ProviderError Error) : HostedCreation;

    /// <summary>Its permit was withdrawn meanwhile.</summary>
    public sealed record NotSent(string Reason) : HostedCreation;
}

public abstract record HostedReading
{
    private HostedReading()
    {
    }

    public sealed record Found(HostedView Training) : HostedReading;

    /// <summary>404: the provider does not know it (any more).</summary>
    public sealed record NotFound : HostedReading;

    public sealed record Unavailable(ProviderError Error) : HostedReading;
}

/// <summary>The account's trainings. "Could not read" is its own answer and proves nothing.</summary>
public abstract record HostedListing
{
    private HostedListing()
    {
    }

    /// <param name="Trainings">Those that were made since the instant that was asked for, and perhaps older ones.</param>
    public sealed record Complete(IReadOnlyList<HostedView> Trainings) : HostedListing;

    public sealed record Unavailable(ProviderError Error) : HostedListing;
}

public abstract record WeightsOpening
{
    private WeightsOpening()
    {
    }

    /// <summary>The caller disposes the content; reading it throws an <see cref="IOException"/> when the connection breaks or less comes than was announced.</summary>
    public sealed record Found(Stream Content, long? LengthBytes) : WeightsOpening;

    /// <summary>404, 410: the provider has removed it.</summary>
    public sealed record Gone : WeightsOpening;

    public sealed record Unavailable(string Reason) : WeightsOpening;
}

/// <summary>
/// What a provider runs for us, of one kind. Callers: the conductor and the loop over what nobody needs any more; people's commands write wishes
/// instead. No member throws for an outside failure; all obey the token. Source: Replicate's HTTP API.
/// </summary>
public interface IHostedRuns
{
    /// <summary>How long one call may take before it is given up and, for a create, is in doubt.</summary>
    TimeSpan CallTimeout { get; }

    Task<HostedListing> ListAsync(DateTimeOffset since, CancellationToken cancellationToken);

    Task<HostedReading> GetAsync(string trainingId, CancellationToken cancellationToken);

    /// <returns>How it is after that; what was over before stays as it was.</returns>
    Task<HostedReading> CancelAsync(string trainingId, CancellationToken cancellationToken);
}

/// <summary>A provider that runs whole trainings.</summary>
public interface IHostedTrainings : IHostedRuns
{
    Task<HostedCreation> CreateAsync(HostedOrder order, CancellationToken cancellationToken);

    /// <summary>Opens what a training made, from its beginning.</summary>
    Task<WeightsOpening> OpenWeightsAsync(string link, CancellationToken cancellationToken);
}

/// <summary>The same provider's validation model.</summary>
public interface IHostedPredictions : IHostedRuns
{
    Task<HostedCreation> CreateAsync(HostedPredictionOrder order, CancellationToken cancellationToken);

    /// <summary>Reads one image that a prediction made, to its end.</summary>
    /// <param name="maxBytes">What may be held in memory: more is refused.</param>
    Task<PictureReading> ReadPictureAsync(string link, long maxBytes, CancellationToken cancellationToken);
}

public abstract record PictureReading
{
    private PictureReading()
    {
    }

    public sealed record Found(byte[] Bytes) : PictureReading;

    /// <summary>It is larger than may be.</summary>
    public sealed record TooLarge : PictureReading;

    /// <summary>Also when the provider does not have it (any more), which a read of the prediction tells for sure.</summary>
    public sealed record Unavailable(string Reason) : PictureReading;
}

/// <summary>Where large things are put together before they are sent. Nothing of it outlives its stream.</summary>
public interface IScratch
{
    /// <summary>An empty stream that can be written, positioned and read; what it holds goes when it is disposed.</summary>
    /// <exception cref="IOException">There is no room, or no right, for it.</exception>
    Stream Open();
}

/// <summary>The ledger of trainings and predictions at the provider. Bound to a unit of work.</summary>
public interface IHostedTrainingStore
{
    /// <exception cref="InvalidOperationException">The name is in use.</exception>
    Task AddAsync(HostedTraining training, CancellationToken cancellationToken);

    /// <summary>
    /// Writes the row if its version is still <see cref="HostedTraining.Version"/> and raises it by one. False: somebody else wrote it meanwhile, nothing was
    /// written.
    /// </summary>
    Task<bool> SaveAsync(HostedTraining training, CancellationToken cancellationToken);

    Task<HostedTraining?> FindAsync(string name, CancellationToken cancellationToken);

    Task<HostedTraining?> FindByTrainingIdAsync(string trainingId, CancellationToken cancellationToken);

    /// <summary>
    /// The newest of that kind that was asked for by then and answered for sure, if it was refused (<see cref="HostedReasons.Refused"/>); null: it was made.
    /// </summary>
    Task<HostedTraining?> FindRefusalAsync(HostedKind kind, DateTimeOffset until, CancellationToken cancellationToken);

    /// <summary>All tries of one attempt, of both kinds, in order of try.</summary>
    Task<IReadOnlyList<HostedTraining>> ListForAttemptAsync(JobId job, int attempt, CancellationToken cancellationToken);

    /// <summary>Every row that is not settled (<see cref="HostedTraining.IsSettled"/>), oldest first.</summary>
    Task<IReadOnlyList<HostedTraining>> ListOpenAsync(CancellationToken cancellationToken);
}

/// <summary>Kinds of facts about trainings at a provider that runs them whole.</summary>
public static class HostedEvents
{
    public const string Requested = "training.hosted_requested";
    public const string Created = "training.hosted_created";
    public const string CreateFailed = "training.hosted_create_failed";
    public const string InDoubt = "training.hosted_in_doubt";

    /// <summary>One that nobody needs is over.</summary>
    public const string Ended = "training.hosted_ended";
    public const string CancelFailed = "training.hosted_cancel_failed";

    /// <summary>Whether one was made can't be found out, because the account can't be listed.</summary>
    public const string Unresolved = "training.hosted_unresolved";

    /// <summary>The provider does not know one any more whose id it gave us.</summary>
    public const string Lost = "training.hosted_lost";

    /// <summary>What a training made can't be fetched, and the provider keeps it for an hour only.</summary>
    public const string WeightsWaiting = "training.hosted_weights_waiting";
    public const string WeightsFetched = "training.hosted_weights_fetched";

    /// <summary>What the account has, or lacks, was seen.</summary>
    public const string AccountLooked = "training.hosted_account_looked";
}

/// <summary>Rules of incidents about trainings at a provider that runs them whole.</summary>
public static class HostedIncidents
{
    /// <summary>The subject is the id of the job, whose end closes it; one that fails of it leaves it open until a retry has ended otherwise.</summary>
    public const string Lost = "training.hosted_lost";

    /// <summary>The same of a prediction. The subject is the id of the job, whose end closes it.</summary>
    public const string PredictionLost = "training.hosted_prediction_lost";

    /// <summary>What a training made can't be fetched, and will be gone. The subject is the id of the job, whose end closes it.</summary>
    public const string WeightsWaiting = "training.hosted_weights_waiting";

    /// <summary>One that nobody needs does not end and may cost money. The subject is the provider's id of it.</summary>
    public const string NotEnding = "training.hosted_not_ending";

    /// <summary>Whether one was made can't be found out, and its attempt's money stays reserved. The subject is its ledger name.</summary>
    public const string Unresolved = "training.hosted_unresolved";

    /// <summary>Something that a training needs is not at the provider, or nobody can say whether it is. The subject is the provider.</summary>
    public const string Account = "training.hosted_account";

    /// <summary>The configured model that makes the validation images is not there. The subject is the provider.</summary>
    public const string ValidationModel = "training.hosted_validation_model";
}
