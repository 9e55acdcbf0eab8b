using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Budget;

/// <summary>
/// Many callers who admit, raise, correct, go over to another attempt, change prices and limits, end attempts and pods, accrue and settle at the same moment, in
/// two months. Some die before they commit, the database fails here and there (<see cref="StormFaults"/>), and who does not hear whether something was
/// committed asks again. What callers wish follows from the seed; how they meet, and where the database fails, does not.
/// </summary>
internal sealed class BudgetStorm(TestDatabase database, StormFaults faults, StormTally tally, int seed)
{
    public const int Callers = 64;

    private const int DiesOneOf = 12;

    public static readonly BudgetRules Rules = new(Usd.FromDollars(40), Usd.FromDollars(30));

    /// <summary>When money is booked for what runs: after everything that callers do.</summary>
    private static readonly DateTimeOffset Booking = new(2026, 12, 29, 0, 0, 0, TimeSpan.Zero);

    /// <summary>When everything has ended.</summary>
    private static readonly DateTimeOffset End = Booking.AddDays(2);

    private static readonly LimitRules Limits = new(1_000_000, 1_000_000);
    private static readonly TrainingRules Training = new SimulatedWorld(1).Training;
    private static readonly Month[] Months = [new(2026, 11), new(2026, 12)];

    private readonly StormWork work = new(database, tally);
    private readonly StormLedger ledger = new(database, tally);
    private int settlements;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <returns>What happened, in words.</returns>
    public async Task<string> RunAsync(int steps)
    {
        await ledger.StartAsync(faults);
        await faults.StartAsync(database);
        IReadOnlyList<JobId>[] jobs = await Task.WhenAll(Enumerable.Range(1, Callers).Select(caller => Task.Run(() => CallAsync(caller, steps), Token)));
        await faults.EndAsync(database);
        JobId[] all = [.. jobs.SelectMany(static some => some)];
        await GoOverAsync(all);
        await EndSomeAsync(all);
        await RaiseSomeAsync(all);

        // A database that fails may have let no turn of the settlement come as far as to what runs.
        await SettleAsync();
        string happened = await work.ReadAsync(StormCheck.CountAsync, Token);
        await EndAllAsync();
        return happened;
    }

    /// <returns>The jobs that it had admitted.</returns>
    private async Task<IReadOnlyList<JobId>> CallAsync(int caller, int steps)
    {
        Random random = new((seed * 1_000) + caller);
        SeededIds ids = new((seed * 1_000) + caller);
        UserId user = new(ids.Next());
        List<JobId> jobs = [];
        for (int step = 0; step < steps; step++)
        {
            int what = random.Next(20);
            DateTimeOffset now = Months[random.Next(Months.Length)].Start.AddHours(random.Next(24 * 27));
            Usd money = new(10_000L * random.Next(1, 150));
            Guid id = ids.Next();
            JobId job = jobs.Count == 0 || what < 6 ? new JobId(ids.Next()) : jobs[random.Next(jobs.Count)];
            if (jobs.Count == 0 || what < 6)
            {
                if (await TryAsync(random, unit => AdmitAsync(unit, user, id, job, money, now)))
                {
                    jobs.Add(job);
                }

                continue;
            }

            string key = $"correction:{caller}:{random.Next(steps)}";
            Usd rate = new(random.Next(1, 2_000));
            BudgetRules? limit = random.Next(4) == 0 ? null : Limit(random);
            await (what switch
            {
                6 => SettleAsync(),
                7 => TryAsync(random, unit => RepriceAsync(unit, job, rate, now)),
                8 or 9 => TryAsync(random, unit => TopUpAsync(unit, job, money, now)),
                10 => TryAsync(random, unit => BookAsync(unit, key, money - Usd.FromDollars(0.7m), now)),
                11 => TryAsync(random, unit => SetLimitAsync(unit, id, limit, now)),
                < 15 => TryAsync(random, unit => GoOverAsync(unit, id, job, new Usd(money.Micros / 10), now)),
                _ => TryAsync(random, unit => EndAsync(unit, job, now)),
            });
        }

        return jobs;
    }

    /// <summary>How callers meet decides which attempts fail, and how much room they leave, before a step lets one go over: now each that failed does, whatever the months have spent.</summary>
    private async Task GoOverAsync(IReadOnlyList<JobId> jobs)
    {
        Random random = new(seed * 1_000);
        SeededIds ids = new(seed * 1_000);
        Guid raise = ids.Next();
        await work.RunAsync((unit, _) => SetLimitAsync(unit, raise, new BudgetRules(Usd.FromDollars(1_000), Usd.Zero), Booking), Token);
        foreach (JobId job in jobs)
        {
            (Guid id, DateTimeOffset now) = (ids.Next(), Months[random.Next(Months.Length)].Start.AddHours(random.Next(24 * 27)));
            await TryAsync(random, unit => GoOverAsync(unit, id, job, new Usd(10_000), now));
        }
    }

    /// <summary>It decides too how many come to their end before the last step: now every fourth does, with all its pods.</summary>
    private async Task EndSomeAsync(IReadOnlyList<JobId> jobs)
    {
        Random random = new(seed * 1_001);
        foreach (JobId job in jobs.Where(static (_, number) => number % 4 == 0))
        {
            while (await TryAsync(random, unit => EndAsync(unit, job, Booking)))
            {
            }
        }
    }

    /// <summary>And how many still have room to be raised, and a pod whose price can change: now every fourth of the others is and does.</summary>
    private async Task RaiseSomeAsync(IReadOnlyList<JobId> jobs)
    {
        Random random = new(seed * 1_002);
        foreach (JobId job in jobs.Where(static (_, number) => number % 4 == 1))
        {
            await TryAsync(random, unit => RepriceAsync(unit, job, new Usd(900), Booking));
            await TryAsync(random, unit => TopUpAsync(unit, job, Usd.FromDollars(2), Booking));
        }
    }

    /// <summary>Some die with all their work done. Who did not hear whether it was committed does the same again, under the same ids.</summary>
    private async Task<bool> TryAsync(Random random, Func<IUnit, Task<bool>> act)
    {
        bool dies = random.Next(DiesOneOf) == 0;
        while (true)
        {
            try
            {
                return await work.RunAsync(
                    async (unit, _) =>
                    {
                        bool done = await act(unit);
                        return dies ? throw new DiedException() : done;
                    },
                    Token);
            }
            catch (RefusedException)
            {
                tally.Count(StormEvent.Refused);
                return false;
            }
            catch (DiedException)
            {
                tally.Count(StormEvent.Died);
                return false;
            }
            catch (Exception failure) when (StormFaults.IsPlanned(failure))
            {
                if (failure is not StoreUnavailableException)
                {
                    return false;
                }
            }
        }
    }

    /// <summary>As one instance of several does every minute, each time a while later: what runs costs more by then.</summary>
    private async Task<bool> SettleAsync()
    {
        FakeTimeProvider clock = new(Booking.AddMinutes(20 * Interlocked.Increment(ref settlements)));
        try
        {
            return await new AttemptSettlement(work, clock, static () => Rules, static () => Training, KnownClocks.New(clock).NoteAhead(TimeSpan.Zero)).RunAsync(Token) > 0;
        }
        catch (Exception failure) when (StormFaults.IsPlanned(failure))
        {
            return false;
        }
    }

    private async Task<bool> AdmitAsync(IUnit unit, UserId user, Guid id, JobId job, Usd amount, DateTimeOffset now)
    {
        ITrainingStore jobs = unit.Store<ITrainingStore>();
        bool isNew = await jobs.FindAsync(job, Token) is null;
        await unit.Store<ILimitsStore>().TryChargeAsync(user, job, 1, now, Limits, Token);
        if (isNew)
        {
            await jobs.AddAsync(StormRows.Job(job, user, now), [], StormRows.Attempt(job, 1, now), Token);
            await unit.Store<IPodLedger>().AddAsync(StormRows.Pod(job, 1, now), Token);
        }

        await ReserveAsync(unit, id, job, 1, amount, now);
        if (!isNew)
        {
            tally.Count(StormEvent.FoundAgain);
        }

        return true;
    }

    /// <summary>What came to nothing makes room for what comes next, in one unit.</summary>
    private static async Task<bool> GoOverAsync(IUnit unit, Guid id, JobId job, Usd amount, DateTimeOffset now)
    {
        Reservation before = (await unit.Store<IBudgetStore>().ListForJobAsync(job, Token))[^1];
        ITrainingStore jobs = unit.Store<ITrainingStore>();
        if ((await jobs.ListAttemptsAsync(job, Token))[^1] is not { State: AttemptState.Failed } last || last.Number != before.Attempt)
        {
            return false;
        }

        if (before.SettledAt is null)
        {
            await AttemptSettlement.TrySettleAsync(unit, before, Training, Booking, Token);
        }

        int next = before.Attempt + 1;
        await ReserveAsync(unit, id, job, next, amount, now);
        await jobs.AddAttemptAsync(StormRows.Attempt(job, next, now), Token);
        await unit.Store<IPodLedger>().AddAsync(StormRows.Pod(job, next, now), Token);
        return true;
    }

    /// <exception cref="RefusedException">There is no room: nothing of the unit stays.</exception>
    private static async Task ReserveAsync(IUnit unit, Guid id, JobId job, int attempt, Usd amount, DateTimeOffset now)
    {
        ReserveResult result = await unit.Store<IBudgetStore>().TryReserveAsync(id, job, attempt, amount, now, Rules, Token);
        Assert.Equal(id, result is ReserveResult.Reserved reserved ? reserved.Reservation.Id : throw new RefusedException());
    }

    /// <summary>To an amount, not by one: done again it changes nothing.</summary>
    private static async Task<bool> TopUpAsync(IUnit unit, JobId job, Usd amount, DateTimeOffset now)
    {
        IBudgetStore store = unit.Store<IBudgetStore>();
        return (await store.ListForJobAsync(job, Token)).FirstOrDefault(static one => one.SettledAt is null) is { } open && open.Amount < amount
            && await store.TryTopUpAsync(ReservationBooks.TopUp(open, amount - open.Amount, now), Rules, Token) is ReserveResult.Reserved;
    }

    private static async Task<bool> RepriceAsync(IUnit unit, JobId job, Usd rate, DateTimeOffset now) =>
        await ListAliveAsync(unit, job) is [var pod, ..]
        && await unit.Store<IPodLedger>().SaveAsync(pod.Repriced(rate, NotBefore(pod, now)), Token);

    /// <summary>First the attempt ends and lets its pod go, then its pods are gone one by one.</summary>
    /// <returns>False: nothing of it is left.</returns>
    private static async Task<bool> EndAsync(IUnit unit, JobId job, DateTimeOffset now)
    {
        ITrainingStore jobs = unit.Store<ITrainingStore>();
        if (await ListAliveAsync(unit, job) is not [.., var pod])
        {
            return false;
        }

        TrainingAttempt attempt = (await jobs.ListAttemptsAsync(job, Token))[^1];
        DateTimeOffset at = NotBefore(pod, now);
        if (attempt.State == AttemptState.Active)
        {
            bool fails = at.Hour % 3 > 0;
            await jobs.SaveAttemptAsync(
                attempt with { State = fails ? AttemptState.Failed : AttemptState.Succeeded, Failure = fails ? FailureCode.PodLost : null, EndedAt = at }, Token);
            if (fails)
            {
                await unit.Store<ILimitsStore>().RefundAsync(job, "failed", now, Token);
            }

            return await unit.Store<IPodLedger>().SaveAsync(pod with { Want = PodWant.Released, WantSince = at }, Token);
        }

        return await unit.Store<IPodLedger>().SaveAsync(pod with { Saw = PodSaw.Gone, GoneAt = at }, Token);
    }

    private static async Task<bool> BookAsync(IUnit unit, string key, Usd amount, DateTimeOffset now) => await unit.Store<IBudgetStore>().BookAsync(
        new BudgetEntry { Key = key, Month = Month.Of(now), At = now, Kind = EntryKind.Correction, Spent = amount, Note = "billed otherwise" }, Token);

    private static async Task<bool> SetLimitAsync(IUnit unit, Guid id, BudgetRules? limit, DateTimeOffset now)
    {
        if (!(await unit.Store<IBudgetLimitStore>().ListChangesAsync(1_000, Token)).Any(change => change.Id == id))
        {
            await unit.Store<IBudgetLimitStore>().SetAsync(
                new BudgetLimitChange(id, now, new Actor(ActorKind.Person, "ada"), "A dear month", Rules, limit ?? Rules, FollowsOptions: limit is null), Token);
        }

        return true;
    }

    /// <summary>Pods of the job, in order of attempt.</summary>
    private static async Task<IReadOnlyList<LedgerPod>> ListAliveAsync(IUnit unit, JobId job)
    {
        List<LedgerPod> alive = [];
        foreach (TrainingAttempt attempt in await unit.Store<ITrainingStore>().ListAttemptsAsync(job, Token))
        {
            alive.AddRange((await unit.Store<IPodLedger>().ListForAttemptAsync(job, attempt.Number, Token)).Where(static pod => pod.Saw != PodSaw.Gone));
        }

        return alive;
    }

    /// <summary>Everything ends and is settled, at once: nothing stays reserved, and each attempt has cost what its pod did.</summary>
    private async Task EndAllAsync()
    {
        IReadOnlyList<Reservation> open = await work.ReadAsync((unit, token) => unit.Store<IBudgetStore>().ListOpenAsync(null, 10_000, token), Token);
        await work.RunAsync(
            async (unit, _) =>
            {
                foreach (Reservation one in open)
                {
                    while (await EndAsync(unit, one.Job, Booking))
                    {
                    }
                }
            },
            Token);
        FakeTimeProvider end = new(End);
        await new AttemptSettlement(work, end, static () => Rules, static () => Training, KnownClocks.New(end).NoteAhead(TimeSpan.Zero)).RunAsync(Token);
        await ledger.LookAsync(Token);
        await work.ReadAsync(
            async (unit, token) =>
            {
                Assert.Empty(await unit.Store<IBudgetStore>().ListOpenAsync(null, 1, token));
                foreach (Reservation settled in await unit.Store<IBudgetStore>().ListForJobsAsync(await StormCheck.ListJobsAsync(unit, token), token))
                {
                    IReadOnlyList<LedgerPod> pods = await unit.Store<IPodLedger>().ListForAttemptAsync(settled.Job, settled.Attempt, token);
                    Assert.Equal(pods.Aggregate(Usd.Zero, static (sum, pod) => sum + pod.CostUntil(End)), settled.Actual);
                }

                return true;
            },
            Token);
    }

    private static DateTimeOffset NotBefore(LedgerPod pod, DateTimeOffset now)
    {
        DateTimeOffset known = pod.BilledUntil ?? pod.RequestedAt;
        return now < known ? known : now;
    }

    private static BudgetRules Limit(Random random) =>
        new(Usd.FromDollars(random.Next(25, 60)), Usd.Zero) { Mode = random.Next(4) == 0 ? BudgetMode.Soft : BudgetMode.Hard };

    private sealed class DiedException : Exception;

    private sealed class RefusedException : Exception;
}
