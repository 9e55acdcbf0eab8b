using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training.Steps;

namespace LoraAdmin.Domain.Training.Hosted;

/// <summary>
/// Has the provider's validation model make the images of a LoRA whose file lies proven in the spool, and takes them into the spool beside it. From there they
/// go the way of a pod's, and are judged by the same thresholds. What keeps them from being made never costs the file: the LoRA goes on unjudged, and says why
/// (docs/decisions/0070).
/// </summary>
public sealed class HostedValidation(
    IUnitOfWork work,
    IHostedPredictions provider,
    HostedLauncher launcher,
    ISpool spool,
    IImageInspector inspector,
    TimeProvider clock,
    Func<TrainingRules> rules,
    Func<HostedRules> hosted,
    ClockStandings clocks)
{
    /// <summary>Predictions that ended without what they were to make, until no other is paid for.</summary>
    private const int MostRuns = 2;

    private const int FetchesOfADamagedImage = 3;
    private const string Format = "jpeg";

    private static readonly Actor Self = Actor.Portal(TrainingConductor.Name);

    private readonly SpoolImages images = new(spool);

    /// <summary>One look at the images of a job whose file this instance's spool has.</summary>
    internal async Task<StepResult> LookAsync(TrainingJob job, JobLease lease, CancellationToken cancellationToken)
    {
        TrainingRules figures = rules();
        if (hosted().Validation is not { } model || figures.ValidationImages == 0)
        {
            return new StepResult.Advance(TrainingState.Uploading, job, "The weights lie proven in the spool", Release(job, "no validation images are asked for any more"));
        }

        (IReadOnlyList<ValidationImage> known, IReadOnlyList<HostedTraining> all) = await work.ReadAsync(
            async (unit, token) => (
                await unit.Store<ILoraStore>().ListValidationImagesAsync(job.LoraId, token),
                await unit.Store<IHostedTrainingStore>().ListForAttemptAsync(job.Id, job.Attempt, token)),
            cancellationToken);
        if (await images.FindMissingAsync(job.Id, job.Attempt, figures.ValidationImages, known, cancellationToken) is not { } missing)
        {
            return new StepResult.Advance(TrainingState.Uploading, job, $"The weights and {figures.ValidationImages} validation images lie in the spool");
        }

        List<HostedTraining> predictions = [.. all.Where(static one => one.Kind == HostedKind.Prediction)];
        bool isLate = predictions is [{ RequestedAt: var since }, ..] && clock.GetUtcNow() - since >= model.Within;
        Look look = new(job, figures, model, predictions, missing, isLate);
        return HostedLedger.CurrentOf(all, HostedKind.Prediction) is { } current ? await FollowAsync(look, current, cancellationToken)
            : isLate ? GiveUp(job, look.TooLate)
            : await LaunchAsync(look, lease, cancellationToken);
    }

    private async Task<StepResult> LaunchAsync(Look look, JobLease lease, CancellationToken cancellationToken)
    {
        TrainingJob job = look.Job;
        HostedNeed need = new(job, look.Figures.CreateRetries, job.StateSince, look.Model.HourlyPrice);
        switch (await launcher.EnsureAsync(need, lease.GuardAsync, Self, cancellationToken))
        {
            case HostedLaunch.Ready:
                return new StepResult.Again(TimeSpan.Zero, Read(job));

            case HostedLaunch.WaitUntil wait:
                TimeSpan until = wait.At - clock.GetUtcNow();
                return new StepResult.Again(until > TimeSpan.Zero ? until : TimeSpan.Zero, Read(job), wait.Reason);

            case HostedLaunch.BadInput { Reason: var bad }:
                return GiveUp(job, bad);

            case HostedLaunch.Held { Reason: var held }:
                return GiveUp(job, held);

            case HostedLaunch.Refused { Error: var refusal }:
                return GiveUp(job, $"Replicate refused the prediction: {refusal.Detail}");

            case HostedLaunch.Exhausted { Detail: var detail }:
                return GiveUp(job, $"Replicate did not take the prediction: {detail}");

            default:
                throw new NotSupportedException("A launch is ready, waiting, held, refused or over.");
        }
    }

    private async Task<StepResult> FollowAsync(Look look, HostedTraining row, CancellationToken cancellationToken)
    {
        (HostedReading reading, Alongside? absence) = await HostedAbsence.ReadAsync(provider, row, clock, clocks, cancellationToken);
        if (look.IsLate && reading is HostedReading.Found { Training.IsOver: false })
        {
            // Between this look and the cancel it may have finished.
            reading = await HostedCancel.SendAsync(provider, row.TrainingId!, cancellationToken);
        }

        DateTimeOffset now = clock.GetUtcNow();
        Alongside? seen = reading is HostedReading.Found { Training: var view } ? (unit, token) => HostedLedger.NoteAsync(unit, row.Name, view, now, token) : null;
        StepResult result = reading switch
        {
            HostedReading.Found { Training: { Status: HostedStatus.Succeeded } made } => await TakeAsync(look, row, made, cancellationToken),
            HostedReading.Found { Training: { Error: null } } or HostedReading.NotFound when look.IsLate => GiveUp(look.Job, look.TooLate),
            HostedReading.Found { Training.IsOver: false } => new StepResult.Again(HostedRunningStep.PollEvery(look.Figures), Read(look.Job)),
            HostedReading.Found { Training: var ended } => ToNothing(
                look, row, HostedSaw.Over, ended.Error ?? (ended.Status == HostedStatus.Canceled ? "it was cancelled at Replicate" : "Replicate gave no reason")),
            HostedReading.NotFound => ToNothing(look, row, HostedSaw.Lost, $"Replicate does not know prediction {row.TrainingId} any more"),
            HostedReading.Unavailable { Error: var error } => Later(look, $"Replicate can't be asked for prediction {row.TrainingId}: {error.Detail}"),
            _ => throw new NotSupportedException("A prediction is found, not found or unavailable."),
        };
        return result.With(seen).With(absence);
    }

    private async Task<StepResult> TakeAsync(Look look, HostedTraining row, HostedView made, CancellationToken cancellationToken)
    {
        if (made.IsRemoved)
        {
            return ToNothing(look, row, HostedSaw.Over, $"Replicate has removed what prediction {row.TrainingId} made");
        }

        if (made.Pictures is not { } pictures)
        {
            return made.HasOutput
                ? GiveUp(look.Job, "what Replicate:ValidationModel puts out is no list of images with scores from 0 to 1")
                : Later(look, $"Replicate does not say yet where the images of prediction {row.TrainingId} are");
        }

        int wanted = look.Figures.ValidationImages;
        if (pictures.Count < wanted)
        {
            return GiveUp(look.Job, $"Replicate:ValidationModel made {pictures.Count} images, {wanted} were asked for (Validation:Images)");
        }

        return await provider.ReadPictureAsync(pictures[look.Missing].Link, PodAgentLimits.ValidationImageBytes, cancellationToken) switch
        {
            PictureReading.Found found => await KeepAsync(look, found.Bytes, pictures[look.Missing].Score, cancellationToken),
            PictureReading.TooLarge => GiveUp(look.Job, $"validation image {look.Missing} is larger than {PodAgentLimits.ValidationImageBytes} bytes"),
            PictureReading.Unavailable away => Later(look, $"Validation image {look.Missing} could not be fetched: {away.Reason}"),
            _ => throw new NotSupportedException("A picture is found, too large or unavailable."),
        };
    }

    /// <summary>It is decoded to its last pixel before it is kept: nobody else has looked at it.</summary>
    private async Task<StepResult> KeepAsync(Look look, byte[] bytes, double score, CancellationToken cancellationToken)
    {
        (TrainingJob job, int index) = (look.Job, look.Missing);
        using MemoryStream content = new(bytes, writable: false);
        ImageVerdict verdict = await inspector.InspectAsync(content, PodAgentLimits.ValidationImageBytes, look.Figures.MaxImagePixels, cancellationToken);
        string? bad = verdict switch
        {
            ImageVerdict.Good { Format: Format } => null,
            ImageVerdict.Good other => $"it is a {other.Format} image, and no JPEG",
            ImageVerdict.Bad { Reason: var reason } => reason,
            _ => throw new NotSupportedException("An image is good or bad."),
        };
        if (bad is not null)
        {
            string words = $"validation image {index} can't be used: {bad}";
            return job.StepTries + 1 < FetchesOfADamagedImage
                ? new StepResult.TryAgain(
                    StepBackoff.After(job.StepTries), Read(job), $"It will be fetched again: {words}", new ErrorDetail("validation_image", "training.retrieve", words, null))
                : GiveUp(job, words);
        }

        switch (await images.PutAsync(SpoolNames.ValidationImage(job.Id, job.Attempt, index), bytes, cancellationToken))
        {
            case FetchOutcome.NoRoom full:
                return Later(look, $"Validation image {index} has no room in the spool: {full.Reason}");

            case FetchOutcome.Stalled stalled:
                return Later(look, stalled.Reason);

            default:
                ValidationImage image = SpoolImages.RowOf(job, job.Attempt, index, score, clock.GetUtcNow());
                return new StepResult.Again(
                    TimeSpan.Zero,
                    Read(job) with { StepTries = 0 },
                    null,
                    (unit, token) => unit.Store<ILoraStore>().SaveValidationImagesAsync(job.LoraId, [image], token));
        }
    }

    /// <summary>The prediction is over, or lost, without images: another is asked for, or none.</summary>
    private StepResult ToNothing(Look look, HostedTraining row, HostedSaw saw, string why)
    {
        DateTimeOffset now = clock.GetUtcNow();
        Alongside note = async (unit, token) =>
        {
            if (await unit.Store<IHostedTrainingStore>().FindAsync(row.Name, token) is { IsNeeded: true } needed)
            {
                HostedTraining over = needed with { IsNeeded = false, Reason = HostedReasons.CameToNothing, WantSince = now, NextActionAt = now, LastError = why };
                HostedTraining ended = saw == HostedSaw.Lost && !needed.IsFinal ? over with { Saw = saw, EndedAt = needed.AbsentSince ?? now } : over;
                await HostedLedger.SaveAsync(unit, ended, token);
                await unit.Events.AppendAsync(
                    HostedLedger.FactOf(row, HostedEvents.Ended, $"Prediction {row.TrainingId} made no images: {why}", Self, EventSeverity.Warning, HostedReasons.CameToNothing) with
                    {
                        Signals = saw == HostedSaw.Lost
                            ? [new IncidentSignal(HostedIncidents.PredictionLost, row.Job.ToString(), $"{why}; it made the validation images of \"{look.Job.Name}\"")]
                            : [],
                    },
                    token);
            }
        };
        int before = look.Predictions.Count(static one => one.Reason == HostedReasons.CameToNothing);
        return before + 1 < MostRuns && !look.IsLate ? new StepResult.Again(TimeSpan.Zero, Read(look.Job), why, note) : GiveUp(look.Job, why, note);
    }

    /// <summary>Another look, until nothing has come for <c>Training:RetrieveWithin</c>.</summary>
    private StepResult Later(Look look, string why)
    {
        (TrainingJob failing, TimeSpan since) = Failing.Note(look.Job, clock.GetUtcNow());
        return since < look.Figures.RetrieveWithin ? new StepResult.Again(HostedRunningStep.PollEvery(look.Figures), failing, why) : GiveUp(failing, why);
    }

    /// <param name="first">Written before the predictions are let go.</param>
    private StepResult.Advance GiveUp(TrainingJob job, string why, Alongside? first = null)
    {
        Alongside release = Release(job, why);
        return new StepResult.Advance(
            TrainingState.Uploading,
            job,
            $"The weights lie proven in the spool; their validation images could not be made: {why}",
            async (unit, token) =>
            {
                await (first?.Invoke(unit, token) ?? Task.CompletedTask);
                await release(unit, token);
            });
    }

    /// <summary>Lets go of whatever still makes images. The newest prediction keeps why there are none: that is what the LoRA says of itself later.</summary>
    private Alongside Release(TrainingJob job, string why)
    {
        DateTimeOffset now = clock.GetUtcNow();
        return async (unit, token) =>
        {
            List<HostedTraining> predictions =
            [
                .. (await unit.Store<IHostedTrainingStore>().ListForAttemptAsync(job.Id, job.Attempt, token)).Where(static one => one.Kind == HostedKind.Prediction),
            ];
            foreach (HostedTraining one in predictions)
            {
                HostedTraining left = one is { IsNeeded: true, IsFinal: false } ? one.Released(HostedReasons.GivenUp, now) : one;
                left = one == predictions[^1] ? left with { LastError = why } : left;
                if (left != one)
                {
                    await HostedLedger.SaveAsync(unit, left, token);
                }
            }
        };
    }

    private static TrainingJob Read(TrainingJob job) => job with { FailingSince = null };

    /// <param name="Predictions">The attempt's, in order of try.</param>
    /// <param name="Missing">Number of the first image that is in no spool and no bucket.</param>
    /// <param name="IsLate">The time for all tries together is over.</param>
    private sealed record Look(
        TrainingJob Job, TrainingRules Figures, HostedValidationRules Model, IReadOnlyList<HostedTraining> Predictions, int Missing, bool IsLate)
    {
        public string TooLate => FormattableString.Invariant($"they were not there within {Model.Within.TotalMinutes:0.#} minutes (Replicate:ValidationWithin)");
    }
}
