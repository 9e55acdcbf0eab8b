using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Storage;
using LoraAdmin.Tests.Simulation;
using LoraAdmin.Tests.Storage;

namespace LoraAdmin.Tests.Training;

public sealed class SpoolSweepTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    [Trait("Requirement", "J2")]
    public async Task File_ThatCantBeRemoved_LeavesTheOthersTheirTurnAndKeepsItsRow()
    {
        TrainingBench bench = new();
        FileSpool spool = new(folder.Path, new Lazy<string>("this-disk"), minimumFreeBytes: 0);
        JobId stuck = await SpooledAsync(bench, spool, "stuck");
        JobId free = await SpooledAsync(bench, spool, "free");
        Directory.CreateDirectory(folder.Under("stuck")); // A folder in its place: the system refuses to delete it as a file.
        SpoolSweep sweep = new(bench.World.Database, spool, bench.World.Clock);

        Assert.Equal(1, await sweep.RunAsync(TrainingBench.Token));

        Assert.Equal("The disk does not let it go", Assert.Single(bench.SpoolRows(stuck)).LastError);
        Assert.Empty(bench.SpoolRows(free));
        Directory.Delete(folder.Under("stuck"));
        Assert.Equal(1, await sweep.RunAsync(TrainingBench.Token));
        Assert.Empty(bench.World.Database.Spool.Rows);
    }

    [Fact]
    [Trait("Requirement", "J2")]
    public async Task Row_ThatSomebodyWroteMeanwhile_KeepsWhatTheyWrote()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Completed);
        SpoolEntry row = Assert.Single(bench.SpoolRows(id));
        bench.World.Spool.IsAway = true;
        bench.World.Spool.OnDelete = _ => bench.World.Database.Spool.Set((row.Spool, row.Name), row with { Attempt = 7 });
        Assert.Equal(0, await bench.Portal.Files.RunAsync(TrainingBench.Token));
        Assert.Equal([row with { Attempt = 7, LastError = "The disk does not let it go" }], bench.SpoolRows(id));

        bench.World.Spool.OnDelete = _ => bench.World.Database.Spool.Set((row.Spool, row.Name), null);
        Assert.Equal(0, await bench.Portal.Files.RunAsync(TrainingBench.Token));
        Assert.Empty(bench.SpoolRows(id));
    }

    private static async Task<JobId> SpooledAsync(TrainingBench bench, FileSpool spool, string name)
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);
        string sha256 = bench.World.Database.Loras.Find(bench.Job(id).LoraId)!.FileSha256!;
        await bench.World.Database.RunAsync(
            (unit, token) => unit.Store<ISpoolStore>().SaveAsync(new SpoolEntry(id, 1, spool.Id, name, 1, sha256, bench.Now), token), TrainingBench.Token);
        return id;
    }
}
