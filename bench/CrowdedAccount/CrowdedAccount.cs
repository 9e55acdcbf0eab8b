using LoraAdmin.Domain.Pods;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Pods;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace LoraAdmin.Bench.CrowdedAccount;

/// <summary>The portal's client on a LocalCloud in memory that has other pods, without a bound on money or calls.</summary>
internal sealed class CrowdedAccount : IDisposable
{
    private const string Key = "bench-key";

    private readonly HttpClient http;
    private int made;

    public CrowdedAccount(int others)
    {
        FakeTimeProvider clock = new(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));
        LocalCloudOptions options = new() { Speed = 1, ApiKey = Key, StartBalanceUsd = 1_000_000 };
        options.RequestsPerMinute = options.RequestsPerHour = options.RequestsPerDay = int.MaxValue;
        LocalCloudFace face = new(options, new LocalCloudKeys(Key, "control"), clock, new SeededIds(1), NoJournal.Instance);
        if (others > 0)
        {
            face.World.AddForeign("foreign-", others);
        }

        http = new HttpClient(new LocalCloudHandler(face)) { Timeout = Timeout.InfiniteTimeSpan };
        RunPodOptions runPod = new() { BaseUrl = $"{LocalCloudHandler.Base}/runpod/v2", ApiKey = Key, Image = "trainer:1" };
        Pods = new RunPodClient(new RunPodWire(http, Options.Create(runPod), clock, NullLogger<RunPodWire>.Instance), new OpenGate());
    }

    public RunPodClient Pods { get; }

    /// <returns>The new pod's id.</returns>
    public async Task<string> CreateAsync()
    {
        PodSpec spec = new($"lora-bench-{made++}", "NVIDIA A40", "trainer:1", 40, 20, "/workspace", null, ["8000/http"], new Dictionary<string, string> { [AgentToken.Variable] = "token" });
        return await Pods.CreateAsync(spec, CancellationToken.None) is CreateOutcome.Created created ? created.Pod.Id : throw new InvalidOperationException($"{spec.Name} was not made.");
    }

    public void Dispose() => http.Dispose();
}
