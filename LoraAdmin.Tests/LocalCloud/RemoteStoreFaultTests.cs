using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Storage;
using LoraAdmin.Tests.EndToEnd;
using LoraAdmin.Tests.EndToEnd.Processes;
using LoraAdmin.Tests.Platform.Vendors;
using LoraAdmin.Tests.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.LocalCloud;

/// <summary>Faults of stores for a portal that is not the process in which LocalCloud runs, and who has any hook for them at all.</summary>
public sealed class RemoteStoreFaultTests : IAsyncLifetime
{
    private static readonly string[] Puts = [FaultKind.StorePutTimeout, FaultKind.StoreFull];

    private readonly TemporaryFolder folder = new();
    private readonly RememberingLogger<RemoteStoreFaults> log = new();
    private readonly HttpClient http = new(new SocketsHttpHandler());
    private WebApplication app = null!;
    private Uri root = null!;

    public async ValueTask InitializeAsync()
    {
        app = LocalCloudProgram.Build([LocalCloudProgram.Verb, "--urls", "http://127.0.0.1:0", "--Data:Path=" + folder.Under("cloud")]);
        await app.StartAsync();
        string address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        root = RemoteStoreFaults.RootOf($"{address}/localcloud/runpod/v2")!;
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await app.DisposeAsync();
        folder.Dispose();
    }

    [Fact]
    public async Task Take_OverHttp_UsesUpTheFaultThatFits()
    {
        FaultTable table = app.Services.GetRequiredService<LocalCloudFace>().World.Faults;
        table.Add(FaultKind.StoreFull, match: "lora-models/user", seconds: 40);
        RemoteStoreFaults faults = Remote(app.Services.GetRequiredService<LocalCloudKeys>().ControlToken);

        Assert.Null(await faults.TakeAsync(Puts, "lora-training-images/user/0", CancellationToken.None));
        Assert.Equal(new StoreFault(FaultKind.StoreFull, 40), await faults.TakeAsync(Puts, "lora-models/user/lora/model", CancellationToken.None));

        table.Clear();
        Assert.Null(await faults.TakeAsync(Puts, "lora-models/user/lora/model", CancellationToken.None));
        Assert.Empty(log.Lines);
    }

    [Fact]
    public async Task Take_NotAnswered_MakesNothingFailAndIsLogged()
    {
        app.Services.GetRequiredService<LocalCloudFace>().World.Faults.Add(FaultKind.StoreFull);
        Assert.Null(await Remote("another-token").TakeAsync(Puts, "lora-models/a", CancellationToken.None));
        Assert.Contains("LocalCloud:ControlToken", Assert.Single(log.Lines), StringComparison.Ordinal);

        await app.StopAsync();
        Assert.Null(await Remote("another-token").TakeAsync(Puts, "lora-models/a", CancellationToken.None));
        Assert.Equal(2, log.Lines.Count);
    }

    [Theory]
    [InlineData("http://127.0.0.1:5090/localcloud/runpod/v2", "http://127.0.0.1:5090/localcloud")]
    [InlineData("https://api.runpod.io/v2", null)]
    [InlineData("https://example.org/localcloud/runpod/v2", null)]
    [InlineData("", null)]
    [InlineData(null, null)]
    public void Root_OfAnAddress_IsALocalCloudOnThisMachineOrNone(string? baseUrl, string? root) =>
        Assert.Equal(root, RemoteStoreFaults.RootOf(baseUrl)?.ToString());

    [Theory]
    [InlineData(true)]
    [InlineData(true, "--RunPod:ApiKey=k", "--RunPod:BaseUrl=http://127.0.0.1:5090/localcloud/runpod/v2", "--LocalCloud:ControlToken=t")]
    [InlineData(false, "--RunPod:ApiKey=k", "--RunPod:BaseUrl=http://127.0.0.1:5090/localcloud/runpod/v2")]
    [InlineData(false, "--RunPod:ApiKey=k", "--LocalCloud:ControlToken=t")]
    [InlineData(false, "--RunPod:ApiKey=k", "--LocalCloud:ControlToken=t", "--LocalCloud:Enabled=true")]
    public async Task Portal_HasFailingStores_OnlyWithALocalCloudThatCanTellIt(bool failing, params string[] arguments)
    {
        await using WebApplication portal = Portal.Build(
            ["--contentRoot", ProgramRun.Root, "--applicationName", "LoraAdmin", "--Data:Path", folder.Under("portal"), .. arguments]);

        Assert.Equal(failing ? typeof(FailingObjectStore) : typeof(FileObjectStore), portal.Services.GetRequiredService<IObjectStore>().GetType());
        Assert.Equal(failing ? typeof(FailingSpool) : typeof(FileSpool), portal.Services.GetRequiredService<ISpool>().GetType());
        Assert.Equal(failing, portal.Services.GetService<StoreFaults>() is not null);
    }

    [Fact]
    public async Task Portal_Running_ItsStoreFailsAsItsOwnRouteWasTold()
    {
        await using InProcessPortal portal = await InProcessPortal.StartAsync();
        using HttpRequestMessage set = new(HttpMethod.Post, "/localcloud/faults")
        {
            Content = JsonContent.Create(new { kind = FaultKind.StoreFull, match = Buckets.Models }),
        };
        set.Headers.Authorization = new AuthenticationHeaderValue("Bearer", PortalProcess.Token);
        using HttpResponseMessage done = await portal.Anonymous.SendAsync(set);
        Assert.Equal(HttpStatusCode.Created, done.StatusCode);
        IObjectStore store = portal.Services.GetRequiredService<IObjectStore>();

        Assert.IsType<PutOutcome.Stored>(await PutAsync(Buckets.TrainingImages));
        Assert.IsType<PutOutcome.Failed>(await PutAsync(Buckets.Models));
        Assert.IsType<PutOutcome.Stored>(await PutAsync(Buckets.Models));

        Task<PutOutcome> PutAsync(string bucket) =>
            store.PutAsync(new ObjectRef(bucket, "user/file"), new MemoryStream([1, 2]), "application/octet-stream", CancellationToken.None);
    }

    private RemoteStoreFaults Remote(string token) => new(http, root, token, log);
}
