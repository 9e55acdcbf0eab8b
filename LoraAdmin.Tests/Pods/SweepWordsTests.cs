using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Pods;
using Xunit;

namespace LoraAdmin.Tests.Pods;

/// <summary>The dialog on the page Pods and the sweep's plans and runs are of the same thing: they call it the same.</summary>
public sealed class SweepWordsTests
{
    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Plan_OfTheSweep_SpeaksAsThePagePodsDoes()
    {
        PodHouse pods = new();
        pods.AddPod(pods.NextName());
        pods.Pass(PodSweep.UnknownAfter + TimeSpan.FromSeconds(1));
        PodSweepOperation operation = new(pods.Portal.Sweep, pods.World.Clock, Permissions.SweepPods);
        SweepPlanning.Planned preview = Assert.IsType<SweepPlanning.Planned>(await pods.Portal.Sweep.PlanAsync(TestContext.Current.CancellationToken));

        Planning.Planned plan = Assert.IsType<Planning.Planned>(await operation.PlanAsync(TestContext.Current.CancellationToken));

        Assert.Equal(PodPageTexts.Words(Assert.Single(preview.Plan.Items).Action), Assert.Single(plan.Plan.Items).Action);
        Assert.Equal(Enum.GetValues<SweepAction>().Select(PodPageTexts.Words).Order(), operation.Info.Actions.Keys.Order());
    }
}
