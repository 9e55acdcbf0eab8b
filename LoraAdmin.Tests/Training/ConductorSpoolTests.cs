using System.Security.Cryptography;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>E3: a spool that can't be read says nothing about the files in it.</summary>
[Trait("Requirement", "E3")]
public sealed class ConductorSpoolTests
{
    [Theory]
    [InlineData(TrainingState.Retrieving)]
    [InlineData(TrainingState.Uploading)]
    public async Task Spool_AwayForAWhile_NothingIsGivenUpAndTheJobGoesOn(TrainingState state)
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, state);
        bench.World.Spool.IsAway = true;
        await bench.RunForAsync(TimeSpan.FromMinutes(25));

        Assert.Equal(state, bench.Job(id).State);
        Assert.Contains("The spool can't be read: the disk is not mounted.", bench.Job(id).WaitReason, StringComparison.Ordinal);
        Assert.Equal((PodWant.Held, PodStatus.Exited), (Assert.Single(bench.Pods(id)).Want, Assert.Single(bench.VendorPods).Status));
        Assert.Equal([false], Told());

        bench.World.Spool.IsAway = false;
        await bench.RunToRestAsync(id);
        Assert.Equal([false, true], Told());
        Assert.Single(bench.VendorPods);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal(bench.Job(id).Artifact!.Sha256, Convert.ToHexStringLower(SHA256.HashData(bench.StoredFile(id)!)));

        IEnumerable<bool> Told() => bench.World.Database.Events
            .SelectMany(fact => fact.Signals).Where(signal => signal.Rule == SpoolIncidents.Away).Select(signal => signal.Over);
    }

    [Fact]
    public async Task Spool_AwayWhenTheFileIsLetGo_ItsRowStaysForTheSweep()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Validating);
        bench.World.Spool.IsAway = true;
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal(0, await bench.Portal.Files.RunAsync(TrainingBench.Token));
        string name = Assert.Single(bench.World.Database.Spool.Rows).Name;
        bench.World.Spool.IsAway = false;
        Assert.NotNull(bench.World.Spool.FindSealed(name));
        Assert.Equal(1, await bench.Portal.Files.RunAsync(TrainingBench.Token));
        Assert.Null(bench.World.Spool.FindSealed(name));
        Assert.Empty(bench.World.Database.Spool.Rows);
    }
}
