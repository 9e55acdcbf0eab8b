using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Operations;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation.Memory;
using Microsoft.Extensions.Time.Testing;

namespace LoraAdmin.Tests.Operations;

/// <summary>The engine on stores in memory and a clock that stands still unless it is told otherwise; what a host would do is done by hand.</summary>
internal sealed class OperationHouse : IRunHost
{
    public static readonly DateTimeOffset Start = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);
    public static readonly Actor Ada = new(ActorKind.Person, "ada");

    private readonly SeededIds ids;

    public OperationHouse(params IReadOnlyList<IOperation> operations)
        : this(new FakeTimeProvider(Start), null, operations)
    {
    }

    /// <param name="database">Null: an empty one.</param>
    /// <param name="clocks">What another process on it knows of its clock; null: RunPod has just agreed.</param>
    /// <param name="life">Which process on the database it is: each has ids of its own.</param>
    public OperationHouse(FakeTimeProvider clock, MemoryDatabase? database, IReadOnlyList<IOperation> operations, ClockStandings? clocks = null, int life = 1)
    {
        Clock = clock;
        ids = new SeededIds(clocks is null ? 11 : 11 + (2 * life));
        Clocks = clocks ?? KnownClocks.New(clock).NoteAhead(TimeSpan.Zero);
        Registry = new OperationRegistry(operations);
        Database = database ?? new MemoryDatabase(Clock);
        Starter = NewStarter("portal-1");
        Runner = new OperationRunner(Database, Registry, ids, Clock, () => Rules, () => Installation, Clocks, isAlone: false);
        Keeper = new OccurrenceKeeper(Database, Registry, Crons, Starter, this, Clock, () => Rules, Clocks, firesInMemory: false);
        Desk = new OperationDesk(Database, Registry, Crons, Starter, this, ids, Clock, () => Rules, () => Installation, Clocks);
    }

    public FakeTimeProvider Clock { get; }

    /// <summary>What this instance knows of its clock.</summary>
    public ClockStandings Clocks { get; }

    public MemoryDatabase Database { get; }

    public OperationRegistry Registry { get; }

    public QuartzCrons Crons { get; } = new();

    public RunStarter Starter { get; }

    public OperationRunner Runner { get; }

    public OccurrenceKeeper Keeper { get; }

    public OperationDesk Desk { get; }

    public OperationRules Rules { get; set; } = new(
        TimeSpan.FromMinutes(5), TimeSpan.FromHours(1), TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(10), KeepRuns: 500, TimeSpan.FromDays(30));

    public Installation Installation { get; set; } = new("inst0001", CloudKind.Local, new byte[32], Start);

    /// <summary>Runs that the desk or the keeper has started and that were not let run.</summary>
    public List<StartedRun> Begun { get; } = [];

    /// <summary>What a host that is alone on its database says of a run; by default it is not alone.</summary>
    public Func<Guid, bool> AtWork { get; set; } = static _ => false;

    public void Begin(StartedRun run) => Begun.Add(run);

    public bool IsAtWork(Guid run) => AtWork(run);

    public RunStarter NewStarter(string instance) => new(Database, Registry, Crons, ids, Clock, () => Rules, () => Installation, Clocks, instance);

    public Task FillAsync() => Keeper.FillAsync(CancellationToken.None);

    /// <summary>What the scheduler does at an instant.</summary>
    public async Task<StartOutcome> FireAsync(string operation, DateTimeOffset instant)
    {
        StartOutcome outcome = await Starter.StartAsync(new RunRequest(operation, RunTrigger.Schedule, Actor.Portal(operation), instant), CancellationToken.None);
        if (outcome is StartOutcome.Started started)
        {
            await EndAsync(started.Run);
        }

        return outcome;
    }

    /// <summary>What the scheduler does at the first instant of the operation's schedule that nothing is known of, if it does it now.</summary>
    public async Task<StartOutcome> FireNextAsync(string operation)
    {
        OperationSchedule schedule = (await Database.Operations.FindAsync(operation, CancellationToken.None))!;
        DateTimeOffset known = Occurrences(operation).Select(one => one.Instant).Append(schedule.AccountedUntil).Max();
        return await FireAsync(operation, Crons.NextAfter(schedule.Cron, schedule.TimeZone, known)!.Value);
    }

    /// <summary>One look of the keeper, and the whole work of what it starts.</summary>
    public async Task<IReadOnlyList<OperationRun>> TickAsync()
    {
        List<OperationRun> ended = [];
        foreach (StartedRun run in await LookAsync())
        {
            ended.Add(await EndAsync(run));
        }

        return ended;
    }

    /// <summary>One look of the keeper.</summary>
    /// <returns>What it starts, whose work is still to be done.</returns>
    public async Task<IReadOnlyList<StartedRun>> LookAsync()
    {
        int before = Begun.Count;
        await Keeper.TickAsync(CancellationToken.None);
        List<StartedRun> started = Begun[before..];
        Begun.RemoveRange(before, started.Count);
        return started;
    }

    /// <summary>Lets a run do its work; one that fails is only written down.</summary>
    public async Task<OperationRun> EndAsync(StartedRun run, CancellationToken cancellationToken = default)
    {
        try
        {
            return await Runner.ExecuteAsync(run, cancellationToken);
        }
        catch (OperationFailedException)
        {
            return await RunAsync(run.Run.Id);
        }
    }

    /// <summary>Lets what the desk has started last do its work.</summary>
    public async Task<OperationRun> EndBegunAsync()
    {
        StartedRun run = Begun[^1];
        Begun.RemoveAt(Begun.Count - 1);
        return await EndAsync(run);
    }

    public async Task<OperationRun> RunAsync(Guid id) =>
        (await Database.ReadAsync((unit, token) => unit.Store<IOperationRunStore>().FindAsync(id, token), CancellationToken.None))!;

    public Task<IReadOnlyList<PlannedItem>> ItemsAsync(Guid plan) =>
        Database.ReadAsync((unit, token) => unit.Store<IOperationPlanStore>().ListItemsAsync(plan, 0, 10_000, token), CancellationToken.None);

    public IReadOnlyList<Occurrence> Occurrences(string operation) =>
        [.. Database.Operations.Occurrences.Rows.Where(one => one.Operation == operation).OrderBy(one => one.Instant)];

    /// <summary>Signals of the committed facts about a rule, oldest first: true opens, false ends.</summary>
    public IReadOnlyList<bool> Told(string rule) =>
        [.. Database.Events.SelectMany(fact => fact.Signals).Where(signal => signal.Rule == rule).Select(signal => !signal.Over)];
}

/// <summary>Items of a test: each is a word that is to be put on a list in the database of the portal, its incidents' ends for want of a table of its own.</summary>
internal sealed class TestItems(string key, Func<IReadOnlyList<string>> todo, string cron = "0 0 * * * ?") : IItemOperation
{
    /// <summary>While it looks for what there is to do.</summary>
    public Func<CancellationToken, Task>? Looking { get; set; }

    /// <summary>Before an item is ended; may throw, cancel, or die.</summary>
    public Func<string, IItemTurn, Task>? Before { get; set; }

    /// <summary>What was done, in order, once per commit.</summary>
    public List<string> Done { get; } = [];

    public int? WithinCaps { get; set; }

    /// <summary>The instant of its look.</summary>
    public DateTimeOffset AsOf { get; set; } = OperationHouse.Start;

    public string? Broken { get; set; }

    public Planning? Plan { get; set; }

    public OperationInfo Info { get; init; } = new(key, "Work of a test", "Does what the test says.", cron, "tests:run") { IsDestructive = true };

    public async Task<Planning> PlanAsync(CancellationToken cancellationToken)
    {
        if (Looking is { } looking)
        {
            await looking(cancellationToken);
        }

        return Plan ?? new Planning.Planned(
            PlanDraft.OfItems(AsOf, [.. todo().Select(word => new PlanItem(word, "do", "the test says so"))]) with
            {
                WithinCaps = WithinCaps,
                CapWords = WithinCaps is null ? null : "a test lets few through",
            });
    }

    public async Task ApplyAsync(PlanItem item, IItemTurn turn, CancellationToken cancellationToken)
    {
        if (Before is { } before)
        {
            await before(item.Target, turn);
        }

        await turn.EndAsync((_, _) => Task.FromResult(todo().Contains(item.Target) ? ItemOutcome.Done : ItemOutcome.Ineligible("It is not to be done any more")), cancellationToken);
        Done.Add(item.Target);
    }

    public Task<IReadOnlyList<Figure>> MeasureAsync(IUnit unit, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<Figure>>([new Figure("Words done", $"{Done.Count}")]);

    public Task<string?> CheckAsync(IUnit unit, CancellationToken cancellationToken) => Task.FromResult(Broken);
}
