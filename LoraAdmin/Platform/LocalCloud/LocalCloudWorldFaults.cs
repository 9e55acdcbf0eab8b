namespace LoraAdmin.Platform.LocalCloud;

/// <summary>
/// Faults that hit a pod's life and not a call. Each is tried once per pod: when it comes to the moment that the fault is about, or, for a pod
/// that is past that moment, when the fault is set; so the same run takes the same faults.
/// </summary>
public sealed partial class LocalCloudWorld
{
    /// <summary>The agent answers nothing. A status read of a training may be where that begins.</summary>
    public bool IsSilent(PodRecord pod, bool readsStatus)
    {
        ArgumentNullException.ThrowIfNull(pod);
        if (pod.Agent.SilentUntil > Now)
        {
            return true;
        }

        if (!readsStatus || !AgentSimulation.Trains(pod.Agent) || Faults.Take(FaultKind.HeartbeatStops, pod.Name, Now) is not { } fault)
        {
            return false;
        }

        pod.Agent.SilentUntil = LengthOf(fault) is { } length ? Now + length : DateTimeOffset.MaxValue;
        Touch(pod);
        return true;
    }

    /// <summary>The first of these kinds that hits a call on the portal's own store or spool.</summary>
    public StoreFault? TakeStoreFault(IReadOnlyList<string> kinds, string subject)
    {
        ArgumentNullException.ThrowIfNull(kinds);
        foreach (string kind in kinds)
        {
            if (Faults.Take(kind, subject, Now) is { } fault)
            {
                return new StoreFault(fault.Kind, fault.Seconds);
            }
        }

        return null;
    }

    private static TimeSpan? LengthOf(Fault fault) => fault.Seconds is null ? null : fault.Length(0);

    private void StrikeNew(PodRecord pod)
    {
        if (Faults.Take(FaultKind.StuckProvisioning, pod.Name, Now) is { } stuck)
        {
            Strike(stuck, pod);
        }

        if (Faults.Take(FaultKind.PodVanishes, pod.Name, Now) is { } lost)
        {
            Strike(lost, pod);
        }
    }

    /// <summary>What the training will come to is settled when it starts.</summary>
    private void StrikeTraining(PodRecord pod)
    {
        AgentRecord agent = pod.Agent;
        agent.WillFail = Faults.Take(FaultKind.TrainingFails, pod.Name, Now) is not null;
        agent.MakesNoSafetensors = Faults.Take(FaultKind.ArtifactNotSafetensors, pod.Name, Now) is not null;
        agent.MakesBadImages = Faults.Take(FaultKind.ValidationFails, pod.Name, Now) is not null;
        if (Faults.Take(FaultKind.TrainingHangs, pod.Name, Now) is { } hang)
        {
            agents.HangLater(agent, LengthOf(hang));
        }
    }

    private void StrikeRunning(PodRecord pod)
    {
        if (Faults.Take(FaultKind.PodExits, pod.Name, Now) is { } ends)
        {
            Strike(ends, pod);
        }
    }

    /// <summary>Tries the faults that were set since the last call on the pods that are there. True: one was hit.</summary>
    private bool StrikeThoseThere()
    {
        bool any = false;
        foreach (Fault fault in Faults.TakeAdded())
        {
            foreach (PodRecord pod in alive)
            {
                if (IsAtItsMoment(fault, pod) && Faults.TakeFrom(fault, pod.Name, Now))
                {
                    Strike(fault, pod);
                    any = true;
                }
            }
        }

        return any;
    }

    private static bool IsAtItsMoment(Fault fault, PodRecord pod) => fault.Kind switch
    {
        FaultKind.StuckProvisioning => pod.Status == PodStatus.Provisioning,
        FaultKind.PodVanishes => true,
        FaultKind.PodExits => pod.Status == PodStatus.Running,
        FaultKind.TrainingHangs => pod.Status == PodStatus.Running && AgentSimulation.Trains(pod.Agent),
        _ => false,
    };

    private void Strike(Fault fault, PodRecord pod)
    {
        switch (fault.Kind)
        {
            case FaultKind.StuckProvisioning:
                pod.StatusUntil = fault.Seconds is null ? null : pod.StatusUntil + fault.Length(0);
                break;
            case FaultKind.PodVanishes:
                pod.VanishesAt = Now + fault.Length(0);
                break;
            case FaultKind.PodExits:
                pod.ExitsAt = Now + fault.Length(0);
                break;
            case FaultKind.TrainingHangs:
                AgentSimulation.HangNow(pod.Agent, LengthOf(fault), Now);
                break;
            default:
                throw new NotSupportedException($"The fault {fault.Kind} hits no pod's life.");
        }

        Touch(pod);
    }
}
