using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data;

/// <summary>The hand-written read of the API tells the same as the stores that wrote, on both databases.</summary>
public sealed class JobReaderTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    private readonly SeededIds ids = new(11);

    public static TheoryData<DatabaseKind> Kinds => [DatabaseKind.Sqlite, DatabaseKind.Postgres];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Job_WithEverything_IsReadWhole(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        using JobReader reader = NewReader(database);
        TrainingJob job = NewJob() with
        {
            State = TrainingState.Failed,
            WaitReason = "waits",
            Failure = new JobFailure(FailureCode.PodLost, "it went away"),
            Figures = new TrainingFigures(7, 240, 0.25, Now.AddMinutes(3), Now.AddMinutes(2)),
            Cost = new Usd(420_001),
            StartedAt = Now.AddMinutes(1),
            CompletedAt = Now.AddMinutes(9),
            CleanupStatus = "pending",
        };
        TrainingAttempt[] attempts =
        [
            new(job.Id, 1, "runpod", AttemptState.Failed, Now, Now.AddMinutes(4), FailureCode.PodLost, new Usd(1)),
            new(job.Id, 2, "replicate", AttemptState.Active, Now.AddMinutes(5), null, null, null),
        ];
        Lora lora = LoraOf(job) with { StoragePath = "lora-models/a/b/model.safetensors", FileSizeBytes = 3_000_000_000, FileSha256 = new string('a', 64) };
        await AddAsync(database, job, lora, attempts);

        JobReading? reading = await reader.FindAsync(job.Id, CancellationToken.None);

        Assert.NotNull(reading);
        Assert.Equal(
            new JobReading(
                job.Id, job.LoraId, job.UserId, job.Name, job.State, job.WaitReason, job.Failure, job.Figures, null,
                new ArtifactInfo(3_000_000_000, new string('a', 64)), job.CreatedAt, job.StartedAt, job.CompletedAt, "pending", reading.Attempts),
            reading);
        Assert.Equal(attempts, reading.Attempts);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Cost_IsToldWhenEachAttemptIsSettled(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        using JobReader reader = NewReader(database);
        TrainingJob job = NewJob() with { State = TrainingState.Completed, Cost = Usd.Zero, CompletedAt = Now };
        TrainingAttempt last = new(job.Id, 2, "replicate", AttemptState.Succeeded, Now, Now, null, null);
        await AddAsync(database, job, LoraOf(job), last with { Number = 1, Provider = "runpod", State = AttemptState.Failed, Cost = Usd.Zero }, last);
        Assert.Null((await reader.FindAsync(job.Id, CancellationToken.None))!.Cost);

        await database.Work.RunAsync(
            async (unit, token) =>
            {
                await unit.Store<ITrainingStore>().SetAttemptCostAsync(job.Id, last.Number, Usd.FromDollars(1), token);
                await unit.Store<ITrainingStore>().AddCostAsync(job.Id, Usd.FromDollars(1), token);
            },
            CancellationToken.None);
        Assert.Equal(Usd.FromDollars(1), (await reader.FindAsync(job.Id, CancellationToken.None))!.Cost);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Job_JustAccepted_HasNothingBesides(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        using JobReader reader = NewReader(database);
        TrainingJob job = NewJob();
        await AddAsync(database, job, LoraOf(job));

        JobReading? reading = await reader.FindAsync(job.Id, CancellationToken.None);

        Assert.NotNull(reading);
        Assert.Equal(
            (null, null, null, null, null, null, null, null),
            (reading.WaitReason, reading.Failure, reading.Figures, reading.Cost, reading.File, reading.StartedAt, reading.CompletedAt, reading.CleanupStatus));
        Assert.Empty(reading.Attempts);
        Assert.Null(await reader.FindAsync(new JobId(ids.Next()), CancellationToken.None));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Job_ReadAgainAfterACommit_IsNeverOld(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        using JobReader reader = NewReader(database);
        TrainingJob job = NewJob();
        await AddAsync(database, job, LoraOf(job));
        for (int cents = 1; cents <= 20; cents++)
        {
            await database.Work.RunAsync((unit, token) => unit.Store<ITrainingStore>().AddCostAsync(job.Id, Usd.FromDollars(0.01m), token), CancellationToken.None);

            Assert.Equal(Usd.FromDollars(cents / 100m), (await reader.FindAsync(job.Id, CancellationToken.None))!.Cost);
        }
    }

    [Fact]
    public async Task Database_Away_IsToldAsSuch()
    {
        using SilentPort nobody = new();
        await using LoraDbFactory factory = new(new DatabaseTarget.Postgres($"Host=127.0.0.1;Port={nobody.Number};Database=x;Username=x;Timeout=2"));
        using JobReader reader = new(factory);

        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await reader.FindAsync(new JobId(ids.Next()), CancellationToken.None));
    }

    private static JobReader NewReader(TestDatabase database) => new(database.Services.GetRequiredService<LoraDbFactory>());

    private static Task AddAsync(TestDatabase database, TrainingJob job, Lora lora, params TrainingAttempt[] attempts) => database.Work.RunAsync(
        async (unit, token) =>
        {
            await unit.Store<ILoraStore>().AddAsync(lora, token);
            await unit.Store<ITrainingStore>().AddAsync(job, [], null, token);
            foreach (TrainingAttempt attempt in attempts)
            {
                await unit.Store<ITrainingStore>().AddAttemptAsync(attempt, token);
            }
        },
        CancellationToken.None);

    private static Lora LoraOf(TrainingJob job) => new()
    {
        Id = job.LoraId,
        UserId = job.UserId,
        CreatorEmail = job.CreatorEmail,
        Name = job.Name,
        Status = job.State.ToLoraStatus(),
        CreatedAt = job.CreatedAt,
        UpdatedAt = job.CreatedAt,
    };

    private TrainingJob NewJob() => new()
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
}
