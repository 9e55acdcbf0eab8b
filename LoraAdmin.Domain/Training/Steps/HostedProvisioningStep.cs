using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Domain.Training.Steps;

/// <summary>Gets the attempt its training at the provider and waits until that has a machine.</summary>
public sealed class HostedProvisioningStep(
    HostedLauncher launcher,
    IHostedTrainings provider,
    HostedReturn way,
    TrainingPlaces places,
    TimeProvider clock,
    Func<TrainingRules> rules,
    Func<HostedRules> hosted,
    ClockStandings clocks) : ITrainingStep
{
    private static readonly Actor Self = Actor.Portal(TrainingConductor.Name);

    public TrainingState State => TrainingState.Provisioning;

    public async Task<StepResult> RunAsync(TrainingJob job, JobLease lease, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        ArgumentNullException.ThrowIfNull(lease);
        TrainingRules figures = rules();

        // A pause stops what is new: what was asked for is looked after and looked for all the same, also while its answer is in doubt.
        NoPlace? pause = await places.WhyPausedAsync(cancellationToken);
        string? missing = hosted().WhyNot;
        HostedNeed need = new(job, figures.CreateRetries, job.StateSince, hosted().HourlyPrice) { WhyNoOther = pause?.Reason ?? missing };
        switch (await launcher.EnsureAsync(need, lease.GuardAsync, Self, cancellationToken))
        {
            case HostedLaunch.Ready { Training: var row }:
                return await WaitForMachineAsync(job, row, figures, cancellationToken);

            case HostedLaunch.WaitUntil wait when pause is null && clock.GetUtcNow() - job.StateSince >= LongestWait(figures):
                return await way.GiveUpAsync(job with { WaitingSince = job.WaitingSince ?? job.StateSince }, wait.Reason, cancellationToken);

            case HostedLaunch.WaitUntil wait:
                TimeSpan until = wait.At - clock.GetUtcNow();
                StepResult.Again later = new(until > TimeSpan.Zero ? until : TimeSpan.Zero, job, wait.Reason);
                return pause is null ? await way.InsteadOfAsync(later, cancellationToken) : later;

            case HostedLaunch.BadInput { Reason: var bad }:
                ErrorDetail error = new("invalid_training_images", "training.images", bad, null);
                return job.StepTries < figures.ImageRetries
                    ? new StepResult.TryAgain(StepBackoff.After(job.StepTries), job, $"Training images will be fetched again: {bad}", error)
                    : new StepResult.Fail(job, new JobFailure(FailureCode.InvalidTrainingImages, bad), FileProof.TrainingNeverStarted, error);

            case HostedLaunch.Held when pause is not null:
                return way.Stay(job, pause);

            case HostedLaunch.Held when missing is not null:
                return await way.GiveUpAsync(job, missing, cancellationToken);

            case HostedLaunch.Held held:
                return await way.WaitAsync(job, new NoPlace(held.Reason, held.Counts), cancellationToken);

            case HostedLaunch.Refused { Error: { Failure: ProviderFailure.Unauthorized } refusal }:
                return await way.GiveUpAsync(job, HostedRefusals.WordsOf(refusal), cancellationToken);

            case HostedLaunch.Refused { Error: var refusal }:
                return await way.WaitAsync(job, new NoPlace(HostedRefusals.WordsOf(refusal), Counts: true), cancellationToken);

            case HostedLaunch.Exhausted { Detail: var detail }:
                return await way.GiveUpAsync(job, $"Replicate: {detail}", cancellationToken);

            default:
                throw new NotSupportedException("A launch is ready, waiting, held, refused or over.");
        }
    }

    private async Task<StepResult> WaitForMachineAsync(TrainingJob job, HostedTraining row, TrainingRules figures, CancellationToken cancellationToken)
    {
        (HostedReading reading, Alongside? note) = await HostedAbsence.ReadAsync(provider, row, clock, clocks, cancellationToken);
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

        StepResult.Fail late = HostedReturn.NoProvider(asked, $"Replicate gave training {row.TrainingId} no machine within {LongestWait(figures).TotalMinutes:0} minutes");
        return await HostedRunningStep.EndAsync(provider, asked, row, late, later, mayFinish: false, clock, cancellationToken);
    }

    /// <summary>A provider that only lets us wait is none.</summary>
    private static TimeSpan LongestWait(TrainingRules figures) => figures.QueueWait > figures.ReadyWithin ? figures.QueueWait : figures.ReadyWithin;
}
