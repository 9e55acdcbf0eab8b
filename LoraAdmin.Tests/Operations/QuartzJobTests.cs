using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Operations;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;
using Quartz;
using Xunit;

namespace LoraAdmin.Tests.Operations;

/// <summary>The real scheduler fires the one job class, which runs the operation of its key.</summary>
public sealed class QuartzJobTests : IAsyncLifetime
{
    private const string Key = "tests.work";

    private readonly TestItems operation = new(Key, () => ["a"], "* * * * * ?") { AsOf = TimeProvider.System.GetUtcNow() };
    private readonly OperationHouse house;
    private readonly ServiceProvider services;
    private IScheduler scheduler = null!;

    public QuartzJobTests()
    {
        // The scheduler goes by the machine's clock; the house is told that time once.
        house = new OperationHouse(new FakeTimeProvider(operation.AsOf), null, [operation]);
        ServiceCollection collection = new();
        collection.AddLogging();
        collection.AddSingleton(house.Starter);
        collection.AddSingleton(house.Runner);
        collection.AddSingleton(house.Registry);
        collection.AddSingleton<IHostApplicationLifetime, Lifetime>();
        collection.AddQuartz(quartz =>
        {
            quartz.ConfigureScheduler(options => options.InstanceName = Path.GetRandomFileName());
            quartz.UseInMemoryStore();
        });
        services = collection.BuildServiceProvider();
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        scheduler = await services.GetRequiredService<ISchedulerFactory>().GetScheduler(Token);
        await house.FillAsync();
        await new QuartzSchedules(services.GetRequiredService<ISchedulerFactory>(), house.Database, house.Registry, house.Crons, house.Clock).FillAsync(Token);
    }

    public async ValueTask DisposeAsync()
    {
        await scheduler.Shutdown(true, CancellationToken.None);
        await services.DisposeAsync();
    }

    [Fact]
    public async Task Fire_RunsTheOperationForItsInstant()
    {
        await scheduler.Start(Token);
        await Eventually.TrueAsync(() => EndedAsync(2), "the operation has run twice");
        await scheduler.Standby(Token);

        IReadOnlyList<OperationRun> runs = await RunsAsync();
        Assert.All(runs, run => Assert.Equal((RunTrigger.Schedule, Actor.Portal(Key)), (run.Trigger, run.StartedBy)));
        Assert.All(runs, run => Assert.Equal(0, run.Instant!.Value.Millisecond));
        Assert.Equal(runs.Count, runs.Select(run => run.Instant).Distinct().Count());
    }

    [Fact]
    public async Task Fire_OfATextThatWasEdited_RunsNothing()
    {
        // Edited on another instance: this scheduler has not heard of it.
        await house.Desk.EditScheduleAsync(Key, new ScheduleWish("0 0 0 1 1 ?", "UTC", CatchUp.Once), OperationHouse.Ada, Token);
        Fires fires = new();
        scheduler.ListenerManager.AddJobListener(fires);
        await scheduler.Start(Token);
        await fires.Second.WaitAsync(Eventually.DefaultDeadline, Token);

        Assert.Empty(await RunsAsync());
        Assert.Empty(operation.Done);
    }

    [Fact]
    public async Task Fire_OfARunThatFails_IsNoErrorOfTheScheduler()
    {
        operation.Plan = new Planning.CouldNotRead("RunPod says no", "Wait");
        Fires fires = new();
        scheduler.ListenerManager.AddJobListener(fires);
        await scheduler.Start(Token);
        await fires.Second.WaitAsync(Eventually.DefaultDeadline, Token);
        await scheduler.Standby(Token);
        await Eventually.TrueAsync(async () => (await RunsAsync()).All(static run => run.State != RunState.Running), "what has fired ends");

        Assert.NotEmpty(await RunsAsync());
        Assert.All(await RunsAsync(), run => Assert.Equal(RunState.Failed, run.State));
        Assert.Equal(0, fires.Broken);
    }

    private async Task<bool> EndedAsync(int runs) => (await RunsAsync()).Count(run => run.State == RunState.Succeeded) >= runs;

    private async Task<IReadOnlyList<OperationRun>> RunsAsync() =>
        (await house.Database.ReadAsync((unit, token) => unit.Store<IOperationRunStore>().ListAsync(RunFilter.All, null, 100, token), Token)).Runs;

    /// <summary>Hears the job's end twice.</summary>
    private sealed class Fires : IJobListener
    {
        private readonly TaskCompletionSource second = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int ended;
        private int broken;

        public string Name => "tests.fires";

        /// <summary>How often the job has thrown.</summary>
        public int Broken => broken;

        public Task Second => second.Task;

        public ValueTask JobToBeExecuted(IJobExecutionContext context, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

        public ValueTask JobExecutionVetoed(IJobExecutionContext context, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

        public ValueTask JobWasExecuted(IJobExecutionContext context, JobExecutionException? jobException, CancellationToken cancellationToken = default)
        {
            if (jobException is not null)
            {
                Interlocked.Increment(ref broken);
            }

            if (Interlocked.Increment(ref ended) == 2)
            {
                second.TrySetResult();
            }

            return ValueTask.CompletedTask;
        }
    }

    private sealed class Lifetime : IHostApplicationLifetime
    {
        public CancellationToken ApplicationStarted => CancellationToken.None;

        public CancellationToken ApplicationStopping => CancellationToken.None;

        public CancellationToken ApplicationStopped => CancellationToken.None;

        public void StopApplication()
        {
        }
    }
}
