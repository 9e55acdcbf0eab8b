using LoraAdmin.Domain.Pods;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>What the pod loop does with a held pod whose file may be fetched, done by hand at one moment.</summary>
internal static class HeldPods
{
    /// <summary>Starts the pod and waits until its agent answers.</summary>
    public static async Task RunAsync(TrainingBench bench, string podId, IPodProvider provider)
    {
        PodRecord pod = bench.VendorPods.Single(one => one.Id == podId);
        if (pod.Status != PodStatus.Running)
        {
            Assert.IsType<PodActionOutcome.Accepted>(await provider.StartAsync(podId, TrainingBench.Token));
        }

        bench.World.Clock.Advance(TimeSpan.FromMinutes(9));
        Assert.Equal(PodStatus.Running, bench.VendorPods.Single(one => one.Id == podId).Status);
    }
}
