using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Shell;
using MudBlazor;

namespace LoraAdmin.Training;

/// <summary>How the pages say what a job is and does.</summary>
public static class JobPageFigures
{
    public static Tone ToneOf(TrainingState state) => state switch
    {
        TrainingState.Queued => Tone.Waiting,
        TrainingState.Completed => Tone.Good,
        TrainingState.Failed => Tone.Bad,
        TrainingState.Cancelled => Tone.Quiet,
        _ => Tone.Active,
    };

    public static string IconOf(TrainingState state) => state switch
    {
        TrainingState.Queued => Icons.Material.Outlined.HourglassEmpty,
        TrainingState.Preparing => Icons.Material.Outlined.ImageSearch,
        TrainingState.Provisioning => Icons.Material.Outlined.Memory,
        TrainingState.Training => Icons.Material.Outlined.ModelTraining,
        TrainingState.Retrieving => Icons.Material.Outlined.Download,
        TrainingState.Uploading => Icons.Material.Outlined.CloudUpload,
        TrainingState.Validating => Icons.Material.Outlined.FactCheck,
        TrainingState.Completed => Icons.Material.Outlined.CheckCircle,
        TrainingState.Failed => Icons.Material.Outlined.ErrorOutline,
        TrainingState.Cancelled => Icons.Material.Outlined.DoNotDisturbOn,
        _ => Icons.Material.Outlined.HelpOutline,
    };

    /// <summary>What the portal does in the state, for a person, wherever the job is trained.</summary>
    public static string Explain(TrainingState state) => state switch
    {
        TrainingState.Queued => "Waits for its turn",
        TrainingState.Preparing => "Checks every training image",
        TrainingState.Provisioning => "Asks a GPU provider",
        TrainingState.Training => "Trains the LoRA on a GPU",
        TrainingState.Retrieving => "Fetches the trained file and checks it",
        TrainingState.Uploading => "Stores the file and reads it back",
        TrainingState.Validating => "Scores the validation images",
        TrainingState.Completed => "Trained, stored and validated",
        TrainingState.Failed => "Ended without a usable LoRA",
        TrainingState.Cancelled => "Ended by a person",
        _ => state.ToWord(),
    };

    /// <param name="isUnjudged">Nobody judged what it makes.</param>
    public static string Explain(TrainingState state, bool isUnjudged) =>
        state == TrainingState.Completed && isUnjudged ? "Trained and stored; not validated" : Explain(state);

    /// <summary>What the portal does with the job now.</summary>
    public static string Explain(TrainingJob job)
    {
        ArgumentNullException.ThrowIfNull(job);
        return (job.State, job.Provider == BreakerSubject.Replicate.Provider) switch
        {
            (TrainingState.Provisioning, true) => "Asks Replicate for a training",
            (TrainingState.Provisioning, false) => "Asks RunPod for a pod",
            (TrainingState.Training, true) => "Trains at Replicate",
            (TrainingState.Training, false) => "Trains on the pod",
            _ => Explain(job.State, job.NotValidated is not null),
        };
    }

    public static string ProviderName(string provider) => provider switch
    {
        "runpod" => "RunPod",
        "replicate" => "Replicate",
        _ => provider,
    };

    /// <summary>0 to 100; null while nothing was reported.</summary>
    public static double? Percent(TrainingFigures? figures) =>
        figures is { TotalSteps: > 0 } known ? Math.Clamp(100.0 * known.Step / known.TotalSteps, 0, 100) : null;

    /// <summary>When training ends if it goes on at its average pace; null while that says nothing yet, and when it stands still.</summary>
    public static DateTimeOffset? ProjectedFinish(TrainingJob job)
    {
        if (job.State != TrainingState.Training || job.StuckSince is not null || job.StartedAt is not { } start || job.Figures is not { Step: > 0 } figures
            || figures.TotalSteps < figures.Step || figures.HeartbeatAt <= start)
        {
            return null;
        }

        TimeSpan perStep = (figures.HeartbeatAt - start) / figures.Step;
        return figures.HeartbeatAt + (perStep * (figures.TotalSteps - figures.Step));
    }

    /// <summary>
    /// What the job has cost: its settled attempts as they were settled, and what the pods and trainings elsewhere of all others have cost so far by the ledgers.
    /// </summary>
    /// <returns>Whether all of it is settled.</returns>
    public static (Usd Cost, bool IsSettled) CostOf(JobDetail detail, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(detail);
        if (detail.Cost is { } whole)
        {
            return (whole, true);
        }

        Dictionary<int, Usd> settled = detail.Attempts.Where(static attempt => attempt.Cost is not null).ToDictionary(static attempt => attempt.Number, static attempt => attempt.Cost!.Value);
        Usd pods = detail.Pods.Where(pod => !settled.ContainsKey(pod.Attempt) && !pod.IsLetOut).Aggregate(Usd.Zero, (sum, pod) => sum + pod.CostUntil(now));
        Usd hosted = detail.Hosted.Where(training => !settled.ContainsKey(training.Attempt)).Aggregate(Usd.Zero, (sum, training) => sum + training.CostUntil(now));
        return (settled.Values.Aggregate(pods + hosted, static (sum, cost) => sum + cost), false);
    }

    /// <summary>
    /// Since when it is in its state. Each wait at the fallback begins its creation anew, and the state's own time with it; an attempt there begins in that state.
    /// </summary>
    public static DateTimeOffset InStateSince(JobDetail detail)
    {
        ArgumentNullException.ThrowIfNull(detail);
        TrainingJob job = detail.Job;
        bool isThere = job.State == TrainingState.Provisioning && job.Provider == BreakerSubject.Replicate.Provider;
        return isThere ? detail.Attempts.FirstOrDefault(attempt => attempt.Number == job.Attempt)?.StartedAt ?? job.StateSince : job.StateSince;
    }

    /// <summary>About when the fallback is asked again after it refused; null: it did not, or is asked at the next look.</summary>
    public static DateTimeOffset? AskedAgain(JobDetail detail, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(detail);
        return detail.RefusedAt + HostedRefusals.AskAgainAfter is { } again && again > now ? again : null;
    }

    /// <summary>Failed jobs among those that ended well or failed; null when none ended.</summary>
    public static double? FailureRate(OverviewFigures figures) =>
        figures.Completed24h + figures.Failed24h is > 0 and int ended ? (double)figures.Failed24h / ended : null;

    /// <summary>Its upload failed, and the file that was kept for it was deleted by a person: nothing is left to go on from.</summary>
    public static bool HasLostItsFile(JobDetail detail) =>
        detail is { Job: { State: TrainingState.Failed or TrainingState.Cancelled, Failure.Rule.Failure: FailureCode.UploadFailed }, Lora.StoragePath: null }
        && detail.Kept.All(file => file.Discard is not null)
        && !detail.Pods.Any(pod => pod is { Want: PodWant.Held, Saw: not PodSaw.Gone });

    public static string RefundWords(FailureRule rule) => rule.Refund switch
    {
        RefundRule.Always => "Given back to the user's monthly count",
        RefundRule.Never => "Not given back: the file is kept and will be stored",
        _ => "Given back if no provider was asked, or when an admin cancelled",
    };

    public static string WhatNext(FailureRule rule) => rule.Failure switch
    {
        FailureCode.InvalidTrainingImages => "The images are the problem, so a retry can't help. Submit a new job with other images; the detail names the bad ones.",
        FailureCode.NoProvider => "No provider took it: no GPU was free within the waiting time, a provider failed, or the month had no room for the dearer one; the detail says which. Retry, or choose another GPU type in a new job.",
        FailureCode.TrainingTimeout => "The training passed its deadline. Retry; if it happens again, look at the trainer's pace in the timeline.",
        FailureCode.TrainingFailed => "The trainer gave up. Its words are in the timeline. Retry once; if it fails alike, the images or the trainer are at fault.",
        FailureCode.ArtifactCorrupt => "The file that came from the pod was damaged. Retry trains it again.",
        FailureCode.PodLost => "The pod went away and one automatic retry did not help. Retry when the provider is well again.",
        FailureCode.UploadFailed => "Nothing is lost: the file lies checked in the spool. Retry uploads it again and never trains.",
        FailureCode.QualityValidationFailed => "Too few validation images passed; scores are below. Retry trains anew, other images may do better.",
        FailureCode.TrainingLost => "The provider does not have the training any more, and one automatic retry did not help. Retry when it is well again.",
        FailureCode.BudgetExhausted => "The month's money is reserved or spent. Retry when running jobs have settled for less than their reservation, when the limit is raised on the page Budget, or next month.",
        _ => "Retry starts it again from the last thing that is proven.",
    };

    public const string FileIsGone = "The kept file was deleted: there is nothing left to upload. Submit a new job; the timeline says who deleted it and why.";

    /// <summary>Null: may be retried by a person now.</summary>
    public static string? WhyNoRetry(TrainingJob job) => job switch
    {
        { State: TrainingState.Completed } => "The job is completed: there is nothing to retry.",
        { State: not (TrainingState.Failed or TrainingState.Cancelled) } => "Only a failed or cancelled job can be retried.",
        { Failure.Rule.Retry: RetryRule.WithNewImages } => "A retry can't help: the images are the problem. Submit a new job with other images.",
        _ => null,
    };

    /// <summary>What came of a retry.</summary>
    public static ActionResult Tell(RetryOutcome outcome) => outcome switch
    {
        RetryOutcome.Accepted accepted => new ActionResult(true, $"Accepted: the job goes on from {accepted.From.ToWord()}."),
        RetryOutcome.NotFinal state => new ActionResult(false, $"The job is {state.State.ToWord()}: somebody has retried it already."),
        RetryOutcome.NotRetryable rule => new ActionResult(false, WhatNext(rule.Rule)),
        RetryOutcome.LimitReached limit => new ActionResult(false, NewJobTexts.LimitReached(limit.Charge)),
        RetryOutcome.FileOutOfReach gone => new ActionResult(false, $"{gone.Why} {gone.Remedy}"),
        RetryOutcome.BudgetExhausted budget => new ActionResult(false, NewJobTexts.BudgetExhausted(budget.Month, budget.Estimate, budget.MayFitAt)),
        _ => new ActionResult(false, "The job is not there any more."),
    };

    /// <summary>Null: may be cancelled now.</summary>
    public static string? WhyNoCancel(TrainingJob job) => job switch
    {
        { Cancel: not null } when !job.State.IsFinal() => "Cancelling has been asked for already; the job ends at its next step.",
        _ when job.State.IsFinal() => "The job is over.",
        _ when !job.State.CanCancel() => "Training has ended: the money is spent and the file is worth having.",
        _ => null,
    };

    public static (Tone Tone, string Icon) Look(PodSaw saw) => saw switch
    {
        PodSaw.Running => (Tone.Active, Icons.Material.Outlined.PlayCircle),
        PodSaw.Gone => (Tone.Quiet, Icons.Material.Outlined.CheckCircle),
        PodSaw.Leaking => (Tone.Bad, Icons.Material.Outlined.WaterDrop),
        PodSaw.Exited or PodSaw.Terminating => (Tone.Warn, Icons.Material.Outlined.StopCircle),
        _ => (Tone.Waiting, Icons.Material.Outlined.HourglassEmpty),
    };

    public static (string Word, Tone Tone, string Icon) Look(LedgerPod pod)
    {
        ArgumentNullException.ThrowIfNull(pod);
        if (pod.IsInDoubt)
        {
            return ("in doubt", Tone.Waiting, Icons.Material.Outlined.QuestionMark);
        }

        (Tone tone, string icon) = Look(pod.Saw);
        return (pod.Saw.ToString().ToLowerInvariant(), tone, icon);
    }

    public static (Tone Tone, string Icon) Look(HostedSaw saw) => saw switch
    {
        HostedSaw.Processing => (Tone.Active, Icons.Material.Outlined.PlayCircle),
        HostedSaw.Over or HostedSaw.NeverMade => (Tone.Quiet, Icons.Material.Outlined.CheckCircle),
        HostedSaw.Lost => (Tone.Bad, Icons.Material.Outlined.ErrorOutline),
        _ => (Tone.Waiting, Icons.Material.Outlined.HourglassEmpty),
    };

    /// <summary>As a person says it.</summary>
    public static string WordOf(HostedTraining training)
    {
        ArgumentNullException.ThrowIfNull(training);
        return training.IsInDoubt ? "in doubt" : training.Saw == HostedSaw.NeverMade ? "never made" : training.Saw.ToString().ToLowerInvariant();
    }

    public static (Tone Tone, string Icon) Look(AttemptState state) => state switch
    {
        AttemptState.Active => (Tone.Active, Icons.Material.Outlined.PlayCircle),
        AttemptState.Succeeded => (Tone.Good, Icons.Material.Outlined.CheckCircle),
        AttemptState.Failed => (Tone.Bad, Icons.Material.Outlined.ErrorOutline),
        _ => (Tone.Quiet, Icons.Material.Outlined.DoNotDisturbOn),
    };
}
