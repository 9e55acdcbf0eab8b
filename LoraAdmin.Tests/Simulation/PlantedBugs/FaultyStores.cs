using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.Simulation.Memory;

namespace LoraAdmin.Tests.Simulation.PlantedBugs;

/// <summary>Faults of what the stores promise, which no line of Domain could undo: a faulty store takes the place of the one in memory.</summary>
public static class FaultyStores
{
    public const string RefundWithoutCount = "give a charge back and leave the user's count as it was";
    public const string EntriesWithoutMonth = "write what an attempt has cost into the ledger and not into its month";
    public const string BudgetWithoutGuard = "reserve by a month's figures that were read before others reserved";

    /// <param name="name">Empty: nothing is put in.</param>
    public static void Put(string name, MemoryDatabase database)
    {
        switch (name)
        {
            case "":
                return;
            case RefundWithoutCount:
                database.Replace<ILimitsStore>(sound => new LimitsThatOnlyGrow(sound, database));
                return;
            case BudgetWithoutGuard:
                database.Replace<IBudgetStore>(sound => new BudgetThatSeesNoOther(sound, database));
                return;
            case EntriesWithoutMonth:
                database.Replace<IBudgetStore>(sound => new BudgetThatForgetsMonths(sound, database));
                return;
            default:
                throw new PlantedBugException($"There is no faulty store \"{name}\"");
        }
    }

    /// <summary>The check and the write are two: what others hold reserved is not seen by the check.</summary>
    private sealed class BudgetThatSeesNoOther(IBudgetStore inner, MemoryDatabase database) : FaultyBudget(inner)
    {
        public override Task<ReserveResult> TryReserveAsync(
            Guid id, JobId job, int attempt, Usd amount, DateTimeOffset now, BudgetRules rules, CancellationToken cancellationToken)
        {
            Usd unseen = database.Months.Find(Month.Of(now))?.Reserved ?? Usd.Zero;
            return base.TryReserveAsync(id, job, attempt, amount, now, rules with { MonthlyLimit = rules.MonthlyLimit + unseen }, cancellationToken);
        }
    }

    private sealed class BudgetThatForgetsMonths(IBudgetStore inner, MemoryDatabase database) : FaultyBudget(inner)
    {
        public override async Task<IReadOnlyList<ReservationChange>> ApplyAsync(IReadOnlyList<ReservationChange> changes, CancellationToken cancellationToken)
        {
            List<BudgetMonth> before = [.. database.Months.Rows];
            IReadOnlyList<ReservationChange> written = await base.ApplyAsync(changes, cancellationToken);
            before.ForEach(month => database.Months.Set(month.Month, month));
            return written;
        }
    }

    private abstract class FaultyBudget(IBudgetStore inner) : IBudgetStore
    {
        public virtual Task<ReserveResult> TryReserveAsync(
            Guid id, JobId job, int attempt, Usd amount, DateTimeOffset now, BudgetRules rules, CancellationToken cancellationToken) =>
            inner.TryReserveAsync(id, job, attempt, amount, now, rules, cancellationToken);

        public Task<ReserveResult> TryTopUpAsync(ReservationChange change, BudgetRules rules, CancellationToken cancellationToken) =>
            inner.TryTopUpAsync(change, rules, cancellationToken);

        public virtual Task<IReadOnlyList<ReservationChange>> ApplyAsync(IReadOnlyList<ReservationChange> changes, CancellationToken cancellationToken) =>
            inner.ApplyAsync(changes, cancellationToken);

        public Task<bool> BookAsync(BudgetEntry entry, CancellationToken cancellationToken) => inner.BookAsync(entry, cancellationToken);

        public Task<IReadOnlyList<PodBooked>> SumForPodsAsync(IReadOnlyCollection<string> pods, CancellationToken cancellationToken) =>
            inner.SumForPodsAsync(pods, cancellationToken);

        public Task<IReadOnlyList<BudgetEntry>> ListBeyondAsync(JobId job, int attempt, CancellationToken cancellationToken) =>
            inner.ListBeyondAsync(job, attempt, cancellationToken);

        public Task<IReadOnlyList<BudgetEntry>> ListBeyondAsync(string pod, CancellationToken cancellationToken) => inner.ListBeyondAsync(pod, cancellationToken);

        public Task<Usd?> FindAdmittedAsync(JobId job, int attempt, CancellationToken cancellationToken) => inner.FindAdmittedAsync(job, attempt, cancellationToken);

        public Task<IReadOnlyList<Reservation>> ListForJobsAsync(IReadOnlyCollection<JobId> jobs, CancellationToken cancellationToken) =>
            inner.ListForJobsAsync(jobs, cancellationToken);

        public Task<IReadOnlyList<Reservation>> ListOpenAsync(ReservationCursor? after, int max, CancellationToken cancellationToken) =>
            inner.ListOpenAsync(after, max, cancellationToken);

        public Task<IReadOnlyList<Reservation>> ListForJobAsync(JobId job, CancellationToken cancellationToken) => inner.ListForJobAsync(job, cancellationToken);

        public Task<BudgetMonth> ReadMonthAsync(Month month, BudgetRules rules, CancellationToken cancellationToken) =>
            inner.ReadMonthAsync(month, rules, cancellationToken);
    }

    private sealed class LimitsThatOnlyGrow(ILimitsStore inner, MemoryDatabase database) : ILimitsStore
    {
        public Task<ChargeResult> TryChargeAsync(UserId user, JobId job, int admission, DateTimeOffset now, LimitRules rules, CancellationToken cancellationToken) =>
            inner.TryChargeAsync(user, job, admission, now, rules, cancellationToken);

        public Task<IdleUsers> CountIdleAsync(Month month, CancellationToken cancellationToken) => inner.CountIdleAsync(month, cancellationToken);

        public Task<Miscount?> FindMiscountAsync(Month month, CancellationToken cancellationToken) => inner.FindMiscountAsync(month, cancellationToken);

        public Task<IReadOnlyList<IdleUser>> SampleIdleAsync(Month month, int most, CancellationToken cancellationToken) =>
            inner.SampleIdleAsync(month, most, cancellationToken);

        public Task<long> ResetAsync(Month month, DateTimeOffset today, CancellationToken cancellationToken) => inner.ResetAsync(month, today, cancellationToken);

        public async Task<bool> RefundAsync(JobId job, string reason, DateTimeOffset now, CancellationToken cancellationToken)
        {
            UserId user = database.Jobs.Find(job)!.UserId;
            UserCount before = database.Users.Find(user)!;
            bool done = await inner.RefundAsync(job, reason, now, cancellationToken);
            database.Users.Set(user, before);
            return done;
        }
    }
}
