namespace LoraAdmin.Platform.LocalCloud;

/// <summary>Words of the agent's <c>phase</c> (docs/pod-agent.md).</summary>
public static class AgentPhases
{
    public const string Idle = "idle";
    public const string Training = "training";
    public const string Validating = "validating";
    public const string Done = "done";
    public const string Failed = "failed";
    public const string Stopped = "stopped";
}

/// <summary>What an agent shows at one moment.</summary>
public sealed record AgentView(string Phase, int Step, int TotalSteps, double? Loss, int ValidationImages);

/// <summary>
/// The agent inside a pod, as rules over the pod's record: how far the work is, what happens next by itself, and when the dead-man switch stops
/// the pod. Work advances only while the pod runs; everything but the lease lies on the mount.
/// </summary>
public sealed class AgentSimulation(LocalCloudOptions options)
{
    /// <summary>Share of the steps after which an ordered failure happens.</summary>
    private const double FailsAfter = 0.4;

    /// <summary>Share of the steps after which an ordered standstill happens, in a training that is started with it.</summary>
    private const double HangsAfter = 0.4;

    private readonly TimeSpan training = options.Scripted(options.Training);
    private readonly TimeSpan validation = options.Scripted(options.Validation);

    /// <summary>The container came up: looks at the mount first and goes on from there.</summary>
    public void Boot(PodRecord pod, DateTimeOffset at)
    {
        ArgumentNullException.ThrowIfNull(pod);
        AgentRecord agent = pod.Agent;
        agent.Lease = options.FirstLease;
        agent.LeaseUntil = at + agent.Lease;
        agent.SilentUntil = null;
        Recover(agent);
        agent.WorkingSince = Works(agent) ? at : null;
    }

    /// <summary>The container went down. Without a mount everything is lost.</summary>
    public void Halt(PodRecord pod, DateTimeOffset at)
    {
        ArgumentNullException.ThrowIfNull(pod);
        Pause(pod.Agent, at);
        if (!pod.HasMount)
        {
            pod.Agent = new AgentRecord();
        }
    }

    public static void Start(AgentRecord agent, AgentOrder order, DateTimeOffset at)
    {
        ArgumentNullException.ThrowIfNull(agent);
        agent.Order = order;
        agent.TrainingStartedAt = at;
        agent.WorkingSince = at;
    }

    /// <summary>Lets a training that was just started stand still at two fifths of its steps.</summary>
    public void HangLater(AgentRecord agent, TimeSpan? length)
    {
        ArgumentNullException.ThrowIfNull(agent);
        agent.HangsAfter = training * HangsAfter;
        agent.HangsFor = length;
    }

    /// <summary>Lets a training that runs stand still from now on.</summary>
    public static void HangNow(AgentRecord agent, TimeSpan? length, DateTimeOffset at)
    {
        ArgumentNullException.ThrowIfNull(agent);
        agent.HangsAfter = TrainedUntil(agent, at);
        agent.HangsFor = length;
    }

    public static bool Trains(AgentRecord agent) => Phase(agent) == AgentPhases.Training && agent.WorkingSince is not null;

    /// <summary>Ends the training or the validating; a finished file stays.</summary>
    public static void Stop(AgentRecord agent, DateTimeOffset at)
    {
        ArgumentNullException.ThrowIfNull(agent);
        if (agent.Stopped || agent.Error is not null || agent.ValidationEnded)
        {
            return;
        }

        Pause(agent, at);
        Recover(agent);
        agent.Stopped = true;
        if (agent.Order is not null)
        {
            agent.TrainingEndedAt ??= at;
        }
    }

    /// <summary>When something happens by itself in a running pod's agent; null: never.</summary>
    public DateTimeOffset? NextDue(PodRecord pod)
    {
        ArgumentNullException.ThrowIfNull(pod);
        DateTimeOffset? work = WorkEnds(pod.Agent);
        DateTimeOffset? deadMan = DeadManAt(pod.Agent);
        return work is null || deadMan < work ? deadMan : work;
    }

    /// <summary>Lets happen what is due at this instant. True: the dead-man switch stops the pod.</summary>
    public bool Advance(PodRecord pod, DateTimeOffset at)
    {
        ArgumentNullException.ThrowIfNull(pod);
        AgentRecord agent = pod.Agent;
        if (WorkEnds(agent) <= at)
        {
            if (agent.Hangs)
            {
                Recover(agent);
                agent.WorkingSince = at;
            }
            else if (HangsNext(agent))
            {
                Pause(agent, at);
                agent.Hangs = true;
                agent.HangsUntil = at + agent.HangsFor;
            }
            else if (agent.TrainingEndedAt is not null)
            {
                agent.ValidatedBefore = validation;
                agent.ValidationEnded = true;
                agent.WorkingSince = null;
            }
            else
            {
                EndTraining(agent, at);
            }

            return false;
        }

        return DeadManAt(agent) <= at;
    }

    public AgentView View(PodRecord pod, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(pod);
        AgentRecord agent = pod.Agent;
        int step = agent.Order is null ? 0 : StepAt(TrainedUntil(agent, now));
        return new AgentView(Phase(agent), step, options.TrainingSteps, step == 0 ? null : Loss(pod, step), ValidationImagesAt(agent, now));
    }

    public static string Phase(AgentRecord agent)
    {
        ArgumentNullException.ThrowIfNull(agent);
        return agent switch
        {
            { Error: not null } => AgentPhases.Failed,
            { ValidationEnded: true } => AgentPhases.Done,
            { Stopped: true } => AgentPhases.Stopped,
            { Order: null } => AgentPhases.Idle,
            { TrainingEndedAt: null } => AgentPhases.Training,
            _ => AgentPhases.Validating,
        };
    }

    private static bool Works(AgentRecord agent) => Phase(agent) is AgentPhases.Training or AgentPhases.Validating;

    /// <summary>
    /// The lease protects a training and what is fetched; an agent that never got an order waits, and the portal's pod lifetime bounds it.
    /// </summary>
    private static DateTimeOffset? DeadManAt(AgentRecord agent)
    {
        DateTimeOffset? free = agent.TrainingEndedAt;
        if (free is null && agent is { TrainingStartedAt: { } started, Order: { } order })
        {
            free = started + TimeSpan.FromSeconds(order.MaxDurationSeconds);
        }

        return free is { } at ? (at > agent.LeaseUntil ? at : agent.LeaseUntil) : null;
    }

    private void EndTraining(AgentRecord agent, DateTimeOffset at)
    {
        agent.TrainingEndedAt = at;
        agent.TrainedBefore = Goal(agent);
        if (agent.WillFail)
        {
            agent.Error = "CUDA error: an illegal memory access was encountered";
            agent.WorkingSince = null;
            return;
        }

        agent.HasArtifact = true;
        agent.WorkingSince = at;
        if (agent.Order!.ValidationImages == 0)
        {
            agent.ValidationEnded = true;
            agent.WorkingSince = null;
        }
    }

    private static void Pause(AgentRecord agent, DateTimeOffset at)
    {
        if (agent.WorkingSince is not { } since)
        {
            return;
        }

        if (agent.TrainingEndedAt is null)
        {
            agent.TrainedBefore += at - since;
        }
        else
        {
            agent.ValidatedBefore += at - since;
        }

        agent.WorkingSince = null;
    }

    private TimeSpan Goal(AgentRecord agent) => agent.WillFail ? training * FailsAfter : training;

    /// <summary>The standstill comes before the end of the training; one that was ordered too late never comes.</summary>
    private bool HangsNext(AgentRecord agent) => agent.TrainingEndedAt is null && agent.HangsAfter < Goal(agent);

    private static void Recover(AgentRecord agent)
    {
        if (agent.Hangs)
        {
            agent.Hangs = false;
            agent.HangsUntil = null;
            agent.HangsAfter = null;
        }
    }

    private DateTimeOffset? WorkEnds(AgentRecord agent)
    {
        if (agent.Hangs)
        {
            return agent.HangsUntil;
        }

        if (agent.WorkingSince is not { } since)
        {
            return null;
        }

        TimeSpan rest = agent.TrainingEndedAt is not null ? validation - agent.ValidatedBefore
            : (HangsNext(agent) ? agent.HangsAfter!.Value : Goal(agent)) - agent.TrainedBefore;
        return since + rest;
    }

    private static TimeSpan TrainedUntil(AgentRecord agent, DateTimeOffset now) =>
        agent.TrainingEndedAt is null && agent.WorkingSince is { } since ? agent.TrainedBefore + (now - since) : agent.TrainedBefore;

    private int StepAt(TimeSpan trained) => training <= TimeSpan.Zero
        ? options.TrainingSteps
        : (int)Math.Clamp(options.TrainingSteps * trained.Ticks / training.Ticks, 0, options.TrainingSteps);

    private int ValidationImagesAt(AgentRecord agent, DateTimeOffset now)
    {
        if (agent.Order is not { } order || !agent.HasArtifact)
        {
            return 0;
        }

        if (agent.ValidationEnded || validation <= TimeSpan.Zero)
        {
            return agent.ValidationEnded ? order.ValidationImages : 0;
        }

        TimeSpan made = agent.WorkingSince is { } since ? agent.ValidatedBefore + (now - since) : agent.ValidatedBefore;
        return (int)Math.Clamp(order.ValidationImages * made.Ticks / validation.Ticks, 0, order.ValidationImages);
    }

    /// <summary>Falls from about 0.4 to about 0.06, with a little noise that is the same for the same pod and step.</summary>
    private double Loss(PodRecord pod, int step)
    {
        double progress = (double)step / options.TrainingSteps;
        ulong noise = ArtifactLayout.SeedOf(options.Seed + step, pod.Name) % 1000;
        return Math.Round((0.35 * Math.Exp(-3.2 * progress)) + 0.05 + ((noise / 1000.0 - 0.5) * 0.02), 5);
    }
}
