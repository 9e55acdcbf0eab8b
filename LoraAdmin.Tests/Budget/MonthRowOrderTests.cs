using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Budget;

/// <summary>Everybody who is admitted waits for the month's row: who takes it waits for nobody any more.</summary>
public sealed class MonthRowOrderTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);
    private static readonly BudgetRules Rules = new(Usd.FromDollars(40), Usd.FromDollars(30));

    private readonly SeededIds ids = new(1);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Unit_ThatSettlesAndReserves_KeepsNoAdmissionWaitingMeanwhile()
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Postgres);
        JobId job = new(ids.Next());
        JobId other = new(ids.Next());
        (Guid first, Guid second, Guid others) = (ids.Next(), ids.Next(), ids.Next());
        await ReserveAsync(database, first, job, 1);
        int runs = 0;

        ReserveResult result = await database.Work.RunAsync(
            async (unit, token) =>
            {
                runs++;
                IBudgetStore store = unit.Store<IBudgetStore>();
                Reservation open = Assert.Single(await store.ListForJobAsync(job, token));
                ReservationChange settled = ReservationBooks.Settle(
                    open, CostSplit.Nothing with { Failed = Usd.FromDollars(1) }, static () => throw new InvalidOperationException("It fits."), Now);
                Assert.Single(await store.ApplyAsync([settled], token));

                // With the month's row or a day's taken by now it would wait for the end of this unit, which comes after it.
                await ReserveAsync(database, others, other, 1).WaitAsync(Eventually.DefaultDeadline, TimeProvider.System, token);
                return await store.TryReserveAsync(second, job, 2, Usd.FromDollars(5), Now, Rules, token);
            },
            Token);

        Assert.IsType<ReserveResult.Reserved>(result);
        Assert.Equal(1, runs);
        BudgetMonth month = await database.Work.ReadAsync((unit, token) => unit.Store<IBudgetStore>().ReadMonthAsync(Month.Of(Now), Rules, token), Token);
        Assert.Equal((Usd.FromDollars(1), Usd.FromDollars(10)), (month.Spent, month.Reserved));
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Limit_ThatIsSetBeforeAnAdmissionThatWaits_WaitsInNoCircleWithIt()
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Postgres);
        (JobId job, JobId other) = (new(ids.Next()), new(ids.Next()));
        (Guid first, Guid second) = (ids.Next(), ids.Next());
        BudgetLimitChange change = new(ids.Next(), Now, new Actor(ActorKind.Person, "ada"), "A dear month", Rules, Rules, FollowsOptions: false);
        await ReserveAsync(database, first, job, 1);
        int runs = 0;
        Task set = Task.CompletedTask;
        Task admission = Task.CompletedTask;

        await database.Work.RunAsync(
            async (unit, token) =>
            {
                // From here on the month's row is this unit's.
                IBudgetStore store = unit.Store<IBudgetStore>();
                await store.BookAsync(
                    new BudgetEntry { Key = "correction:1", Month = Month.Of(Now), At = Now, Kind = EntryKind.Correction, Spent = Usd.FromDollars(1) }, token);
                await store.ReadMonthAsync(Month.Of(Now), Rules, token);
                set = database.Work.RunAsync(
                    (one, stop) =>
                    {
                        Interlocked.Increment(ref runs);
                        return one.Store<IBudgetLimitStore>().SetAsync(change, stop);
                    },
                    Token);
                await WaitAsync(database, 1);
                admission = database.Work.RunAsync(
                    (one, stop) =>
                    {
                        Interlocked.Increment(ref runs);
                        return one.Store<IBudgetStore>().TryReserveAsync(second, other, 1, Usd.FromDollars(5), Now, Rules, stop);
                    },
                    Token);
                await WaitAsync(database, 2);
            },
            Token);
        await Task.WhenAll(set, admission);

        // Whoever is thrown out of a circle runs again.
        Assert.Equal(2, runs);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Limit_ThatIsSet_WaitsForNobodyWhoOnlyRefersToTheMonth()
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Postgres);
        await ReserveAsync(database, ids.Next(), new JobId(ids.Next()), 1);
        await using LoraDb db = database.NewContext();
        await using IDbContextTransaction transaction = await db.Database.BeginTransactionAsync(Token);

        // As an admission holds it that has written its reservation and waits for another one's month.
        Assert.Single(await db.Database.SqlQueryRaw<string>("SELECT month AS \"Value\" FROM budget_months FOR KEY SHARE").ToListAsync(Token));
        BudgetLimitChange change = new(ids.Next(), Now, new Actor(ActorKind.Person, "ada"), "A dear month", Rules, Rules, FollowsOptions: false);

        await database.Work.RunAsync((unit, token) => unit.Store<IBudgetLimitStore>().SetAsync(change, token), Token).WaitAsync(Eventually.DefaultDeadline, TimeProvider.System, Token);

        BudgetLimit limit = await database.Work.ReadAsync((unit, token) => unit.Store<IBudgetLimitStore>().ReadAsync(Rules, token), Token);
        Assert.Equal(change.Actor, limit.SetBy);
    }

    /// <summary>PostgreSQL keeps the row that a statement had to wait for, although the statement then wrote nothing.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Raise_ThatIsRefusedAfterItWaited_KeepsNobodyWaitingWhoHasTheJob()
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Postgres);
        JobId job = new(ids.Next());
        (Guid own, Guid others, Guid last) = (ids.Next(), ids.Next(), ids.Next());
        await AddAsync(database, job);
        await ReserveAsync(database, own, job, 1);
        CountedWork counted = new(database.Work);
        AttemptSettlement settlement = new(counted, new FakeTimeProvider(Now), () => Rules, () => new SimulatedWorld(1).Training, new ClockStandings(
            TimeProvider.System, static () => new ClockRules(TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(1))));
        (TaskCompletionSource monthIsHeld, TaskCompletionSource jobIsHeld, TaskCompletionSource goOn, TaskCompletionSource goOnToo) = (New(), New(), New(), New());
        int runs = 0;

        // Until this one has committed the raise would fit.
        Task holdsMonth = database.Work.RunAsync(
            async (unit, token) =>
            {
                await unit.Store<IBudgetStore>().TryReserveAsync(others, new JobId(others), 1, Usd.FromDollars(30), Now, Rules, token);
                monthIsHeld.TrySetResult();
                await goOn.Task;
            },
            Token);
        await monthIsHeld.Task;
        Task<int> settling = Task.Run(() => settlement.RunAsync(Token), Token);
        await WaitsForAsync(database, "budget_months");
        Task holdsJob = database.Work.RunAsync(
            async (unit, token) =>
            {
                runs++;
                await unit.Store<ITrainingStore>().AddCostAsync(job, Usd.Zero, token);
                jobIsHeld.TrySetResult();
                await goOnToo.Task;
                await unit.Store<IBudgetStore>().TryReserveAsync(last, new JobId(last), 1, Usd.FromDollars(1), Now, Rules, token);
            },
            Token);
        await jobIsHeld.Task;
        goOn.SetResult();
        await holdsMonth;
        await WaitsForAsync(database, "training_progress");
        goOnToo.SetResult();
        await holdsJob;

        Assert.Equal(0, await settling);
        Assert.Equal((1, counted.Asked), (runs, counted.Runs));
        TrainingJob? wished = await database.Work.ReadAsync((unit, token) => unit.Store<ITrainingStore>().FindAsync(job, token), Token);
        Assert.Equal(FailureCode.BudgetExhausted, wished!.Cancel!.EndsAs);
    }

    /// <summary>A job whose pod costs $15 in its lifetime, which is three hours.</summary>
    private static Task AddAsync(TestDatabase database, JobId job) => database.Work.RunAsync(
        async (unit, token) =>
        {
            TrainingJob row = new()
            {
                Id = job,
                LoraId = new LoraId(job.Value),
                UserId = TrainingBench.User,
                Name = "Mara",
                CreatorEmail = "creator-17@example.org",
                State = TrainingState.Training,
                StateSince = Now,
                CreatedAt = Now,
                UpdatedAt = Now,
                Attempt = 1,
                Admission = 1,
                DueAt = Now,
            };
            await unit.Store<ITrainingStore>().AddAsync(row, [], new TrainingAttempt(job, 1, "runpod", AttemptState.Active, Now, null, null, null), token);
            LedgerPod pod = new()
            {
                Name = "lora-pod1",
                Job = job,
                Attempt = 1,
                Try = 1,
                Want = PodWant.Needed,
                Saw = PodSaw.Running,
                PodId = "pod1",
                GpuType = "NVIDIA A40",
                HourlyRate = Usd.FromDollars(5),
                RequestedAt = Now,
                CreatedAt = Now,
                LiveUntil = Now.AddHours(3),
            };
            await unit.Store<IPodLedger>().AddAsync(pod, token);
        },
        Token);

    /// <summary>Until somebody waits for a row of the table.</summary>
    private static async Task WaitsForAsync(TestDatabase database, string table)
    {
        await using LoraDb db = database.NewContext();
        await Eventually.TrueAsync(
            async () => (await db.Database.SqlQueryRaw<int>(
                """
                SELECT count(*)::int AS "Value" FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%' || {0} || '%'
                """,
                table).ToListAsync(Token))[0] > 0,
            $"somebody waits for a row of {table}");
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Until so many units wait for a row.</summary>
    private static Task WaitAsync(TestDatabase database, int units) => Eventually.TrueAsync(
        async () =>
        {
            await using LoraDb db = database.NewContext();
            return units == await db.Database
                .SqlQueryRaw<long>("SELECT count(*) AS \"Value\" FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
                .SingleAsync(Token);
        },
        $"{units} wait for a row");

    private static Task<ReserveResult> ReserveAsync(TestDatabase database, Guid id, JobId job, int attempt) => database.Work.RunAsync(
        (unit, token) => unit.Store<IBudgetStore>().TryReserveAsync(id, job, attempt, Usd.FromDollars(5), Now, Rules, token), Token);

    /// <summary>How many units were asked for, and how often they ran.</summary>
    private sealed class CountedWork(IUnitOfWork inner) : IUnitOfWork
    {
        public int Asked { get; private set; }

        public int Runs { get; private set; }

        public Task<T> RunAsync<T>(Func<IUnit, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
        {
            Asked++;
            return inner.RunAsync(
                (unit, token) =>
                {
                    Runs++;
                    return work(unit, token);
                },
                cancellationToken);
        }

        public Task<T> ReadAsync<T>(Func<IUnit, CancellationToken, Task<T>> read, CancellationToken cancellationToken) => inner.ReadAsync(read, cancellationToken);
    }
}
