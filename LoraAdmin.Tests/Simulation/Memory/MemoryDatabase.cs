using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Alerts;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Clocks;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Tests.Simulation.Memory;

/// <summary>
/// The portal's database in memory: the same promises as the real ones (atomic, guarded, rolled back on a throw), on one thread, at once. It
/// outlives the simulated process.
/// </summary>
public sealed class MemoryDatabase : IUnitOfWork, IDisposable
{
    private readonly Stack<Action> undo = new();
    private readonly SemaphoreSlim turn = new(0);
    private int inside;

    public MemoryDatabase(TimeProvider clock)
    {
        Clock = clock;
        Jobs = new(this);
        Leases = new(this);
        Images = new(this);
        Attempts = new(this);
        Uploads = new(this);
        Idempotency = new(this);
        Pods = new(this);
        Months = new(this);
        Reservations = new(this);
        Entries = new(this);
        Days = new(this);
        BudgetLimits = new(this);
        LimitChanges = new(this);
        Users = new(this);
        Charges = new(this);
        Loras = new(this);
        ValidationImages = new(this);
        Spool = new(this);
        SpoolInstances = new(this);
        ImagesGone = new(this);
        Tokens = new(this);
        Links = new(this);
        Sessions = new(this);
        LoopLeases = new(this);
        Claims = new(this);
        Looks = new(this);
        Pauses = new(this);
        Incidents = new(this);
        IncidentFacts = new(this);
        IncidentEnds = new(this);
        OpenJobs = new(Jobs, static job => !job.State.IsFinal());
        EndedJobs = new(Jobs, ImagesGone);
        JobsOf = new(Jobs, static job => (true, job.UserId));
        OpenAttempts = new(Attempts, static attempt => attempt.State == AttemptState.Active);
        ApartPods = new(Pods, static pod => pod.IsApart);
        OpenPods = new(Pods, static pod => pod.Saw != PodSaw.Gone);
        GonePods = new(Pods);
        PodsOf = new(Pods, static pod => (true, pod.Job));
        PodsById = new(Pods, static pod => (pod.PodId is not null, pod.PodId ?? ""));
        SweptPods = new(Pods, static pod => pod is { Want: PodWant.Released, WantReason: { } reason } && PodReasons.OfTheSweep.Contains(reason));
        EntriesOfPod = new(Entries, static entry => (entry.Pod is not null, entry.Pod ?? ""));
        BeyondOf = new(
            Entries,
            static entry => (entry is { Kind: EntryKind.Leak or EntryKind.PriceChange, Job: not null, Attempt: not null }, (entry.Job ?? default, entry.Attempt ?? 0)));
        OpenReservations = new(Reservations, static one => one.SettledAt is null);
        ReservationsOf = new(Reservations, static one => (true, one.Job));
        ChargesOf = new(Charges, static charge => (true, (charge.User, charge.Period)));
        UploadsOf = new(Uploads, static upload => (upload.ClaimedBy is not null, upload.ClaimedBy ?? default));
        OpenIncidents = new(Incidents, static incident => incident.ResolvedAt is null);
        BreakerTold = new(this);
        Hosted = new(this);
        OpenHosted = new(Hosted, static one => !one.IsSettled);
        HostedOf = new(Hosted, static one => (true, one.Job));
        ClockDifferences = new(this);
        Censuses = new(this);
        Differences = new(this);
        Bills = new(this);
        Prices = new(this);
        Balances = new(this);
        Operations = new MemoryOperations(this);
        openSubjects = new MemoryOpenIncidents(this);
        stores = new()
        {
            [typeof(ITrainingStore)] = new MemoryTrainingStore(this),
            [typeof(ITrainingUploadStore)] = new MemoryUploadStore(this),
            [typeof(IIdempotencyStore)] = new MemoryIdempotencyStore(this),
            [typeof(IPodLedger)] = new MemoryPodLedger(this),
            [typeof(IHostedTrainingStore)] = new MemoryHostedTrainingStore(this),
            [typeof(IBudgetStore)] = new MemoryBudgetStore(this),
            [typeof(IBudgetLimitStore)] = new MemoryBudgetLimitStore(this),
            [typeof(IKeptTotalsStore)] = new MemoryKeptTotalsStore(this),
            [typeof(ILimitsStore)] = new MemoryLimitsStore(this),
            [typeof(ILoraStore)] = new MemoryLoraStore(this),
            [typeof(ILoraFiles)] = new MemoryLoraFiles(this),
            [typeof(ISpoolStore)] = new MemorySpoolStore(this),
            [typeof(IAccessStore)] = new MemoryAccessStore(this),
            [typeof(ILeaseStore)] = new MemoryLeaseStore(this),
            [typeof(IAccountLookStore)] = new MemoryAccountLookStore(this),
            [typeof(IPodClaimStore)] = new MemoryPodClaimStore(this),
            [typeof(IBillStore)] = new MemoryBillStore(this),
            [typeof(IGpuPriceStore)] = new MemoryGpuPriceStore(this),
            [typeof(IBalanceStore)] = new MemoryBalanceStore(this),
            [typeof(ITrainingPauseStore)] = new MemoryTrainingPauseStore(this),
            [typeof(IIncidentStore)] = new MemoryIncidentStore(this),
            [typeof(IOpenIncidents)] = openSubjects,
            [typeof(IBreakerToldStore)] = new MemoryBreakerToldStore(this),
            [typeof(IClockDifferenceStore)] = new MemoryClockDifferenceStore(this),
            [typeof(IStorageCensusStore)] = new MemoryCensusStore(this),
            [typeof(IOperationScheduleStore)] = Operations,
            [typeof(IAutomationHoldStore)] = Operations,
            [typeof(IOperationRunStore)] = Operations.Runs,
            [typeof(IOperationPlanStore)] = Operations.Plans,
            [typeof(IOccurrenceStore)] = Operations.Occurrences,
        };
    }

    private readonly Dictionary<Type, object> stores;
    private readonly MemoryOpenIncidents openSubjects;

    /// <summary>Puts another store into the place of one.</summary>
    public void Replace<TStore>(Func<TStore, TStore> by)
        where TStore : class => stores[typeof(TStore)] = by((TStore)stores[typeof(TStore)]);

    public TimeProvider Clock { get; }
    public MemoryTable<JobId, TrainingJob> Jobs { get; }
    public MemoryTable<JobId, JobLeaseRow> Leases { get; }
    public MemoryTable<JobId, Listed<TrainingImage>> Images { get; }
    public MemoryTable<(JobId, int), TrainingAttempt> Attempts { get; }
    public MemoryTable<Guid, TrainingUpload> Uploads { get; }
    public MemoryTable<(Guid, string), IdempotencyRecord> Idempotency { get; }
    public MemoryTable<string, LedgerPod> Pods { get; }
    public MemoryTable<Month, BudgetMonth> Months { get; }
    public MemoryTable<(JobId, int), Reservation> Reservations { get; }
    public MemoryTable<string, BudgetEntry> Entries { get; }
    public MemoryTable<KeptTotal, LedgerDay> Days { get; }
    public MemoryTable<int, LimitRow> BudgetLimits { get; }
    public MemoryTable<Guid, BudgetLimitChange> LimitChanges { get; }
    public MemoryTable<UserId, UserCount> Users { get; }
    public MemoryTable<(JobId, int), ChargeRow> Charges { get; }
    public MemoryTable<LoraId, Lora> Loras { get; }
    public MemoryTable<LoraId, Listed<ValidationImage>> ValidationImages { get; }
    public MemoryTable<(string Spool, string Name), SpoolEntry> Spool { get; }
    public MemoryTable<(string Instance, string Spool), SpoolInstance> SpoolInstances { get; }
    public MemoryTable<JobId, ImagesGoneRow> ImagesGone { get; }
    public MemoryTable<string, ApiToken> Tokens { get; }
    public MemoryTable<string, LinkRow> Links { get; }
    public MemoryTable<Guid, SignInSession> Sessions { get; }
    public MemoryTable<string, LoopLeaseRow> LoopLeases { get; }
    public MemoryTable<string, PodClaim> Claims { get; }
    public MemoryTable<string, AccountLook> Looks { get; }
    public MemoryTable<int, TrainingPause> Pauses { get; }
    public MemoryTable<Guid, Incident> Incidents { get; }
    public MemoryTable<Guid, TakenFact> IncidentFacts { get; }
    public MemoryTable<(string, string), IncidentEnd> IncidentEnds { get; }
    public MemoryTable<string, BreakerTold> BreakerTold { get; }
    public MemoryTable<(string Instance, string Subject), ClockDifference> ClockDifferences { get; }
    public MemoryTable<string, HostedTraining> Hosted { get; }
    public MemoryTable<(string Bucket, DateTimeOffset At), BucketCensus> Censuses { get; }
    public MemoryTable<(string Bucket, DifferenceKind Kind, string Key), CensusDifference> Differences { get; }
    public MemoryTable<(string Provider, string PodId, DateTimeOffset Bucket), KeptBill> Bills { get; }
    public MemoryTable<(string GpuType, DateTimeOffset From), GpuPrice> Prices { get; }
    public MemoryTable<string, KeptBalance> Balances { get; }

    public MemoryOpenRows<JobId, TrainingJob> OpenJobs { get; }
    public MemoryEndedJobs EndedJobs { get; }
    public MemoryIndex<JobId, TrainingJob, UserId> JobsOf { get; }
    public MemoryOpenRows<(JobId, int), TrainingAttempt> OpenAttempts { get; }
    public MemoryOpenRows<string, LedgerPod> OpenPods { get; }
    public MemoryOpenRows<string, LedgerPod> ApartPods { get; }
    public MemoryGonePods GonePods { get; }
    public MemoryIndex<string, LedgerPod, JobId> PodsOf { get; }
    public MemoryIndex<string, LedgerPod, string> PodsById { get; }
    public MemoryOpenRows<string, LedgerPod> SweptPods { get; }
    public MemoryOpenRows<(JobId, int), Reservation> OpenReservations { get; }
    public MemoryIndex<(JobId, int), Reservation, JobId> ReservationsOf { get; }
    public MemoryIndex<string, BudgetEntry, string> EntriesOfPod { get; }

    /// <summary>What is booked beyond each attempt's reservation.</summary>
    public MemoryIndex<string, BudgetEntry, (JobId, int)> BeyondOf { get; }
    public MemoryIndex<(JobId, int), ChargeRow, (UserId, Month)> ChargesOf { get; }
    public MemoryIndex<Guid, TrainingUpload, JobId> UploadsOf { get; }
    public MemoryOpenRows<Guid, Incident> OpenIncidents { get; }
    public MemoryOpenRows<string, HostedTraining> OpenHosted { get; }
    public MemoryIndex<string, HostedTraining, JobId> HostedOf { get; }
    public MemoryOperations Operations { get; }

    /// <summary>Every committed fact, in order.</summary>
    public List<OperationalEvent> Events { get; } = [];

    public async Task<T> RunAsync<T>(Func<IUnit, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        await EnterAsync(cancellationToken);
        try
        {
            while (true)
            {
                // What a test has set by hand stands: only this transaction's writes are taken back.
                undo.Clear();
                int facts = Events.Count;
                try
                {
                    T result = await work(new Unit(this), cancellationToken);
                    undo.Clear();
                    return result;
                }
                catch (ConcurrentWriteException)
                {
                    Rollback(facts);
                }
                catch
                {
                    Rollback(facts);
                    throw;
                }
            }
        }
        finally
        {
            Leave();
        }
    }

    public async Task<T> ReadAsync<T>(Func<IUnit, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        await EnterAsync(cancellationToken);
        undo.Clear();
        int facts = Events.Count;
        try
        {
            return await read(new Unit(this), cancellationToken);
        }
        finally
        {
            Rollback(facts);
            Leave();
        }
    }

    public void Dispose() => turn.Dispose();

    /// <summary>How often a row was written or a fact appended, rolled back or not: a mere look changes nothing of it.</summary>
    public int Writes { get; private set; }

    /// <summary>Called for each write of a row, rolled back or not: the row's type, its key, the row before it, and how to read the row now.</summary>
    public event Action<string, object, object?, Func<object?>>? RowWritten;

    /// <summary>The simulated year writes millions of rows, and nobody watches them.</summary>
    internal bool IsWatched => RowWritten is not null;

    internal void NoteRow(string row, object key, object? before, Func<object?> now) => RowWritten?.Invoke(row, key, before, now);

    public void OnRollback(Action action)
    {
        Writes++;
        undo.Push(action);
    }

    /// <summary>One at a time. The simulation is always alone, and comes here some ten times a step.</summary>
    private Task EnterAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Interlocked.Increment(ref inside) == 1 ? Task.CompletedTask : turn.WaitAsync(CancellationToken.None);
    }

    private void Leave()
    {
        if (Interlocked.Decrement(ref inside) > 0)
        {
            turn.Release();
        }
    }

    private void Rollback(int facts)
    {
        while (undo.TryPop(out Action? action))
        {
            action();
        }

        Events.RemoveRange(facts, Events.Count - facts);
        openSubjects.Forget(facts);
    }

    private sealed class Unit(MemoryDatabase database) : IUnit, IEventSink
    {
        public IEventSink Events => this;

        public TStore Store<TStore>()
            where TStore : class => (TStore)database.stores[typeof(TStore)];

        public Task AppendAsync(OperationalEvent fact, CancellationToken cancellationToken)
        {
            database.Writes++;
            database.Events.Add(fact);
            return Task.CompletedTask;
        }
    }
}

public sealed record JobLeaseRow(string? Owner, long Fence, DateTimeOffset Until);

public sealed record Listed<T>(IReadOnlyList<T> Items);

public sealed record UserCount(int Count, Month? Period, int? Limit);

public sealed record ChargeRow(UserId User, Month Period, bool Refunded);

/// <param name="Set">Null: the options hold.</param>
/// <param name="Options">As they were last noted.</param>
public sealed record LimitRow(BudgetLimitChange? Set, BudgetRules? Options);

public sealed record LinkRow(DateTimeOffset ExpiresAt, bool Spent);

public sealed record ImagesGoneRow(DateTimeOffset At);

public sealed record TakenFact(Guid Id);

public sealed record IncidentEnd(DateTimeOffset At);

public sealed record LoopLeaseRow(string Owner, DateTimeOffset Until);
