using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>A portal with a fallback provider, and the ways to have it used.</summary>
internal static class HostedBench
{
    public static TrainingBench New(Action<LocalCloudOptions>? cloud = null)
    {
        TrainingBench bench = new(cloud);
        bench.World.Hosted = bench.World.Hosted with { WhyNot = null };
        return bench;
    }

    /// <summary>The same with a model that makes validation images there.</summary>
    public static TrainingBench WithValidation(Action<LocalCloudOptions>? cloud = null)
    {
        TrainingBench bench = New(cloud);
        bench.World.Hosted = bench.World.Hosted with { Validation = SimulatedWorld.ValidationElsewhere };
        return bench;
    }

    /// <summary>A job whose creation at RunPod fails after its retries.</summary>
    public static async Task<JobId> SubmitWithoutPodsAsync(this TrainingBench bench)
    {
        bench.Faults.Add(FaultKind.Create500, count: 4);
        return await bench.SubmitAsync();
    }

    public static Task IsolateAsync(this TrainingBench bench) =>
        bench.Portal.BreakerDesk.IsolateAsync(BreakerSubject.RunPod, "RunPod moves", null, TrainingBench.Person, TrainingBench.Token);

    /// <summary>A person holds the fallback's breaker open.</summary>
    public static Task IsolateFallbackAsync(this TrainingBench bench) =>
        bench.Portal.BreakerDesk.IsolateAsync(BreakerSubject.Replicate, "no credit", null, TrainingBench.Person, TrainingBench.Token);

    public static Task ResetFallbackAsync(this TrainingBench bench) =>
        bench.Portal.BreakerDesk.ResetAsync(BreakerSubject.Replicate, "there is credit again", TrainingBench.Person, TrainingBench.Token);

    /// <summary>The stored file is exactly what the provider's training made.</summary>
    /// <param name="elsewhere">Another instance's disk has it too.</param>
    public static void AssertStoredIsTheTrained(this TrainingBench bench, JobId id, bool elsewhere = false)
    {
        ReplicateRecord training = bench.VendorTrainings.Last(one => one.Status == ReplicateStatus.Succeeded);
        ArtifactLayout layout = bench.World.Cloud.World.Layout;
        byte[] made = new byte[layout.TotalBytes];
        layout.Fill(ArtifactLayout.SeedOf(1, training.Id), 0, made);
        Assert.Equal(made, bench.StoredFile(id));
        Assert.True(elsewhere || bench.SpoolRows(id).Count == 0);
        Assert.DoesNotContain(bench.World.Spool.Names, static name => name.EndsWith(".safetensors", StringComparison.Ordinal));
    }

    /// <summary>Nobody pays for anything any more, and no zip of images is left.</summary>
    public static void AssertNothingIsLeft(this TrainingBench bench)
    {
        Assert.All(bench.VendorTrainings.Concat(bench.VendorPredictions), one => Assert.True(one.IsFinal || one.IsLost, $"{one.Id} is {one.Status}"));
        Assert.All(bench.VendorPods, pod => Assert.Equal(PodStatus.Terminated, pod.Status));
        Assert.All(bench.World.Database.Hosted.Rows, one => Assert.True(one.IsSettled));
        Assert.All(bench.World.Database.Hosted.Rows, one => Assert.Null(bench.World.Objects.Find(HostedImages.ZipOf(TrainingBench.User, one.Name))));
        Assert.All(bench.World.Database.Reservations.Rows, one => Assert.NotNull(one.SettledAt));
        Assert.Equal(Usd.Zero, bench.Month.Reserved);
        Assert.Equal(bench.Month.Spent, bench.World.Database.Reservations.Rows.Aggregate(Usd.Zero, (sum, one) => sum + one.Actual!.Value));
        Assert.All(bench.World.Database.Pods.Rows, pod => Assert.Equal(PodSaw.Gone, pod.Saw));
    }
}
