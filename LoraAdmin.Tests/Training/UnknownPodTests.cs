using System.Security.Cryptography;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>A pod that bears our name and that no row knows, with a finished file on it, from the first listing to its verified end.</summary>
[Trait("Requirement", "J1")]
[Trait("Requirement", "E3")]
public sealed class UnknownPodTests
{
    private readonly TrainingBench bench = new();

    [Fact]
    public async Task Unknown_WithAFile_IsHeldStartedFetchedAndOnlyThenEnded()
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Retrieving);
        string name = Assert.Single(bench.Pods(id)).Name;
        bench.World.Database.Pods.Set(name, null);
        bench.World.Database.Jobs.Set(id, null);
        PodRecord vendor = Assert.Single(bench.VendorPods);
        await bench.RunUntilAsync(() => Row(vendor) is { Want: PodWant.Held }, "a pod that is held");
        Assert.Equal((PodReasons.Unknown, FileProof.None), (Row(vendor)!.WantReason, Row(vendor)!.Proof));
        Assert.Empty(bench.World.Spool.Names);
        await bench.RunUntilAsync(() => Row(vendor)!.FetchUntil > bench.Now, "a pod that is started for its file");
        await bench.RunUntilAsync(() => bench.World.Database.Spool.Rows.Count > 0, "a file in the spool");

        SpoolEntry file = Assert.Single(bench.World.Database.Spool.Rows);
        Assert.Equal((null, SpoolNames.OfPod(vendor.Id)), (file.Job, file.Name));
        Assert.Equal(vendor.Agent.ArtifactSha256, Convert.ToHexStringLower(SHA256.HashData(bench.World.Spool.FindSealed(file.Name)!)));
        Assert.NotEqual(PodStatus.Terminated, vendor.Status);
        await bench.RunUntilAsync(() => Row(vendor)!.Saw == PodSaw.Gone, "a pod that is gone");
        Assert.Equal((PodWant.Released, FileProof.InSpool), (Row(vendor)!.Want, Row(vendor)!.Proof));
        Assert.Equal(PodStatus.Terminated, vendor.Status);
        Assert.NotNull(bench.World.Spool.FindSealed(file.Name));
        IEnumerable<IncidentSignal> signals = bench.World.Database.Events.SelectMany(static fact => fact.Signals);
        Assert.Contains(signals, signal => signal is { Rule: TrainingIncidents.Unclaimed, Over: false } && signal.Subject == file.Name);
        Assert.True(signals.Last(signal => signal.Rule == PodIncidents.Held && signal.Subject == vendor.Id).Over);
    }

    private LedgerPod? Row(PodRecord vendor) => bench.World.Database.Pods.Rows.SingleOrDefault(pod => pod.PodId == vendor.Id);
}
