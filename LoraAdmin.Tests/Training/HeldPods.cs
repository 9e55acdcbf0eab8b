using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
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

    /// <summary>A job whose agents fell silent with their files, twice: it has failed, and the second attempt's pod is held.</summary>
    public static async Task<(JobId Job, LedgerPod Held)> LoseTwiceAsync(TrainingBench bench)
    {
        JobId id = await bench.SubmitAsync();
        for (int attempt = 1; attempt <= 2; attempt++)
        {
            await bench.RunUntilAsync(() => bench.Job(id).State == TrainingState.Retrieving && bench.Job(id).Attempt == attempt, "a file to fetch");
            bench.PodLoopRuns = attempt == 1;
            string silent = bench.Pods(id)[^1].Name;
            bench.Faults.Add(FaultKind.AgentUnreachable, match: silent, seconds: 31 * 60);
            await bench.RunUntilAsync(() => bench.Job(id).Attempt > attempt || bench.Job(id).State.IsFinal(), "a lost pod");
        }

        Assert.Equal(FailureCode.PodLost, bench.Job(id).Failure!.Code);
        LedgerPod first = bench.Pods(id)[0];
        bench.World.Database.Pods.Set(first.Name, first with { Want = PodWant.Released, Saw = PodSaw.Gone, GoneAt = bench.Now });
        bench.World.Database.Spool.Rows.Where(row => row.Attempt == 1).ToList().ForEach(row => bench.World.Database.Spool.Set((row.Spool, row.Name), null));
        foreach (string name in bench.World.Spool.Names.ToList())
        {
            await bench.World.Spool.DeleteAsync(name, TrainingBench.Token);
        }

        bench.World.Clock.Advance(TimeSpan.FromMinutes(2));
        return (id, bench.Pods(id)[^1]);
    }
}
