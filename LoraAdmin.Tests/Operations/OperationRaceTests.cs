using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Operations;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Operations;

/// <summary>A person ends what holds an operation at the moment at which another instance fires it: both lock the schedule first, and neither waits for the other in a circle.</summary>
public sealed class OperationRaceTests
{
    private const string Key = "tests.work";
    private static readonly DateTimeOffset Start = OperationHouse.Start;

    private readonly FakeTimeProvider clock = new(Start);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<string> Changes => ["resume", "release", "pause", "hold", "edit", "look"];

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task Change_BesideAFire_WaitsForItAndIsDoneOnce(string change)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Postgres);
        CountingWork work = new(database.Work);
        (OperationDesk desk, OccurrenceKeeper keeper) = Portal(work, new TestItems(Key, () => ["a"]));
        await keeper.FillAsync(Token);
        await keeper.TickAsync(Token);
        if (change is "resume" or "pause")
        {
            await desk.PauseAsync(Key, "mending", null, OperationHouse.Ada, Token);
        }
        else if (change is not "look")
        {
            await desk.HoldAutomationAsync("mending", null, OperationHouse.Ada, Token);
        }

        clock.Advance(TimeSpan.FromHours(1.1));
        int fires = 0;
        (Task fire, TaskCompletionSource goesOn) = await AheadAsync(
            database,
            async (unit, token) =>
            {
                fires++;
                await unit.Store<IOperationScheduleStore>().LockAsync(Key, token);
            },
            (unit, token) => unit.Store<IOccurrenceStore>().TryAddAsync(
                new Occurrence(Key, Start.AddHours(1), OccurrenceState.Skipped, "by the fire", null, null, clock.GetUtcNow()), token));
        Task changed = Task.Run(ChangeAsync, Token);
        await Eventually.TrueAsync(async () => await WaitingAsync(database) > 0, "the change waits for the fire");
        goesOn.SetResult();
        await Task.WhenAll(fire, changed);

        Assert.Equal((1, 0), (fires, work.Repeated));
        Occurrence only = Assert.Single(await database.Work.ReadAsync((unit, token) => unit.Store<IOccurrenceStore>().ListNewestAsync(Key, 10, token), Token));
        Assert.Equal("by the fire", only.Why);

        Task ChangeAsync() => change switch
        {
            "resume" => desk.ResumeAsync(Key, null, OperationHouse.Ada, Token),
            "release" => desk.ReleaseAutomationAsync(null, OperationHouse.Ada, Token),
            "pause" => desk.PauseAsync(Key, "mending still", null, OperationHouse.Ada, Token),
            "hold" => desk.HoldAutomationAsync("mending still", null, OperationHouse.Ada, Token),
            "edit" => desk.EditScheduleAsync(Key, new ScheduleWish("0 30 3 * * ?", "Europe/Berlin", CatchUp.Never), OperationHouse.Ada, Token),
            _ => keeper.TickAsync(Token),
        };
    }

    /// <summary>A portal of a version with another default starts while a person chooses a schedule.</summary>
    [Fact]
    public async Task Start_WithANewDefault_BesideAnEdit_KeepsTheEdit()
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Postgres);
        TestItems before = new(Key, () => ["a"]);
        await Portal(database.Work, before).Keeper.FillAsync(Token);
        OperationSchedule edited = new(Key, "0 30 3 * * ?", "Europe/Berlin", CatchUp.Never, IsEdited: true, null, Start);
        OccurrenceKeeper next = Portal(database.Work, new TestItems(Key, () => ["a"]) { Info = before.Info with { DefaultCron = "0 15 * * * ?" } }).Keeper;
        (Task edit, TaskCompletionSource goesOn) = await AheadAsync(database, (unit, token) => unit.Store<IOperationScheduleStore>().SaveTimesAsync(edited, token));

        Task start = Task.Run(() => next.FillAsync(Token), Token);
        await Eventually.TrueAsync(async () => await WaitingAsync(database) > 0, "the start waits for the edit");
        goesOn.SetResult();
        await Task.WhenAll(edit, start);

        Assert.Equal(edited, await database.Work.ReadAsync((unit, token) => unit.Store<IOperationScheduleStore>().FindAsync(Key, token), Token));
    }

    /// <summary>Minutes pass before it is the start's turn: an instant of the old default in them is the old default's.</summary>
    [Fact]
    public async Task Start_WithANewDefault_ThatWaits_GoesByTheTimeOfItsTurn()
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Postgres);
        TestItems before = new(Key, () => ["a"]);
        await Portal(database.Work, before).Keeper.FillAsync(Token);
        clock.Advance(TimeSpan.FromMinutes(55));
        OccurrenceKeeper next = Portal(database.Work, new TestItems(Key, () => ["a"]) { Info = before.Info with { DefaultCron = "0 15 * * * ?" } }).Keeper;
        (Task fire, TaskCompletionSource goesOn) = await AheadAsync(database, (unit, token) => unit.Store<IOperationScheduleStore>().LockAsync(Key, token));

        Task start = Task.Run(() => next.FillAsync(Token), Token);
        await Eventually.TrueAsync(async () => await WaitingAsync(database) > 0, "the start waits for the fire");
        clock.Advance(TimeSpan.FromMinutes(10));
        goesOn.SetResult();
        await Task.WhenAll(fire, start);

        OperationSchedule? kept = await database.Work.ReadAsync((unit, token) => unit.Store<IOperationScheduleStore>().FindAsync(Key, token), Token);
        Assert.Equal(("0 15 * * * ?", Start.AddMinutes(65)), (kept!.Cron, kept.InForceFrom));
        Occurrence only = Assert.Single(await database.Work.ReadAsync((unit, token) => unit.Store<IOccurrenceStore>().ListNewestAsync(Key, 10, token), Token));
        Assert.Equal(Start.AddHours(1), only.Instant);
    }

    /// <summary>A unit that has written or locked something, and commits only when it is let go on.</summary>
    private static async Task<(Task Unit, TaskCompletionSource GoesOn)> AheadAsync(
        TestDatabase database, Func<IUnit, CancellationToken, Task> first, Func<IUnit, CancellationToken, Task>? then = null)
    {
        TaskCompletionSource ahead = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource goesOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task work = Task.Run(
            () => database.Work.RunAsync(
                async (unit, token) =>
                {
                    await first(unit, token);
                    ahead.TrySetResult();
                    await goesOn.Task.WaitAsync(token);
                    await (then?.Invoke(unit, token) ?? Task.CompletedTask);
                },
                Token),
            Token);
        await ahead.Task.WaitAsync(Eventually.DefaultDeadline, TimeProvider.System, Token);
        return (work, goesOn);
    }

    private (OperationDesk Desk, OccurrenceKeeper Keeper) Portal(IUnitOfWork work, TestItems operation)
    {
        OperationRegistry registry = new([operation]);
        QuartzCrons crons = new();
        SeededIds ids = new(3);
        OperationRules rules = new(
            TimeSpan.FromMinutes(5), TimeSpan.FromHours(1), TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(10), KeepRuns: 500, TimeSpan.FromDays(30));
        Installation installation = new("inst0001", CloudKind.Local, new byte[32], Start);
        ClockStandings clocks = KnownClocks.New(clock).NoteAhead(TimeSpan.Zero);
        NoHost host = new();
        RunStarter starter = new(work, registry, crons, ids, clock, () => rules, () => installation, clocks, "portal-2");
        return (
            new OperationDesk(work, registry, crons, starter, host, ids, clock, () => rules, () => installation, clocks),
            new OccurrenceKeeper(work, registry, crons, starter, host, clock, () => rules, clocks, firesInMemory: false));
    }

    private static async Task<long> WaitingAsync(TestDatabase database)
    {
        await using LoraDb db = database.NewContext();
        return await db.Database
            .SqlQueryRaw<long>("SELECT count(*) AS \"Value\" FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
            .SingleAsync(Token);
    }

    /// <summary>A unit that the database ended, as it does with one of two that wait for each other, is begun again.</summary>
    private sealed class CountingWork(IUnitOfWork inner) : IUnitOfWork
    {
        /// <summary>How many were begun again.</summary>
        public int Repeated { get; private set; }

        public Task<T> ReadAsync<T>(Func<IUnit, CancellationToken, Task<T>> read, CancellationToken cancellationToken) => inner.ReadAsync(read, cancellationToken);

        public Task<T> RunAsync<T>(Func<IUnit, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
        {
            bool isBegun = false;
            return inner.RunAsync(
                (unit, token) =>
                {
                    Repeated += isBegun ? 1 : 0;
                    isBegun = true;
                    return work(unit, token);
                },
                cancellationToken);
        }
    }

    private sealed class NoHost : IRunHost
    {
        public void Begin(StartedRun run)
        {
        }

        public bool IsAtWork(Guid run) => false;
    }
}
