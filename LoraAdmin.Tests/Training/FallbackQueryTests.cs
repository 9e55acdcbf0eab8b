using LoraAdmin.Breaker;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation.Memory;
using LoraAdmin.Training;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>The figures of both providers, and whether each takes jobs now.</summary>
public sealed class FallbackQueryTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);
    private static readonly BreakerRules Figures = new(3, TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(5), null);

    private readonly FakeTimeProvider clock = new(Now);
    private BudgetRules budget = new(Usd.FromDollars(200), Usd.FromDollars(150));

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    [Trait("Requirement", "C1")]
    public async Task Board_CountsWhatCompletedInThirtyDays_AndTheCostOfTheSettledOnes(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        await AddAsync(
            database,
            One(2, "runpod", AttemptState.Failed, Now.AddDays(-1), 0),
            One(3, "replicate", AttemptState.Succeeded, Now.AddDays(-1), 3),
            One(4, "replicate", AttemptState.Succeeded, Now.AddDays(-2), 1),
            One(5, "replicate", AttemptState.Succeeded, Now.AddDays(-2), null),
            One(6, "runpod", AttemptState.Succeeded, Now.AddDays(-29), 1),
            One(7, "runpod", AttemptState.Succeeded, Now.AddDays(-31), 50));
        FallbackBoard board = await Queries(database, Circuit.Fresh, Circuit.Fresh, null).ReadAsync(CancellationToken.None);

        Assert.Equal(new ProviderShare("replicate", 3, 2, Usd.FromDollars(4)), board.Hosted);
        Assert.Equal(new ProviderShare("runpod", 1, 1, Usd.FromDollars(1)), board.RunPod);
        Assert.Equal((Usd?)Usd.FromDollars(1), board.PriceDifference);
        Assert.Equal(0.75, board.DivertedShare);
        Assert.Equal((null, null, false, false), (board.WhyNotConfigured, board.WhyDown, board.IsRunPodHeld, board.AreBothDown));
    }

    [Fact]
    [Trait("Requirement", "C1")]
    public async Task Board_WhileBothAreHeldOpen_SaysSo()
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite);
        Circuit held = CircuitMachine.Apply(Circuit.Fresh, new CircuitCall.Isolate("ada", "no credit", null, ""), Now, Figures).Circuit;

        FallbackBoard board = await Queries(database, held, held, null).ReadAsync(CancellationToken.None);
        Assert.True(board.AreBothDown);
        Assert.Equal("Replicate's breaker is held open by ada: no credit", board.WhyDown);

        FallbackBoard none = await Queries(database, held, held, "set Replicate:ApiToken").ReadAsync(CancellationToken.None);
        Assert.Equal(("set Replicate:ApiToken", null, false), (none.WhyNotConfigured, none.WhyDown, none.AreBothDown));
    }

    /// <summary>Nothing holds the next job back, and nothing says that it will be taken.</summary>
    [Fact]
    [Trait("Requirement", "C1")]
    public async Task Board_WhileTheNextCreationTriesReplicateOut_SaysWhatTheIncidentSays()
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite);
        Circuit held = CircuitMachine.Apply(Circuit.Fresh, new CircuitCall.Isolate("ada", "RunPod moves", null, ""), Now, Figures).Circuit;
        Circuit halfOpen = Circuit.Fresh with { IsOpen = true, OpenUntil = Now.AddMinutes(-1) };
        using MemoryDatabase told = new(clock);
        await new ProvidersWatch(told, Gate(held, GateWords.RunPod), Fallback(told, halfOpen, null), clock).LookAsync(CancellationToken.None);

        FallbackBoard board = await Queries(database, held, halfOpen, null).ReadAsync(CancellationToken.None);
        Assert.True(board.AreBothDown);
        Assert.Contains("half open", board.WhyDown, StringComparison.Ordinal);
        Assert.Equal([TrainingEvents.ProvidersDown], told.Events.Select(static fact => fact.Kind));
    }

    /// <summary>Page, breaker and incident say the same of a job that would be too dear at Replicate.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Board_WhileTheMonthHasNoRoomForAJobThere_SaysSoAsTheIncidentDoes()
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite);
        Circuit held = CircuitMachine.Apply(Circuit.Fresh, new CircuitCall.Isolate("ada", "RunPod moves", null, ""), Now, Figures).Circuit;
        FallbackBoard before = await Queries(database, held, Circuit.Fresh, null).ReadAsync(CancellationToken.None);
        Assert.Equal((null, false, Usd.FromDollars(13)), (before.WhyDown, before.IsOfMoney, before.Reserves));

        budget = new BudgetRules(Usd.FromDollars(12), Usd.FromDollars(10));
        const string words = "Replicate would reserve up to $13.00 for a job, and the budget of 2026-11 has $12.00 free";
        FallbackBoard board = await Queries(database, held, Circuit.Fresh, null).ReadAsync(CancellationToken.None);
        Assert.Equal((words, true), (board.WhyDown, board.IsOfMoney));

        using MemoryDatabase told = new(clock);
        HostedFallback fallback = Fallback(told, Circuit.Fresh, null);
        Assert.Equal(new DetourView(null, null), await LoraAdmin.Rules.LookRoundAsync(fallback, CancellationToken.None));
        await new ProvidersWatch(told, Gate(held, GateWords.RunPod), fallback, clock).LookAsync(CancellationToken.None);
        Assert.Equal($"RunPod's breaker is held open by ada: RunPod moves. {words}", Assert.Single(told.Events).Message);
    }

    /// <summary>It gives back what it holds when it goes over; one that has a pod, or is at Replicate already, does not.</summary>
    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    [Trait("Requirement", "M6")]
    public async Task Board_WhileAJobWaitsWhoseOwnReservationMakesTheRoom_HasRoom(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        Circuit held = CircuitMachine.Apply(Circuit.Fresh, new CircuitCall.Isolate("ada", "RunPod moves", null, ""), Now, Figures).Circuit;
        budget = new BudgetRules(Usd.FromDollars(13), Usd.FromDollars(10));
        JobId id = await AddAsync(database, One(1, "runpod", AttemptState.Active, Now, null));
        Reservation open = await database.Work.RunAsync(
            async (unit, token) => Assert.IsType<ReserveResult.Reserved>(
                await unit.Store<IBudgetStore>().TryReserveAsync(new Guid(9, 0, 0, new byte[8]), id, 1, Usd.FromDollars(2), Now, budget, token)).Reservation,
            CancellationToken.None);
        FallbackQueryStore queries = Queries(database, held, Circuit.Fresh, null);
        Assert.Null((await queries.ReadAsync(CancellationToken.None)).WhyDown);

        budget = new BudgetRules(Usd.FromDollars(12), Usd.FromDollars(10));
        Assert.Equal(
            "Replicate would reserve up to $13.00 for a job, and the budget of 2026-11 has $12.00 free, its own reservation included",
            (await queries.ReadAsync(CancellationToken.None)).WhyDown);

        budget = new BudgetRules(Usd.FromDollars(13), Usd.FromDollars(10));
        await database.Work.RunAsync((unit, token) => unit.Store<IPodLedger>().AddAsync(PodOf(open), token), CancellationToken.None);
        Assert.Equal(
            "Replicate would reserve up to $13.00 for a job, and the budget of 2026-11 has $11.00 free", (await queries.ReadAsync(CancellationToken.None)).WhyDown);
    }

    /// <summary>It stops nobody before it is spent, however much is reserved; and then nothing that a job gives back makes room.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Board_UnderASoftLimit_HasRoomUntilItIsSpent()
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite);
        Circuit held = CircuitMachine.Apply(Circuit.Fresh, new CircuitCall.Isolate("ada", "RunPod moves", null, ""), Now, Figures).Circuit;
        budget = new BudgetRules(Usd.FromDollars(10), Usd.FromDollars(8)) { Mode = BudgetMode.Soft };
        JobId id = await AddAsync(database, One(1, "runpod", AttemptState.Active, Now, null));
        await database.Work.RunAsync(
            async (unit, token) => Assert.IsType<ReserveResult.Reserved>(
                await unit.Store<IBudgetStore>().TryReserveAsync(new Guid(9, 0, 0, new byte[8]), id, 1, Usd.FromDollars(12), Now, budget, token)),
            CancellationToken.None);
        FallbackQueryStore queries = Queries(database, held, Circuit.Fresh, null);
        Assert.Null((await queries.ReadAsync(CancellationToken.None)).WhyDown);

        await database.Work.RunAsync(
            async (unit, token) => Assert.True(await unit.Store<IBudgetStore>().BookAsync(
                new BudgetEntry { Key = "leak:stray", Month = Month.Of(Now), At = Now, Kind = EntryKind.Leak, Spent = Usd.FromDollars(10) }, token)),
            CancellationToken.None);
        const string words = "Replicate would reserve up to $13.00 for a job, and the budget of 2026-11 is spent";
        Assert.Equal(words, (await queries.ReadAsync(CancellationToken.None)).WhyDown);
        Assert.Equal(words, await Room(new WithoutJobs(database.Work)).WhyNoneAsync(CancellationToken.None));
    }

    /// <summary>RunPod's breaker lives in Redis: its page goes on without the database.</summary>
    [Fact]
    [Trait("Requirement", "C1")]
    public async Task Detour_WhileTheDatabaseIsAway_IsUnknown()
    {
        using MemoryDatabase there = new(clock);
        Assert.Equal(new DetourView("Replicate", null), await LoraAdmin.Rules.LookRoundAsync(Fallback(there, Circuit.Fresh, null), CancellationToken.None));
        Assert.Null(await LoraAdmin.Rules.LookRoundAsync(Fallback(new AwayWork(), Circuit.Fresh, null), CancellationToken.None));
    }

    private static TrainingAttempt One(int number, string provider, AttemptState state, DateTimeOffset started, int? dollars) => new(
        new JobId(new Guid(1, 0, 0, new byte[8])), number, provider, state, started, started.AddHours(1), null, dollars is { } cost ? Usd.FromDollars(cost) : null);

    private static LedgerPod PodOf(Reservation reservation) => new()
    {
        Name = PodNames.For("0a1b2c3d", reservation.Job, reservation.Attempt, 1),
        Job = reservation.Job,
        Attempt = reservation.Attempt,
        Try = 1,
        Want = PodWant.Needed,
        Saw = PodSaw.Running,
        PodId = "pod1",
        GpuType = "NVIDIA A40",
        RequestedAt = Now,
    };

    private static async Task<JobId> AddAsync(TestDatabase database, params TrainingAttempt[] attempts)
    {
        TrainingJob job = new()
        {
            Id = attempts[0].Job,
            LoraId = new LoraId(new Guid(2, 0, 0, new byte[8])),
            UserId = new UserId(new Guid(3, 0, 0, new byte[8])),
            Name = "Mara",
            CreatorEmail = "mara@example.org",
            State = TrainingState.Queued,
            StateSince = Now,
            CreatedAt = Now,
            UpdatedAt = Now,
            Attempt = 1,
            Admission = 1,
            DueAt = Now,
        };
        await database.Work.RunAsync(
            async (unit, token) =>
            {
                Lora lora = new()
                {
                    Id = job.LoraId, UserId = job.UserId, CreatorEmail = job.CreatorEmail, Name = job.Name, Status = job.State.ToLoraStatus(), CreatedAt = Now, UpdatedAt = Now,
                };
                await unit.Store<ILoraStore>().AddAsync(lora, token);
                await unit.Store<ITrainingStore>().AddAsync(job, [], null, token);
                foreach (TrainingAttempt attempt in attempts)
                {
                    await unit.Store<ITrainingStore>().AddAttemptAsync(attempt, token);
                }
            },
            CancellationToken.None);
        return job.Id;
    }

    private FallbackQueryStore Queries(TestDatabase database, Circuit runPod, Circuit hosted, string? whyNot) => new(
        database.Work, Gate(runPod, GateWords.RunPod), Fallback(database.Work, hosted, whyNot), Room(database.Work), () => new HostedRules(whyNot, Usd.FromDollars(5)), clock);

    private HostedRoom Room(IUnitOfWork work) => new(work, clock, static () => new HostedRules(null, Usd.FromDollars(6)), static () => TimeSpan.FromMinutes(120), () => budget, KnownClocks.New(clock));

    private HostedFallback Fallback(IUnitOfWork work, Circuit hosted, string? whyNot)
    {
        HostedRefusals refusals = new(work, clock);
        return new HostedFallback(Gate(hosted, GateWords.Replicate, refusals), refusals, Room(work), () => new HostedRules(whyNot, Usd.FromDollars(5)));
    }

    private BreakerGate Gate(Circuit state, GateWords words, HostedRefusals? refusals = null) =>
        new(new SharedBreaker(new MemoryCircuitStore(clock, static () => Figures) { State = state }, "test", static () => Figures, clock), "test", "", words, refusals);

    /// <summary>Nobody asks for the jobs that wait where nothing that they hold would help.</summary>
    private sealed class WithoutJobs(IUnitOfWork inner) : IUnitOfWork
    {
        public Task<T> RunAsync<T>(Func<IUnit, CancellationToken, Task<T>> work, CancellationToken cancellationToken) =>
            inner.RunAsync((unit, token) => work(new Unit(unit), token), cancellationToken);

        public Task<T> ReadAsync<T>(Func<IUnit, CancellationToken, Task<T>> read, CancellationToken cancellationToken) =>
            inner.ReadAsync((unit, token) => read(new Unit(unit), token), cancellationToken);

        private sealed class Unit(IUnit inner) : IUnit
        {
            public IEventSink Events => inner.Events;

            public TStore Store<TStore>()
                where TStore : class =>
                typeof(TStore) == typeof(ITrainingStore) ? throw new InvalidOperationException("A job was asked for.") : inner.Store<TStore>();
        }
    }

    private sealed class AwayWork : IUnitOfWork
    {
        public Task<T> RunAsync<T>(Func<IUnit, CancellationToken, Task<T>> work, CancellationToken cancellationToken) =>
            throw new StoreUnavailableException("The database does not answer.");

        public Task<T> ReadAsync<T>(Func<IUnit, CancellationToken, Task<T>> read, CancellationToken cancellationToken) =>
            throw new StoreUnavailableException("The database does not answer.");
    }
}
