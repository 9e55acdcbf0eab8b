using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>The same on the real databases: a pod that was taken over, so that all that is booked stands under its own name.</summary>
public sealed class MoneyReconcileOnDatabases
{
    private static readonly DateTimeOffset Day = new(2026, 11, 24, 0, 0, 0, TimeSpan.Zero);
    private static readonly BudgetRules Rules = new(Usd.FromDollars(10), Usd.FromDollars(8));

    private readonly FakeTimeProvider clock = new(Day.AddDays(2));
    private readonly FixedBills billing = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    [Trait("Requirement", "M6")]
    public async Task Correction_ByManyAtOnce_IsBookedOnce(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, clock);
        IUnitOfWork work = database.Work;
        MoneyReconcile operation = new(work, billing, clock, static () => Rules, Permissions.ReconcileMoney);
        ProviderMoney pages = new(work, clock, () => new SimulatedWorld(1).Training);
        JobId job = new(new Guid(1, 0, 0, new byte[8]));
        await work.RunAsync(
            async (unit, token) =>
            {
                await unit.Store<IPodLedger>().AddAsync(Pod("pod1", job), token);
                await unit.Store<IPodLedger>().AddAsync(Pod("pod2", job) with { GoneAt = null, Saw = PodSaw.Running }, token);
                await unit.Store<IBudgetStore>().BookAsync(Leak("leak:pod1:1", 0.60m), token);
                await unit.Store<IBudgetStore>().BookAsync(Leak("leak:pod1:2", 0.40m), token);
            },
            Token);
        billing.Records = [Bill("pod1", 1.25m), Bill("pod2", 1m), Bill("podx", 7m)];
        PlanDraft plan = await PlanAsync(operation);
        Assert.Equal(["correct pod1", "keep pod2", "keep podx", "list unknown podx in all"], plan.Items.Select(item => $"{item.Action} {item.Target}"));

        FreeTurn[] turns = [.. Enumerable.Range(0, 8).Select(_ => new FreeTurn(work))];
        await Task.WhenAll(turns.Select(turn => Task.Run(() => operation.ApplyAsync(plan.Items[0], turn, Token), Token)));
        foreach (PlanItem item in plan.Items.Skip(1))
        {
            await operation.ApplyAsync(item, new FreeTurn(work), Token);
        }

        Assert.Single(turns, turn => turn.Outcome!.End == ItemEnd.Done);
        Assert.All(turns, turn => Assert.True(turn.Outcome!.End is ItemEnd.Done or ItemEnd.Ineligible));
        Assert.Equal(Usd.FromDollars(1.25m), await SpentAsync(work));
        BudgetMonth month = await work.ReadAsync((unit, token) => unit.Store<IBudgetStore>().ReadMonthAsync(Month.Of(Day), Rules, token), Token);
        Assert.Equal((Usd.FromDollars(1.25m), Usd.Zero), (month.Spent, month.Reserved));

        DriftReport report = await pages.ReadDriftAsync(Day, clock.GetUtcNow(), Token);
        Assert.Equal(
            [("pod2", DriftState.Alive), ("pod1", DriftState.Agrees), ("podx", DriftState.NotOurs)], report.Pods.Select(pod => (pod.PodId, pod.State)));
        Assert.Equal(
            (Usd.FromDollars(1m), Usd.FromDollars(0.25m), Usd.FromDollars(1.25m), Usd.Zero),
            (report.Closed.Booked, report.Closed.Corrected, report.Closed.Billed, report.Closed.Uncorrected));
        Assert.Equal(Usd.FromDollars(7m), report.NotOurs);

        // The bill of another day changes it again; the next correction has the next number.
        billing.Records = [Bill("pod1", 1.20m)];
        PlanDraft second = await PlanAsync(operation);
        await operation.ApplyAsync(Assert.Single(second.Items), new FreeTurn(work), Token);
        Assert.Equal(Usd.FromDollars(1.20m), await SpentAsync(work));
        Assert.Equal(0, (await PlanAsync(operation)).Count);
    }

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    [Trait("Requirement", "M6")]
    public async Task Correction_OfAPreviewThatIsOlderThanABillThatAgrees_BooksNothing(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, clock);
        IUnitOfWork work = database.Work;
        MoneyReconcile operation = new(work, billing, clock, static () => Rules, Permissions.ReconcileMoney);
        await work.RunAsync(
            async (unit, token) =>
            {
                await unit.Store<IPodLedger>().AddAsync(Pod("pod1", new JobId(new Guid(1, 0, 0, new byte[8]))), token);
                await unit.Store<IBudgetStore>().BookAsync(Leak("leak:pod1:1", 1m), token);
            },
            Token);
        billing.Records = [Bill("pod1", 1.25m)];
        PlanItem older = Assert.Single((await PlanAsync(operation)).Items);
        clock.Advance(TimeSpan.FromMinutes(5));
        billing.Records = [Bill("pod1", 1m)];
        PlanItem keep = Assert.Single((await PlanAsync(operation)).Items);
        Assert.Equal(("correct", "keep"), (older.Action, keep.Action));
        await operation.ApplyAsync(keep, new FreeTurn(work), Token);
        FreeTurn late = new(work);

        await operation.ApplyAsync(older, late, Token);

        Assert.Equal(ItemEnd.Ineligible, late.Outcome!.End);
        Assert.Equal(Usd.FromDollars(1m), await SpentAsync(work));
        Assert.Equal(0, (await PlanAsync(operation)).Count);
    }

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    [Trait("Requirement", "M6")]
    public async Task Correction_OfAPodThatStoodStillForNothing_NeedsBillsOfTheDaysThatCostAlone(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, clock);
        IUnitOfWork work = database.Work;
        MoneyReconcile operation = new(work, billing, clock, static () => Rules, Permissions.ReconcileMoney);
        LedgerPod pod = Pod("pod1", new JobId(new Guid(1, 0, 0, new byte[8]))) with { Saw = PodSaw.Exited, Want = PodWant.Held, GoneAt = null };
        await work.RunAsync((unit, token) => unit.Store<IPodLedger>().AddAsync(pod, token), Token);

        // Two hours of work, still on a network volume, half an hour for its file on the third day, gone 25 s into the fifth after another half hour.
        foreach ((decimal rate, double day, double hour) in new[] { (0m, 0d, 14d), (0.5m, 2, 9), (0m, 2, 9.5), (0.5m, 3, 23.5) })
        {
            await SaveAsync(work, row => row.Repriced(Usd.FromDollars(rate), Day.AddDays(day).AddHours(hour)));
        }

        await SaveAsync(work, row => row with { Saw = PodSaw.Gone, GoneAt = Day.AddDays(4).AddSeconds(75) });
        await work.RunAsync((unit, token) => unit.Store<IBudgetStore>().BookAsync(Leak("leak:pod1:1", 1.50m), token), Token);
        clock.SetUtcNow(Day.AddDays(5).AddHours(7));

        billing.Records = [Bill("pod1", 1m), Bill("pod1", 0.30m) with { BucketStart = Day.AddDays(3) }];
        Assert.Equal(["keep pod1", "list gap pod1 on 2026-11-26"], (await PlanAsync(operation)).Items.Select(item => $"{item.Action} {item.Target}"));

        billing.Records = [.. billing.Records, Bill("pod1", 0.30m) with { BucketStart = Day.AddDays(2) }];
        PlanItem item = Assert.Single((await PlanAsync(operation)).Items);
        await operation.ApplyAsync(item, new FreeTurn(work), Token);

        Assert.Equal(("correct", Usd.FromDollars(0.10m)), (item.Action, item.Money!.Value));
        Assert.Equal(Usd.FromDollars(1.60m), await SpentAsync(work));
    }

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    [Trait("Requirement", "M6")]
    public async Task Correction_OfASettledAttempt_ChangesItsJobAndItsMonth(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, clock);
        IUnitOfWork work = database.Work;
        MoneyReconcile operation = new(work, billing, clock, static () => Rules, Permissions.ReconcileMoney);
        JobId job = new(new Guid(1, 0, 0, new byte[8]));
        Reservation reservation = await work.RunAsync(
            async (unit, token) =>
            {
                ITrainingStore jobs = unit.Store<ITrainingStore>();
                TrainingAttempt attempt = new(job, 1, "runpod", AttemptState.Succeeded, Day, Day.AddHours(14), null, null);
                await jobs.AddAsync(Ended(job), [], attempt, token);
                await unit.Store<IPodLedger>().AddAsync(Pod("pod1", job) with { GpuType = "NVIDIA A40" }, token);
                return Assert.IsType<ReserveResult.Reserved>(
                    await unit.Store<IBudgetStore>().TryReserveAsync(job.Value, job, 1, Usd.FromDollars(2), Day, Rules, token)).Reservation;
            },
            Token);
        billing.Records = [Bill("pod1", 0.80m)];
        Assert.Equal(["keep"], (await PlanAsync(operation)).Items.Select(item => item.Action));
        Assert.True(await work.RunAsync((unit, token) => AttemptSettlement.TrySettleAsync(unit, reservation, new SimulatedWorld(1).Training, clock.GetUtcNow(), token), Token));

        PlanItem item = Assert.Single((await PlanAsync(operation)).Items);
        await operation.ApplyAsync(item, new FreeTurn(work), Token);

        Assert.Equal(Usd.FromDollars(-0.20m), item.Money);
        Usd billed = Usd.FromDollars(0.80m);
        await work.ReadAsync(
            async (unit, token) =>
            {
                ITrainingStore jobs = unit.Store<ITrainingStore>();
                Assert.Equal(billed, (await jobs.FindAsync(job, token))!.Cost);
                Assert.Equal(billed, Assert.Single(await jobs.ListAttemptsAsync(job, token)).Cost);
                BudgetMonth month = await unit.Store<IBudgetStore>().ReadMonthAsync(Month.Of(Day), Rules, token);
                Assert.Equal((billed, Usd.Zero), (month.Spent, month.Reserved));
                return true;
            },
            Token);
        Assert.Equal(0, (await PlanAsync(operation)).Count);
    }

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    [Trait("Requirement", "M6")]
    public async Task Stray_BookedByManyAtOnce_IsBookedOnce(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, TimeProvider.System);
        IUnitOfWork work = database.Work;
        JobId job = new(new Guid(1, 0, 0, new byte[8]));
        LedgerPod stray = Pod("pod1", job) with { GoneAt = null, Saw = PodSaw.Running };
        await work.RunAsync((unit, token) => unit.Store<IPodLedger>().AddAsync(stray, token), Token);

        // Each has a clock of its own, so that none comes to the same cost as another.
        AttemptSettlement[] instances =
        [
            .. Enumerable.Range(0, 4).Select(number => new AttemptSettlement(
                work,
                new FakeTimeProvider(Day.AddHours(14).AddSeconds(number)),
                () => Rules,
                () => new SimulatedWorld(1).Training,
                KnownClocks.New(clock).NoteAhead(TimeSpan.Zero))),
        ];
        await Task.WhenAll(instances.Select(one => Task.Run(() => one.RunAsync(Token), Token)));

        Assert.InRange((await SpentAsync(work)).Micros, stray.CostUntil(Day.AddHours(14)).Micros, stray.CostUntil(Day.AddHours(14).AddSeconds(3)).Micros);
        BudgetMonth month = await work.ReadAsync((unit, token) => unit.Store<IBudgetStore>().ReadMonthAsync(Month.Of(Day), Rules, token), Token);
        Assert.Equal(await SpentAsync(work), month.Spent);
    }

    private static Task SaveAsync(IUnitOfWork work, Func<LedgerPod, LedgerPod> change) => work.RunAsync(
        async (unit, token) =>
        {
            IPodLedger ledger = unit.Store<IPodLedger>();
            Assert.True(await ledger.SaveAsync(change((await ledger.FindByPodIdAsync("pod1", token))!), token));
        },
        Token);

    private static async Task<PlanDraft> PlanAsync(MoneyReconcile operation) => Assert.IsType<Planning.Planned>(await operation.PlanAsync(Token)).Plan;

    private static async Task<Usd> SpentAsync(IUnitOfWork work)
    {
        PodBooked booked = Assert.Single(await work.ReadAsync((unit, token) => unit.Store<IBudgetStore>().SumForPodsAsync(["lora-pod1"], token), Token));
        return booked.Other + booked.Corrected;
    }

    private static TrainingJob Ended(JobId job) => new()
    {
        Id = job,
        LoraId = new LoraId(job.Value),
        UserId = TrainingBench.User,
        Name = "Mara",
        CreatorEmail = "creator-17@example.org",
        State = TrainingState.Completed,
        StateSince = Day.AddHours(14),
        CreatedAt = Day,
        UpdatedAt = Day.AddHours(14),
        CompletedAt = Day.AddHours(14),
        Attempt = 1,
        Admission = 1,
        DueAt = Day,
    };

    private static LedgerPod Pod(string id, JobId job) => new()
    {
        Name = $"lora-{id}",
        Job = job,
        Attempt = 1,
        Try = 1,
        Want = PodWant.Released,
        Saw = PodSaw.Gone,
        PodId = id,
        GpuType = "",
        HourlyRate = Usd.FromDollars(0.5m),
        RequestedAt = Day.AddHours(12),
        CreatedAt = Day.AddHours(12),
        GoneAt = Day.AddHours(14),
    };

    private static BudgetEntry Leak(string key, decimal dollars) => new()
    {
        Key = key,
        Month = Month.Of(Day),
        At = Day.AddHours(14),
        Kind = EntryKind.Leak,
        Spent = Usd.FromDollars(dollars),
        Pod = "lora-pod1",
        Purpose = CostPurpose.Orphan,
    };

    private static BillRecord Bill(string pod, decimal dollars) => new(pod, Day, Usd.FromDollars(dollars), Usd.FromDollars(dollars), Usd.Zero, Usd.Zero);

    private sealed class FixedBills : IPodBilling
    {
        public IReadOnlyList<BillRecord> Records { get; set; } = [];

        public Task<BillReading> ReadAsync(DateTimeOffset from, DateTimeOffset until, CancellationToken cancellationToken) =>
            Task.FromResult<BillReading>(new BillReading.Read(Records, []));
    }
}
