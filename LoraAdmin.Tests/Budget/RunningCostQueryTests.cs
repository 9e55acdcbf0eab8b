using LoraAdmin.Budget;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Budget;

/// <summary>"More since": what runs costs and no entry holds yet, whoever pays for it; read with everything else in one round trip.</summary>
public sealed class RunningCostQueryTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 30, 0, TimeSpan.Zero);
    private static readonly Month November = new(2026, 11);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>A stranger at $0.50 an hour since two hours, of which $0.60 is booked and $0.10 corrected.</summary>
    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    [Trait("Requirement", "M6")]
    public async Task Stray_CountsWhatIsNotBookedUnderItsName(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, new FakeTimeProvider(Now));
        await AddAsync(database, Pod("stray", 1) with { GpuType = "" });
        await BookAsync(database, Entry("leak:stray", EntryKind.Leak, 0.60m));
        await BookAsync(database, Entry("correction:stray", EntryKind.Correction, 0.10m));

        Assert.Equal((Dollars(0.40m), Dollars(0.50m)), await ReadAsync(database));
        Assert.Equal(Now.AddHours(-1), await ReadSinceAsync(database));
    }

    /// <summary>Made twenty days ago and started anew an hour ago: what is not booked yet is of that hour.</summary>
    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    [Trait("Requirement", "M6")]
    public async Task Stray_ThatStoodStill_CostsSinceItsPresentStart(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, new FakeTimeProvider(Now));
        await AddAsync(database, Pod("stray", 1) with { GpuType = "", CreatedAt = Now.AddDays(-20), BilledUntil = Now.AddHours(-1) });

        Assert.Equal((Dollars(0.50m), Dollars(0.50m)), await ReadAsync(database));
        Assert.Equal(Now.AddHours(-1), await ReadSinceAsync(database));
    }

    /// <summary>Its price changed an hour ago, and nothing of it is booked: its cost began with it.</summary>
    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task Stray_WhosePriceChanged_CostsSinceItsBeginning(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, new FakeTimeProvider(Now));
        await AddAsync(database, (Pod("stray", 1) with { GpuType = "" }).Repriced(Dollars(0.20m), Now.AddHours(-1)));

        Assert.Equal((Dollars(0.70m), Dollars(0.20m)), await ReadAsync(database));
        Assert.Equal(Now.AddHours(-2), await ReadSinceAsync(database));
    }

    /// <summary>Both of a job that nobody knows: one is booked too high, which gives the other nothing.</summary>
    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task Strays_AreCountedEachForItself(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, new FakeTimeProvider(Now));
        await AddAsync(database, Pod("stray", 0) with { GpuType = "", Attempt = 0 });
        await AddAsync(database, Pod("other", 0) with { GpuType = "", Attempt = 0 });
        await AddAsync(database, Pod("gone", 0) with { GpuType = "", Attempt = 0, Saw = PodSaw.Gone, GoneAt = Now });
        await BookAsync(database, Entry("leak:stray", EntryKind.Leak, 3m));

        Assert.Equal((Dollars(1), Dollars(1)), await ReadAsync(database));
    }

    /// <summary>It was settled at $0.70 for a pod of $1 that is there again, beside one of $0.20 that is gone; $0.30 more of another's are not its own.</summary>
    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    [Trait("Requirement", "M6")]
    public async Task SettledAttempt_CountsWhatItsPodsCostBeyondItsSettlement(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, new FakeTimeProvider(Now));
        LedgerPod late = Pod("late", 2);
        await AddAsync(database, late);
        await AddAsync(database, Pod("before", 2) with { Try = 2, Saw = PodSaw.Gone, HourlyRate = Dollars(0.10m), GoneAt = Now });
        await AddAsync(database, Pod("another", 2) with { Try = 3, Saw = PodSaw.Gone, WantReason = PodReasons.NotOurs, GoneAt = Now });
        Reservation open = await ReserveAsync(database, late.Job, 5);
        await ApplyAsync(database, ReservationBooks.Settle(
            open, CostSplit.Nothing with { Training = Dollars(0.70m) }, static () => throw new InvalidOperationException(), Now.AddHours(-1)));

        Assert.Equal((Dollars(0.50m), Dollars(0.50m)), await ReadAsync(database));
    }

    /// <summary>Of $1.40, its pod that is gone included, $0.90 is accrued.</summary>
    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task OpenAttempt_CountsWhatItIsToAccrue(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, new FakeTimeProvider(Now));
        LedgerPod runs = Pod("runs", 3);
        await AddAsync(database, Pod("first", 3) with { Try = 2, Saw = PodSaw.Gone, HourlyRate = Dollars(0.40m), GoneAt = Now.AddHours(-1) });
        Reservation open = await ReserveAsync(database, runs.Job, 5);
        Assert.Equal((Usd.Zero, Usd.Zero), await ReadAsync(database));
        await AddAsync(database, runs);
        Assert.Equal((Dollars(1.40m), Dollars(0.50m)), await ReadAsync(database));
        Assert.Equal(runs.CreatedAt, await ReadSinceAsync(database));

        await ApplyAsync(database, ReservationBooks.Accrue(open, Dollars(0.90m), static () => throw new InvalidOperationException(), Now.AddMinutes(-5))!);

        Assert.Equal((Dollars(0.50m), Dollars(0.50m)), await ReadAsync(database));
        Assert.Equal(Now.AddMinutes(-5), await ReadSinceAsync(database));
    }

    /// <summary>
    /// It reserved $1.20 in the month before, and its pod has cost $1.40: $0.30 is booked there already, $0.90 will be, and $0.20 that nobody reserved counts in
    /// the calendar's month. Beside it a pod of this month's that has cost $1.
    /// </summary>
    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    [Trait("Requirement", "M6")]
    public async Task AttemptOfTheMonthBefore_CountsThereAsFarAsItIsReserved(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, new FakeTimeProvider(Now));
        LedgerPod old = Pod("old", 8) with { HourlyRate = Dollars(0.70m) };
        await AddAsync(database, old);
        Reservation open = await ReserveAsync(database, old.Job, 1.20m, November.Start.AddMinutes(-1));
        await ApplyAsync(database, ReservationBooks.Accrue(open, Dollars(0.30m), static () => throw new InvalidOperationException(), Now.AddHours(-1))!);

        BudgetFigures first = await FiguresAsync(database);

        Assert.Equal((Dollars(0.20m), Dollars(0.90m), Dollars(0.70m)), (first.Live, first.LiveBefore, first.PerHour));
        LedgerPod ours = Pod("ours", 9);
        await AddAsync(database, ours);
        Reservation another = await ReserveAsync(database, ours.Job, 5);
        await ApplyAsync(database, ReservationBooks.Accrue(another, Dollars(0.60m), static () => throw new InvalidOperationException(), Now.AddMinutes(-5))!);
        BudgetFigures both = await FiguresAsync(database);
        Assert.Equal((Dollars(0.60m), Dollars(0.90m), Dollars(1.20m)), (both.Live, both.LiveBefore, both.PerHour));
    }

    /// <summary>All that it has run up is the month before's: what waits for the longest in this one is another's.</summary>
    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task AttemptOfTheMonthBefore_IsNotWhatThisMonthWaitsFor(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, new FakeTimeProvider(Now));
        await AddAsync(database, Pod("old", 8));
        await ReserveAsync(database, Pod("old", 8).Job, 5, November.Start.AddMinutes(-1));
        Assert.Equal((Usd.Zero, null), ((await FiguresAsync(database)).Live, await ReadSinceAsync(database)));

        await AddAsync(database, Pod("ours", 9) with { CreatedAt = Now.AddHours(-1) });

        Assert.Equal(Now.AddHours(-1), await ReadSinceAsync(database));
    }

    /// <summary>The balance counts it so, too: one page has one price for it.</summary>
    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    [Trait("Requirement", "M6")]
    public async Task Pod_WithoutAKnownPrice_CostsTheWorstAnHour(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, new FakeTimeProvider(Now));
        LedgerPod priced = Pod("priced", 3);
        await AddAsync(database, priced);
        await ReserveAsync(database, priced.Job, 5);
        Assert.False((await FiguresAsync(database)).IsPerHourAtWorst);
        await AddAsync(database, Pod("unpriced", 3) with { Try = 2, HourlyRate = null });
        await AddAsync(database, Pod("stray", 0) with { GpuType = "", Attempt = 0, HourlyRate = null });
        await AddAsync(database, Pod("asked", 0) with { GpuType = "", Attempt = 0, HourlyRate = null, PodId = null });

        BudgetFigures figures = await FiguresAsync(database);

        Assert.Equal((Dollars(3), true, Dollars(1)), (figures.PerHour, figures.IsPerHourAtWorst, figures.Live));
    }

    /// <summary>By the clock it has cost $6 of the $5 that were reserved; nobody can say whether it still runs.</summary>
    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task TrainingElsewhere_CountsNoMoreThanItAccrues(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, new FakeTimeProvider(Now));
        JobId job = new(new Guid(4, 8, 0, new byte[8]));
        HostedTraining elsewhere = new()
        {
            Name = "elsewhere",
            Job = job,
            Attempt = 1,
            Try = 1,
            IsNeeded = true,
            Saw = HostedSaw.Processing,
            TrainingId = "t1",
            RequestedAt = Now.AddHours(-2),
            WantSince = Now.AddHours(-2),
            StartedAt = Now.AddHours(-2),
            HourlyRate = Dollars(3),
        };
        await database.Work.RunAsync((unit, token) => unit.Store<IHostedTrainingStore>().AddAsync(elsewhere, token), Token);
        Assert.Equal((Dollars(6), Dollars(3)), await ReadAsync(database));

        await ReserveAsync(database, job, 5);

        Assert.Equal((Dollars(5), Dollars(3)), await ReadAsync(database));
    }

    /// <summary>Of two jobs that hold money one is over, and one more has nothing to hold.</summary>
    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    [Trait("Requirement", "M6")]
    public async Task OpenReservation_OfAJobThatHasEnded_IsNamed(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, new FakeTimeProvider(Now));
        JobId ended = await AddJobAsync(database, 5, TrainingState.Completed);
        await ReserveAsync(database, ended, 13);
        await ReserveAsync(database, await AddJobAsync(database, 6, TrainingState.Training), 5);
        await AddJobAsync(database, 7, TrainingState.Failed);

        BudgetFigures figures = await FiguresAsync(database);

        Assert.Equal(2, figures.OpenAttempts);
        Assert.Equal((ended, Dollars(13)), (Assert.Single(figures.OfEnded).Job, figures.OfEnded[0].Rest));
    }

    private static async Task<JobId> AddJobAsync(TestDatabase database, int number, TrainingState state)
    {
        TrainingJob job = new()
        {
            Id = new JobId(new Guid(number, 8, 0, new byte[8])),
            LoraId = new LoraId(new Guid(number, 9, 0, new byte[8])),
            UserId = new UserId(new Guid(3, 0, 0, new byte[8])),
            Name = "Mara",
            CreatorEmail = "mara@example.org",
            State = state,
            StateSince = Now,
            CreatedAt = Now,
            UpdatedAt = Now,
            Attempt = 1,
            Admission = 1,
            DueAt = Now,
        };
        Lora lora = new()
        {
            Id = job.LoraId, UserId = job.UserId, CreatorEmail = job.CreatorEmail, Name = job.Name, Status = state.ToLoraStatus(), CreatedAt = Now, UpdatedAt = Now,
        };
        await database.Work.RunAsync(
            async (unit, token) =>
            {
                await unit.Store<ILoraStore>().AddAsync(lora, token);
                await unit.Store<ITrainingStore>().AddAsync(job, [], null, token);
            },
            Token);
        return job.Id;
    }

    private static async Task<(Usd Live, Usd PerHour)> ReadAsync(TestDatabase database)
    {
        BudgetFigures figures = await FiguresAsync(database);
        return (figures.Live, figures.PerHour);
    }

    private static async Task<DateTimeOffset?> ReadSinceAsync(TestDatabase database) => (await FiguresAsync(database)).LiveSince;

    private static async Task<BudgetFigures> FiguresAsync(TestDatabase database)
    {
        CountedReads reads = new(database.Services.GetRequiredService<IFixedReads>());
        BudgetBoard board = await new BudgetQueryStore(
                new NoUnits(), reads, new PaidWork(Dollars(1.25m)), static () => RandomLedger.Rules, static () => BudgetSamples.CostRules, new NextJob(), new FakeTimeProvider(Now),
                KnownClocks.New(new FakeTimeProvider(Now)))
            .ReadAsync(Token);
        Assert.Equal(1, reads.Count);
        return board.Figures;
    }

    private static Task AddAsync(TestDatabase database, LedgerPod pod) =>
        database.Work.RunAsync((unit, token) => unit.Store<IPodLedger>().AddAsync(pod, token), Token);

    private static async Task BookAsync(TestDatabase database, BudgetEntry entry) =>
        Assert.True(await database.Work.RunAsync((unit, token) => unit.Store<IBudgetStore>().BookAsync(entry, token), Token));

    private static async Task<Reservation> ReserveAsync(TestDatabase database, JobId job, decimal dollars, DateTimeOffset? at = null) => Assert.IsType<ReserveResult.Reserved>(
        await database.Work.RunAsync(
            (unit, token) => unit.Store<IBudgetStore>().TryReserveAsync(job.Value, job, 1, Dollars(dollars), at ?? Now.AddHours(-3), RandomLedger.Rules, token), Token)).Reservation;

    private static async Task ApplyAsync(TestDatabase database, ReservationChange change) =>
        Assert.Single(await database.Work.RunAsync((unit, token) => unit.Store<IBudgetStore>().ApplyAsync([change], token), Token));

    private static LedgerPod Pod(string name, int job) => new()
    {
        Name = name,
        Job = new JobId(job == 0 ? Guid.Empty : new Guid(job, 8, 0, new byte[8])),
        Attempt = 1,
        Try = 1,
        Want = PodWant.Released,
        Saw = PodSaw.Running,
        PodId = $"pod-{name}",
        GpuType = "NVIDIA A40",
        HourlyRate = Dollars(0.50m),
        RequestedAt = Now.AddHours(-2),
        CreatedAt = Now.AddHours(-2),
    };

    private static BudgetEntry Entry(string key, EntryKind kind, decimal dollars) => new()
    {
        Key = key,
        Month = November,
        At = Now.AddHours(-1),
        Kind = kind,
        Spent = Dollars(dollars),
        Pod = "stray",
        Purpose = CostPurpose.Orphan,
    };

    private static Usd Dollars(decimal dollars) => Usd.FromDollars(dollars);

    private sealed class CountedReads(IFixedReads reads) : IFixedReads
    {
        public int Count { get; private set; }

        public Task<IReadOnlyList<Answer>> ReadAsync(IReadOnlyList<Statement> statements, CancellationToken cancellationToken)
        {
            Count++;
            return reads.ReadAsync(statements, cancellationToken);
        }
    }

    /// <summary>The page's figures are read without a unit.</summary>
    private sealed class NoUnits : IUnitOfWork
    {
        public Task<T> RunAsync<T>(Func<IUnit, CancellationToken, Task<T>> work, CancellationToken cancellationToken) => throw new InvalidOperationException("A unit was opened.");

        public Task<T> ReadAsync<T>(Func<IUnit, CancellationToken, Task<T>> read, CancellationToken cancellationToken) => throw new InvalidOperationException("A unit was opened.");
    }
}
