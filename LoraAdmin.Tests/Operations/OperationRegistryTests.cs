using LoraAdmin.Domain.Operations;
using LoraAdmin.Tests.EndToEnd.Processes;
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
        Assert.All(registry.All, operation => Assert.Contains(operation.Info.Permission, Domain.Access.Permissions.All));
        Assert.All(registry.All, operation => Assert.IsType<CronReading.Valid>(
            app.Services.GetRequiredService<ICronSchedules>().Read(operation.Info.DefaultCron, OperationSchedule.Utc, OperationHouse.Start)));
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public async Task DryRun_WritesNothing(string key)
    {
        OperationScene scene = await OperationScenes.All[key]();
        int before = scene.Writes;

        PlanDraft plan = Assert.IsType<Planning.Planned>(await scene.Operation.PlanAsync(TestContext.Current.CancellationToken)).Plan;

        Assert.Equal(before, scene.Writes);
        Assert.True(plan.Count >= 2, $"The scene of {key} has little to do: {plan.Count}");

        // A second look at the same world is the same plan.
        Assert.Equal(plan.Hash(), Assert.IsType<Planning.Planned>(await scene.Operation.PlanAsync(TestContext.Current.CancellationToken)).Plan.Hash());
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

        Assert.IsType<OperationCommand.Started>(await house.Desk.ApplyAsync(key, plan, "of a test", OperationHouse.Ada, TestContext.Current.CancellationToken));
        OperationRun run = await house.EndBegunAsync();

        Dictionary<string, string> after = scene.State();
        HashSet<string> touched = [.. before.Keys.Union(after.Keys).Where(target => before.GetValueOrDefault(target) != after.GetValueOrDefault(target))];
        IReadOnlyList<PlannedItem> items = await house.ItemsAsync(plan);
        Assert.Equal(RunState.Succeeded, run.State);
        Assert.NotEmpty(touched);
        Assert.Subset(items.Select(item => item.Item.Target).ToHashSet(), touched);
        if (scene.Operation is ISetOperation)
        {
            Assert.Equal(touched.Count, run.Done);
            Assert.Contains($"the plan counted {items.Count}", run.Outcome, StringComparison.Ordinal);
            return;
        }

        PlannedItem left = Assert.Single(items, item => item.Outcome!.End == ItemEnd.Ineligible);
        Assert.DoesNotContain(left.Item.Target, touched);
        Assert.False(string.IsNullOrEmpty(left.Outcome!.Why));
        Assert.All(items.Where(item => !touched.Contains(item.Item.Target)), item => Assert.True(item.Outcome!.End == ItemEnd.Ineligible || item.Item.Target.Contains(' ')));
    }
}
