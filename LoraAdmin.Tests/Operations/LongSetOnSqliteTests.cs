using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Operations;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Operations;

/// <summary>A statement that is at work longer than its run's lease, on SQLite: it is the only writer, so that its own lease can't be renewed beside it.</summary>
public sealed class LongSetOnSqliteTests
{
    [Fact]
    public async Task Lease_ThatWaitsBehindItsOwnStatement_IsNotLost()
    {
        CancellationToken token = TestContext.Current.CancellationToken;
        FakeTimeProvider clock = new(OperationHouse.Start);
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite, clock);
        LongSetTests.SlowSet set = new();
        OperationRegistry registry = new([set]);
        OperationRules rules = new(
            TimeSpan.FromMinutes(5), TimeSpan.FromHours(1), TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(10), KeepRuns: 500, TimeSpan.FromDays(30));
        IIds ids = database.Services.GetRequiredService<IIds>();
        Installation installation = new("inst0001", CloudKind.Local, new byte[32], OperationHouse.Start);
        ClockStandings clocks = KnownClocks.New(clock);
        OperationSchedule schedule = new(set.Info.Key, set.Info.DefaultCron, OperationSchedule.Utc, CatchUp.Once, false, null, OperationHouse.Start);
        await database.Work.RunAsync((unit, inner) => unit.Store<IOperationScheduleStore>().TryAddAsync(schedule, inner), token);
        RunStarter starter = new(database.Work, registry, new QuartzCrons(), ids, clock, () => rules, () => installation, clocks, "portal-1");
        WorkThatCounts work = new(database.Work);
        OperationRunner runner = new(work, registry, ids, clock, () => rules, () => installation, clocks, isAlone: true);
        RunRequest request = new(set.Info.Key, RunTrigger.Person, OperationHouse.Ada, Reason: "a test");
        StartedRun started = Assert.IsType<StartOutcome.Started>(await starter.StartAsync(request, token)).Run;

        Task<OperationRun> working = runner.ExecuteAsync(started, token);
        await set.Entered.WaitAsync(Eventually.DefaultDeadline, token);
        try
        {
            await Eventually.TrueAsync(
                () =>
                {
                    clock.Advance(rules.LeaseFor / 3);
                    return work.BrokenOff > 3;
                },
                "renewals wait, and are given up, for longer than the lease");
        }
        finally
        {
            set.Go();
        }

        OperationRun ended = await working;
        Assert.True(ended.EndedAt - ended.StartedAt > rules.LeaseFor);
        Assert.Equal((RunState.Succeeded, 3L), (ended.State, ended.Done));
        Assert.Single(await database.Work.ReadAsync((unit, inner) => unit.Store<IOperationRunStore>().ListLinesAsync(LongSetTests.SlowSet.Effect, inner), token));
    }

    /// <summary>Counts the transactions that did not come to their turn.</summary>
    private sealed class WorkThatCounts(IUnitOfWork inner) : IUnitOfWork
    {
        private int brokenOff;

        public int BrokenOff => Volatile.Read(ref brokenOff);

        public async Task<T> RunAsync<T>(Func<IUnit, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
        {
            try
            {
                return await inner.RunAsync(work, cancellationToken);
            }
            catch (OperationCanceledException)
            {
                Interlocked.Increment(ref brokenOff);
                throw;
            }
        }

        public Task<T> ReadAsync<T>(Func<IUnit, CancellationToken, Task<T>> read, CancellationToken cancellationToken) => inner.ReadAsync(read, cancellationToken);
    }
}
