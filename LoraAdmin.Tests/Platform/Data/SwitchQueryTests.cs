using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data;

/// <summary>What the switches over all trainings say beforehand.</summary>
public sealed class SwitchQueryTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task Waiting_CountsWhatAResumeLetsGoOn(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        SeededIds ids = new(21);
        foreach (TrainingState state in Enum.GetValues<TrainingState>())
        {
            await AddAsync(database, NewJob(ids, state));
        }

        await AddAsync(database, NewJob(ids, TrainingState.Queued));
        await AddAsync(database, NewJob(ids, TrainingState.Queued) with { Cancel = new CancelWish(Actor.Portal("tests"), "not needed", Now) });

        SwitchFigures figures = await new SwitchQueryStore(database.Work, new FakeTimeProvider(Now)).ReadAsync(CancellationToken.None);

        // Queued twice, preparing, provisioning; the one that is to end and those that train or have trained do not wait.
        Assert.Equal((4, 6, 3), (figures.Waiting, figures.Cancellable, figures.Finishing));
    }

    private static Task AddAsync(TestDatabase database, TrainingJob job) => database.Work.RunAsync(
        async (unit, token) =>
        {
            Lora lora = new()
            {
                Id = job.LoraId,
                UserId = job.UserId,
                CreatorEmail = job.CreatorEmail,
                Name = job.Name,
                Status = job.State.ToLoraStatus(),
                CreatedAt = job.CreatedAt,
                UpdatedAt = job.CreatedAt,
            };
            await unit.Store<ILoraStore>().AddAsync(lora, token);
            await unit.Store<ITrainingStore>().AddAsync(job, [], null, token);
        },
        CancellationToken.None);

    private static TrainingJob NewJob(SeededIds ids, TrainingState state) => new()
    {
        Id = new JobId(ids.Next()),
        LoraId = new LoraId(ids.Next()),
        UserId = new UserId(ids.Next()),
        Name = "Mara",
        CreatorEmail = "mara@example.org",
        State = state,
        StateSince = Now,
        CreatedAt = Now,
        UpdatedAt = Now,
        CompletedAt = state.IsFinal() ? Now : null,
        Failure = state == TrainingState.Failed ? new JobFailure(FailureCode.PodLost, "x") : null,
        Attempt = 1,
        Admission = 1,
        DueAt = Now,
    };
}
