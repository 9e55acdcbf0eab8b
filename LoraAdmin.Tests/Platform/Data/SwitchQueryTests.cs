using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
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

    /// <summary>What was asked for goes on during a pause: a resume neither starts it nor costs anything by it.</summary>
    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task Waiting_LeavesOutWhatHasAskedAProvider(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        SeededIds ids = new(22);
        TrainingJob[] jobs = [.. Enumerable.Range(0, 8).Select(_ => NewJob(ids, TrainingState.Provisioning) with { Attempt = 2 })];
        foreach (TrainingJob job in jobs)
        {
            await AddAsync(database, job);
        }

        await database.Work.RunAsync(
            async (unit, token) =>
            {
                IPodLedger pods = unit.Store<IPodLedger>();
                await pods.AddAsync(PodOf(jobs[0]), token);
                await pods.AddAsync(PodOf(jobs[1]) with { Want = PodWant.Released, WantReason = PodReasons.InDoubt }, token);
                await pods.AddAsync(PodOf(jobs[2]) with { Saw = PodSaw.Gone, GoneAt = Now }, token);
                await pods.AddAsync(PodOf(jobs[3] with { Attempt = 1 }), token);
                IHostedTrainingStore trainings = unit.Store<IHostedTrainingStore>();
                await trainings.AddAsync(TrainingOf(jobs[4], HostedSaw.Starting), token);
                await trainings.AddAsync(TrainingOf(jobs[5], HostedSaw.Packing), token);
                await trainings.AddAsync(TrainingOf(jobs[6], HostedSaw.NeverMade), token);
            },
            CancellationToken.None);

        SwitchFigures figures = await new SwitchQueryStore(database.Work, new FakeTimeProvider(Now)).ReadAsync(CancellationToken.None);

        // All but the first, whose pod boots, and the fifth, whose training waits for a machine.
        Assert.Equal((6, 8), (figures.Waiting, figures.Cancellable));
    }

    private static LedgerPod PodOf(TrainingJob job) => new()
    {
        Name = PodNames.For("0a1b2c3d", job.Id, job.Attempt, 1),
        Job = job.Id,
        Attempt = job.Attempt,
        Try = 1,
        Want = PodWant.Needed,
        Saw = PodSaw.Running,
        PodId = $"pod-{job.Id}",
        GpuType = "NVIDIA A40",
        RequestedAt = Now,
    };

    private static HostedTraining TrainingOf(TrainingJob job, HostedSaw saw) => new()
    {
        Name = PodNames.For("0a1b2c3d", job.Id, job.Attempt, 1),
        Job = job.Id,
        Attempt = job.Attempt,
        Try = 1,
        IsNeeded = true,
        Saw = saw,
        RequestedAt = Now,
        WantSince = Now,
        HourlyRate = Usd.FromDollars(5),
    };

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
