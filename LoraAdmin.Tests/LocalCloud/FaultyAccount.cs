using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Pods;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Xunit;

namespace LoraAdmin.Tests.LocalCloud;

/// <summary>The portal's real vendor clients on a local cloud in memory, to see each fault as the portal sees it.</summary>
internal sealed class FaultyAccount : IDisposable
{
    public const string Name = "lora-0011aabb-c0ffee-1-1";
    private static readonly byte[] AgentKey = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];
    private readonly HttpClient http;

    public FaultyAccount(Action<LocalCloudOptions>? change = null)
    {
        Cloud = new TestCloud(change: change);
        http = new HttpClient(new LocalCloudHandler(Cloud.Face)) { Timeout = Timeout.InfiniteTimeSpan };
        string root = LocalCloudHandler.Base.ToString();
        RunPodOptions runPod = new() { BaseUrl = root + "/runpod/v2", ApiKey = TestCloud.Key, Image = "trainer:1" };
        RunPodWire wire = new(http, Options.Create(runPod), Cloud.Clock, NullLogger<RunPodWire>.Instance);
        Pods = new RunPodClient(wire, new OpenGate());
        Billing = new RunPodBilling(wire);
        PodAgentOptions agent = new() { UrlTemplate = root + "/agents/{pod}" };
        Installation installation = new("0011aabb", CloudKind.Local, AgentKey, Cloud.Clock.GetUtcNow());
        Agent = new HttpPodAgent(http, Options.Create(agent), () => installation, Cloud.Clock, NullLogger<HttpPodAgent>.Instance);
    }

    public TestCloud Cloud { get; }
    public RunPodClient Pods { get; }
    public RunPodBilling Billing { get; }
    public HttpPodAgent Agent { get; }

    public FaultTable Faults => Cloud.World.Faults;

    public Task<CreateOutcome> CreateAsync(string name = Name) => Pods.CreateAsync(
        new PodSpec(
            name, "NVIDIA A40", "trainer:1", 40, 20, "/workspace", null, ["8000/http"],
            new Dictionary<string, string> { [AgentToken.Variable] = AgentToken.For(AgentKey, name) }),
        CancellationToken.None);

    /// <summary>The id of a pod that was made without trouble.</summary>
    public async Task<string> CreatedAsync(string name = Name) => Assert.IsType<CreateOutcome.Created>(await CreateAsync(name)).Pod.Id;

    /// <summary>The id of a pod that had time to boot and pull.</summary>
    public async Task<string> BootedAsync(string name = Name)
    {
        string id = await CreatedAsync(name);
        Pass(Cloud.Options.Boot + Cloud.Options.Pull);
        Assert.Equal(ProviderPodStatus.Running, await StatusAsync(id));
        return id;
    }

    /// <summary>The address of a pod whose training was started just now.</summary>
    public async Task<AgentAddress> TrainingAsync(string name = Name)
    {
        AgentAddress address = new(await BootedAsync(name), name);
        byte[] image = [1, 2, 3];
        AgentImage announced = new(0, "image/png", image.Length, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(image)));
        Assert.NotNull((await Agent.PutImageAsync(address, announced, new MemoryStream(image), CancellationToken.None)).Value);
        TrainingOrder order = new(new JobId(Guid.Parse("0193c1a0-0000-7000-8000-000000000001")),
            new LoraId(Guid.Parse("0193c1a0-0000-7000-8000-000000000002")), "Ayla", 1, 3, TimeSpan.FromHours(2));
        Assert.NotNull((await Agent.StartAsync(address, order, CancellationToken.None)).Value);
        return address;
    }

    public async Task<AgentStatus> AgentStatusAsync(AgentAddress address)
    {
        AgentReply<AgentStatus> reply = await Agent.ReadStatusAsync(address, CancellationToken.None);
        return reply.Value ?? throw new InvalidOperationException($"The agent gave no status: {reply.Failure}, {reply.Detail}");
    }

    public async Task<ProviderPodStatus> StatusAsync(string id) => await Pods.GetAsync(id, CancellationToken.None) is PodReading.Found found
        ? found.Pod.Status
        : throw new InvalidOperationException($"The pod {id} can't be read.");

    public async Task<IReadOnlyList<ProviderPod>> ListedAsync() =>
        Assert.IsType<PodListing.Complete>(await Pods.ListAsync(CancellationToken.None)).Pods;

    public Task<PodActionOutcome> TerminateAsync(string id) => Pods.TerminateAsync(id, CancellationToken.None);

    public void Pass(TimeSpan time) => Cloud.Pass(time);

    /// <summary>The one pod that ever was.</summary>
    public async Task<PodTruth> TruthAsync()
    {
        System.Text.Json.Nodes.JsonNode pod = Assert.Single((await Cloud.TruthAsync())["pods"]!.AsArray())!;
        return new PodTruth((string)pod["status"]!, (bool)pod["bills"]!, (int)pod["terminate_requests"]!);
    }

    public async Task<int> PodsEverAsync() => (await Cloud.TruthAsync())["pods"]!.AsArray().Count;

    public void Dispose()
    {
        http.Dispose();
        Cloud.Dispose();
    }
}

internal sealed record PodTruth(string Status, bool Bills, int TerminateRequests);
