using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Operations;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.DependencyInjection;

namespace LoraAdmin.Tests.Operations;

/// <summary>The pages of operations on a real engine in memory.</summary>
public abstract class OperationPageContext : LoraBunitContext
{
    protected const string Key = "tests.work";

    internal readonly List<string> todo = ["pod-1", "pod-2"];

    protected OperationPageContext()
    {
        Work = new TestItems(Key, () => todo)
        {
            AsOf = Start,
            Info = new PodSweepOperation(null!, Clock, Permissions.SweepPods).Info with
            {
                Key = Key, Title = "Sweep of a test", Description = "Does what the test says.",
            },
        };
        House = new OperationHouse(Clock, null, [Work]);

        // The schedules are there since a moment ago: an instant of the present is theirs.
        DateTimeOffset now = Clock.GetUtcNow();
        Clock.AdjustTime(now.AddMilliseconds(-1));
        House.FillAsync().GetAwaiter().GetResult();
        Clock.AdjustTime(now);
        Queries = new SwitchableQueries(
            new OperationQueries(House.Database, House.Registry, House.Crons, Clock, () => House.Rules, () => House.Installation, House.Starter));
        Services.AddSingleton<IOperationQueries>(Queries);
        Services.AddSingleton<IOperationDesk>(House.Desk);
        Services.AddSingleton<ICronSchedules>(House.Crons);
        Services.AddSingleton(House.Registry);
        Services.AddSingleton<Func<OperationRules>>(() => House.Rules);
    }

    internal TestItems Work { get; }

    internal OperationHouse House { get; }

    internal SwitchableQueries Queries { get; }

    internal static readonly Actor Ada = OperationHouse.Ada;

    /// <summary>One run by the schedule, whole.</summary>
    internal async Task<OperationRun> RunOnceAsync(DateTimeOffset? instant = null)
    {
        StartOutcome.Started started = (StartOutcome.Started)await House.FireAsync(Key, instant ?? Clock.GetUtcNow());
        return await House.RunAsync(started.Run.Run.Id);
    }

    /// <summary>Queries that can be told to fail as when the database is away.</summary>
    internal sealed class SwitchableQueries(IOperationQueries inner) : IOperationQueries
    {
        public bool IsAway { get; set; }

        /// <summary>What the history waits for before it looks; null: nothing.</summary>
        public Func<RunFilter, Task>? Slow { get; set; }

        /// <summary>How often the history has been answered.</summary>
        public int Answered { get; private set; }

        public Task<AutomationHold?> FindHoldAsync(CancellationToken cancellationToken) => Ask(inner.FindHoldAsync(cancellationToken));

        public Task<OperationBoard> ReadBoardAsync(CancellationToken cancellationToken) => Ask(inner.ReadBoardAsync(cancellationToken));

        public Task<OperationDetail?> FindAsync(string operation, CancellationToken cancellationToken) => Ask(inner.FindAsync(operation, cancellationToken));

        public Task<RunDetail?> FindRunAsync(Guid run, CancellationToken cancellationToken) => Ask(inner.FindRunAsync(run, cancellationToken));

        public Task<PlanDetail?> FindPlanAsync(Guid plan, CancellationToken cancellationToken) => Ask(inner.FindPlanAsync(plan, cancellationToken));

        public async Task<RunHistory> ListRunsAsync(RunFilter filter, RunCursor? after, CancellationToken cancellationToken)
        {
            await (Slow?.Invoke(filter) ?? Task.CompletedTask);
            RunHistory found = await Ask(inner.ListRunsAsync(filter, after, cancellationToken));
            Answered++;
            return found;
        }

        public Task<IReadOnlyList<HeldWork>> LookAtHeldAsync(CancellationToken cancellationToken) => Ask(inner.LookAtHeldAsync(cancellationToken));

        private Task<T> Ask<T>(Task<T> answer) => IsAway ? Task.FromException<T>(new StoreUnavailableException("The database is away.")) : answer;
    }
}
