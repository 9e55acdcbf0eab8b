using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Domain.Training.Steps;

/// <summary>Gets the attempt its pod and waits until the pod's agent answers (E1).</summary>
public sealed class ProvisioningStep(
    IUnitOfWork work,
    PodLauncher launcher,
    GpuPrices prices,
    TrainingPlaces places,
    ProviderFunds funds,
    HostedFallback fallback,
    IPodAgent agent,
    TimeProvider clock,
    Func<TrainingRules> rules,
    Func<Installation> installation) : ITrainingStep
{
    /// <summary>Where the mount that survives a stop appears in the pod, and the port that the agent listens on (docs/pod-agent.md).</summary>
    public const string MountPath = "/workspace";
    public const string AgentPort = "8000/http";

    /// <summary>The name by which the job's shared columns and its attempts know the provider of pods.</summary>
    public const string Provider = "runpod";

    private static readonly TimeSpan LookForStockEvery = TimeSpan.FromSeconds(60);
    private static readonly Actor Self = Actor.Portal(TrainingConductor.Name);

    public TrainingState State => TrainingState.Provisioning;

    public async Task<StepResult> RunAsync(TrainingJob job, JobLease lease, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        ArgumentNullException.ThrowIfNull(lease);

        return await fallback.InsteadOfAsync(await AskAsync(job, lease, cancellationToken), cancellationToken);
    }

    private async Task<StepResult> AskAsync(TrainingJob job, JobLease lease, CancellationToken cancellationToken)
    {
        TrainingRules figures = rules();
        IReadOnlyList<LedgerPod> tries = await AttemptPods.ListAsync(work, job, cancellationToken);
        PodFunding? funding = null;
        if (!tries.Any(pod => pod.Want == PodWant.Needed && pod.Saw != PodSaw.Gone))
        {
            if (await places.WhyFullAsync(cancellationToken) is { } full)
            {
                return Requeue(QueuedStep.Wait(job, full, clock.GetUtcNow(), figures));
            }

            funding = await funds.ReadAsync(job, cancellationToken);
            if (funding is not null && await funds.WhyShortAsync(funding, cancellationToken) is { } shortage)
            {
                return BackToQueue(job, shortage, LookForStockEvery, figures);
            }
        }

        PodOrder order = new(
            job.Id,
            job.Attempt,
            job.GpuType is { } asked ? [asked] : figures.GpuTypes,
            figures.CreateRetries,
            job.StateSince,
            figures.PodLifetime,
            SpecFor)
        {
            MayAsk = async (unit, token) =>
                await places.WhyRefusedAsync(unit, token) ?? (funding is null ? null : await funds.WhyShortAsync(funding, unit, token)),
        };
        LaunchOutcome outcome = await launcher.EnsureAsync(order, lease.GuardAsync, Self, cancellationToken);
        TrainingJob asking = job with { Provider = Provider };
        switch (outcome)
        {
            case LaunchOutcome.Ready ready:
                return await WaitForAgentAsync(asking, ready.Pod, lease, figures, cancellationToken);

            case LaunchOutcome.WaitUntil wait when clock.GetUtcNow() - job.StateSince >= LongestWait(figures):
                return new StepResult.Fail(
                    asking,
                    new JobFailure(FailureCode.NoProvider, wait.Reason),
                    FileProof.TrainingNeverStarted,
                    new ErrorDetail("no_provider", "runpod.create", wait.Reason, null));

            case LaunchOutcome.WaitUntil wait:
                return new StepResult.Again(AtLeast(wait.At - clock.GetUtcNow()), asking, wait.Reason);

            case LaunchOutcome.NotNow { Reason: var refusal }:
                return await places.WhyFullAsync(cancellationToken) is { } taken
                    ? Requeue(QueuedStep.Wait(job, taken, clock.GetUtcNow(), figures))
                    : new StepResult.Again(TimeSpan.Zero, job, refusal);

            case LaunchOutcome.Held held:
                StepResult waits = Requeue(QueuedStep.Wait(asking, new NoPlace(held.Reason, held.Counts), clock.GetUtcNow(), figures));
                return await fallback.WhyNotDivertAsync(job, cancellationToken) is null ? QueuedStep.Divert(asking, held.Reason, waits) : waits;

            case LaunchOutcome.NoCapacity none:
                return await prices.AnyInStockAsync(order.GpuTypes, cancellationToken) == true
                    ? Blamed(BackToQueue(asking, $"RunPod refuses the request although its catalog shows stock: {none.Detail}", LookForStockEvery, figures))
                    : BackToQueue(asking, $"No GPU of the types {string.Join(", ", order.GpuTypes)} is free at RunPod", LookForStockEvery, figures);

            case LaunchOutcome.Refused { Error: var error }:
                return Blamed(BackToQueue(asking, WhyRefused(error), LookForStockEvery, figures));

            case LaunchOutcome.Exhausted exhausted:
                return new StepResult.Fail(
                    asking,
                    new JobFailure(FailureCode.NoProvider, exhausted.Detail),
                    FileProof.TrainingNeverStarted,
                    new ErrorDetail("no_provider", "runpod.create", exhausted.Detail, null));

            default:
                throw new NotSupportedException($"Unknown outcome {outcome.GetType().Name}.");
        }
    }

    private async Task<StepResult> WaitForAgentAsync(
        TrainingJob job, LedgerPod pod, JobLease lease, TrainingRules figures, CancellationToken cancellationToken)
    {
        TrainingJob withPod = job with { PodId = pod.PodId, WaitingSince = null };
        AgentReply<AgentStatus> reply = await agent.ReadStatusAsync(AttemptPods.AddressOf(pod), cancellationToken);
        if (reply.Value is not null)
        {
            return new StepResult.Advance(TrainingState.Training, withPod, $"Pod {pod.PodId} is ready")
            {
                Signals = [new IncidentSignal(TrainingIncidents.CreateRefused, Provider, "RunPod has made a pod", Over: true)],
            };
        }

        TimeSpan waited = clock.GetUtcNow() - pod.RequestedAt;
        if (waited < figures.ReadyWithin && pod.Saw != PodSaw.Exited)
        {
            return new StepResult.Again(figures.PollEvery, withPod, $"Pod {pod.PodId} is starting");
        }

        string why = pod.Saw == PodSaw.Exited ? "it stopped before it was ready" : $"it was not ready within {figures.ReadyWithin.TotalMinutes:0} minutes";
        await launcher.GiveUpAsync(pod, why, lease.GuardAsync, Self, cancellationToken);
        return new StepResult.Again(TimeSpan.Zero, job with { PodId = null }, $"Pod {pod.PodId} was given up: {why}");
    }

    /// <summary>Every try may use its whole time to become ready; beyond that a provider that only lets us wait is none.</summary>
    private static TimeSpan LongestWait(TrainingRules figures) => figures.QueueWait + ((figures.CreateRetries.Count + 1) * figures.ReadyWithin);

    private StepResult BackToQueue(TrainingJob job, string reason, TimeSpan lookAgain, TrainingRules figures) =>
        Requeue(QueuedStep.WaitOrGiveUp(job, reason, lookAgain, clock.GetUtcNow(), figures));

    /// <summary>Waiting does not help: a person must mend the request, the key or the account.</summary>
    private static StepResult Blamed(StepResult result) => result is StepResult.Requeue { Reason: var reason } waiting
        ? waiting with { Signals = [new IncidentSignal(TrainingIncidents.CreateRefused, Provider, $"RunPod refuses to create pods: {reason}")] }
        : result;

    private static StepResult Requeue(StepResult result) =>
        result is StepResult.Again { Reason: { } reason } again ? new StepResult.Requeue(again.In, again.Job, reason) : result;

    private PodSpec SpecFor(string name, string gpuType)
    {
        TrainingRules figures = rules();
        return new PodSpec(
            name,
            gpuType,
            figures.Image,
            figures.DiskGb,
            figures.MountGb,
            MountPath,
            figures.NetworkVolumeId,
            [AgentPort],
            new Dictionary<string, string>(StringComparer.Ordinal) { [AgentToken.Variable] = AgentToken.For(installation().AgentKey, name) });
    }

    private static string WhyRefused(ProviderError error) => error.Failure switch
    {
        ProviderFailure.Unauthorized => "RunPod does not accept the key RunPod:ApiKey; pods can't be stopped either. Set a valid key",
        ProviderFailure.InsufficientBalance => $"{ProviderFunds.WaitWords}used up. Add credit to the account",
        ProviderFailure.Forbidden => "RunPod:ApiKey lacks the right to create pods. Give the key write access to pods",
        _ => $"RunPod refuses the request: {error.Detail}",
    };

    private static TimeSpan AtLeast(TimeSpan wait) => wait < TimeSpan.Zero ? TimeSpan.Zero : wait;
}
