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

/// <summary>A real server that a test ends and starts anew, with nothing in it, where it was.</summary>
public interface IEndableRedis : IAsyncDisposable
{
    string ConnectionString { get; }

    Task EndAsync();

    Task StartAgainAsync();
}

/// <summary>A real server that stops, dies in the middle of calls, and comes back empty: the same suite on <c>redis-server</c> and on the embedded Garnet.</summary>
[Trait("Requirement", "C6")]
public abstract class BreakerOutageContract : IAsyncLifetime
{
    protected static readonly BreakerRules Rules = new(3, TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(5), null);
    private static readonly TimeSpan Timeout = TimeSpan.FromMilliseconds(300);

    private readonly MemoryDatabase database = new(TimeProvider.System);
    private RedisConnection connection = null!;
    private SharedBreaker breaker = null!;
    private int creations;

    protected IEndableRedis Server { get; private set; } = null!;

    protected SharedBreaker Breaker => breaker;

    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        Server = await StartAsync();
        connection = new RedisConnection(Server.ConnectionString, new SeededIds(1));
        await connection.ConnectAsync();
        breaker = BreakerBy(Rules);
        await Eventually.TrueAsync(async () => await CheckAsync() == CircuitAnswers.Go && !breaker.View.IsAway, "Redis answers");
    }

    public async ValueTask DisposeAsync()
    {
        await connection.DisposeAsync();
        await Server.DisposeAsync();
        database.Dispose();
        GC.SuppressFinalize(this);
    }

    protected abstract Task<IEndableRedis> StartAsync();

    [Fact]
    public async Task Stopped_CreationsGoOnUnderTheLocalRulesAndTheStricterHoldsWhenItIsBackEmpty()
    {
        await FailAsync();
        await Server.EndAsync();
        Assert.Equal(CircuitAnswers.Go, await CheckAsync());
        Assert.True(breaker.View.IsAway);
        await FailAsync();
        await FailAsync();
        Assert.Equal(CircuitAnswers.Open, await CheckAsync());

        await Server.StartAgainAsync();
        await Eventually.TrueAsync(async () => await CheckAsync() == CircuitAnswers.Open && !breaker.View.IsAway, "Redis is asked again");
        await using ConnectionMultiplexer other = await ConnectedRedis.ClientAsync(Server.ConnectionString);
        Assert.Equal("open", (string?)await other.GetDatabase().HashGetAsync(BreakerScripts.Keys[0], "mode"));
    }

    [Fact]
    public async Task KilledInTheMiddleOfCalls_NobodySeesAnExceptionWhateverWasAsked()
    {
        // Sixteen callers fail at once and succeed at once: that never opens it.
        SharedBreaker many = BreakerBy(Rules with { Failures = 1000 });
        int done = 0;
        using CancellationTokenSource end = new();
        Task<int>[] callers = [.. Enumerable.Range(0, 16).Select(caller => Task.Run(async () =>
        {
            int rounds = 0;
            while (!end.IsCancellationRequested)
            {
                string name = $"{caller}-{rounds}";
                CircuitReply go = await many.CallAsync(new CircuitCall.Check(name, "one", ""), Token);
                Assert.Equal(CircuitAnswers.Go, go.Answer);
                BreakerPermit permit = new(go.Circuit.Generation, name, false);
                Assert.Equal(CircuitAnswers.Ignored, (await many.CallAsync(new CircuitCall.Failure(permit, name, "one", "400", FailureEffect.Ignored, ""), Token)).Answer);
                Assert.Contains(
                    (await many.CallAsync(new CircuitCall.Failure(permit, name, "one", "503", FailureEffect.Counted, ""), Token)).Answer,
                    new[] { CircuitAnswers.Counted, CircuitAnswers.Repeated });
                Assert.Equal(CircuitAnswers.Noted, (await many.CallAsync(new CircuitCall.Success(permit, "one"), Token)).Answer);
                Assert.Equal(CircuitAnswers.Read, (await many.CallAsync(new CircuitCall.Read(10), Token)).Answer);
                Interlocked.Increment(ref done);
                rounds++;

                // While Redis is away no call waits for anything: sixteen callers would keep the processor from the server that is to start.
                await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System);
            }

            return rounds;
        }))];
        await RoundsAsync("rounds on Redis");
        await Server.EndAsync();
        await Eventually.TrueAsync(() => many.View.IsAway, "Redis is away");
        await RoundsAsync("rounds while it is away");
        await Server.StartAgainAsync();
        await Eventually.TrueAsync(() => !many.View.IsAway, "Redis is asked again");
        await RoundsAsync("rounds after its return");
        await end.CancelAsync();

        Assert.All(await Task.WhenAll(callers), rounds => Assert.True(rounds > 0));

        Task RoundsAsync(string what)
        {
            int before = done;
            return Eventually.TrueAsync(() => done > before + 50 || callers.Any(caller => caller.IsFaulted), what);
        }
    }

    [Fact]
    public async Task RestartedEmpty_GetsBackAnIsolation()
    {
        await breaker.CallAsync(new CircuitCall.Isolate("ada", "maintenance", null, ""), Token);
        await Server.EndAsync();
        await Server.StartAgainAsync();

        await Eventually.TrueAsync(async () => await CheckAsync() == CircuitAnswers.Isolated && !breaker.View.IsAway, "Redis is asked again");
        await using ConnectionMultiplexer other = await ConnectedRedis.ClientAsync(Server.ConnectionString);
        Assert.Equal("maintenance", (string?)await other.GetDatabase().HashGetAsync(BreakerScripts.Keys[0], "isolated_reason"));
    }

    [Fact]
    public async Task AwayAndBack_BothAreRecorded()
    {
        BreakerWatch watch = new(database, breaker, TimeProvider.System, BreakerSubject.RunPod);
        await watch.LookAsync(Token);
        await Server.EndAsync();
        await ToldAsync(BreakerEvents.RedisAway);
        await Server.StartAgainAsync();
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

    protected async Task<string> CheckAsync()
    {
        int number = Interlocked.Increment(ref creations);
        return (await breaker.CallAsync(new CircuitCall.Check($"t{number}", "one", ""), Token)).Answer;
    }

    private SharedBreaker BreakerBy(BreakerRules rules) =>
        new(new RedisCircuitStore(connection, rules, Timeout, TimeProvider.System), "one", () => rules, TimeProvider.System, within: Timeout);

    private async Task FailAsync()
    {
        int number = Interlocked.Increment(ref creations);
        await breaker.CallAsync(
            new CircuitCall.Failure(new BreakerPermit(breaker.View.Circuit.Generation, "t", false), $"c{number}", "one", "503", FailureEffect.Counted, ""), Token);
    }
}

public sealed class BreakerOutageOnRedis : BreakerOutageContract
{
    [Fact]
    public async Task Paused_NoCallWaitsLongerThanTheTimeout()
    {
        await using ConnectionMultiplexer other = await ConnectedRedis.ClientAsync($"{Server.ConnectionString},allowAdmin=true");
        await other.GetDatabase().ExecuteAsync("CLIENT", "PAUSE", "20000", "ALL");
        Stopwatch watch = Stopwatch.StartNew();
        for (int call = 0; call < 50; call++)
        {
            Assert.Equal(CircuitAnswers.Go, await CheckAsync());
        }

        Assert.True(Breaker.View.IsAway);
        Assert.Contains("did not answer within 300 ms", Breaker.View.AwayWhy, StringComparison.Ordinal);

        // Fifteen seconds if each waited for it.
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), $"50 calls took {watch.Elapsed}.");
        await Eventually.TrueAsync(async () => await CheckAsync() == CircuitAnswers.Go && !Breaker.View.IsAway, "Redis is asked again");
    }

    protected override async Task<IEndableRedis> StartAsync() => new EndableRedisServer(await RedisServer.StartAsync());
}

public sealed class BreakerOutageOnEmbeddedGarnet : BreakerOutageContract
{
    protected override Task<IEndableRedis> StartAsync() => Task.FromResult<IEndableRedis>(new EndableGarnet());

    private sealed class EndableGarnet : IEndableRedis
    {
        private EmbeddedRedis server = EmbeddedRedis.Start(new SeededIds(Environment.CurrentManagedThreadId));

        public string ConnectionString => server.ConnectionString;

        public Task EndAsync()
        {
            server.Dispose();
            return Task.CompletedTask;
        }

        public Task StartAgainAsync()
        {
            ConfigurationOptions where = ConfigurationOptions.Parse(ConnectionString);
            server = EmbeddedRedis.Start(((System.Net.IPEndPoint)where.EndPoints[0]).Port, where.Password!);
            return Task.CompletedTask;
        }

        public ValueTask DisposeAsync()
        {
            server.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}

internal sealed class EndableRedisServer(RedisServer server) : IEndableRedis
{
    private readonly int port = server.Port;
    private RedisServer server = server;

    public string ConnectionString => $"127.0.0.1:{port}";

    public async Task EndAsync() => await server.DisposeAsync();

    /// <summary>Another program may have the port for a moment, as one that asks for any does.</summary>
    public async Task StartAgainAsync() => server = await Eventually.FoundAsync(
        async () =>
        {
            try
            {
                return await RedisServer.StartAsync(port);
            }
            catch (InvalidOperationException)
            {
                return null;
            }
        },
        $"Redis is back on port {port}");

    public ValueTask DisposeAsync() => server.DisposeAsync();
}
