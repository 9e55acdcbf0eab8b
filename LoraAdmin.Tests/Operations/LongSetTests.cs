using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Operations;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Operations;

/// <summary>A statement over many rows that is at work longer than its run's lease, on PostgreSQL: its transaction must not lock the run's own row.</summary>
public sealed class LongSetTests : IAsyncLifetime
{
    private const string Key = "tests.set";
    private static readonly OperationRules Rules = new(
        TimeSpan.FromMinutes(5), TimeSpan.FromHours(1), TimeSpan.FromSeconds(15), TimeSpan.FromSeconds(10), 500, TimeSpan.FromDays(30));

    private readonly SlowSet set = new();
    private TestDatabase database = null!;
    private StartedRun started = null!;
    private Task<OperationRun> working = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        database = await TestDatabase.CreateAsync(DatabaseKind.Postgres);
        TimeProvider clock = TimeProvider.System;
        OperationRegistry registry = new([set]);
        IIds ids = database.Services.GetRequiredService<IIds>();
        Installation installation = new("inst0001", CloudKind.Local, new byte[32], clock.GetUtcNow());
        ClockStandings clocks = KnownClocks.New(clock);
        OperationSchedule schedule = new(Key, set.Info.DefaultCron, OperationSchedule.Utc, CatchUp.Once, false, null, clock.GetUtcNow());
        await database.Work.RunAsync((unit, token) => unit.Store<IOperationScheduleStore>().TryAddAsync(schedule, token), Token);
        RunStarter starter = new(database.Work, registry, new QuartzCrons(), ids, clock, () => Rules, () => installation, clocks, "portal-1");
        OperationRunner runner = new(database.Work, registry, ids, clock, () => Rules, () => installation, clocks, isAlone: false);
        RunRequest request = new(Key, RunTrigger.Person, OperationHouse.Ada, Reason: "a test");
        started = Assert.IsType<StartOutcome.Started>(await starter.StartAsync(request, Token)).Run;
        working = runner.ExecuteAsync(started, Token);
        await set.Entered.WaitAsync(Eventually.DefaultDeadline, Token);
    }

    public async ValueTask DisposeAsync()
    {
        set.Go();
        await ((Task)working).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await database.DisposeAsync();
    }

    [Fact]
    public async Task Lease_IsRenewedBesideTheStatement()
    {
        await Eventually.TrueAsync(
            async () => (await RunAsync()).LeaseUntil > started.Run.LeaseUntil, "the lease is renewed while the statement is at work");

        set.Go();
        OperationRun ended = await working;

        Assert.Equal((RunState.Succeeded, 3L), (ended.State, ended.Done));
        Assert.Single(await EffectAsync());
    }

    [Fact]
    public async Task Cancel_BreaksItOff_AndNothingIsChanged()
    {
        CancelAsk ask = new(OperationHouse.Ada, "enough", TimeProvider.System.GetUtcNow());
        Assert.True(await database.Work.RunAsync((unit, token) => unit.Store<IOperationRunStore>().AskCancelAsync(started.Run.Id, ask, token), Token)
            .WaitAsync(TimeSpan.FromMinutes(1), Token));

        OperationRun ended = await working.WaitAsync(Eventually.DefaultDeadline, Token);

        Assert.Equal((RunState.Cancelled, "Cancelled by ada: enough"), (ended.State, ended.Outcome));
        Assert.Empty(await EffectAsync());
    }

    [Fact]
    public async Task Statement_WhoseRunOthersHaveEnded_ChangesNothing()
    {
        OperationRun taken = (await RunAsync()) with { State = RunState.Interrupted, Outcome = "taken over" };
        Assert.True(await database.Work.RunAsync((unit, token) => unit.Store<IOperationRunStore>().EndAsync(taken, token), Token)
            .WaitAsync(TimeSpan.FromMinutes(1), Token));

        set.Go();
        OperationRun seen = await working.WaitAsync(Eventually.DefaultDeadline, Token);

        Assert.Equal((RunState.Interrupted, "taken over"), (seen.State, seen.Outcome));
        Assert.Empty(await EffectAsync());
    }

    private async Task<OperationRun> RunAsync() =>
        (await database.Work.ReadAsync((unit, token) => unit.Store<IOperationRunStore>().FindAsync(started.Run.Id, token), Token))!;

    private Task<IReadOnlyList<RunLine>> EffectAsync() =>
        database.Work.ReadAsync((unit, token) => unit.Store<IOperationRunStore>().ListLinesAsync(SlowSet.Effect, token), Token);

    /// <summary>Writes one row, and is at work until it is let go.</summary>
    internal sealed class SlowSet : ISetOperation
    {
        /// <summary>The row is a line of a run that does not exist.</summary>
        public static readonly Guid Effect = new(77, 0, 0, new byte[8]);

        private readonly TaskCompletionSource entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource go = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Entered => entered.Task;

        public OperationInfo Info { get; } = new(Key, "A set of a test", "Writes a row.", "0 0 0 1 * ?", "tests:run");

        public void Go() => go.TrySetResult();

        public Task<Planning> PlanAsync(CancellationToken cancellationToken) =>
            Task.FromResult<Planning>(new Planning.Planned(PlanDraft.OfSet(OperationHouse.Start, "rows of a test", "p", 3, [])));

        public async Task<SetOutcome> ApplyAsync(IUnit unit, PlanDraft plan, Actor actor, CancellationToken cancellationToken)
        {
            await unit.Store<IOperationRunStore>().AppendLineAsync(Effect, OperationHouse.Start, EventSeverity.Info, "changed", cancellationToken);
            entered.TrySetResult();
            await go.Task.WaitAsync(cancellationToken);
            return new SetOutcome(3, "3 rows were changed.");
        }

        public Task<IReadOnlyList<Figure>> MeasureAsync(IUnit unit, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<Figure>>([]);

        public Task<string?> CheckAsync(IUnit unit, CancellationToken cancellationToken) => Task.FromResult<string?>(null);
    }
}
