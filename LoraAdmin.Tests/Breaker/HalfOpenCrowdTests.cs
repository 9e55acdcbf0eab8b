using LoraAdmin.Breaker;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Platform.Redis;
using LoraAdmin.Pods;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.LocalCloud;
using LoraAdmin.Tests.Simulation.Memory;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Xunit;

namespace LoraAdmin.Tests.Breaker;

/// <summary>64 callers over several connections at the instant of half-open, each on its way to a create call at LocalCloud.</summary>
[Trait("Requirement", "C2")]
public sealed class HalfOpenCrowdTests
{
    private const int Callers = 64;
    private const int Connections = 8;

    private static readonly BreakerRules Rules = new(3, TimeSpan.FromMinutes(10), TimeSpan.FromMilliseconds(300), TimeSpan.FromMinutes(5), null);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task OnRedis_ExactlyOneCreationReachesTheProvider()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await CrowdAsync(server.Configuration);
    }

    [Fact]
    public async Task OnEmbeddedGarnet_ExactlyOneCreationReachesTheProvider()
    {
        using EmbeddedRedis server = EmbeddedRedis.Start(new SeededIds(64));
        await CrowdAsync(server.ConnectionString);
    }

    private static async Task CrowdAsync(string redis)
    {
        using TestCloud cloud = new(change: options => options.RequestsPerMinute = 6000);
        using HeldCreates held = new(cloud.Face);
        using HttpClient http = new(held) { Timeout = System.Threading.Timeout.InfiniteTimeSpan };
        List<RedisConnection> connections = [];
        try
        {
            BreakerGate[] gates = new BreakerGate[Connections];
            for (int number = 0; number < Connections; number++)
            {
                RedisConnection connection = new(redis, new SeededIds(number));
                connections.Add(connection);
                await connection.ConnectAsync();
                RedisCircuitStore store = new(connection, Rules, TimeSpan.FromSeconds(20), TimeProvider.System);
                gates[number] = new BreakerGate(new SharedBreaker(store, $"worker-{number}", () => Rules, TimeProvider.System), $"worker-{number}", "", GateWords.RunPod);
            }

            await OpenAsync(gates[0]);
            await Eventually.TrueAsync(async () => (await gates[0].WhyHeldAsync(Token)) is null, "half open");

            using MemoryDatabase database = new(cloud.Clock);
            int answered = 0;
            Task<LaunchOutcome>[] launches = [.. Enumerable.Range(0, Callers).Select(number => Task.Run(async () =>
            {
                LaunchOutcome outcome = await LaunchAsync(gates[number % Connections], http, cloud, database, number);
                if (Interlocked.Increment(ref answered) == Callers - 1)
                {
                    held.LetGo();
                }

                return outcome;
            }))];
            LaunchOutcome[] outcomes = await Task.WhenAll(launches);

            Assert.Equal(1, held.Creates);
            Assert.Single(outcomes.OfType<LaunchOutcome.Ready>());
            Assert.Equal(Callers - 1, outcomes.OfType<LaunchOutcome.Held>().Count());
            Assert.Single(cloud.World.Pods);
            Assert.IsType<CreationVerdict.Go>(await gates[1].AskAsync("after", Token));
        }
        finally
        {
            held.LetGo();
            foreach (RedisConnection connection in connections)
            {
                await connection.DisposeAsync();
            }
        }
    }

    private static async Task OpenAsync(BreakerGate gate)
    {
        for (int number = 1; number <= Rules.Failures; number++)
        {
            CreationVerdict.Go go = Assert.IsType<CreationVerdict.Go>(await gate.AskAsync($"failed-{number}", Token));
            await gate.TellAsync(go.Permit, $"failed-{number}", new CreationResult.Failed(new ProviderError(ProviderFailure.Ambiguous, 503, "503")), Token);
        }
    }

    private static Task<LaunchOutcome> LaunchAsync(BreakerGate gate, HttpClient http, TestCloud cloud, MemoryDatabase database, int number)
    {
        RunPodOptions options = new() { BaseUrl = $"{LocalCloudHandler.Base}/runpod/v2", ApiKey = TestCloud.Key, Image = "trainer:1" };
        RunPodClient provider = new(new RunPodWire(http, Options.Create(options), cloud.Clock, NullLogger<RunPodWire>.Instance), gate);
        Installation installation = new("0011aabb", CloudKind.Local, new byte[32], cloud.Clock.GetUtcNow());
        PodLauncher launcher = new(database, provider, gate, cloud.Clock, () => installation);
        PodOrder order = new(
            new JobId(new Guid(number, 1, 1, new byte[8])),
            1,
            ["NVIDIA A40"],
            [TimeSpan.FromSeconds(2)],
            cloud.Clock.GetUtcNow(),
            TimeSpan.FromHours(3),
            (name, gpu) => new PodSpec(name, gpu, "trainer:1", 40, 20, "/workspace", null, ["8000/http"], new Dictionary<string, string> { [AgentToken.Variable] = "t" }));
        return launcher.EnsureAsync(order, (_, _) => Task.CompletedTask, Actor.Portal("crowd"), Token);
    }

    /// <summary>Keeps every create call until the others have their answer: a success must not let a second caller through by right.</summary>
    private sealed class HeldCreates(LocalCloudFace face) : DelegatingHandler(new LocalCloudHandler(face))
    {
        private readonly TaskCompletionSource go = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int creates;

        public int Creates => creates;

        public void LetGo() => go.TrySetResult();

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (request.Method == HttpMethod.Post && request.RequestUri!.AbsolutePath.EndsWith("/pods", StringComparison.Ordinal))
            {
                if (Interlocked.Increment(ref creates) > 1)
                {
                    // One too many: nobody else will come to let both go.
                    LetGo();
                }

                await go.Task.WaitAsync(cancellationToken);
            }

            return await base.SendAsync(request, cancellationToken);
        }
    }
}
