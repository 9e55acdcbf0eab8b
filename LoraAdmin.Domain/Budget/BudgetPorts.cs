using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>
/// One month's row. Invariant: in hard mode no commit that adds a reservation leaves <c>Spent + Reserved</c> above <c>Limit</c>.
/// </summary>
/// <param name="Limit">What holds now, whatever the month.</param>
public sealed record BudgetMonth(Month Month, Usd Limit, Usd Spent, Usd Reserved)
{
    public BudgetMode Mode { get; init; }

    public Usd Free => Limit - Spent - Reserved;

    /// <summary>What is free, to be shown beside the other sums: each is rounded, and this is what they leave as they are read.</summary>
    public Usd FreeInCents => Limit.LeftInCents(Spent, Reserved);

    /// <summary>Whether a reservation of so much would be made now, as the guarded update decides.</summary>
    public bool HasRoomFor(Usd amount) => Mode == BudgetMode.Soft ? Spent < Limit : amount <= Free;

    /// <summary>Jobs are refused until money comes free, the limit is raised or the month is over.</summary>
    /// <param name="reserves">What the next job would reserve; null: not known, and as long as anything is free it may suffice.</param>
    public bool RefusesJobs(Usd? reserves) => !HasRoomFor(reserves is { Micros: > 0 } amount ? amount : new Usd(1));

    /// <summary>Something is free, and less than a job reserves. A soft limit never says so: it refuses once it is spent.</summary>
    /// <inheritdoc cref="RefusesJobs"/>
    public bool IsShortForJobs(Usd? reserves) => Mode == BudgetMode.Hard && Free > Usd.Zero && RefusesJobs(reserves);

    /// <summary>More is taken than the limit would let be taken now.</summary>
    public bool IsPassed => Mode == BudgetMode.Soft ? Spent > Limit : Free < Usd.Zero;

    /// <summary>Why a job can't go to a provider, where <see cref="HasRoomFor"/> says no.</summary>
    /// <param name="amount">What it would reserve there.</param>
    /// <param name="isWithItsOwn">The month is as it would be without the reservation that the job has.</param>
    public string WhyNoRoom(string provider, Usd amount, bool isWithItsOwn)
    {
        string free = $"has {(Free < Usd.Zero ? Usd.Zero : Free)} free{(isWithItsOwn ? ", its own reservation included" : "")}";
        string room = Mode == BudgetMode.Soft ? "is spent" : free;
        return $"{provider} would reserve up to {amount} for a job, and the budget of {Month} {room}";
    }
}

/// <summary>
/// Money set aside for one attempt, in the month in which it reserved. It has no time-out: it ends when the attempt is final and all its pods are
/// verified gone.
/// </summary>
/// <param name="Amount">All that was reserved, top-ups included.</param>
/// <param name="Actual">What the attempt cost, whole; null until settled.</param>
public sealed record Reservation(Guid Id, JobId Job, int Attempt, Month Month, Usd Amount, DateTimeOffset CreatedAt, Usd? Actual, DateTimeOffset? SettledAt)
{
    /// <summary>How much of the amount is booked as spent.</summary>
    public Usd Accrued { get; init; }

    /// <summary>When it was last accrued.</summary>
    public DateTimeOffset? AccruedAt { get; init; }

    /// <summary>What was paid beyond the amount: it is part of <see cref="Actual"/> and stands as leak or price change in the calendar's months.</summary>
    public Usd Beyond { get; init; }

    /// <summary>What was paid out of the amount, by purpose: <c>Split.Sum + Beyond == Actual</c>. Null until settled.</summary>
    public CostSplit? Split { get; init; }

    /// <summary>What its month holds reserved for it.</summary>
    public Usd Rest => SettledAt is null ? Amount - Accrued : Usd.Zero;
}

/// <summary>What admission asks the budget.</summary>
public abstract record ReserveResult
{
    private ReserveResult()
    {
    }

    public sealed record Reserved(Reservation Reservation) : ReserveResult;

    /// <summary>The estimate does not fit; nothing was written.</summary>
    public sealed record DoesNotFit(BudgetMonth Month, Usd Estimate) : ReserveResult;
}

/// <summary>A reservation as it was read, as it is to be, and what that means to the months.</summary>
public sealed record ReservationChange(Reservation Before, Reservation After, IReadOnlyList<BudgetEntry> Entries);

/// <summary>What is booked as spent under a pod's name in the pod ledger.</summary>
/// <param name="Other">All but corrections.</param>
/// <param name="Corrections">How many corrections there were.</param>
/// <param name="Entries">How many entries there are, corrections included: whoever books the next one numbers it by that.</param>
public sealed record PodBooked(string Pod, Usd Other, Usd Corrected, int Corrections, int Entries);

/// <summary>A place in the order of reservations: after those that were made before the instant, or at it under an id up to this one.</summary>
/// <param name="Id">Null: after all that were made at the instant.</param>
public sealed record ReservationCursor(DateTimeOffset CreatedAt, Guid? Id)
{
    public static ReservationCursor After(Reservation last)
    {
        ArgumentNullException.ThrowIfNull(last);
        return new(last.CreatedAt, last.Id);
    }
}

/// <summary>The ledger of the months' money. Bound to a unit of work.</summary>
public interface IBudgetStore
{
    /// <summary>
    /// Makes the month's row if it is absent, then reserves by one guarded update (<c>spent + reserved + amount &lt;= limit</c>), so that no
    /// interleaving of any number of instances passes the limit. Asking again for the same job and attempt, under the same id or another one, answers the
    /// reservation it has and books nothing: so asks whoever could not hear whether a commit took effect.
    /// </summary>
    /// <param name="id">Of no other job's or attempt's reservation.</param>
    /// <param name="rules">What the configuration says; a limit that was set over it goes first, and counts for the very next reservation.</param>
    Task<ReserveResult> TryReserveAsync(Guid id, JobId job, int attempt, Usd amount, DateTimeOffset now, BudgetRules rules, CancellationToken cancellationToken);

    /// <summary>Raises a reservation if its month has room for the difference, by the same guard.</summary>
    /// <exception cref="ConcurrentWriteException">It was changed since it was read: the unit runs again.</exception>
    Task<ReserveResult> TryTopUpAsync(ReservationChange change, BudgetRules rules, CancellationToken cancellationToken);

    /// <summary>
    /// Writes each change, unless its reservation has another amount, was accrued or was settled since it was read. Entries, month rows and day
    /// totals go with it.
    /// </summary>
    /// <returns>The changes that were written.</returns>
    Task<IReadOnlyList<ReservationChange>> ApplyAsync(IReadOnlyList<ReservationChange> changes, CancellationToken cancellationToken);

    /// <summary>Books one entry: its row, its month's (made if absent) and the day's totals, in one go.</summary>
    /// <returns>False: the key is there already; nothing was written.</returns>
    Task<bool> BookAsync(BudgetEntry entry, CancellationToken cancellationToken);

    /// <summary>What is booked as spent under pods' names in the ledger; a pod without an entry is left out.</summary>
    Task<IReadOnlyList<PodBooked>> SumForPodsAsync(IReadOnlyCollection<string> pods, CancellationToken cancellationToken);

    /// <summary>
    /// What is booked beyond the reservation of an attempt, corrections left out, in no order: also what took it back, and entries of nothing that say
    /// that it is over.
    /// </summary>
    Task<IReadOnlyList<BudgetEntry>> ListBeyondAsync(JobId job, int attempt, CancellationToken cancellationToken);

    /// <summary>The same of a pod that no reservation pays for, by its name in the pod ledger.</summary>
    Task<IReadOnlyList<BudgetEntry>> ListBeyondAsync(string pod, CancellationToken cancellationToken);

    /// <summary>Open reservations, oldest first, a page at a time.</summary>
    /// <param name="after">Where the page before ended; null: from the oldest.</param>
    Task<IReadOnlyList<Reservation>> ListOpenAsync(ReservationCursor? after, int max, CancellationToken cancellationToken);

    /// <summary>Every reservation of one job, in order of attempt.</summary>
    Task<IReadOnlyList<Reservation>> ListForJobAsync(JobId job, CancellationToken cancellationToken);

    /// <summary>What the attempt reserved at first, without top-ups; null: the ledger has no entry of that, as of what was reserved before there was one.</summary>
    Task<Usd?> FindAdmittedAsync(JobId job, int attempt, CancellationToken cancellationToken);

    /// <summary>Every reservation of the jobs.</summary>
    Task<IReadOnlyList<Reservation>> ListForJobsAsync(IReadOnlyCollection<JobId> jobs, CancellationToken cancellationToken);

    /// <summary>The month's row, or one of zeros when nothing was booked in it yet, with the limit that holds now.</summary>
    Task<BudgetMonth> ReadMonthAsync(Month month, BudgetRules rules, CancellationToken cancellationToken);
}

/// <summary>The limit that people set over the configuration, and the record of every change. Bound to a unit of work.</summary>
public interface IBudgetLimitStore
{
    Task<BudgetLimit> ReadAsync(BudgetRules options, CancellationToken cancellationToken);

    /// <summary>The limit as it is, which nobody else sets before the unit has ended: who asks goes after whoever sets it at the same moment.</summary>
    Task<BudgetLimit> LockAsync(BudgetRules options, CancellationToken cancellationToken);

    /// <summary>
    /// Sets the change's rules over the configuration, or lets the configuration hold again, and keeps the change. Every admission that has not
    /// committed by then goes by it.
    /// </summary>
    Task SetAsync(BudgetLimitChange change, CancellationToken cancellationToken);

    /// <summary>
    /// What the configuration said when it was last noted, which is replaced by what it says now; null: it was never noted. Who notes goes after whoever
    /// notes or sets the limit at the same moment.
    /// </summary>
    Task<BudgetRules?> SwapOptionsAsync(BudgetRules options, CancellationToken cancellationToken);

    /// <summary>Keeps a change that nothing else follows from: another configuration.</summary>
    Task AddChangeAsync(BudgetLimitChange change, CancellationToken cancellationToken);

    /// <summary>Newest first.</summary>
    Task<IReadOnlyList<BudgetLimitChange>> ListChangesAsync(int max, CancellationToken cancellationToken);
}
