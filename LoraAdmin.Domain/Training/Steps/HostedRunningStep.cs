using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Domain.Training.Steps;

/// <summary>Follows a training at the provider to its end or to its deadline (E6). Webhooks only make it look sooner.</summary>
public sealed class HostedRunningStep(
    IUnitOfWork work, IHostedTrainings provider, TimeProvider clock, Func<TrainingRules> rules, ClockStandings clocks) : ITrainingStep
{
    /// <summary>The provider asks for webhooks first; polling is the safety net.</summary>
    private static readonly TimeSpan LeastPollEvery = TimeSpan.FromSeconds(10);

    public TrainingState State => TrainingState.Training;

    /// <summary>Clocks that differ by less than about this are nowhere called wrong: a cancel that this portal sends at the deadline may seem to end the training so long before it.</summary>
    private static readonly TimeSpan ClocksMayDiffer = TimeSpan.FromMinutes(5);

    internal static TimeSpan PollEvery(TrainingRules figures) => figures.PollEvery > LeastPollEvery ? figures.PollEvery : LeastPollEvery;

    public async Task<StepResult> RunAsync(TrainingJob job, JobLease lease, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        TrainingRules figures = rules();
        if (await HostedLedger.CurrentAsync(work, job, cancellationToken) is not { } row)
        {
            return NoRow(job);
        }

        (HostedReading reading, Alongside? note) = await HostedAbsence.ReadAsync(provider, row, clock, clocks, cancellationToken);
        return (await FollowAsync(job, row, reading, figures, cancellationToken)).With(note);
    }

    private async Task<StepResult> FollowAsync(
        TrainingJob job, HostedTraining row, HostedReading reading, TrainingRules figures, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        switch (reading)
        {
            case HostedReading.NotFound:
                return Lost(job, row, now);

            case HostedReading.Unavailable { Error: var error }:
                return await UnreadAsync(job, row, error, figures, now, cancellationToken);

            case HostedReading.Found { Training: { Status: HostedStatus.Canceled } view } when WasOverdue(Followed(job, view, now), figures, view.CompletedAt ?? now):
                // As it was asked to, some looks ago. What somebody cancelled there long before has not timed out, however late the look is.
                return TimedOut(Followed(job, view, now), figures, view.StatusText).With((unit, token) => HostedLedger.NoteAsync(unit, row.Name, view, now, token));

            case HostedReading.Found { Training: { IsOver: true } view }:
                return Over(job, row, view, now);

            case HostedReading.Found { Training: var view }:
                TrainingJob followed = Followed(job, view, now);
                StepResult.Again later = new(
                    PollEvery(figures),
                    followed,
                    IsOverdue(followed, figures, now) ? $"It is past its time and was asked to end; Replicate says \"{view.StatusText}\"" : null,
                    (unit, token) => HostedLedger.NoteAsync(unit, row.Name, view, now, token));

                // What goes on all the same may still make its file; not for ever.
                return !IsOverdue(followed, figures, now) ? later
                    : await EndAsync(
                        provider,
                        followed,
                        row,
                        TimedOut(followed, figures, view.StatusText),
                        IsOverdue(followed, figures, now - figures.RetrieveWithin) ? null : later,
                        mayFinish: true,
                        clock,
                        cancellationToken);

            default:
                throw new NotSupportedException("A training is found, not found or unavailable.");
        }
    }

    private static TrainingJob Followed(TrainingJob job, HostedView view, DateTimeOffset now) =>
        job with { StartedAt = view.StartedAt ?? job.StartedAt ?? now, FailingSince = null, StuckSince = null };

    /// <summary>The provider's clock says when it began: while ours is far off, the limit is passed only when it is by the most that ours may be wrong.</summary>
    private bool IsOverdue(TrainingJob followed, TrainingRules figures, DateTimeOffset now) => now - followed.StartedAt > figures.MaxDuration + clocks.Doubt;

    /// <summary>Whether it had its whole time when it ended, by the provider's clock alone.</summary>
    private static bool WasOverdue(TrainingJob followed, TrainingRules figures, DateTimeOffset ended) => ended - followed.StartedAt > figures.MaxDuration - ClocksMayDiffer;

    /// <summary>
    /// Cancels the training right before its job ends, and takes what it came to: between any two looks it may have finished.
    /// </summary>
    /// <param name="goesOn">
    /// What happens when nobody can say what it came to; null: the job ends all the same, because it had its time for that, or a person wishes it.
    /// </param>
    /// <param name="mayFinish">The same when it is known to go on: it is looked at, and may still make its file.</param>
    internal static async Task<StepResult> EndAsync(
        IHostedTrainings provider,
        TrainingJob job,
        HostedTraining row,
        StepResult.Fail fail,
        StepResult? goesOn,
        bool mayFinish,
        TimeProvider clock,
        CancellationToken cancellationToken)
    {
        HostedReading reading = await HostedCancel.SendAsync(provider, row.TrainingId!, cancellationToken);
        DateTimeOffset now = clock.GetUtcNow();
        return reading is not HostedReading.Found { Training: { } view } ? (reading is HostedReading.Unavailable ? goesOn : null) ?? fail
            : view.Status == HostedStatus.Succeeded ? Over(job, row, view, now)
            : view.Status == HostedStatus.Processing && mayFinish && goesOn is not null ? goesOn
            : fail.With((unit, token) => HostedLedger.NoteAsync(unit, row.Name, view, now, token));
    }

    internal static StepResult Over(TrainingJob job, HostedTraining row, HostedView view, DateTimeOffset now)
    {
        Alongside note = (unit, token) => HostedLedger.NoteAsync(unit, row.Name, view, now, token);
        TrainingJob ended = job with { StartedAt = view.StartedAt ?? job.StartedAt, FailingSince = null, StuckSince = null };
        if (view.Status == HostedStatus.Succeeded)
        {
            return new StepResult.Advance(TrainingState.Retrieving, ended, "Training has ended; fetching the weights", note);
        }

        string said = view.Error ?? (view.Status == HostedStatus.Canceled ? "it was cancelled at Replicate" : "Replicate gave no reason");
        return new StepResult.Fail(
            ended,
            new JobFailure(FailureCode.TrainingFailed, said),
            FileProof.None,
            new ErrorDetail("training_failed", "replicate.training", said, row.TrainingId),
            note);
    }

    /// <summary>An id that the provider gave us and does not know any more: queued for half an hour and then gone, as has been seen.</summary>
    internal static StepResult.Fail Lost(TrainingJob job, HostedTraining row, DateTimeOffset now)
    {
        string text = $"Replicate does not know training {row.TrainingId} any more";
        OperationalEvent fact = HostedLedger.FactOf(row, HostedEvents.Lost, text, Actor.Portal(TrainingConductor.Name), EventSeverity.Error, "lost") with
        {
            Lora = job.LoraId,
            User = job.UserId,
            Signals = [new IncidentSignal(HostedIncidents.Lost, job.Id.ToString(), $"{text}; the job \"{job.Name}\" trained there")],
        };
        return new StepResult.Fail(
            job,
            new JobFailure(FailureCode.TrainingLost, text),
            FileProof.None,
            new ErrorDetail("training_lost", "replicate.training", text, row.TrainingId),
            async (unit, token) =>
            {
                if (await unit.Store<IHostedTrainingStore>().FindAsync(row.Name, token) is { IsFinal: false } open)
                {
                    await HostedLedger.SaveAsync(unit, open with { Saw = HostedSaw.Lost, EndedAt = open.AbsentSince ?? now, NextActionAt = now }, token);
                }

                await unit.Events.AppendAsync(fact, token);
            });
    }

    internal static StepResult.Fail NoRow(TrainingJob job)
    {
        const string words = "The ledger has no training at Replicate for this attempt";
        return new StepResult.Fail(job, new JobFailure(FailureCode.TrainingLost, words), FileProof.None, new ErrorDetail("training_lost", "replicate.training", words, null));
    }

    private static StepResult.Fail TimedOut(TrainingJob job, TrainingRules figures, string status)
    {
        string detail = FormattableString.Invariant($"Replicate says \"{status}\" after {figures.MaxDuration.TotalHours:0.#} hours");
        OperationalEvent overTime = RunningStep.OverTime(job, figures);
        return new StepResult.Fail(
            job,
            new JobFailure(FailureCode.TrainingTimeout, detail),
            FileProof.None,
            new ErrorDetail("training_timeout", "training.deadline", detail, null),
            (unit, token) => unit.Events.AppendAsync(overTime, token));
    }

    /// <summary>
    /// The training goes on without being looked at. Past its deadline and the time for fetching its file it is ended, if anybody answers: while nobody does, it
    /// may have finished, and what it made is not given up.
    /// </summary>
    private async Task<StepResult> UnreadAsync(
        TrainingJob job, HostedTraining row, ProviderError error, TrainingRules figures, DateTimeOffset now, CancellationToken cancellationToken)
    {
        (TrainingJob failing, TimeSpan silence) = Failing.Note(job, now);
        DateTimeOffset started = job.StartedAt ?? row.RequestedAt;
        TimeSpan pause = error.RetryAfter is { } asked && asked > PollEvery(figures) ? asked : PollEvery(figures);
        StepResult.Again later = new(pause, failing, $"Replicate can't be asked for training {row.TrainingId}: {error.Detail}");
        return silence >= figures.RetrieveWithin && now - started >= figures.MaxDuration + figures.RetrieveWithin + clocks.Doubt
            ? await EndAsync(provider, failing, row, TimedOut(failing, figures, error.Detail), later, mayFinish: false, clock, cancellationToken)
            : later;
    }
}
