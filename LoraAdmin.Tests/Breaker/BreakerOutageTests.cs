using System.Diagnostics;
using LoraAdmin.Breaker;
using LoraAdmin.Domain.Alerts;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Redis;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation.Memory;
using StackExchange.Redis;
using Xunit;

namespace LoraAdmin.Tests.Breaker;

/// <summary>A real redis-server that stops, stands still, dies in the middle of calls, and comes back empty.</summary>
[Trait("Requirement", "C6")]
public sealed class BreakerOutageTests : IAsyncLifetime
{
    private static readonly BreakerRules Rules = new(3, TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(5), null);
    private static readonly TimeSpan Timeout = TimeSpan.FromMilliseconds(300);

    private readonly MemoryDatabase database = new(TimeProvider.System);
    private RedisServer server = null!;
    private RedisConnection connection = null!;
    private SharedBreaker breaker = null!;
    private int creations;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        server = await RedisServer.StartAsync();
        connection = new RedisConnection(server.Configuration, new SeededIds(1));
        await connection.StartAsync(Token);
        breaker = new SharedBreaker(new RedisCircuitStore(connection, () => Rules, Timeout, TimeProvider.System), "one", () => Rules, TimeProvider.System);
        await Eventually.TrueAsync(async () => await CheckAsync() == CircuitAnswers.Go && !breaker.View.IsAway, "Redis answers");
    }

    public async ValueTask DisposeAsync()
    {
        await connection.DisposeAsync();
        await server.DisposeAsync();
        database.Dispose();
    }

    [Fact]
    public async Task Stopped_CreationsGoOnUnderTheLocalRulesAndTheStricterHoldsWhenItIsBackEmpty()
    {
        await FailAsync();
        int port = server.Port;
        await server.DisposeAsync();
        Assert.Equal(CircuitAnswers.Go, await CheckAsync());
        Assert.True(breaker.View.IsAway);
        await FailAsync();
        await FailAsync();
        Assert.Equal(CircuitAnswers.Open, await CheckAsync());

        server = await RedisServer.StartAsync(port);
        await Eventually.TrueAsync(async () => await CheckAsync() == CircuitAnswers.Open && !breaker.View.IsAway, "Redis is asked again");
        await using ConnectionMultiplexer other = await ConnectionMultiplexer.ConnectAsync(server.Configuration);
        Assert.Equal("open", (string?)await other.GetDatabase().HashGetAsync(BreakerScripts.Keys[0], "mode"));
    }

    [Fact]
    public async Task Paused_NoCallWaitsLongerThanTheTimeout()
    {
        await using ConnectionMultiplexer other = await ConnectionMultiplexer.ConnectAsync($"{server.Configuration},allowAdmin=true");
        await other.GetDatabase().ExecuteAsync("CLIENT", "PAUSE", "3000", "ALL");
        Stopwatch watch = Stopwatch.StartNew();
        for (int call = 0; call < 50; call++)
        {
            Assert.Equal(CircuitAnswers.Go, await CheckAsync());
        }

        Assert.True(breaker.View.IsAway);
        Assert.Contains("did not answer within 300 ms", breaker.View.AwayWhy, StringComparison.Ordinal);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(2), $"50 calls took {watch.Elapsed}.");
        await Eventually.TrueAsync(async () => await CheckAsync() == CircuitAnswers.Go && !breaker.View.IsAway, "Redis is asked again");
    }

    [Fact]
    public async Task KilledInTheMiddleOfCalls_NobodySeesAnException()
    {
        using CancellationTokenSource end = new();
        Task<int>[] callers = [.. Enumerable.Range(0, 16).Select(_ => Task.Run(async () =>
        {
            int calls = 0;
            while (!end.IsCancellationRequested)
            {
                Assert.Equal(CircuitAnswers.Go, await CheckAsync());
                calls++;
            }

            return calls;
        }))];
        await Eventually.TrueAsync(() => creations > 200, "calls");
        await server.DisposeAsync();
        await Eventually.TrueAsync(() => breaker.View.IsAway, "Redis is away");
        int before = creations;
        await Eventually.TrueAsync(() => creations > before + 200, "calls while it is away");
        await end.CancelAsync();

        Assert.All(await Task.WhenAll(callers), calls => Assert.True(calls > 0));
    }

    [Fact]
    public async Task RestartedEmpty_GetsBackAnIsolation()
    {
        await breaker.CallAsync(new CircuitCall.Isolate("ada", "maintenance", null, ""), Token);
        int port = server.Port;
        await server.DisposeAsync();
        server = await RedisServer.StartAsync(port);

        await Eventually.TrueAsync(async () => await CheckAsync() == CircuitAnswers.Isolated && !breaker.View.IsAway, "Redis is asked again");
        await using ConnectionMultiplexer other = await ConnectionMultiplexer.ConnectAsync(server.Configuration);
        Assert.Equal("maintenance", (string?)await other.GetDatabase().HashGetAsync(BreakerScripts.Keys[0], "isolated_reason"));
    }

    [Fact]
    public async Task AwayAndBack_BothAreRecorded()
    {
        BreakerWatch watch = new(database, breaker, TimeProvider.System, BreakerSubject.RunPod);
        await watch.LookAsync(Token);
        int port = server.Port;
        await server.DisposeAsync();
        await ToldAsync(BreakerEvents.RedisAway);
        server = await RedisServer.StartAsync(port);
        await ToldAsync(BreakerEvents.RedisBack);

        IncidentKeeper keeper = new(database, new SeededIds(2));
        foreach (OperationalEvent fact in database.Events.ToArray())
        {
            await keeper.TakeInAsync(new Guid(database.Events.IndexOf(fact), 1, 1, new byte[8]), TimeProvider.System.GetUtcNow(), fact, Token);
        }

        Incident incident = Assert.Single(database.Incidents.Rows, one => one.Rule == BreakerIncidents.RedisAway);
        Assert.NotNull(incident.ResolvedAt);

        Task ToldAsync(string kind) => Eventually.TrueAsync(
            async () =>
            {
                await watch.LookAsync(Token);
                return database.Events.Any(fact => fact.Kind == kind);
            },
            kind);
    }

    private async Task<string> CheckAsync()
    {
        int number = Interlocked.Increment(ref creations);
        return (await breaker.CallAsync(new CircuitCall.Check($"t{number}", "one", ""), Token)).Answer;
    }

    private async Task FailAsync()
    {
        int number = Interlocked.Increment(ref creations);
        await breaker.CallAsync(
            new CircuitCall.Failure(new BreakerPermit(breaker.View.Circuit.Generation, "t", false), $"c{number}", "one", "503", FailureEffect.Counted, ""), Token);
    }
}
