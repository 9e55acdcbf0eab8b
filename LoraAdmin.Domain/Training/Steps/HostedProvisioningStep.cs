using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Domain.Training.Steps;

/// <summary>Gets the attempt its training at the provider and waits until that has a machine.</summary>
public sealed class HostedProvisioningStep(
    IUnitOfWork work,
    HostedLauncher launcher,
    IHostedTrainings provider,
    HostedReturn way,
    TrainingPlaces places,
    TimeProvider clock,
    Func<TrainingRules> rules,
    Func<HostedRules> hosted) : ITrainingStep
{
    private static readonly Actor Self = Actor.Portal(TrainingConductor.Name);

    public TrainingState State => TrainingState.Provisioning;

    public async Task<StepResult> RunAsync(TrainingJob job, JobLease lease, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        ArgumentNullException.ThrowIfNull(lease);
        TrainingRules figures = rules();

        // A pause stops what is new: what was asked for is looked after all the same, also while its answer is in doubt.
        if (!(await HostedLedger.ListAsync(work, job, cancellationToken)).Any(static one => one is { IsNeeded: true, Saw: not HostedSaw.Packing }))
        {
            if (await places.WhyPausedAsync(cancellationToken) is { } pause)
            {
                return Wait(job, pause, figures);
            }

            if (hosted().WhyNot is { } why)
            {
                return await OrBackAsync(job, NoProvider(job, why), cancellationToken);
            }
        }

        HostedNeed need = new(job, figures.CreateRetries, job.StateSince, hosted().HourlyPrice);
        switch (await launcher.EnsureAsync(need, lease.GuardAsync, Self, cancellationToken))
        {
            case HostedLaunch.Ready { Training: var row }:
                return await WaitForMachineAsync(job, row, figures, cancellationToken);

            case HostedLaunch.WaitUntil wait when clock.GetUtcNow() - job.StateSince >= LongestWait(figures):
                return await OrBackAsync(job, NoProvider(job, wait.Reason), cancellationToken);

            case HostedLaunch.WaitUntil wait:
                TimeSpan until = wait.At - clock.GetUtcNow();
                return new StepResult.Again(until > TimeSpan.Zero ? until : TimeSpan.Zero, job, wait.Reason);

            case HostedLaunch.BadInput { Reason: var bad }:
                ErrorDetail error = new("invalid_training_images", "training.images", bad, null);
                return job.StepTries < figures.ImageRetries
                    ? new StepResult.TryAgain(StepBackoff.After(job.StepTries), job, $"Training images will be fetched again: {bad}", error)
                    : new StepResult.Fail(job, new JobFailure(FailureCode.InvalidTrainingImages, bad), FileProof.TrainingNeverStarted, error);

            case HostedLaunch.Held held:
                return await OrBackAsync(job, Wait(job, new NoPlace(held.Reason, held.Counts), figures), cancellationToken);

            case HostedLaunch.Refused { Error: { Failure: ProviderFailure.Unauthorized } refusal } when !await way.WasNotAskedAsync(job, cancellationToken):
                return NoProvider(job, HostedRefusals.WordsOf(refusal));

            case HostedLaunch.Refused { Error: var refusal }:
                string refused = HostedRefusals.WordsOf(refusal);
                return await OrBackAsync(job, Wait(job, new NoPlace(refused, Counts: true), figures), cancellationToken);

            case HostedLaunch.Exhausted { Detail: var detail }:
                return await OrBackAsync(job, NoProvider(job, detail), cancellationToken);

            default:
                throw new NotSupportedException("A launch is ready, waiting, held, refused or over.");
        }
    }

    private async Task<StepResult> WaitForMachineAsync(TrainingJob job, HostedTraining row, TrainingRules figures, CancellationToken cancellationToken)
    {
        (HostedReading reading, Alongside? note) = await HostedAbsence.ReadAsync(provider, row, clock, cancellationToken);
        return (await WaitForMachineAsync(job, row, reading, figures, cancellationToken)).With(note);
    }

    private async Task<StepResult> WaitForMachineAsync(
        TrainingJob job, HostedTraining row, HostedReading reading, TrainingRules figures, CancellationToken cancellationToken)
    {
        TrainingJob asked = job with { TrainingId = row.TrainingId, WaitingSince = null };
        DateTimeOffset now = clock.GetUtcNow();
        switch (reading)
        {
            case HostedReading.NotFound:
                return HostedRunningStep.Lost(asked, row, now);

            case HostedReading.Found { Training: { Status: not HostedStatus.Starting } view }:
                return new StepResult.Advance(
                    TrainingState.Training,
                    asked with { StartedAt = view.StartedAt },
                    $"Replicate has begun training {row.TrainingId}",
                    (unit, token) => HostedLedger.NoteAsync(unit, row.Name, view, now, token));
        }

        string words = reading is HostedReading.Unavailable { Error: var error }
            ? $"Replicate can't be asked for training {row.TrainingId}: {error.Detail}"
            : $"Training {row.TrainingId} waits for a machine at Replicate";
        StepResult.Again later = new(HostedRunningStep.PollEvery(figures), asked, words);
        if (now - row.RequestedAt < LongestWait(figures))
        {
            return later;
        }

        StepResult.Fail late = NoProvider(asked, $"Replicate gave training {row.TrainingId} no machine within {LongestWait(figures).TotalMinutes:0} minutes");
        return await HostedRunningStep.EndAsync(provider, asked, row, late, later, clock, cancellationToken);
    }

    /// <summary>What came of it, unless the job can go back to the provider that has not been asked.</summary>
    private async Task<StepResult> OrBackAsync(TrainingJob job, StepResult result, CancellationToken cancellationToken)
    {
        string? why = result switch
        {
            StepResult.Fail { Failure.Detail: var detail } => detail,
            StepResult.Again { Reason: var reason } => reason,
            _ => null,
        };
        return why is not null && await way.IsOpenAsync(job, cancellationToken)
            ? new StepResult.HandOver(job, new JobFailure(FailureCode.NoProvider, why), new ErrorDetail("no_provider", "replicate.create", why, null))
            : result;
    }

    /// <summary>
    /// The other provider was tried already or takes no jobs, so the job waits for this one, like a job in the queue. A new creation begins after it: what failed before has been
    /// told, and the wait is none of the provider's.
    /// </summary>
    private StepResult Wait(TrainingJob job, NoPlace why, TrainingRules figures)
    {
        DateTimeOffset now = clock.GetUtcNow();
        return QueuedStep.Wait(job with { StateSince = now }, why, now, figures);
    }

    /// <summary>A provider that only lets us wait is none.</summary>
    private static TimeSpan LongestWait(TrainingRules figures) => figures.QueueWait > figures.ReadyWithin ? figures.QueueWait : figures.ReadyWithin;

    /// <summary>Whatever the attempt has there is cancelled when the job ends.</summary>
    private static StepResult.Fail NoProvider(TrainingJob job, string detail) => new(
        job, new JobFailure(FailureCode.NoProvider, detail), FileProof.TrainingNeverStarted, new ErrorDetail("no_provider", "replicate.create", detail, null));
}
