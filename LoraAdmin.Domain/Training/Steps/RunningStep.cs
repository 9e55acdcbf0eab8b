using System.Globalization;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training.Steps;

/// <summary>Gives the agent its images, starts the training, and follows it to its end or to its deadline (E6).</summary>
public sealed class RunningStep(
    IUnitOfWork work, PodLauncher launcher, IPodAgent agent, IObjectStore objects, TimeProvider clock, Func<TrainingRules> rules) : ITrainingStep
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

        AgentReply<AgentStatus> reply = await agent.ReadStatusAsync(AttemptPods.AddressOf(pod), cancellationToken);
        if (reply.Value is not { } status)
        {
            return await UnansweredAsync(job, pod, reply, figures, cancellationToken);
        }

        switch (status.Phase)
        {
            case AgentPhase.Idle:
                return await StartAsync(job, pod, status, figures, cancellationToken);

            case AgentPhase.Training:
                return Follow(job, status, figures);

            case AgentPhase.Validating or AgentPhase.Done:
                return Ended(job, status, clock.GetUtcNow());

            case AgentPhase.Stopped when status.Artifact is not null:
                return Ended(job, status, clock.GetUtcNow());

            case AgentPhase.Failed or AgentPhase.Stopped:
                string said = status.Error ?? "the agent gave no reason";
                return new StepResult.Fail(
                    job,
                    new JobFailure(FailureCode.TrainingFailed, said),
                    status.Artifact is null ? FileProof.AgentHasNone : FileProof.None,
                    new ErrorDetail("training_failed", "agent.status", said, null));

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
        },
        "Training has ended; fetching the file");

    internal static StepResult Lost(TrainingJob job, string detail) => new StepResult.Fail(
        job, new JobFailure(FailureCode.PodLost, detail), FileProof.None, new ErrorDetail("pod_lost", "training.pod", detail, null));

    private async Task<StepResult> StartAsync(
        TrainingJob job, LedgerPod pod, AgentStatus status, TrainingRules figures, CancellationToken cancellationToken)
    {
        AgentAddress address = AttemptPods.AddressOf(pod);
        IReadOnlyList<TrainingImage> images = await work.ReadAsync(
            (unit, token) => unit.Store<ITrainingStore>().ListImagesAsync(job.Id, token), cancellationToken);
        foreach (TrainingImage image in images.Where(image => !status.ImagesHeld.Contains(image.Number)))
        {
            if (await SendAsync(address, image, cancellationToken) is { } problem)
            {
                return new StepResult.Again(figures.PollEvery, job, $"Image {image.Number + 1} could not be sent to the pod: {problem}");
            }
        }

        TrainingOrder order = new(job.Id, job.LoraId, job.Name, images.Count, figures.ValidationImages, figures.MaxDuration);
        AgentReply<AgentAck> started = await agent.StartAsync(address, order, cancellationToken);
        return started.Value is null
            ? new StepResult.Again(figures.PollEvery, job, $"The pod did not start the training: {started.Detail}")
            : new StepResult.Again(TimeSpan.Zero, job);
    }

    private async Task<string?> SendAsync(AgentAddress address, TrainingImage image, CancellationToken cancellationToken)
    {
        switch (await objects.OpenAsync(new ObjectRef(Buckets.TrainingImages, image.Key), cancellationToken))
        {
            case ObjectReading.Found found:
                await using (found.Content)
                {
                    AgentImage description = new(image.Number, found.Info.ContentType, image.SizeBytes ?? found.Info.SizeBytes, image.Sha256!);
                    AgentReply<AgentAck> reply = await agent.PutImageAsync(address, description, found.Content, cancellationToken);
                    return reply.Value is null ? reply.Detail ?? reply.Failure.ToString() : null;
                }

            case ObjectReading.Unavailable unavailable:
                return unavailable.Reason;
            default:
                return "it is no longer in storage";
        }
    }

    private StepResult Follow(TrainingJob job, AgentStatus status, TrainingRules figures)
    {
        DateTimeOffset now = clock.GetUtcNow();
        DateTimeOffset startedAt = status.TrainingStartedAt ?? job.StartedAt ?? now;
        DateTimeOffset stepAt = job.Figures is { } before && before.Step == status.Step ? before.StepAt : now;
        TrainingJob followed = job with { StartedAt = startedAt, Figures = new TrainingFigures(status.Step, status.TotalSteps, status.Loss, now, stepAt) };

        // The answer just read is the last look before the cancel: it says that training has not ended.
        return now - startedAt > figures.MaxDuration
            ? TimedOut(followed, FileProof.AgentHasNone, $"Step {status.Step} of {status.TotalSteps} after {figures.MaxDuration.TotalHours:0.#} hours")
            : Stuck(followed, now - stepAt >= figures.StuckAfter, $"no step since {stepAt:HH:mm} UTC", null, figures, now);
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

    private async Task<StepResult> UnansweredAsync(
        TrainingJob job, LedgerPod pod, AgentReply<AgentStatus> reply, TrainingRules figures, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        if (pod.Saw == PodSaw.Exited)
        {
            // The dead-man switch, or somebody, stopped it: state and file lie on its mount.
            await launcher.WakeAsync(pod.PodId!, cancellationToken);
        }

        DateTimeOffset giveUpAt = (job.StartedAt ?? job.StateSince) + (job.StartedAt is null ? figures.ReadyWithin : figures.MaxDuration + figures.RetrieveWithin);
        if (now < giveUpAt)
        {
            string since = job.Figures is { } last ? $" (last answer {(now - last.HeartbeatAt).TotalSeconds:0} s ago)" : "";
            DateTimeOffset heardAt = job.Figures?.HeartbeatAt ?? job.StateSince;
            return Stuck(
                job, now - heardAt >= figures.StuckAfter, $"no answer since {heardAt:HH:mm} UTC", $"The pod's agent does not answer: {reply.Detail}{since}", figures, now);
        }

        return job.StartedAt is null
            ? Lost(job, $"The agent never answered: {reply.Detail}")
            : TimedOut(job, FileProof.None, $"The agent does not answer: {reply.Detail}");
    }

    private StepResult.Fail TimedOut(TrainingJob job, FileProof proof, string detail)
    {
        // M1, letter by letter; the figure follows the option.
        string limit = rules().MaxDuration.TotalHours.ToString("0.##", CultureInfo.InvariantCulture);
        OperationalEvent overTime = TrainingFacts.Of(
            job,
            TrainingEvents.OverTime,
            $"LoRA training job {job.Id} has been running for >{limit} hours",
            Self,
            EventSeverity.Error,
            "training_timeout") with
        {
            Signals = [new IncidentSignal(TrainingIncidents.OverTime, job.Id.ToString(), $"LoRA training job {job.Id} has been running for >{limit} hours")],
        };
        return new StepResult.Fail(
            job,
            new JobFailure(FailureCode.TrainingTimeout, detail),
            proof,
            new ErrorDetail("training_timeout", "training.deadline", detail, null),
            (unit, token) => unit.Events.AppendAsync(overTime, token));
    }
}
