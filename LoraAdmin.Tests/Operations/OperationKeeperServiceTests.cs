using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Operations;
using LoraAdmin.Platform;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Quartz;
using Xunit;

namespace LoraAdmin.Tests.Operations;

/// <summary>The keeper as the host runs it.</summary>
public sealed class OperationKeeperServiceTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>What is owed until a clock is vouched for, another portal may be able to begin: it need not wait for the lease to run out.</summary>
    [Fact]
    public async Task Turn_OfAPortalThatNobodyHasVouchedFor_LeavesTheNextToAnother()
    {
        FakeTimeProvider clock = new(OperationHouse.Start);
        OperationHouse house = new(clock, null, [new TestItems("tests.work", static () => ["a"])], KnownClocks.New(clock));
        ServiceCollection collection = new();
        collection.AddLogging();
        collection.AddQuartz(static quartz =>
        {
            quartz.ConfigureScheduler(static options => options.InstanceName = Path.GetRandomFileName());
            quartz.UseInMemoryStore();
        });
        await using ServiceProvider services = collection.BuildServiceProvider();
        ISchedulerFactory schedulers = services.GetRequiredService<ISchedulerFactory>();
        ApplicationLifetime lifetime = new(NullLogger<ApplicationLifetime>.Instance);
        LeasedTurn turns = new(house.Database, new PortalInstance("here"), house.Clocks, clock, NullLogger<LeasedTurn>.Instance);
        QuartzSchedules schedules = new(schedulers, house.Database, house.Registry, house.Crons, clock);
        using OperationKeeperService service = new(
            house.Keeper, schedules, turns, () => house.Rules, new PortalStarted(lifetime), clock, NullLogger<OperationKeeperService>.Instance);

        await service.StartAsync(Token);
        lifetime.NotifyStarted();

        // Its look is within its turn: before it nobody else may have the lease.
        await Eventually.TrueAsync(
            async () => await house.Database.ReadAsync(static (unit, token) => unit.Store<IOperationScheduleStore>().ReadHeartbeatAsync(token), Token) is not null,
            "the keeper looks");
        await Eventually.TrueAsync(
            () => house.Database.RunAsync(
                (unit, token) => unit.Store<ILeaseStore>().TryTakeAsync(OccurrenceKeeper.LeaseName, "elsewhere", clock.GetUtcNow(), house.Rules.LeaseFor, token), Token),
            "another takes the turn");
        await service.StopAsync(Token);
        await (await schedulers.GetScheduler(Token)).Shutdown(false, Token);
    }
}
