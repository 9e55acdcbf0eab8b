using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training.Hosted;

/// <summary>What the provider runs.</summary>
public enum HostedKind
{
    Training,

    /// <summary>Of the validation model: it makes the images by which the LoRA of a training is judged.</summary>
    Prediction,
}

/// <summary>What we saw of a training or prediction at the provider.</summary>
public enum HostedSaw
{
    /// <summary>Its images are being put together: no create call was sent.</summary>
    Packing,

    /// <summary>The row is committed; whether the create call was sent, or what it did, is not known yet.</summary>
    Requested,
    Starting,
    Processing,

    /// <summary>Succeeded, failed or canceled. Final.</summary>
    Over,

    /// <summary>The provider does not know it any more, although it gave us its id. Final.</summary>
    Lost,

    /// <summary>Certainly never made, or never found. Final.</summary>
    NeverMade,
}

/// <summary>
/// One try to have one training, or the prediction that makes its validation images, run by a provider. Its row is committed before the create call and
/// stays: it says what was asked for, what is known, and what it cost.
/// </summary>
public sealed record HostedTraining
{
    /// <summary>Unique: <c>lora-{installation}-{job}-{attempt}-{try}</c> (<see cref="PodNames"/>).</summary>
    public required string Name { get; init; }

    public HostedKind Kind { get; init; }

    public required JobId Job { get; init; }

    /// <summary>From 1.</summary>
    public required int Attempt { get; init; }

    /// <summary>From 1 within the attempt, whatever its kind.</summary>
    public required int Try { get; init; }

    /// <summary>Its job works with it. False: it is cancelled as soon as it is found.</summary>
    public required bool IsNeeded { get; init; }

    /// <summary>Why it is not needed: one of <see cref="HostedReasons"/>.</summary>
    public string? Reason { get; init; }

    public required HostedSaw Saw { get; init; }

    /// <summary>The provider's id; null until the create was answered or the training was found by its name.</summary>
    public string? TrainingId { get; init; }

    /// <summary>When the create call was about to be sent; while the images are packed, when that began.</summary>
    public required DateTimeOffset RequestedAt { get; init; }

    /// <summary>Since when <see cref="IsNeeded"/> is as it is.</summary>
    public required DateTimeOffset WantSince { get; init; }

    /// <summary>When the provider gave it a machine.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Since when the provider has been answering that it does not know it, which is not proven yet; null: it knew it when it was asked last.</summary>
    public DateTimeOffset? AbsentSince { get; init; }

    /// <summary>How long it used a machine, as the provider says; null until it is over.</summary>
    public TimeSpan? Worked { get; init; }

    /// <summary>What an hour costs, as it was configured when it was asked for.</summary>
    public required Usd HourlyRate { get; init; }

    /// <summary>When something is done about this row next, while nobody needs it.</summary>
    public DateTimeOffset? NextActionAt { get; init; }

    public int CancelAttempts { get; init; }
    public string? LastError { get; init; }

    /// <summary>What its create call was allowed by; null once its result is told.</summary>
    public CreationPermit? Permit { get; init; }

    /// <summary>The zip of its images was removed from storage; a prediction has none.</summary>
    public bool ImagesGone { get; init; }

    /// <summary>Guards concurrent writers: a save with an older version is refused.</summary>
    public long Version { get; init; }

    /// <summary>
    /// Whether its cost is a matter of our clock alone: it was not called over, and the provider has not lately shown that it still runs. Its job ends it in time while
    /// it is read; afterwards each answered cancel shows it (<see cref="HostedWatch"/>).
    /// </summary>
    public bool IsByClockAlone(DateTimeOffset now) =>
        !IsFinal && (IsNeeded || TrainingId is null || LastError is not null || AbsentSince is not null || !(now < NextActionAt + HostedWatch.LongestPause));

    public bool IsFinal => Saw is HostedSaw.Over or HostedSaw.Lost or HostedSaw.NeverMade;

    /// <summary>Its create call was never clearly answered, and nobody needs it: whether it exists is not known, and it is looked for.</summary>
    public bool IsInDoubt => !IsFinal && !IsNeeded && TrainingId is null;

    /// <summary>About when that is over; null: nothing is in doubt. When the account's lists did not say it in time, they are asked for a day.</summary>
    public DateTimeOffset? DoubtUntil(DateTimeOffset now) =>
        !IsInDoubt ? null : WantSince + (now - WantSince < HostedWatch.DoubtLasts ? HostedWatch.DoubtLasts : HostedWatch.LooksFor);

    /// <summary>Nothing is left to be done about it.</summary>
    public bool IsSettled => IsFinal && ImagesGone;

    /// <summary>What it has cost: the provider's own seconds; without them from its start to its end, or to now while it runs.</summary>
    public Usd CostUntil(DateTimeOffset now) =>
        Worked is { } worked ? HourlyRate.PerHourFor(worked)
        : StartedAt is { } started ? HourlyRate.PerHourFor((EndedAt ?? now) - started)
        : Usd.Zero;

    /// <summary>The row when nobody needs it any more: what was never sent is over at once, everything else is cancelled or looked for.</summary>
    public HostedTraining Released(string reason, DateTimeOffset now)
    {
        HostedTraining released = this with { IsNeeded = false, Reason = reason, WantSince = now, NextActionAt = now };
        return Saw == HostedSaw.Packing ? released with { Saw = HostedSaw.NeverMade, EndedAt = now } : released;
    }

    /// <summary>The row as the provider shows the training.</summary>
    public HostedTraining Seen(HostedView view, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(view);
        HostedSaw saw = view.IsOver ? HostedSaw.Over
            : view.Status == HostedStatus.Processing || view.StartedAt is not null ? HostedSaw.Processing
            : HostedSaw.Starting;
        return this with
        {
            TrainingId = view.Id,
            Saw = saw,
            StartedAt = view.StartedAt ?? StartedAt,
            EndedAt = saw == HostedSaw.Over ? view.CompletedAt ?? EndedAt ?? now : null,
            Worked = view.Worked ?? Worked,
            LastError = view.Error ?? LastError,
            AbsentSince = null,
        };
    }
}

/// <summary>Fixed words that say why a training is not needed: reason labels of facts and counters.</summary>
public static class HostedReasons
{
    /// <summary>Its create call was never clearly answered, and it was in no list: it may still turn up for 15 minutes.</summary>
    public const string InDoubt = "in_doubt";
    public const string CreateFailed = "create_failed";
    public const string RateLimited = "rate_limited";

    /// <summary>For something that a person must mend; it is asked again after <see cref="HostedRefusals.AskAgainAfter"/>.</summary>
    public const string Refused = "refused";

    /// <summary>The key, which the breaker keeps (<see cref="Pods.ICreationGate"/>).</summary>
    public const string KeyRefused = "key_refused";

    /// <summary>Its permit was withdrawn before the call was sent.</summary>
    public const string Withdrawn = "withdrawn";

    /// <summary>It ended without what it was to make, or the provider does not know it any more.</summary>
    public const string CameToNothing = "came_to_nothing";

    /// <summary>The LoRA goes on without the images that it was to make.</summary>
    public const string GivenUp = "given_up";

    /// <summary>It waited longer for a machine than a pod may take to become ready.</summary>
    public const string NotStarted = "not_started";

    /// <summary>Another try of its attempt turned up first.</summary>
    public const string Duplicate = "duplicate";
    public const string JobEnded = "job_ended";
}
