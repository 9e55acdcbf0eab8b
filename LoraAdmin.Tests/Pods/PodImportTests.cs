using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Pods;
using LoraAdmin.Tests.Doubles;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace LoraAdmin.Tests.Pods;

/// <summary>A database that another service wrote before the portal came.</summary>
public sealed class PodImportTests
{
    private static readonly Guid OpenJob = new("0193f0a0-0000-7000-8000-000000000001");
    private static readonly Guid OverJob = new("0193f0a0-0000-7000-8000-000000000002");
    private static readonly Guid OtherJob = new("0193f0a0-0000-7000-8000-000000000003");

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Import_AdoptedDatabase_TakesOverWhatRunsAndEndsNothingWithoutProof()
    {
        PodHouse house = new();
        PodRecord open = house.AddPod("trainer-a", agentKnowsUs: false);
        PodRecord over = house.AddPod("trainer-b", agentKnowsUs: false);
        PodRecord another = house.AddPod(house.NextName("deadbeef"), agentKnowsUs: false);
        await using TestDatabase database = await TestDatabase.CreateEmptyAsync(DatabaseKind.Postgres, house.World.Clock);
        await using (LoraDb db = database.NewContext())
        {
#pragma warning disable EF1002 // Fixed words of this test.
            await db.Database.ExecuteSqlRawAsync($$"""
                CREATE TABLE lora_training_jobs (id uuid PRIMARY KEY, lora_id uuid, user_id uuid, status text, runpod_pod_id text);
                INSERT INTO lora_training_jobs (id, status, runpod_pod_id) VALUES
                    ('{{OpenJob}}', 'training', '{{open.Id}}'), ('{{OverJob}}', 'completed', '{{over.Id}}'),
                    ('{{OtherJob}}', 'failed', '{{another.Id}}'),
                    ('0193f0a0-0000-7000-8000-000000000004', 'completed', 'longgone0001'), ('0193f0a0-0000-7000-8000-000000000005', NULL, NULL);
                """);
#pragma warning restore EF1002
            await db.Database.MigrateAsync();
        }

        PodImport import = ImportOn(database, house);
        Assert.Equal(2, await import.RunAsync(PodHouse.None));
        Assert.Equal(0, await ImportOn(database, house).RunAsync(PodHouse.None));

        IReadOnlyList<LedgerPod> rows = await AliveAsync(database);
        Assert.Equal(
            [($"imported@{open.Id}", OpenJob, false), ($"imported@{over.Id}", OverJob, true)],
            rows.Select(row => (row.Name, row.Job.Value, row.LiveUntil is not null)).OrderBy(row => row.Value));
        Assert.All(rows, row => Assert.Equal((PodWant.Needed, PodReasons.Imported), (row.Want, row.WantReason)));

        // The loop on the real database: the one whose job is over is stopped and kept, the other goes on.
        PodWatch watch = new(
            database.Work,
            house.Portal.Provider,
            new PodSweep(
                database.Work, house.Portal.Provider, house.Portal.Proofs, house.World.Clock, () => house.World.Caps, () => house.World.Pods, () => house.World.Installation, house.Portal.Clocks),
            house.Portal.Proofs,
            house.World.Clock,
            () => house.World.Pods,
            house.Portal.Clocks);
        house.Pass(TimeSpan.FromSeconds(1));
        await house.RunAsync(TimeSpan.FromHours(3), watch);
        Assert.Equal((PodStatus.Running, PodStatus.Exited, PodStatus.Running), (open.Status, over.Status, another.Status));

        // The old service ends its job.
        await using (LoraDb db = database.NewContext())
        {
            await db.Database.ExecuteSqlAsync($"UPDATE lora_training_jobs SET status = 'failed' WHERE id = {OpenJob}");
        }

        await import.RunAsync(PodHouse.None);
        await house.RunAsync(TimeSpan.FromMinutes(5), watch);
        Assert.Equal((PodStatus.Exited, PodStatus.Exited, PodStatus.Running), (open.Status, over.Status, another.Status));
        Assert.All(await AliveAsync(database), row => Assert.Equal(PodWant.Held, row.Want));
    }

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task Import_AccountCannotBeListed_IsDoneAtTheNextTurn(DatabaseKind kind)
    {
        PodHouse house = new();
        PodRecord pod = house.AddPod("trainer-a");
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, house.World.Clock);
        await using (LoraDb db = database.NewContext())
        {
            DateTimeOffset now = house.World.Clock.GetUtcNow();
            db.Add(new LoraAdmin.Training.TrainingJobRow
            {
                Id = OpenJob, LoraId = OtherJob, UserId = OtherJob, Status = "training", RunpodPodId = pod.Id, CreatedAt = now, UpdatedAt = now,
            });
            await db.SaveChangesAsync(PodHouse.None);
        }

        house.World.Cloud.World.Faults.Add(FaultKind.List500);
        PodImport import = ImportOn(database, house);

        Assert.Equal(0, await import.RunAsync(PodHouse.None));
        Assert.Equal(1, await import.RunAsync(PodHouse.None));

        Assert.Equal(pod.Id, Assert.Single(await AliveAsync(database)).PodId);
    }

    private static PodImport ImportOn(TestDatabase database, PodHouse house) => new(
        new PodImportStore(database.Services.GetRequiredService<LoraDbFactory>()),
        database.Work,
        house.Portal.Provider,
        house.World.Clock,
        () => house.World.Installation,
        NullLogger<PodImport>.Instance);

    private static Task<IReadOnlyList<LedgerPod>> AliveAsync(TestDatabase database) =>
        database.Work.ReadAsync((unit, token) => unit.Store<IPodLedger>().ListAliveAsync(token), PodHouse.None);
}
