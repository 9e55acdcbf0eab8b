using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Domain.Training.Steps;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// Drives every training job from admission to stored file. Level-triggered: it leases due jobs, looks at what is true, does the next step, writes
/// what happened in one transaction, and can die between any two lines and be taken over by another instance.
/// </summary>
public sealed class TrainingConductor(
    IUnitOfWork work, IEnumerable<ITrainingStep> steps, IPodAgent agent, IHostedTrainings hosted, ISpool spool, JobEnding ending, TimeProvider clock, string instance)
{
    public const string Name = "training.conductor";

    /// <summary>Longer than one provider call may take, so that a try is never sent with less lease than it needs.</summary>
    public static readonly TimeSpan LeaseFor = TimeSpan.FromMinutes(2);

    /// <summary>Unexpected errors in a row after which the job is reported.</summary>
    private const int CrashesUntilReport = 5;

    private static readonly Actor Self = Actor.Portal(Name);

    private readonly Dictionary<TrainingState, ITrainingStep> stepOf = steps.ToDictionary(step => step.State);

    public Task<IReadOnlyList<LeasedJob>> LeaseDueAsync(int max, CancellationToken cancellationToken) => work.RunAsync(
        (unit, token) => unit.Store<ITrainingStore>().LeaseDueAsync(instance, spool.Id, clock.GetUtcNow(), LeaseFor, max, token), cancellationToken);

    /// <summary>The soonest instant at which there is something to do for this instance, or null.</summary>
    public Task<DateTimeOffset?> NextDueAsync(CancellationToken cancellationToken) => work.ReadAsync(
        (unit, token) => unit.Store<ITrainingStore>().NextDueAsync(spool.Id, clock.GetUtcNow(), token), cancellationToken);

    /// <summary>Does one step of a leased job and gives the lease back. No failure of one job reaches another: it is written to the job.</summary>
    /// <exception cref="StoreUnavailableException">The database is away; the lease runs out by itself.</exception>
    public async Task StepAsync(LeasedJob leased, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(leased);
        await using JobLease lease = new(leased, work, clock, LeaseFor, cancellationToken);
        try
        {
            StepResult result = await WishedAsync(leased.Job, lease.Lost) ?? await stepOf[leased.Job.State].RunAsync(leased.Job, lease, lease.Lost);
            await CommitAsync(leased, result, cancellationToken);
        }
        catch (LeaseLostException)
        {
            // Whoever has the job now looks at what is true and goes on from there.
        }
        catch (OperationCanceledException) when (lease.Lost.IsCancellationRequested)
        {
            if (cancellationToken.IsCancellationRequested)
            {
                await GiveBackAsync(leased);
                throw;
            }
        }
        catch (Exception unexpected) when (unexpected is not StoreUnavailableException and not OperationCanceledException)
        {
            await CommitCrashAsync(leased, unexpected, cancellationToken);
        }
    }

    /// <summary>The process ends: whoever goes on with the job need not wait until the lease has run out.</summary>
    private async Task GiveBackAsync(LeasedJob leased)
    {
        try
        {
            await work.RunAsync(
                (unit, token) => unit.Store<ITrainingStore>().RenewAsync(leased.Job.Id, leased.Fence, clock.GetUtcNow(), token), CancellationToken.None);
        }
        catch (Exception failure) when (failure is LeaseLostException or StoreUnavailableException)
        {
            // It is another's already, or runs out by itself.
        }
    }

    /// <summary>Acts on a wish to end the job, or answers null when there is none.</summary>
    private async Task<StepResult?> WishedAsync(TrainingJob job, CancellationToken cancellationToken)
    {
        if (job.Cancel is not { } wish || !job.State.CanCancel())
        {
            return null;
        }

        FailureRule ending = FailureTable.For(wish.EndsAs);
        JobFailure cancelled = new(ending.Failure, ending.Failure == FailureCode.Cancelled ? $"{wish.Reason} ({wish.By.Name})" : wish.Reason);
        ErrorDetail words = new(ending.Code, "training.cancel", wish.Reason, null);
        if (job.State != TrainingState.Training)
        {
            return new StepResult.Fail(job, cancelled, FileProof.TrainingNeverStarted, words);
        }

        if (HostedLedger.IsHosted(job))
        {
            StepResult.Fail ended = new(job, cancelled, FileProof.None, words);
            return await HostedLedger.CurrentAsync(work, job, cancellationToken) is { TrainingId: not null } row
                ? await HostedRunningStep.EndAsync(hosted, job, row, ended, null, mayFinish: false, clock, cancellationToken)
                : ended;
        }

        // Without a pod, or with a silent agent that may have taken a start whose answer nobody lived to note, nobody can say that there is no file.
        LastLook look = await AttemptPods.CurrentAsync(work, job, cancellationToken) is { } pod
            ? await LastLook.StopAsync(agent, AttemptPods.AddressOf(pod), AgentWord.Known(job), cancellationToken)
            : new LastLook(null, FileProof.None);
        return look.Ended is { } done ? RunningStep.Ended(job, done, clock.GetUtcNow()) : new StepResult.Fail(job, cancelled, look.Proof, words);
    }

    private async Task CommitAsync(LeasedJob leased, StepResult result, CancellationToken cancellationToken)
    {
        try
        {
            await CommitAsync(leased, result, mayGoOn: true, cancellationToken);
        }
        catch (NoRoomException full)
        {
            StepResult instead = result is StepResult.HandOver { Job: var job, WithoutRoom: var stays }
                ? stays.Because(full.Month.WhyNoRoom(JobEnding.OtherThanOf(job), full.Asked, isWithItsOwn: true))
                : result;
            await CommitAsync(leased, instead, mayGoOn: false, cancellationToken);
        }
    }

    /// <param name="mayGoOn">Whether another attempt may follow by itself.</param>
    /// <exception cref="NoRoomException">The month has no room for that attempt; nothing was written.</exception>
    private Task CommitAsync(LeasedJob leased, StepResult result, bool mayGoOn, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            DateTimeOffset now = clock.GetUtcNow();
            switch (result)
            {
                case StepResult.Advance { To: TrainingState.Completed } done:
                    await AlongsideAsync(done.Alongside, unit, token);
                    await JobEnding.CompleteAsync(unit, done.Job, leased.Fence, done.Message, now, token);
                    break;

                case StepResult.Advance advance:
                    await AlongsideAsync(advance.Alongside, unit, token);
                    await MoveAsync(unit, leased, advance.Job, advance.To, advance.Message, null, advance.Signals, TimeSpan.Zero, now, token);
                    break;

                case StepResult.Requeue requeue:
                    await MoveAsync(unit, leased, requeue.Job, TrainingState.Queued, requeue.Reason, requeue.Reason, requeue.Signals, requeue.In, now, token);
                    break;

                case StepResult.Again again:
                    await AlongsideAsync(again.Alongside, unit, token);
                    await StayAsync(unit, leased, again.Job with { StepErrors = 0 }, again.Reason, now + again.In, now, token);
                    break;

                case StepResult.TryAgain retry:
                    await AlongsideAsync(retry.Alongside, unit, token);
                    await unit.Events.AppendAsync(
                        TrainingFacts.Of(retry.Job, TrainingEvents.StepFailed, retry.Reason, Self, EventSeverity.Warning, retry.Error.Code) with { Error = retry.Error }, token);
                    TrainingJob tried = retry.Job with { StepTries = retry.Job.StepTries + 1, StepErrors = 0, WaitReason = retry.Reason };
                    await StayAsync(unit, leased, tried, retry.Reason, now + retry.In, now, token, isTold: true);
                    break;

                case StepResult.HandOver handOver:
                    await ending.HandOverAsync(unit, handOver, leased.Fence, now, token);
                    break;

                case StepResult.Fail fail:
                    await AlongsideAsync(fail.Alongside, unit, token);
                    FileProof proof = fail.ProofNow is { } look ? await look(unit, token) : fail.Proof;
                    await ending.FailAsync(unit, fail.Job, leased.Fence, fail.Failure, proof, fail.Error, mayGoOn, now, token);
                    break;

                default:
                    throw new NotSupportedException($"Unknown result {result.GetType().Name}.");
            }
        },
        cancellationToken);

    private static Task AlongsideAsync(Alongside? alongside, IUnit unit, CancellationToken cancellationToken) =>
        alongside?.Invoke(unit, cancellationToken) ?? Task.CompletedTask;

    private static async Task MoveAsync(
        IUnit unit,
        LeasedJob leased,
        TrainingJob job,
        TrainingState to,
        string message,
        string? waitReason,
        IReadOnlyList<IncidentSignal> signals,
        TimeSpan dueIn,
        DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        // A job that waits for a provider looks for one every minute: that is one wait, not a new fact each time.
        bool stillWaiting = job.WaitingSince is not null && leased.Job.WaitingSince is not null;
        TrainingJob moved = job with
        {
            State = to,
            StateSince = now,
            UpdatedAt = now,
            DueAt = now + dueIn,
            WaitReason = waitReason ?? (stillWaiting ? leased.Job.WaitReason : null),
            FailingSince = null,
            StepTries = 0,
            StepErrors = 0,
        };
        await unit.Store<ITrainingStore>().SaveAsync(moved, leased.Fence, release: true, cancellationToken);
        await NoteHeardAsync(unit, leased, moved, cancellationToken);
        if (leased.Job.State.ToLoraStatus() != to.ToLoraStatus())
        {
            await unit.Store<ILoraStore>().SetStatusAsync(moved.LoraId, to.ToLoraStatus(), null, now, cancellationToken);
        }

        if (waitReason is null ? !stillWaiting : waitReason != leased.Job.WaitReason)
        {
            EventSeverity severity = signals.Any(signal => !signal.Over) ? EventSeverity.Error : EventSeverity.Info;
            string kind = waitReason is null ? TrainingEvents.StateChanged : TrainingEvents.Waiting;
            await unit.Events.AppendAsync(TrainingFacts.Of(moved, kind, message, Self, severity, to.ToWord()) with { Signals = signals }, cancellationToken);
        }
    }

    /// <summary>The agent's answer has renewed the lease of its dead-man switch: people see on the pod how long it goes on without us.</summary>
    private static Task NoteHeardAsync(IUnit unit, LeasedJob leased, TrainingJob job, CancellationToken cancellationToken) =>
        job is { PodId: { } pod, Figures.HeartbeatAt: var heard } && heard != leased.Job.Figures?.HeartbeatAt
            ? unit.Store<IPodLedger>().NoteHeardAsync(pod, heard, cancellationToken)
            : Task.CompletedTask;

    private static async Task StayAsync(
        IUnit unit, LeasedJob leased, TrainingJob job, string? reason, DateTimeOffset dueAt, DateTimeOffset now, CancellationToken cancellationToken, bool isTold = false)
    {
        TrainingJob waiting = job with { DueAt = dueAt, WaitReason = reason, UpdatedAt = now };
        await unit.Store<ITrainingStore>().SaveAsync(waiting, leased.Fence, release: true, cancellationToken);
        await NoteHeardAsync(unit, leased, waiting, cancellationToken);
        if (reason is not null && leased.Job.WaitReason is null && !isTold)
        {
            await unit.Events.AppendAsync(TrainingFacts.Of(waiting, TrainingEvents.Waiting, reason, Self, reason: job.State.ToWord()), cancellationToken);
        }
    }

    private Task CommitCrashAsync(LeasedJob leased, Exception unexpected, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            DateTimeOffset now = clock.GetUtcNow();
            TrainingJob job = leased.Job;
            int errors = job.StepErrors + 1;
            string words = $"{unexpected.GetType().Name}: {unexpected.Message}";
            TrainingJob crashed = job with { StepErrors = errors, DueAt = now + StepBackoff.After(errors), UpdatedAt = now, WaitReason = $"An unexpected error, tried again: {words}" };
            try
            {
                await unit.Store<ITrainingStore>().SaveAsync(crashed, leased.Fence, release: true, token);
            }
            catch (LeaseLostException)
            {
                return;
            }

            EventSeverity severity = errors >= CrashesUntilReport ? EventSeverity.Error : EventSeverity.Warning;
            await unit.Events.AppendAsync(
                TrainingFacts.Of(job, TrainingEvents.StepCrashed, $"Step {job.State.ToWord()} failed unexpectedly ({errors} in a row): {words}", Self, severity, "unexpected") with
                {
                    Error = new ErrorDetail("unexpected", $"training.{job.State.ToWord()}", words, null),
                    Signals = errors >= CrashesUntilReport
                        ? [new IncidentSignal(TrainingIncidents.Crashing, job.Id.ToString(), $"Job \"{job.Name}\" can't go on: {words}")]
                        : [],
                },
                token);
        },
        cancellationToken);
}
