using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation.Memory;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Operations;

/// <summary>What a plan to clean up history takes, when the world goes on before it is applied.</summary>
public sealed class HistoryRetentionTests : IDisposable
{
    private const string Key = "tests.work";
    private static readonly DateTimeOffset Start = OperationHouse.Start;

    private readonly SeededIds ids = new(3);
    private readonly FakeTimeProvider clock = new(Start);
    private readonly MemoryDatabase database;
    private readonly HistoryRetention retention;

    public HistoryRetentionTests()
    {
        database = new MemoryDatabase(clock);
        OperationRules rules = new(TimeSpan.FromMinutes(5), TimeSpan.FromHours(1), TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(10), KeepRuns: 2, TimeSpan.FromDays(1));
        retention = new HistoryRetention(database, clock, () => rules, Permissions.CleanHistory);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => database.Dispose();

    [Fact]
    public async Task RunsThatBecomeOldWhileThePlanWaits_Stay()
    {
        Guid[] runs = [await RunAsync(10), await RunAsync(8), await RunAsync(6), await RunAsync(4)];
        PlanDraft plan = await PlanAsync();
        Assert.Contains("2 runs since 2026-11-14", Assert.Single(plan.Items, item => item.Target == Key).Reason, StringComparison.Ordinal);

        // Two more: the newest two are others now.
        await RunAsync(0);
        await RunAsync(-1);
        clock.Advance(TimeSpan.FromMinutes(30));
        IReadOnlyList<ItemOutcome> outcomes = await retention.ApplyAllAsync(plan, database, Token);

        Assert.Equal("2 runs", outcomes[0].Why);
        Assert.Equal([.. runs[2..].Order()], database.Operations.Runs.Rows.Where(run => run.StartedAt < Start).Select(run => run.Id).Order());
    }

    [Fact]
    public async Task InstantsAndPlansThatBecomeOldWhileThePlanWaits_Stay()
    {
        DateTimeOffset oldest = Start - OperationRules.KeepOccurrencesFor;
        foreach (DateTimeOffset at in new[] { oldest.AddMinutes(-1), oldest.AddMinutes(1) })
        {
            Occurrence instant = new(Key, at, OccurrenceState.Ran, null, null, null, at);
            await database.RunAsync((unit, token) => unit.Store<IOccurrenceStore>().TryAddAsync(instant, token), Token);
        }

        Guid stays = await AddPlanAsync(Start.AddDays(-7).AddMinutes(1));
        await AddPlanAsync(Start.AddDays(-7).AddMinutes(-1));
        PlanDraft plan = await PlanAsync();
        clock.Advance(TimeSpan.FromMinutes(30));

        await retention.ApplyAllAsync(plan, database, Token);

        Assert.Equal(oldest.AddMinutes(1), Assert.Single(database.Operations.Occurrences.Rows).Instant);
        Assert.Equal(stays, Assert.Single(database.Operations.Plans.Rows).Id);
    }

    [Fact]
    public async Task NothingThatIsOld_IsAnEmptyPlan()
    {
        Assert.Empty((await PlanAsync()).Items);

        await AddPlanAsync(Start.AddDays(-7).AddMinutes(1));
        Assert.Empty((await PlanAsync()).Items);

        clock.Advance(TimeSpan.FromMinutes(2));
        Assert.Single((await PlanAsync()).Items);
    }

    private async Task<PlanDraft> PlanAsync() => Assert.IsType<Planning.Planned>(await retention.PlanAsync(Token)).Plan;

    private async Task<Guid> RunAsync(int daysAgo)
    {
        DateTimeOffset at = Start.AddDays(-daysAgo);
        OperationRun run = new()
        {
            Id = ids.Next(),
            Operation = Key,
            Number = 1,
            Trigger = RunTrigger.Schedule,
            StartedBy = Actor.Portal(Key),
            State = RunState.Succeeded,
            StartedAt = at,
            EndedAt = at,
            Instance = "portal-1",
            LeaseUntil = at,
        };
        await database.RunAsync((unit, token) => unit.Store<IOperationRunStore>().AddAsync(run, token), Token);
        return run.Id;
    }

    private async Task<Guid> AddPlanAsync(DateTimeOffset at)
    {
        PlanDraft draft = PlanDraft.OfItems(at, [new PlanItem("a", "do", "of a test")]);
        OperationPlan plan = new(ids.Next(), Key, "inst0001", draft, draft.Hash(), OperationHouse.Ada, at, PlanState.Open, null);
        await database.RunAsync((unit, token) => unit.Store<IOperationPlanStore>().AddAsync(plan, token), Token);
        return plan.Id;
    }
}
