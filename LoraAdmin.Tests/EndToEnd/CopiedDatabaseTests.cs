using LoraAdmin.Domain.Pods;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd.Processes;
using LoraAdmin.Tests.Storage;
using Npgsql;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>A copy of the database, with the vendor's key, while a pod of the original trains.</summary>
public sealed class CopiedDatabaseTests : IDisposable
{
    private const string Database = "ConnectionStrings:Database";

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    [Trait("Requirement", "J1")]
    public async Task Copy_WithTheKey_IsRefusedAndOnceDeclaredTouchesNoPodOfTheOriginal(DatabaseKind kind)
    {
        await using LocalCloudProcess cloud = await LocalCloudProcess.StartAsync(
            folder.Under("cloud"), new Dictionary<string, string> { ["Speed"] = "1", ["Boot"] = "00:00:00.2", ["Pull"] = "00:00:00.2", ["Training"] = "00:00:25", ["Validation"] = "00:00:00.5" });
        Dictionary<string, string> settings = new(cloud.PortalSettings) { ["Training:PollEvery"] = "00:00:00.2" };
        Dictionary<string, string> original = new(settings);
        if (kind == DatabaseKind.Postgres)
        {
            original[Database] = await PostgresServer.NewDatabaseAsync();
        }

        string job = await TrainingAsync(original);
        Dictionary<string, string> copy = await CopyAsync(kind, settings, original);
        string data = folder.Under("copy");

        string screen = await RefusedStart.IsExplainedAsync(data, kind == DatabaseKind.Postgres ? Database : "Data:Path", copy);
        Assert.Contains("installation moved", screen, StringComparison.Ordinal);
        Assert.Contains("installation copied", screen, StringComparison.Ordinal);

        PortalDatabase inCopy = kind == DatabaseKind.Postgres ? PortalDatabase.Postgres(copy[Database]) : PortalDatabase.Sqlite(data);
        await inCopy.ExecuteAsync(
            """
            INSERT INTO hosted_trainings (
                name, job_id, attempt, try_number, is_needed, saw, training_id, requested_at, want_since, hourly_micros, cancel_attempts, images_gone, is_settled, version)
            SELECT 'lora-of-the-original', job_id, 2, 1, TRUE, 'processing', 'abcd1234', 0, 0, 5040000, 0, FALSE, FALSE, 0 FROM training_progress
            """);
        ProgramRun said = await ProgramRun.ToEndAsync(["installation", "copied"], PortalProcess.EnvironmentOf(data, copy));
        Assert.True(said.ExitCode == 0, said.Said);
        Assert.Contains("1 open jobs were cancelled here, 1 pods and 1 trainings at Replicate let go of", said.Output, StringComparison.Ordinal);
        Assert.Equal(0, await inCopy.NumberAsync("SELECT COUNT(*) FROM hosted_trainings WHERE NOT is_settled OR NOT images_gone OR is_needed OR saw <> 'never_made'"));
        await using (PortalProcess portal = await PortalProcess.StartAsync(data, copy))
        {
            await Eventually.TrueAsync(
                async () => await inCopy.NumberAsync($"SELECT COUNT(*) FROM operational_events WHERE kind = '{PodEvents.ForeignSeen}'") > 0, "the copy sees a foreign pod");
            Assert.Equal("cancelled", (await portal.Api.JobAsync(job)).State);
            Assert.Equal(0, await portal.StopAsync());
        }

        Assert.True(Assert.Single(await cloud.TruthAsync()).Bills);
        await using PortalProcess again = await PortalProcess.StartAsync(folder.Under("original"), original);
        await again.Api.ReachesAsync(job, "completed", Eventually.DefaultDeadline);
        Assert.Single(await cloud.TruthAsync());
    }

    [Fact]
    public async Task Copied_SaidOfTheOriginal_ChangesNothing()
    {
        await using (PortalProcess portal = await PortalProcess.StartAsync(folder.Under("original")))
        {
            Assert.Equal(0, await portal.StopAsync());
        }

        ProgramRun copied = await ProgramRun.ToEndAsync(["installation", "copied"], PortalProcess.EnvironmentOf(folder.Under("original"), null));
        Assert.Equal(1, copied.ExitCode);
        Assert.Contains("nothing was changed", copied.Output, StringComparison.Ordinal);
        Assert.Contains("remove installation-marker from the copy", copied.Output, StringComparison.Ordinal);
        ProgramRun unclear = await ProgramRun.ToEndAsync(["installation"], PortalProcess.EnvironmentOf(folder.Under("original"), null));
        Assert.Equal(1, unclear.ExitCode);
        Assert.Contains("-- installation moved", unclear.Errors, StringComparison.Ordinal);
    }

    private async Task<string> TrainingAsync(Dictionary<string, string> settings)
    {
        await using PortalProcess portal = await PortalProcess.StartAsync(folder.Under("original"), settings);
        string job = await portal.Api.SubmitAsync("6b1f7f3e-64d8-4f0c-9a51-3f0c2f1d7a10", "Ada", [SampleImages.Jpeg()]);
        await portal.Api.ReachesAsync(job, "training", Eventually.DefaultDeadline);
        Assert.Equal(0, await portal.StopAsync());
        return job;
    }

    private async Task<Dictionary<string, string>> CopyAsync(DatabaseKind kind, Dictionary<string, string> settings, Dictionary<string, string> original)
    {
        Directory.CreateDirectory(folder.Under("copy"));
        if (kind == DatabaseKind.Postgres)
        {
            return new Dictionary<string, string>(settings)
            {
                [Database] = await PostgresServer.NewDatabaseAsync(new NpgsqlConnectionStringBuilder(original[Database]).Database!),
            };
        }

        foreach (string file in Directory.EnumerateFiles(folder.Under("original"), "loraadmin.db*"))
        {
            File.Copy(file, folder.Under("copy", Path.GetFileName(file)));
        }

        return settings;
    }
}
