using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Operations;
using Microsoft.Extensions.DependencyInjection;
using Quartz;
using Xunit;

namespace LoraAdmin.Tests.Operations;

/// <summary>What the scheduler is filled with. It is not started: nothing fires.</summary>
public sealed class QuartzSchedulesTests : IAsyncLifetime
{
    private const string First = "tests.a";
    private const string Second = "tests.b";

    private readonly OperationHouse house = new(new TestItems(First, () => ["a"]), new TestItems(Second, () => ["b"], "0 30 * * * ?"));
    private readonly ServiceProvider services;
    private readonly QuartzSchedules schedules;
    private IScheduler scheduler = null!;

    public QuartzSchedulesTests()
    {
        ServiceCollection collection = new();
        collection.AddLogging();
        collection.AddQuartz(quartz =>
        {
            quartz.ConfigureScheduler(options => options.InstanceName = Path.GetRandomFileName());
            quartz.UseInMemoryStore();
        });
        services = collection.BuildServiceProvider();
        schedules = new QuartzSchedules(services.GetRequiredService<ISchedulerFactory>(), house.Database, house.Registry, house.Crons, house.Clock);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        scheduler = await services.GetRequiredService<ISchedulerFactory>().GetScheduler(Token);
        await house.FillAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await scheduler.Shutdown(false, CancellationToken.None);
        await services.DisposeAsync();
    }

    [Fact]
    public async Task Fill_GivesEachOperationItsTrigger_AndFollowsAnEdit()
    {
        await schedules.FillAsync(Token);
        Assert.Equal(("0 0 * * * ?", "UTC"), await TextAsync(First));
        Assert.Equal(("0 30 * * * ?", "UTC"), await TextAsync(Second));

        await house.Desk.EditScheduleAsync(First, new ScheduleWish("0 15 3 * * ?", "Europe/Berlin", CatchUp.Once), OperationHouse.Ada, Token);
        await schedules.FillAsync(Token);

        Assert.Equal(("0 15 3 * * ?", "Europe/Berlin"), await TextAsync(First));
        Assert.Equal(new DateTimeOffset(2026, 11, 25, 2, 15, 0, TimeSpan.Zero), (await TriggerAsync(First))!.NextFireTimeUtc);
    }

    /// <summary>The scheduler never starts in the past: an instant that it could not hear of in time is none.</summary>
    [Fact]
    public async Task Instant_BetweenAnEditAndTheLook_IsNotExpected()
    {
        await schedules.FillAsync(Token);
        await house.Desk.EditScheduleAsync(First, new ScheduleWish("5 * * * * ?", "UTC", CatchUp.Once), OperationHouse.Ada, Token);
        house.Clock.Advance(TimeSpan.FromSeconds(12));
        await house.TickAsync();

        await schedules.FillAsync(Token);

        DateTimeOffset first = OperationHouse.Start.AddSeconds(65);
        Assert.Equal(first, (await TriggerAsync(First))!.NextFireTimeUtc);
        house.Clock.SetUtcNow(first);
        Assert.IsType<StartOutcome.Started>(await house.FireAsync(First, first));
        house.Clock.SetUtcNow(first.AddSeconds(1) + house.Rules.Grace);
        await house.TickAsync();
        Assert.Equal(first, house.Occurrences(First)[0].Instant);
        Assert.Equal(OccurrenceState.Ran, house.Occurrences(First)[0].State);
    }

    [Fact]
    public async Task Clock_ThatWasAheadAndIsSetBack_LeavesNoTriggerWaitingForWhatItWasAheadBy()
    {
        house.Clock.AdjustTime(OperationHouse.Start.AddDays(1).AddMinutes(1));
        await schedules.FillAsync(Token);
        Assert.Equal(OperationHouse.Start.AddDays(1).AddHours(1), (await TriggerAsync(First))!.NextFireTimeUtc);
        house.Clock.AdjustTime(OperationHouse.Start.AddMinutes(1));

        await schedules.FillAsync(Token);

        Assert.Equal(OperationHouse.Start.AddHours(1), (await TriggerAsync(First))!.NextFireTimeUtc);
        Assert.Equal(OperationHouse.Start.AddMinutes(30), (await TriggerAsync(Second))!.NextFireTimeUtc);
    }

    [Fact]
    public async Task Schedule_WhoseLastInstantHasPassed_HasNoTrigger_AndTheOthersHaveTheirs()
    {
        await house.Desk.EditScheduleAsync(First, new ScheduleWish("0 0 0 1 12 ? 2026", "UTC", CatchUp.Once), OperationHouse.Ada, Token);
        house.Clock.SetUtcNow(new DateTimeOffset(2026, 12, 2, 0, 0, 0, TimeSpan.Zero));
        await house.TickAsync();

        await schedules.FillAsync(Token);

        Assert.Null(await TriggerAsync(First));
        Assert.NotNull(await TriggerAsync(Second));
        await house.Desk.EditScheduleAsync(First, null, OperationHouse.Ada, Token);
        await schedules.FillAsync(Token);
        Assert.NotNull(await TriggerAsync(First));
    }

    [Fact]
    public async Task Schedule_ThatCanNotBeRead_HasNoTrigger_AndTheOthersHaveTheirs()
    {
        await schedules.FillAsync(Token);

        // As by a version that knew a time zone which this machine does not.
        OperationSchedule unknown = new(First, "0 0 * * * ?", "Europe/Atlantis", CatchUp.Once, true, null, OperationHouse.Start);
        await house.Database.RunAsync((unit, token) => unit.Store<IOperationScheduleStore>().SaveTimesAsync(unknown, token), Token);

        await schedules.FillAsync(Token);

        Assert.Null(await TriggerAsync(First));
        Assert.NotNull(await TriggerAsync(Second));
    }

    [Fact]
    public async Task Schedule_ThatTheSchedulerCanNotTake_IsNamed_AndTheOthersAreFilled()
    {
        QuartzSchedules refused = new(
            services.GetRequiredService<ISchedulerFactory>(), house.Database, house.Registry, new RefusingCrons(house.Crons, "0 0 * * * ?"), house.Clock);

        AggregateException failure = await Assert.ThrowsAsync<AggregateException>(() => refused.FillAsync(Token));

        Assert.Contains("tests.a", Assert.Single(failure.InnerExceptions).Message, StringComparison.Ordinal);
        Assert.NotNull(await TriggerAsync(Second));
    }

    private async Task<ICronTrigger?> TriggerAsync(string operation) => await scheduler.GetTrigger(new TriggerKey(operation, QuartzJob.Group), Token) as ICronTrigger;

    private async Task<(string Cron, string TimeZone)> TextAsync(string operation)
    {
        ICronTrigger trigger = Assert.IsType<ICronTrigger>(await TriggerAsync(operation), exactMatch: false);
        return (trigger.CronExpressionString!, trigger.TimeZone.Id);
    }

    /// <summary>Reads every text, and breaks at the instants of one.</summary>
    private sealed class RefusingCrons(ICronSchedules inner, string refused) : ICronSchedules
    {
        public CronReading Read(string cron, string timeZone, DateTimeOffset now) => inner.Read(cron, timeZone, now);

        public DateTimeOffset? NextAfter(string cron, string timeZone, DateTimeOffset after) =>
            cron == refused ? throw new InvalidOperationException("broken") : inner.NextAfter(cron, timeZone, after);
    }
}
