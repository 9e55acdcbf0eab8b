namespace LoraAdmin.Platform.LocalCloud;

/// <summary>How the world moves with time: boots, trainings, dead-man switches, ordered mishaps, an account that runs dry.</summary>
public sealed partial class LocalCloudWorld
{
    private readonly DueQueue due = new();

    /// <summary>Pods whose place in <see cref="due"/> may be wrong.</summary>
    private readonly HashSet<PodRecord> stale = [];

    private DateTimeOffset? emptyAt;
    private bool emptyIsKnown;

    /// <summary>Lets everything happen that was due until now, in order of time. A clock that was set back changes nothing.</summary>
    public void AdvanceTo(DateTimeOffset now)
    {
        StepUntil(now);
        if (now > Now)
        {
            Now = now;
        }

        if (StrikeThoseThere())
        {
            StepUntil(Now);
        }

        Replicate.AdvanceTo(Now);
    }

    private void StepUntil(DateTimeOffset now)
    {
        while (NextDue() is { } next && next.At <= now)
        {
            if (next.At > Now)
            {
                Now = next.At;
            }

            if (next.Pod is { } pod)
            {
                Step(pod);
                Touch(pod);
            }
            else
            {
                RunDry();
            }
        }
    }

    /// <summary>What happens next by itself: to this pod, or to the account when there is no pod.</summary>
    private (DateTimeOffset At, PodRecord? Pod)? NextDue()
    {
        foreach (PodRecord pod in stale)
        {
            due.Set(pod, DueOf(pod));
        }

        stale.Clear();
        if (!emptyIsKnown)
        {
            emptyAt = EmptyAt();
            emptyIsKnown = true;
        }

        if (due.First is { } first && !(emptyAt < first.At))
        {
            return first;
        }

        return emptyAt is { } empty ? (empty, null) : null;
    }

    private DateTimeOffset? DueOf(PodRecord pod)
    {
        if (pod.AppearsAt is { } appears)
        {
            return appears;
        }

        if (pod.Status == PodStatus.Terminated)
        {
            return null;
        }

        DateTimeOffset? own = pod.Status == PodStatus.Running ? agents.NextDue(pod) : pod.StatusUntil;
        return Earlier(Earlier(own, pod.ExitsAt), pod.VanishesAt);
    }

    private static DateTimeOffset? Earlier(DateTimeOffset? a, DateTimeOffset? b) => a is null || b < a ? b : a;

    /// <summary>When the present spending empties the account.</summary>
    private DateTimeOffset? EmptyAt()
    {
        decimal perHour = SpendPerHourUsd;
        if (perHour <= 0)
        {
            return null;
        }

        decimal hours = Math.Max(0, BalanceUsd) / perHour;
        return hours > 24 * 3650 ? null : Now + TimeSpan.FromTicks((long)Math.Ceiling(hours * TimeSpan.TicksPerHour));
    }

    /// <summary>Does the one thing that is due to this pod at this instant.</summary>
    private void Step(PodRecord pod)
    {
        if (pod.AppearsAt is not null)
        {
            Appear(pod);
        }
        else if (pod.VanishesAt <= Now)
        {
            Terminate(pod);
        }
        else if (pod.ExitsAt <= Now)
        {
            StopItself(pod);
        }
        else if (pod.Status == PodStatus.Running)
        {
            if (agents.Advance(pod, Now))
            {
                StopItself(pod);
            }
        }
        else if (pod.Status == PodStatus.Provisioning)
        {
            SetStatus(pod, PodStatus.Starting, Now + options.Scripted(options.Pull));
        }
        else
        {
            pod.StartedAt = Now;
            SetStatus(pod, PodStatus.Running, null);
            agents.Boot(pod, Now);
            StrikeRunning(pod);
        }
    }

    private void Appear(PodRecord pod)
    {
        pod.AppearsAt = null;
        pod.History.Add(new StatusChange(Now, PodStatus.Provisioning));
        pod.StatusUntil = Now + options.Scripted(options.Boot);
        Add(pod);
        StrikeNew(pod);
    }

    /// <summary>The agent stops its own pod by its pod-scoped key, or its container ended; a lock does not hold that back.</summary>
    private void StopItself(PodRecord pod)
    {
        agents.Halt(pod, Now);
        SetStatus(pod, PodStatus.Exited, null);
    }

    /// <summary>At zero dollars pods with a network volume are stopped and all others are terminated with their data.</summary>
    private void RunDry()
    {
        emptyIsKnown = false;
        foreach (PodRecord pod in alive.ToArray())
        {
            if (pod.NetworkVolumeId is null)
            {
                Terminate(pod);
            }
            else if (pod.Occupies)
            {
                StopItself(pod);
            }
        }
    }
}
