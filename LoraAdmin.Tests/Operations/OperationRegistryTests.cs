using System.Net.Http.Headers;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.EndToEnd.Processes;
using LoraAdmin.Tests.Simulation;
using LoraAdmin.Tests.Simulation.Memory;
using LoraAdmin.Tests.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Operations;

/// <summary>What holds for every operation of the portal, whatever it does.</summary>
public sealed class OperationRegistryTests
{
    public static TheoryData<string> Keys => new(OperationScenes.All.Keys);

    [Fact]
    public async Task EveryOperation_OfThePortal_HasAScene()
    {
        using TemporaryFolder folder = new();
        await using WebApplication app = Portal.Build(["--contentRoot", ProgramRun.Root, "--applicationName", "LoraAdmin", "--Data:Path", folder.Under("data")]);

        OperationRegistry registry = app.Services.GetRequiredService<OperationRegistry>();

        Assert.Equal(OperationScenes.All.Keys.Order(), registry.All.Select(operation => operation.Info.Key).Order());
        foreach (IOperation operation in registry.All)
        {
            IOperation looked = (await OperationScenes.All[operation.Info.Key]()).Operation;
            Assert.Equal((operation.Info.Key, operation.GetType()), (looked.Info.Key, looked.GetType()));
        }

        Assert.All(registry.All, operation => Assert.Contains(operation.Info.Permission, Domain.Access.Permissions.All));
        Assert.All(registry.All, operation => Assert.IsType<CronReading.Valid>(
            app.Services.GetRequiredService<ICronSchedules>().Read(operation.Info.DefaultCron, OperationSchedule.Utc, OperationHouse.Start)));
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public async Task DryRun_WritesNothing(string key)
    {
        OperationScene scene = await OperationScenes.All[key]();
        using SceneSpy spy = new(scene);
        int before = scene.Writes;

        PlanDraft plan = Assert.IsType<Planning.Planned>(await scene.Operation.PlanAsync(TestContext.Current.CancellationToken)).Plan;

        Assert.Equal(before, scene.Writes);
        Assert.Empty(spy.Effects(null));
        Assert.True(plan.Count >= 2, $"The scene of {key} has little to do: {plan.Count}");

        // A second look at the same world is the same plan.
        Assert.Equal(plan.Hash(), Assert.IsType<Planning.Planned>(await scene.Operation.PlanAsync(TestContext.Current.CancellationToken)).Plan.Hash());
    }

    [Theory]
    [InlineData("row")]
    [InlineData("object")]
    [InlineData("file")]
    [InlineData("redis")]
    [InlineData("fact")]
    [InlineData("vendor")]
    [InlineData("http")]
    public async Task Spy_SeesWhatNoTargetOfThePlanOwns(string where)
    {
        OperationScene scene = await OperationScenes.All[SpoolUploadOperation.Key]();
        SimulatedWorld world = scene.World;
        using SceneSpy spy = new(scene);
        switch (where)
        {
            case "row":
                world.Database.Users.Set(new UserId(Guid.Empty), new UserCount(3, null, null));
                break;
            case "object":
                world.Objects.Set(new ObjectRef(Buckets.Models, "stray"), [1], "image/png");
                break;
            case "file":
                world.Spool.Set("stray", [1], isSealed: true);
                break;
            case "redis":
                await world.Redis.CallAsync(new CircuitCall.Isolate("ada", "of a test", null, ""), TestContext.Current.CancellationToken);
                break;
            case "vendor":
                await SendAsync(new LocalCloudHandler(world.Cloud), HttpMethod.Delete, $"{LocalCloudHandler.Base}/runpod/v2/pods/{world.Cloud.World.Pods[0].Id}");
                break;
            case "http":
                // Nobody listens there.
                await Assert.ThrowsAsync<HttpRequestException>(() => SendAsync(new SocketsHttpHandler(), HttpMethod.Post, "http://127.0.0.1:1/hook"));
                break;
            default:
                await world.Database.RunAsync(
                    (unit, token) => unit.Events.AppendAsync(new OperationalEvent { Kind = "tests.stray", Message = "of a test", Actor = OperationHouse.Ada }, token),
                    TestContext.Current.CancellationToken);
                break;
        }

        Effect seen = Assert.Single(spy.Effects(null));
        Assert.DoesNotContain(scene.OwnerOf(seen), scene.State().Keys);
    }

    /// <summary>A scene can't leave the vendor out.</summary>
    [Theory]
    [MemberData(nameof(Keys))]
    public async Task Spy_OfEveryScene_SeesACallToTheVendor(string key)
    {
        OperationScene scene = await OperationScenes.All[key]();
        using SceneSpy spy = new(scene);
        int before = scene.Writes;

        await SendAsync(new LocalCloudHandler(scene.World.Cloud), HttpMethod.Get, $"{LocalCloudHandler.Base}/runpod/v2/pods");
        Assert.Empty(spy.Effects(null));
        await SendAsync(new LocalCloudHandler(scene.World.Cloud), HttpMethod.Post, $"{LocalCloudHandler.Base}/agents/stray/train");

        Assert.Equal("POST /localcloud/agents/stray/train", Assert.Single(spy.Effects(null)).Key);
        Assert.Equal(before + 1, scene.Writes);
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public async Task Apply_DoesAPartOfItsPlan_AndListsTheDifference(string key)
    {
        OperationScene scene = await OperationScenes.All[key]();
        OperationHouse house = new(scene.World.Clock, scene.World.Database, [scene.Operation]) { Installation = scene.World.Installation };
        await house.FillAsync();
        Guid plan = Assert.IsType<OperationCommand.Planned>(await house.Desk.PreviewAsync(key, OperationHouse.Ada, TestContext.Current.CancellationToken)).Plan;
        await scene.Change();
        Dictionary<string, string> before = scene.State();
        using SceneSpy spy = new(scene);

        Assert.IsType<OperationCommand.Started>(await house.Desk.ApplyAsync(key, plan, "of a test", OperationHouse.Ada, TestContext.Current.CancellationToken));
        OperationRun run = await house.EndBegunAsync();

        Dictionary<string, string> after = scene.State();
        HashSet<string> touched = [.. before.Keys.Union(after.Keys).Where(target => before.GetValueOrDefault(target) != after.GetValueOrDefault(target))];
        IReadOnlyList<PlannedItem> items = await house.ItemsAsync(plan);
        Assert.Equal(RunState.Succeeded, run.State);
        Assert.NotEmpty(touched);
        HashSet<string> targets = [.. items.Select(item => item.Item.Target)];
        Assert.Subset(targets, touched);

        // Not only what the scene looks at: whatever became different anywhere belongs to a target of the plan.
        HashSet<string> changed = [];
        foreach (Effect effect in spy.Effects(run))
        {
            string? owner = scene.OwnerOf(effect);
            Assert.True(owner is not null && targets.Contains(owner), $"{key} changed what its plan does not name: {effect} (of {owner ?? "nothing"})");
            changed.Add(owner!);
        }

        Assert.Superset(touched, changed);
        if (scene.Operation is ISetOperation)
        {
            Assert.Equal(touched.Count, run.Done);
            Assert.Contains($"the plan counted {items.Count}", run.Outcome, StringComparison.Ordinal);
            return;
        }

        PlannedItem left = Assert.Single(items, item => item.Outcome!.End == ItemEnd.Ineligible);
        Assert.DoesNotContain(left.Item.Target, touched);
        Assert.DoesNotContain(left.Item.Target, changed);
        Assert.False(string.IsNullOrEmpty(left.Outcome!.Why));
        Assert.All(items.Where(item => !touched.Contains(item.Item.Target)), item => Assert.Equal(ItemEnd.Ineligible, item.Outcome!.End));
    }

    /// <param name="handler">Is disposed of.</param>
    private static async Task SendAsync(HttpMessageHandler handler, HttpMethod method, string address)
    {
#pragma warning disable RS0030 // One request: there is no connection to pool.
        using HttpClient http = new(handler) { Timeout = Timeout.InfiniteTimeSpan };
#pragma warning restore RS0030
        using HttpRequestMessage request = new(method, address);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", SimulatedWorld.ApiKey);
        using HttpResponseMessage answer = await http.SendAsync(request, TestContext.Current.CancellationToken);
    }
}
