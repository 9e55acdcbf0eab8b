using System.Globalization;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training.Steps;

/// <summary>Gives the agent its images, starts the training, and follows it to its end or to its deadline (E6).</summary>
public sealed class RunningStep(
    IUnitOfWork work, IPodAgent agent, IObjectStore objects, TimeProvider clock, Func<TrainingRules> rules, ClockStandings clocks) : ITrainingStep
{
    private static readonly Actor Self = Actor.Portal(TrainingConductor.Name);

    public TrainingState State => TrainingState.Training;

    public async Task<StepResult> RunAsync(TrainingJob job, JobLease lease, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        TrainingRules figures = rules();
        if (await AttemptPods.CurrentAsync(work, job, cancellationToken) is not { } pod)
        {
            return Lost(job, "The pod is gone from the account");
        }

        await AttemptPods.KeepRunningAsync(work, pod, lease, clock.GetUtcNow(), cancellationToken);
        AgentReply<AgentStatus> reply = await agent.ReadStatusAsync(AttemptPods.AddressOf(pod), cancellationToken);
        if (reply.Value is not { } status)
        {
            return Unanswered(job, reply, figures);
        }

        if (AgentWord.HasFile(status))
        {
            return Ended(job, status, clock.GetUtcNow());
        }

        KnownTraining known = AgentWord.Known(job);
        switch (status.Phase)
        {
            // Its mount may be missing: a training that was started is never started again, with another deadline and over a file that may be there.
            case AgentPhase.Idle or AgentPhase.Failed or AgentPhase.Stopped when known != KnownTraining.Nothing && AgentWord.Of(status, known) == FileProof.None:
                return Lost(job, $"Pod {pod.PodId} is of no use any more. {AgentWord.Contradiction}");

            case AgentPhase.Idle:
                return await StartAsync(job, pod, status, figures, cancellationToken);

            case AgentPhase.Training:
                return await FollowAsync(job, pod, status, figures, cancellationToken);

            case AgentPhase.Failed or AgentPhase.Stopped:
                return Failed(job, status.Error ?? "the agent gave no reason", "agent.status", FileProof.AgentHasNone);

            default:
                throw new NotSupportedException($"Unknown phase {status.Phase}.");
        }
    }

    internal static StepResult.Advance Ended(TrainingJob job, AgentStatus status, DateTimeOffset now) => new(
        TrainingState.Retrieving,
        job with
        {
            StartedAt = status.TrainingStartedAt ?? job.StartedAt,
            Artifact = status.Artifact ?? job.Artifact,
            Figures = status.TotalSteps > 0 ? new TrainingFigures(status.Step, status.TotalSteps, status.Loss ?? job.Figures?.Loss, now, now) : job.Figures,
            StuckSince = null,
            FailingSince = null,
        },
        "Training has ended; fetching the file");

    internal static StepResult Lost(TrainingJob job, string detail) => new StepResult.Fail(
        job, new JobFailure(FailureCode.PodLost, detail), FileProof.None, new ErrorDetail("pod_lost", "training.pod", detail, null));

    private static StepResult.Fail Failed(TrainingJob job, string detail, string where, FileProof proof) => new(
        job, new JobFailure(FailureCode.TrainingFailed, detail), proof, new ErrorDetail("training_failed", where, detail, null));

    private async Task<StepResult> StartAsync(
        TrainingJob job, LedgerPod pod, AgentStatus status, TrainingRules figures, CancellationToken cancellationToken)
    {
        AgentAddress address = AttemptPods.AddressOf(pod);
        IReadOnlyList<TrainingImage> images = await work.ReadAsync(
            (unit, token) => unit.Store<ITrainingStore>().ListImagesAsync(job.Id, token), cancellationToken);
        foreach (TrainingImage image in images.Where(image => !status.ImagesHeld.Contains(image.Number)))
        {
            switch (await SendAsync(address, image, cancellationToken))
            {
                case Sending.Sent:
                    // The tries are those of the next image.
                    job = job with { StepTries = 0 };
                    continue;
                case Sending.BadImage { Reason: var bad }:
                    string words = $"image {image.Number + 1}: {bad}";
                    return FetchAgainOr(
                        new StepResult.Fail(
                            job,
                            new JobFailure(FailureCode.InvalidTrainingImages, words),
                            FileProof.AgentHasNone,
                            new ErrorDetail("invalid_training_images", "training.images", words, null)),
                        figures);
                case Sending.Refused { Reason: var refusal }:
                    return FetchAgainOr(Failed(job, $"The pod's agent refuses image {image.Number + 1}: {refusal}", "agent.images", FileProof.AgentHasNone), figures);
                case Sending.Later { Reason: var reason }:
                    return NotStarted(job, $"Image {image.Number + 1} could not be sent to the pod: {reason}", figures);
            }
        }

        TrainingOrder order = new(job.Id, job.LoraId, job.Name, images.Count, figures.ValidationImages, figures.MaxDuration);
        AgentReply<AgentAck> started = await agent.StartAsync(address, order, cancellationToken);
        return started switch
        {
            { Value: not null } => new StepResult.Again(TimeSpan.Zero, job with { FailingSince = null }),
            { Failure: AgentFailure.Refused } => Failed(job, $"The pod's agent refuses to start: {started.Detail}", "agent.start", FileProof.AgentHasNone),
            _ => NotStarted(job, $"The pod did not start the training: {started.Detail}", figures),
        };
    }

    /// <summary>One reading of storage may be bad although what lies there is good: an image is fetched again before the job ends for it (E2).</summary>
    private static StepResult FetchAgainOr(StepResult.Fail fail, TrainingRules figures) => fail.Job.StepTries < figures.ImageRetries
        ? new StepResult.TryAgain(
            StepBackoff.After(fail.Job.StepTries), fail.Job, $"Training images will be fetched again: {fail.Failure.Detail}", fail.Error)
        : fail;

    /// <summary>The pod costs money while it waits for its start: after the time in which it had to become ready the job ends.</summary>
    private StepResult NotStarted(TrainingJob job, string reason, TrainingRules figures)
    {
        DateTimeOffset now = clock.GetUtcNow();
        (TrainingJob failing, TimeSpan since) = Failing.Note(job, now);

        // A start whose answer was lost may have been taken: whether there is a file only the agent can say then.
        return since >= figures.ReadyWithin
            ? Failed(failing, $"The training could not be started within {figures.ReadyWithin.TotalMinutes:0} minutes. {reason}", "training.start", FileProof.None)
            : Stuck(failing, since >= figures.StuckAfter, reason, reason, figures, now);
    }

    private async Task<Sending> SendAsync(AgentAddress address, TrainingImage image, CancellationToken cancellationToken)
    {
        ObjectRef source = new(Buckets.TrainingImages, image.Key);
        switch (await objects.OpenAsync(source, cancellationToken))
        {
            case ObjectReading.Found found:
                AgentReply<AgentAck> reply;
                await using (found.Content)
                {
                    AgentImage description = new(image.Number, found.Info.ContentType, image.SizeBytes ?? found.Info.SizeBytes, image.Sha256!);
                    reply = await agent.PutImageAsync(address, description, found.Content, cancellationToken);
                }

                return reply switch
                {
                    { Value: not null } => new Sending.Sent(),

                    // It refuses an image that is not the one announced: find out whose fault it is.
                    { Failure: AgentFailure.Refused } => await JudgeAsync(source, image, new Sending.Refused(reply.Detail ?? "it gave no reason"), cancellationToken),
                    _ => new Sending.Later(reply.Detail ?? reply.Failure.ToString()),
                };

            case ObjectReading.NotFound:
                return new Sending.BadImage("it is no longer in storage");
            case ObjectReading.Unavailable unavailable:
                return new Sending.Later(unavailable.Reason);
            default:
                throw new NotSupportedException("An object reading is found, not found or unavailable.");
        }
    }

    private async Task<Sending> JudgeAsync(ObjectRef source, TrainingImage image, Sending.Refused refused, CancellationToken cancellationToken) =>
        await objects.ReadBackSha256Async(source, cancellationToken) switch
        {
            ReadBack.Read read when read.Sha256 != image.Sha256 => new Sending.BadImage("it was changed after it had been checked"),
            ReadBack.NotFound => new Sending.BadImage("it is no longer in storage"),
            ReadBack.Unavailable unavailable => new Sending.Later(unavailable.Reason),
            _ => refused,
        };

    private async Task<StepResult> FollowAsync(TrainingJob job, LedgerPod pod, AgentStatus status, TrainingRules figures, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        DateTimeOffset startedAt = status.TrainingStartedAt ?? job.StartedAt ?? now;
        DateTimeOffset stepAt = job.Figures is { } before && before.Step == status.Step ? before.StepAt : now;
        TrainingJob followed = job with
        {
            StartedAt = startedAt,
            Figures = new TrainingFigures(status.Step, status.TotalSteps, status.Loss, now, stepAt),
            FailingSince = null,
        };

        // The agent's clock says when it began: while ours is far off, the limit is passed only when it is by the most that ours may be wrong.
        if (now - startedAt <= figures.MaxDuration + clocks.Doubt)
        {
            return Stuck(followed, now - stepAt >= figures.StuckAfter, FormattableString.Invariant($"no step since {stepAt:HH:mm} UTC"), null, figures, now);
        }

        LastLook look = await LastLook.StopAsync(agent, AttemptPods.AddressOf(pod), KnownTraining.Started, cancellationToken);
        return look.Ended is { } ended
            ? Ended(followed, ended, clock.GetUtcNow())
            : TimedOut(followed, look.Proof, FormattableString.Invariant($"Step {status.Step} of {status.TotalSteps} after {figures.MaxDuration.TotalHours:0.#} hours"));
    }

    /// <summary>Goes on polling, and tells once when a training stops moving, and once when it moves again.</summary>
    private static StepResult.Again Stuck(TrainingJob job, bool stuck, string how, string? waitReason, TrainingRules figures, DateTimeOffset now)
    {
        if (stuck == job.StuckSince is not null)
        {
            return new StepResult.Again(figures.PollEvery, job, waitReason);
        }

        OperationalEvent fact = TrainingFacts.Of(
            job,
            stuck ? TrainingEvents.Stuck : TrainingEvents.Unstuck,
            stuck ? $"Training does not move: {how}" : "Training moves again",
            Self,
            stuck ? EventSeverity.Warning : EventSeverity.Info,
            stuck ? "stuck" : null) with
        {
            Signals = [new IncidentSignal(TrainingIncidents.Stuck, job.Id.ToString(), stuck ? $"Training of \"{job.Name}\" does not move: {how}" : "It moves again", Over: !stuck)],
        };
        return new StepResult.Again(
            figures.PollEvery, job with { StuckSince = stuck ? now : null }, waitReason, (unit, token) => unit.Events.AppendAsync(fact, token));
    }

    private StepResult Unanswered(TrainingJob job, AgentReply<AgentStatus> reply, TrainingRules figures)
    {
        // When it was stopped, by its dead-man switch for example, the pod loop starts it again: state and file lie on its mount.
        DateTimeOffset now = clock.GetUtcNow();
        (TrainingJob failing, TimeSpan silence) = Failing.Note(job, now);
        bool givenUp = job.StartedAt is { } started
            ? silence >= figures.RetrieveWithin && now - started >= figures.MaxDuration + figures.RetrieveWithin + clocks.Doubt
            : silence >= figures.ReadyWithin;
        if (!givenUp)
        {
            string since = job.Figures is { } last ? FormattableString.Invariant($" (last answer {(now - last.HeartbeatAt).TotalSeconds:0} s ago)") : "";
            DateTimeOffset heardAt = job.Figures?.HeartbeatAt ?? job.StateSince;
            StepResult.Again again = Stuck(
                failing, now - heardAt >= figures.StuckAfter, FormattableString.Invariant($"no answer since {heardAt:HH:mm} UTC"), $"The pod's agent does not answer: {reply.Detail}{since}", figures, now);

            bool isTold = ToldAt(failing, figures) is { } toldAt && job.UpdatedAt <= toldAt && toldAt < now;
            return isTold ? again with { Alongside = (unit, token) => TellAsync(unit, again.Alongside, OverTime(job, figures), token) } : again;
        }

        return job.StartedAt is null
            ? Lost(failing, $"The agent never answered: {reply.Detail}")
            : TimedOut(failing, FileProof.None, $"The agent does not answer: {reply.Detail}");
    }

    /// <summary>
    /// After this instant people hear of a silent training that is past its time: nobody can cancel it yet, and it is given up only later. A silence that
    /// begins when the time is over, because the portal itself was away, must last before that: a pod that stopped meanwhile is just being started.
    /// </summary>
    private static DateTimeOffset? ToldAt(TrainingJob silent, TrainingRules figures) => silent.StartedAt + figures.MaxDuration is not { } limit ? null
        : silent.FailingSince <= limit ? limit
        : silent.FailingSince + figures.StuckAfter;

    private StepResult.Fail TimedOut(TrainingJob job, FileProof proof, string detail)
    {
        OperationalEvent overTime = OverTime(job, rules());
        return new StepResult.Fail(
            job,
            new JobFailure(FailureCode.TrainingTimeout, detail),
            proof,
            new ErrorDetail("training_timeout", "training.deadline", detail, null),
            (unit, token) => unit.Events.AppendAsync(overTime, token));
    }

    /// <summary>M1, letter by letter; the figure follows the option.</summary>
    internal static OperationalEvent OverTime(TrainingJob job, TrainingRules figures)
    {
        string limit = figures.MaxDuration.TotalHours.ToString("0.##", CultureInfo.InvariantCulture);
        string text = $"LoRA training job {job.Id} has been running for >{limit} hours";
        return TrainingFacts.Of(job, TrainingEvents.OverTime, text, Self, EventSeverity.Error, "training_timeout") with
        {
            Signals = [new IncidentSignal(TrainingIncidents.OverTime, job.Id.ToString(), text)],
        };
    }

    private static async Task TellAsync(IUnit unit, Alongside? first, OperationalEvent fact, CancellationToken cancellationToken)
    {
        if (first is not null)
        {
            await first(unit, cancellationToken);
        }

        await unit.Events.AppendAsync(fact, cancellationToken);
    }

    private abstract record Sending
    {
        public sealed record Sent : Sending;

        /// <summary>Trying again may help.</summary>
        public sealed record Later(string Reason) : Sending;

        public sealed record Refused(string Reason) : Sending;

        /// <summary>The image is not there any more, or not the one that was checked.</summary>
        public sealed record BadImage(string Reason) : Sending;
    }
}
