using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>Why an action on a pod was not done.</summary>
public enum PodRefusal
{
    None,

    /// <summary>Not allowed in the pod's status, or the pod is locked.</summary>
    Conflict,

    /// <summary>The GPU was released and none is free.</summary>
    NoGpu,
}

/// <summary>
/// The local cloud's state and how it moves with time: pods, their agents, the account's money and rate windows. No HTTP and no thread in it: the
/// caller (<see cref="LocalCloudFace"/>) lets one call in at a time, moves it to the present by <see cref="AdvanceTo"/> first, and calls
/// <see cref="Commit"/> before it answers.
/// </summary>
public sealed class LocalCloudWorld
{
    private const string IdAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
    private const int IdLength = 14;
    private readonly LocalCloudOptions options;
    private readonly IIds ids;
    private readonly ILocalCloudJournal journal;
    private readonly AgentSimulation agents;
    private readonly Dictionary<string, PodRecord> byId = [];
    private readonly List<PodRecord> pods = [];
    private readonly List<PodRecord> alive = [];
    private readonly HashSet<PodRecord> changed = [];
    private bool accountChanged;
    private decimal goneUsd;
    private DateTimeOffset? due;
    private bool dueIsKnown;

    /// <summary>Reads the journal and plays forward what happened meanwhile.</summary>
    public LocalCloudWorld(LocalCloudOptions options, IIds ids, ILocalCloudJournal journal, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(journal);
        this.options = options;
        this.ids = ids;
        this.journal = journal;
        agents = new AgentSimulation(options);
        Faults = new FaultTable(options.Seed);
        Layout = ArtifactLayout.For(options.ArtifactBytes);
        JournalContent content = journal.Load();
        Account = content.Account ?? new AccountRecord { Credit = options.StartBalanceUsd };
        Rates = new RateWindows(options, Account);
        foreach (PodRecord pod in content.Pods)
        {
            Add(pod);
            if (pod.History[^1].At > Now)
            {
                Now = pod.History[^1].At;
            }
        }

        AdvanceTo(now);
        Commit();
    }

    public DateTimeOffset Now { get; private set; }

    public AccountRecord Account { get; }

    public RateWindows Rates { get; }

    public FaultTable Faults { get; }

    public ArtifactLayout Layout { get; }

    /// <summary>Every pod that ever was, in order of creation.</summary>
    public IReadOnlyList<PodRecord> Pods => pods;

    /// <summary>Pods that are not terminated, in order of creation.</summary>
    public IReadOnlyList<PodRecord> Alive => alive;

    public decimal BalanceUsd
    {
        get
        {
            decimal spent = goneUsd;
            foreach (PodRecord pod in alive)
            {
                spent += BillingLedger.Total(pod, Now);
            }

            return Account.Credit - spent;
        }
    }

    public decimal SpendPerHourUsd
    {
        get
        {
            decimal perSecond = 0;
            foreach (PodRecord pod in alive)
            {
                perSecond += BillingLedger.PerSecond(pod, pod.Status).Total;
            }

            return perSecond * 3600;
        }
    }

    /// <summary>Lets everything happen that was due until now, in order of time. A clock that was set back changes nothing.</summary>
    public void AdvanceTo(DateTimeOffset now)
    {
        while (NextDue() is { } at && at <= now)
        {
            if (at > Now)
            {
                Now = at;
            }

            StepDue();
        }

        if (now > Now)
        {
            Now = now;
        }
    }

    /// <summary>Journals what changed since the last commit.</summary>
    public void Commit()
    {
        if (changed.Count > 0 || accountChanged)
        {
            journal.Append(changed, accountChanged ? Account : null);
            changed.Clear();
            accountChanged = false;
        }
    }

    /// <summary>A pod that is not terminated.</summary>
    public PodRecord? Find(string id) => byId.TryGetValue(id, out PodRecord? pod) && pod.Status != PodStatus.Terminated ? pod : null;

    /// <summary>Marks the account as changed: a call was counted.</summary>
    public void CountRequest()
    {
        Account.Requests++;
        accountChanged = journal.Keeps;
    }

    public int FreeGpus(string gpuId)
    {
        int free = options.GpuStock;
        foreach (PodRecord pod in alive)
        {
            free -= pod.GpuId == gpuId && pod.Occupies ? pod.GpuCount : 0;
        }

        return Math.Max(0, free);
    }

    /// <summary>Makes a pod from a record whose id and times are still to be given.</summary>
    public PodRecord Create(Func<string, DateTimeOffset, PodRecord> make)
    {
        ArgumentNullException.ThrowIfNull(make);
        PodRecord pod = make(NewId(), Now);
        pod.History.Add(new StatusChange(Now, PodStatus.Provisioning));
        pod.StatusUntil = Now + options.Scripted(options.Boot);
        Add(pod);
        Touch(pod);
        return pod;
    }

    public PodRefusal Stop(PodRecord pod)
    {
        ArgumentNullException.ThrowIfNull(pod);
        if (pod.Locked || !pod.Occupies)
        {
            return PodRefusal.Conflict;
        }

        agents.Halt(pod, Now);
        SetStatus(pod, PodStatus.Exited, null);
        return PodRefusal.None;
    }

    public PodRefusal Start(PodRecord pod)
    {
        ArgumentNullException.ThrowIfNull(pod);
        if (pod.Status != PodStatus.Exited)
        {
            return PodRefusal.Conflict;
        }

        if (FreeGpus(pod.GpuId) < pod.GpuCount)
        {
            return PodRefusal.NoGpu;
        }

        SetStatus(pod, PodStatus.Starting, Now + options.Scripted(options.Boot));
        return PodRefusal.None;
    }

    public PodRefusal Restart(PodRecord pod)
    {
        ArgumentNullException.ThrowIfNull(pod);
        if (pod.Locked || pod.Status != PodStatus.Running)
        {
            return PodRefusal.Conflict;
        }

        agents.Halt(pod, Now);
        SetStatus(pod, PodStatus.Starting, Now + options.Scripted(options.Boot));
        return PodRefusal.None;
    }

    public void Terminate(PodRecord pod)
    {
        ArgumentNullException.ThrowIfNull(pod);
        SetStatus(pod, PodStatus.Terminated, null);
        alive.Remove(pod);
        goneUsd += pod.SettledUsd;
    }

    /// <summary>An authenticated call renews the dead-man lease: it never gets shorter by that.</summary>
    public void Renew(PodRecord pod)
    {
        ArgumentNullException.ThrowIfNull(pod);
        DateTimeOffset until = Now + pod.Agent.Lease;
        if (until > pod.Agent.LeaseUntil)
        {
            pod.Agent.LeaseUntil = until;
            Touch(pod);
        }
    }

    /// <summary>Sets the lease, also to a shorter one; calls renew it by this length from now on, until the next boot.</summary>
    public void SetLease(PodRecord pod, TimeSpan lease)
    {
        ArgumentNullException.ThrowIfNull(pod);
        pod.Agent.Lease = lease;
        pod.Agent.LeaseUntil = Now + lease;
        Touch(pod);
    }

    public void HoldImage(PodRecord pod, int number, string sha256)
    {
        ArgumentNullException.ThrowIfNull(pod);
        pod.Agent.Images[number] = sha256;
        Touch(pod);
    }

    public void StartTraining(PodRecord pod, AgentOrder order, bool willFail)
    {
        ArgumentNullException.ThrowIfNull(pod);
        AgentSimulation.Start(pod.Agent, order, Now, willFail);
        Touch(pod);
        AdvanceTo(Now);
    }

    public void StopTraining(PodRecord pod)
    {
        ArgumentNullException.ThrowIfNull(pod);
        AgentSimulation.Stop(pod.Agent, Now);
        Touch(pod);
    }

    public AgentView View(PodRecord pod) => agents.View(pod, Now);

    public ulong SeedOf(PodRecord pod)
    {
        ArgumentNullException.ThrowIfNull(pod);
        return ArtifactLayout.SeedOf(options.Seed, pod.Name);
    }

    /// <summary>SHA-256 of the pod's finished file; worked out when it is first asked for.</summary>
    public string ArtifactSha256(PodRecord pod)
    {
        ArgumentNullException.ThrowIfNull(pod);
        return pod.Agent.ArtifactSha256 ??= Layout.Sha256(SeedOf(pod));
    }

    /// <summary>To be called after a record was written from outside (rename, lock).</summary>
    public void Touch(PodRecord pod)
    {
        dueIsKnown = false;
        if (journal.Keeps)
        {
            changed.Add(pod);
        }
    }

    private DateTimeOffset? NextDue()
    {
        if (!dueIsKnown)
        {
            due = EmptyAt();
            foreach (PodRecord pod in alive)
            {
                if (DueOf(pod) is { } at && !(due <= at))
                {
                    due = at;
                }
            }

            dueIsKnown = true;
        }

        return due;
    }

    private DateTimeOffset? DueOf(PodRecord pod) => pod.Status == PodStatus.Running ? agents.NextDue(pod) : pod.StatusUntil;

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

    /// <summary>Does the one thing that is due at this instant; the pod that was made first goes first.</summary>
    private void StepDue()
    {
        foreach (PodRecord pod in alive)
        {
            if (!(DueOf(pod) <= Now))
            {
                continue;
            }

            if (pod.Status == PodStatus.Running)
            {
                if (agents.Advance(pod, Now))
                {
                    StopItself(pod);
                }

                Touch(pod);
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
            }

            return;
        }

        RunDry();
    }

    /// <summary>The agent stops its own pod by its pod-scoped key; a lock does not hold it back.</summary>
    private void StopItself(PodRecord pod)
    {
        agents.Halt(pod, Now);
        SetStatus(pod, PodStatus.Exited, null);
    }

    /// <summary>At zero dollars pods with a network volume are stopped and all others are terminated with their data.</summary>
    private void RunDry()
    {
        dueIsKnown = false;
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

    private void SetStatus(PodRecord pod, string status, DateTimeOffset? until)
    {
        pod.SettledUsd = BillingLedger.Total(pod, Now);
        pod.History.Add(new StatusChange(Now, status));
        pod.Status = status;
        pod.StatusUntil = until;
        Touch(pod);
    }

    private void Add(PodRecord pod)
    {
        byId.Add(pod.Id, pod);
        pods.Add(pod);
        dueIsKnown = false;
        if (pod.Status == PodStatus.Terminated)
        {
            goneUsd += pod.SettledUsd;
        }
        else
        {
            alive.Add(pod);
        }
    }

    private string NewId()
    {
        while (true)
        {
            byte[] bytes = ids.Secret(IdLength);
            string id = string.Create(IdLength, bytes, static (span, source) =>
            {
                for (int i = 0; i < span.Length; i++)
                {
                    span[i] = IdAlphabet[source[i] % IdAlphabet.Length];
                }
            });
            if (!byId.ContainsKey(id))
            {
                return id;
            }
        }
    }
}
