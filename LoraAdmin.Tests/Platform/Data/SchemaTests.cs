using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.EntityFrameworkCore.Migrations.Operations;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data;

public sealed class SchemaTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task Model_HasNoPendingChanges(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        await using LoraDb db = database.NewContext();

        Assert.False(db.Database.HasPendingModelChanges());
    }

    /// <summary>A migration is taken back to what the one before it says: a false word there would drop a table.</summary>
    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task NewestMigration_SaysOfTheModelWhatTheSnapshotSays(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        await using LoraDb db = database.NewContext();
        IMigrationsAssembly migrations = db.GetService<IMigrationsAssembly>();
        IModelRuntimeInitializer initializer = db.GetService<IModelRuntimeInitializer>();
        Migration newest = migrations.CreateMigration(migrations.Migrations.Values.Last(), db.Database.ProviderName!);

        IReadOnlyList<MigrationOperation> between =
            db.GetService<IMigrationsModelDiffer>().GetDifferences(Relational(newest.TargetModel), Relational(migrations.ModelSnapshot!.Model));

        Assert.Empty(between.Select(operation => operation.GetType().Name));

        IRelationalModel Relational(IModel model) => initializer.Initialize(model is IMutableModel open ? open.FinalizeModel() : model).GetRelationalModel();
    }

    /// <summary>A question mark: other services must reckon with NULL.</summary>
    private static readonly string[] Shared =
    [
        "lora_models.created_at timestamp with time zone", "lora_models.creator_email text", "lora_models.creator_name text?",
        "lora_models.error_message text?", "lora_models.file_sha256 text?", "lora_models.file_size_bytes bigint?", "lora_models.id uuid",
        "lora_models.is_private boolean", "lora_models.last_used_at timestamp with time zone?", "lora_models.name text", "lora_models.status text",
        "lora_models.storage_path text?", "lora_models.updated_at timestamp with time zone", "lora_models.user_id uuid",
        "lora_models.validation_image_urls ARRAY?",
        "lora_training_jobs.cleanup_status text?", "lora_training_jobs.completed_at timestamp with time zone?", "lora_training_jobs.cost_usd numeric?",
        "lora_training_jobs.created_at timestamp with time zone", "lora_training_jobs.error_code text?", "lora_training_jobs.error_message text?",
        "lora_training_jobs.id uuid", "lora_training_jobs.lora_id uuid", "lora_training_jobs.provider text?",
        "lora_training_jobs.replicate_training_id text?", "lora_training_jobs.runpod_pod_id text?",
        "lora_training_jobs.started_at timestamp with time zone?", "lora_training_jobs.status text",
        "lora_training_jobs.updated_at timestamp with time zone", "lora_training_jobs.user_id uuid",
        "user_training_limits.loras_created_this_month integer", "user_training_limits.month_reset_date date?",
        "user_training_limits.monthly_limit integer?", "user_training_limits.user_id uuid",
    ];

    [Fact]
    public async Task Postgres_Fresh_HasTheSharedTablesWithNativeTypes()
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Postgres);
        await using LoraDb db = database.NewContext();

        List<string> columns = await db.Database.SqlQuery<string>(
            $"""
            SELECT table_name || '.' || column_name || ' ' || data_type || CASE is_nullable WHEN 'YES' THEN '?' ELSE '' END AS "Value"
            FROM information_schema.columns
            WHERE table_name IN ('lora_models', 'lora_training_jobs', 'user_training_limits') ORDER BY table_name COLLATE "C", column_name COLLATE "C"
            """).ToListAsync();

        Assert.Equal(Shared, columns);
    }

    [Fact]
    public async Task Sqlite_Fresh_HasTheSameSharedColumns()
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite);
        await using LoraDb db = database.NewContext();

        List<string> columns = await db.Database.SqlQuery<string>(
            $"""
            SELECT m.name || '.' || c.name || CASE WHEN c."notnull" = 0 AND c.pk = 0 THEN '?' ELSE '' END AS "Value"
            FROM sqlite_master m JOIN pragma_table_info(m.name) c
            WHERE m.name IN ('lora_models', 'lora_training_jobs', 'user_training_limits') ORDER BY m.name, c.name
            """).ToListAsync();

        Assert.Equal(Shared.Select(column => column[..column.IndexOf(' ', StringComparison.Ordinal)] + (column.EndsWith('?') ? "?" : "")), columns);
    }

    [Theory]
    [InlineData("date")]
    [InlineData("timestamptz")]
    [Trait("Requirement", "J3")]
    public async Task Postgres_OlderDatabase_IsAdoptedAndRollsOver(string resetType)
    {
        await using TestDatabase database = await TestDatabase.CreateEmptyAsync(DatabaseKind.Postgres);
        Guid lora = new("0193f0a0-0000-7000-8000-000000000001");
        Guid idle = new("0193f0a0-0000-7000-8000-000000000002");
        Guid busy = new("0193f0a0-0000-7000-8000-000000000003");
        await using (LoraDb db = database.NewContext())
        {
#pragma warning disable EF1002 // Fixed words of this test.
            await db.Database.ExecuteSqlRawAsync($$"""
                CREATE TABLE lora_models (id uuid PRIMARY KEY, user_id uuid NOT NULL, creator_email text, name varchar(200), status text NOT NULL,
                    validation_image_urls text[], created_at timestamptz, extra text);
                INSERT INTO lora_models VALUES ('{{lora}}', '{{idle}}', NULL, 'Old', 'completed',
                    ARRAY['https://x.supabase.co/storage/v1/object/public/lora-validation-images/u/l/validation/0.jpg?t=1', 'u/l/validation/1.jpg'], NULL, 'kept');
                CREATE TABLE lora_training_jobs (id uuid PRIMARY KEY, lora_id uuid, user_id uuid, status text, cost_usd numeric(10,2));
                CREATE TABLE user_training_limits (id serial PRIMARY KEY, user_id uuid, loras_created_this_month int, month_reset_date {{resetType}});
                INSERT INTO user_training_limits (user_id, loras_created_this_month, month_reset_date) VALUES
                    ('{{idle}}', 7, '2026-10-31'), ('{{busy}}', 3, '2026-11-01');
                """);
#pragma warning restore EF1002
            await db.Database.MigrateAsync();
            Assert.Equal("kept", await db.Database.SqlQuery<string>($"SELECT extra AS \"Value\" FROM lora_models").SingleAsync());
        }

        Lora? old = await database.Work.ReadAsync((unit, token) => unit.Store<ILoraStore>().FindAsync(new LoraId(lora), token), default);
        Assert.NotNull(old);
        Assert.Equal(["u/l/validation/0.jpg", "u/l/validation/1.jpg"], old.ValidationImageKeys);

        LimitRules rules = new(10, 30);
        Assert.Equal(new ChargeResult(ChargeVerdict.Charged, 1, 10), await Charge(idle, 1));
        Assert.Equal(new ChargeResult(ChargeVerdict.Charged, 2, 10), await Charge(idle, 2));
        Assert.Equal(new ChargeResult(ChargeVerdict.Charged, 4, 10), await Charge(busy, 3));
        Assert.True(await database.Work.RunAsync((unit, token) => unit.Store<ILimitsStore>().RefundAsync(Job(3), "failed", Now, token), default));
        Assert.Equal(new ChargeResult(ChargeVerdict.Charged, 4, 10), await Charge(busy, 4));

        Task<ChargeResult> Charge(Guid user, int job) => database.Work.RunAsync(
            (unit, token) => unit.Store<ILimitsStore>().TryChargeAsync(new UserId(user), Job(job), 1, Now, rules, token), default);

        static JobId Job(int number) => new(new Guid($"0193f0a0-0000-7000-8000-0000000001{number:00}"));
    }

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task SharedJobRow_FollowsTheJob(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        SeededIds ids = new(9);
        TrainingJob job = new()
        {
            Id = new JobId(ids.Next()),
            LoraId = new LoraId(ids.Next()),
            UserId = new UserId(ids.Next()),
            Name = "Mara",
            CreatorEmail = "mara@example.org",
            State = TrainingState.Queued,
            StateSince = Now,
            CreatedAt = Now,
            UpdatedAt = Now,
            Attempt = 1,
            Admission = 1,
            DueAt = Now,
        };
        await database.Work.RunAsync(
            async (unit, token) =>
            {
                ITrainingStore store = unit.Store<ITrainingStore>();
                await store.AddAsync(job, [], null, token);
                LeasedJob lease = Assert.Single(await store.LeaseDueAsync("a", "disk-1", Now, TimeSpan.FromMinutes(1), 1, token));
                await store.SaveAsync(job with { State = TrainingState.Uploading, PodId = "abcd1234", StartedAt = Now }, lease.Fence, release: true, token);
                await store.AddCostAsync(job.Id, new Usd(1_234_567), token);
                await store.AddCostAsync(job.Id, new Usd(1), token);
            },
            default);

        await using LoraDb db = database.NewContext();
        LoraAdmin.Training.TrainingJobRow row = await db.Set<LoraAdmin.Training.TrainingJobRow>().SingleAsync();
        Assert.Equal(("training", "abcd1234", 1.234568m), (row.Status, row.RunpodPodId, row.CostUsd));
        Assert.Equal(Now, row.StartedAt);
    }
}
