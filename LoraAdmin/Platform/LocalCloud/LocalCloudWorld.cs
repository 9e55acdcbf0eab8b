using System.Globalization;
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
public sealed partial class LocalCloudWorld
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
    private readonly HashSet<ReplicateRecord> changedTrainings = [];
    private readonly Dictionary<string, int> gpusInUse = [];
    private readonly AccountMeter meter = new();
    private bool accountChanged;

    /// <summary>Reads the journal and plays forward what happened meanwhile.</summary>
    public LocalCloudWorld(LocalCloudOptions options, IIds ids, ILocalCloudJournal journal, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(journal);
        this.options = options;
        this.ids = ids;
        this.journal = journal;
        agents = new AgentSimulation(options);
        Layout = ArtifactLayout.For(options.ArtifactBytes);
        JournalContent content = journal.Load();
        Account = content.Account ?? new AccountRecord { Credit = options.StartBalanceUsd };
        Account.Faults.RemoveAll(fault => FaultKind.Find(fault.Kind) is null);
        Faults = new FaultTable(options.Seed, Account.Faults, () => accountChanged = journal.Keeps);
        Rates = new RateWindows(options, Account);
        Replicate = new ReplicateWorld(options, ids, Faults, Touch, content.Trainings);
        foreach (PodRecord pod in content.Pods)
        {
            if (pod.AppearsAt is not null)
            {
                Await(pod);
                continue;
            }

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

    public ReplicateWorld Replicate { get; }

    /// <summary>Every pod that ever was, in order of creation.</summary>
    public IReadOnlyList<PodRecord> Pods => pods;

    /// <summary>Pods that are not terminated, in order of creation.</summary>
    public IReadOnlyList<PodRecord> Alive => alive;

    public decimal BalanceUsd => Account.Credit - meter.Spent(Now);

    public decimal SpendPerHourUsd => meter.PerHour;

    /// <summary>Journals what changed since the last commit.</summary>
    public void Commit()
    {
        if (changed.Count > 0 || changedTrainings.Count > 0 || accountChanged)
        {
            journal.Append(changed, changedTrainings, accountChanged ? Account : null);
            changed.Clear();
            changedTrainings.Clear();
            accountChanged = false;
        }
    }

    /// <summary>A pod that is not terminated.</summary>
    public PodRecord? Find(string id) => Known(id) is { } pod && pod.Status != PodStatus.Terminated ? pod : null;

    /// <summary>Counts a call on the account.</summary>
    public void CountRequest()
    {
        Account.Requests++;
        accountChanged = journal.Keeps;
    }

    public void CountListing()
    {
        Account.Listings++;
        accountChanged = journal.Keeps;
    }

    /// <summary>Counts a call that asks for the end of a pod, also of one that is gone.</summary>
    public void CountTerminate(string id)
    {
        if (Known(id) is { } pod)
        {
            pod.TerminateRequests++;
            Touch(pod);
        }
    }

    public int FreeGpus(string gpuId) => Math.Max(0, options.GpuStock - gpusInUse.GetValueOrDefault(gpuId));

    /// <summary>Makes a pod from a record whose id and times are still to be given.</summary>
    public PodRecord Create(Func<string, DateTimeOffset, PodRecord> make)
    {
        ArgumentNullException.ThrowIfNull(make);
        PodRecord pod = make(NewId(), Now);
        pod.History.Add(new StatusChange(Now, PodStatus.Provisioning));
        pod.StatusUntil = Now + options.Scripted(options.Boot);
        Add(pod);
        Touch(pod);
        StrikeNew(pod);
        return pod;
    }

    /// <summary>Takes the order for a pod that appears only later, also when nobody waits for it any more.</summary>
    public void CreateLate(Func<string, DateTimeOffset, PodRecord> make, TimeSpan after)
    {
        ArgumentNullException.ThrowIfNull(make);
        PodRecord pod = make(NewId(), Now + after);
        pod.AppearsAt = Now + after;
        Await(pod);
        Touch(pod);
    }

    /// <summary>
    /// Fills the account with pods that were not asked for by a create: they have no agent, take nothing of the stock and cost
    /// <paramref name="usdPerHour"/> each while they occupy a machine.
    /// </summary>
    /// <param name="namePrefix">Followed by a number from 1.</param>
    /// <param name="age">How long ago they say that they were made; dollars run from now on.</param>
    public IReadOnlyList<PodRecord> AddForeign(
        string namePrefix, int count, string status = PodStatus.Running, decimal usdPerHour = 0.40m, TimeSpan age = default)
    {
        PodRecord[] made = new PodRecord[count];
        for (int i = 0; i < count; i++)
        {
            PodRecord pod = new()
            {
                Id = NewId(),
                Name = namePrefix + (i + 1).ToString(CultureInfo.InvariantCulture),
                Image = "someone/else:1",
                GpuId = "NVIDIA A40",
                GpuRate = usdPerHour,
                CreatedAt = Now - age,
                StartedAt = status == PodStatus.Running ? Now - age : null,
                Status = status,
                Planted = true,
            };
            pod.History.Add(new StatusChange(Now, status));
            Add(pod);
            Touch(pod);
            made[i] = pod;
        }

        return made;
    }

    public PodRefusal Stop(PodRecord pod)
    {
        ArgumentNullException.ThrowIfNull(pod);
        if (pod.Locked || pod.Status is not (PodStatus.Provisioning or PodStatus.Starting or PodStatus.Running))
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
        if (!pod.CanStart)
        {
            return PodRefusal.Conflict;
        }

        if (Faults.Take(FaultKind.StartWithoutGpu, pod.Name, Now) is not null
            || (!pod.Planted && !pod.Occupies && FreeGpus(pod.GpuId) < pod.GpuCount))
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

    public void StartTraining(PodRecord pod, AgentOrder order)
    {
        ArgumentNullException.ThrowIfNull(pod);
        AgentSimulation.Start(pod.Agent, order, Now);
        StrikeTraining(pod);
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

    public ulong SeedOf(ReplicateRecord training)
    {
        ArgumentNullException.ThrowIfNull(training);
        return ArtifactLayout.SeedOf(options.Seed, training.Id);
    }

    /// <summary>SHA-256 of the pod's finished file; worked out when it is first asked for, and journaled.</summary>
    public string ArtifactSha256(PodRecord pod)
    {
        ArgumentNullException.ThrowIfNull(pod);
        if (pod.Agent.ArtifactSha256 is null)
        {
            pod.Agent.ArtifactSha256 = Layout.Sha256(SeedOf(pod), !pod.Agent.MakesNoSafetensors);
            Touch(pod);
        }

        return pod.Agent.ArtifactSha256;
    }

    /// <summary>To be called after a record was written from outside (rename, lock).</summary>
    public void Touch(PodRecord pod)
    {
        stale.Add(pod);
        if (journal.Keeps)
        {
            changed.Add(pod);
        }
    }

    private void Touch(ReplicateRecord record)
    {
        if (journal.Keeps)
        {
            changedTrainings.Add(record);
        }
    }

    /// <summary>A pod of this id that is or was there.</summary>
    private PodRecord? Known(string id) => byId.TryGetValue(id, out PodRecord? pod) && pod.AppearsAt is null ? pod : null;

    private void SetStatus(PodRecord pod, string status, DateTimeOffset? until)
    {
        string before = pod.Status;
        CountGpus(pod, -1);
        pod.SettledUsd = BillingLedger.Total(pod, Now);
        pod.History.Add(new StatusChange(Now, status));
        pod.Status = status;
        pod.StatusUntil = until;
        pod.ExitsAt = null;
        CountGpus(pod, 1);
        meter.Change(pod, before, Now);
        emptyIsKnown = false;
        Touch(pod);
    }

    private void Add(PodRecord pod)
    {
        if (byId.TryAdd(pod.Id, pod))
        {
            due.Add(pod);
        }

        pods.Add(pod);
        if (pod.Status != PodStatus.Terminated)
        {
            alive.Add(pod);
        }

        CountGpus(pod, 1);
        meter.Add(pod);
        emptyIsKnown = false;
        stale.Add(pod);
    }

    /// <summary>Notes a pod that is not there yet: its id is given away, nobody finds it.</summary>
    private void Await(PodRecord pod)
    {
        byId.Add(pod.Id, pod);
        due.Add(pod);
        stale.Add(pod);
    }

    private void CountGpus(PodRecord pod, int sign)
    {
        if (pod is { Occupies: true, Planted: false })
        {
            gpusInUse[pod.GpuId] = gpusInUse.GetValueOrDefault(pod.GpuId) + (sign * pod.GpuCount);
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
