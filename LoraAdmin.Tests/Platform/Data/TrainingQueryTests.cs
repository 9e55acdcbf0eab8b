using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.Data;
using LoraAdmin.Shell;
using LoraAdmin.Tests.Budget;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Training;
using LoraAdmin.Training;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data;

public sealed class TrainingQueryTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task List_PagedByKeyset_GivesTheSameOrderOnBothDatabases()
    {
        List<JobId> sqlite = await WalkAsync(DatabaseKind.Sqlite);
        List<JobId> postgres = await WalkAsync(DatabaseKind.Postgres);

        Assert.Equal(60, sqlite.Distinct().Count());
        Assert.Equal(sqlite, postgres);

        static async Task<List<JobId>> WalkAsync(DatabaseKind kind)
        {
            await using TestDatabase database = await TestDatabase.CreateAsync(kind);
            SeededIds ids = new(3);
            for (int job = 0; job < 60; job++)
            {
                // Many share an instant, so that the id decides.
                await AddAsync(database, NewJob(ids) with { CreatedAt = Now.AddMilliseconds(job / 10) });
            }

            TrainingQueryStore queries = Queries(database);
            List<JobId> seen = [];
            JobCursor? after = null;
            do
            {
                JobPage page = await queries.ListAsync(new JobFilter(), after, 7, CancellationToken.None);
                seen.AddRange(page.Jobs.Select(line => line.Id));
                after = page.Next;
            }
            while (after is not null);
            return seen;
        }
    }

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task List_TellsWhichLorasNobodyJudged(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        SeededIds ids = new(6);
        TrainingJob judged = NewJob(ids) with { State = TrainingState.Completed };
        TrainingJob unjudged = NewJob(ids) with { State = TrainingState.Completed, NotValidated = "nobody judged it" };
        await AddAsync(database, judged);
        await AddAsync(database, unjudged);

        JobPage page = await Queries(database).ListAsync(new JobFilter(), null, 50, CancellationToken.None);
        Assert.Equal([unjudged.Id], page.Jobs.Where(static line => line.IsUnjudged).Select(static line => line.Id));
        Assert.Equal(2, page.Jobs.Count);
    }

    /// <summary>The job's page says when the fallback is asked again: only one that waits is helped by that, and only while the newest answer is a refusal.</summary>
    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task Find_AJobThatWaits_TellsWhenTheFallbackRefusedLast(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        SeededIds ids = new(10);
        TrainingJob waits = NewJob(ids) with { State = TrainingState.Queued, WaitingSince = Now.AddMinutes(-20), WaitReason = "no credit" };
        TrainingJob runs = NewJob(ids) with { State = TrainingState.Training };
        await AddAsync(database, waits);
        await AddAsync(database, runs);
        TrainingQueryStore queries = Queries(database);
        Assert.Null(await RefusedAsync(waits));

        await AskAsync(1, Now.AddMinutes(-9), HostedReasons.Refused);
        Assert.Equal(Now.AddMinutes(-9), await RefusedAsync(waits));
        Assert.Null(await RefusedAsync(runs));

        await AskAsync(2, Now.AddMinutes(-1), null);
        Assert.Null(await RefusedAsync(waits));

        async Task<DateTimeOffset?> RefusedAsync(TrainingJob job) => (await queries.FindAsync(job.Id, CancellationToken.None))!.RefusedAt;

        Task AskAsync(int number, DateTimeOffset answered, string? refused) => database.Work.RunAsync(
            (unit, token) => unit.Store<IHostedTrainingStore>().AddAsync(
                new HostedTraining
                {
                    Name = PodNames.For("5eed0001", runs.Id, 1, number),
                    Job = runs.Id,
                    Attempt = 1,
                    Try = number,
                    IsNeeded = refused is null,
                    Reason = refused,
                    Saw = refused is null ? HostedSaw.Starting : HostedSaw.NeverMade,
                    TrainingId = refused is null ? "made" : null,
                    RequestedAt = answered.AddSeconds(-5),
                    WantSince = answered,
                    EndedAt = refused is null ? null : answered,
                    HourlyRate = Usd.FromDollars(5),
                },
                token),
            CancellationToken.None);
    }

    /// <summary>RunPod was never asked, which settles its attempt before the next begins; what Replicate takes is not known yet.</summary>
    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task Cost_OfAJobThatWasHandedOver_IsNoPartOfIt(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        TrainingJob job = NewJob(new SeededIds(8)) with { State = TrainingState.Completed, CompletedAt = Now, Attempt = 2, Provider = "replicate" };
        TrainingAttempt first = new(job.Id, 1, "runpod", AttemptState.Failed, Now, Now, FailureCode.NoProvider, null);
        TrainingAttempt second = new(job.Id, 2, "replicate", AttemptState.Succeeded, Now, Now, null, null);
        await AddAsync(database, job);
        await AddAsync(database, NewJob(new SeededIds(9)));
        await database.Work.RunAsync((unit, token) => unit.Store<ITrainingStore>().AddAttemptAsync(first, token), CancellationToken.None);
        Assert.Equal((Usd.Zero, Usd.Zero, 0m), await SettleAsync(first, 0));
        await database.Work.RunAsync((unit, token) => unit.Store<ITrainingStore>().AddAttemptAsync(second, token), CancellationToken.None);
        Assert.Equal((null, null, null), await ReadAsync());
        Usd all = Usd.FromDollars(1.25m);
        Assert.Equal((all, all, 1.25m), await SettleAsync(second, 1.25m));

        async Task<(Usd? InList, Usd? OnPage, decimal? Shared)> SettleAsync(TrainingAttempt attempt, decimal dollars)
        {
            Usd cost = Usd.FromDollars(dollars);
            await database.Work.RunAsync(
                async (unit, token) =>
                {
                    await unit.Store<ITrainingStore>().SetAttemptCostAsync(job.Id, attempt.Number, cost, token);
                    await unit.Store<ITrainingStore>().AddCostAsync(job.Id, cost, token);
                },
                CancellationToken.None);
            return await ReadAsync();
        }

        async Task<(Usd? InList, Usd? OnPage, decimal? Shared)> ReadAsync()
        {
            await using LoraDb db = database.NewContext();
            TrainingQueryStore queries = Queries(database);
            return (
                (await queries.ListAsync(new JobFilter(), null, 50, CancellationToken.None)).Jobs.Single(line => line.Id == job.Id).Cost,
                (await queries.FindAsync(job.Id, CancellationToken.None))!.Cost,
                (await db.Set<TrainingJobRow>().SingleAsync(row => row.Id == job.Id.Value)).CostUsd);
        }
    }

    /// <summary>The second attempt's pod is not verified gone; what the first one came to is known.</summary>
    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task GaveUpJob_TellsWhatItHasCostSoFar(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        TrainingJob job = NewJob(new SeededIds(10)) with
        {
            State = TrainingState.Failed, CompletedAt = Now, Attempt = 2, Failure = new JobFailure(FailureCode.PodLost, "it was gone"),
        };
        await AddAsync(database, job);
        await database.Work.RunAsync(
            async (unit, token) =>
            {
                ITrainingStore store = unit.Store<ITrainingStore>();
                await store.AddAttemptAsync(new TrainingAttempt(job.Id, 1, "runpod", AttemptState.Failed, Now, Now, FailureCode.PodLost, Usd.FromDollars(0.42m)), token);
                await store.AddAttemptAsync(new TrainingAttempt(job.Id, 2, "runpod", AttemptState.Failed, Now, Now, FailureCode.PodLost, null), token);
                await store.AddCostAsync(job.Id, Usd.FromDollars(0.42m), token);
            },
            CancellationToken.None);

        GaveUpLine line = Assert.Single(await new GaveUpJobs(Queries(database), new PageDesk(), new FakeTimeProvider(Now)).ReadAsync(CancellationToken.None));

        Assert.Equal((job.Id, Usd.FromDollars(0.42m)), (line.Job, line.Cost));
    }

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task List_Filtered_FindsWhatWasMeant(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        SeededIds ids = new(4);
        TrainingJob percent = NewJob(ids) with { Name = "100%_Ärger\\", CreatorEmail = "Jo@Example.org" };
        TrainingJob plain = NewJob(ids) with { Name = "100 Mal", State = TrainingState.Failed, Failure = new JobFailure(FailureCode.PodLost, "x"), CompletedAt = Now };
        await AddAsync(database, percent);
        await AddAsync(database, plain);
        TrainingQueryStore queries = Queries(database);

        Assert.Equal([percent.Id], await Find(new JobFilter(Text: "0%_ä")));
        Assert.Equal([percent.Id], await Find(new JobFilter(Text: "ÄRGER\\")));
        Assert.Equal([percent.Id], await Find(new JobFilter(Text: "jo@EXAMPLE")));
        Assert.Equal([plain.Id], await Find(new JobFilter(Text: plain.Id.ToString().ToUpperInvariant())));
        Assert.Equal([plain.Id], await Find(new JobFilter(Text: plain.LoraId.ToString())));
        Assert.Equal([plain.Id], await Find(new JobFilter(States: [TrainingState.Failed, TrainingState.Cancelled])));
        Assert.Equal([percent.Id], await Find(new JobFilter(User: percent.UserId, States: [])));
        Assert.Empty(await Find(new JobFilter(User: percent.UserId, Text: "mal")));
        Assert.Equal(2, (await Find(new JobFilter(Text: "  "))).Length);
        Assert.Equal([plain.Id], await Find(new JobFilter { Failures = [FailureCode.TrainingFailed, FailureCode.PodLost] }));
        Assert.Empty(await Find(new JobFilter { Failures = [FailureCode.TrainingFailed] }));
        Assert.Equal([plain.Id], await Find(new JobFilter { EndedSince = Now }));
        Assert.Empty(await Find(new JobFilter { EndedSince = Now.AddMilliseconds(1) }));

        async Task<JobId[]> Find(JobFilter filter) =>
            [.. (await queries.ListAsync(filter, null, 50, CancellationToken.None)).Jobs.Select(line => line.Id)];
    }

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task Find_Job_GivesAllThatBelongsToIt(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        SeededIds ids = new(5);
        TrainingJob job = NewJob(ids);
        await AddAsync(database, job);
        await database.Work.RunAsync(
            async (unit, token) =>
            {
                await unit.Store<ITrainingStore>().AddAttemptAsync(new TrainingAttempt(job.Id, 1, "runpod", AttemptState.Active, Now, null, null, null), token);
                await unit.Store<IPodLedger>().AddAsync(NewPod(job, 1), token);
                await unit.Store<IBudgetStore>().TryReserveAsync(ids.Next(), job.Id, 1, Usd.FromDollars(2), Now, new BudgetRules(Usd.FromDollars(200), Usd.Zero), token);
                await unit.Events.AppendAsync(NewFact(job, "first", null), token);
                await unit.Events.AppendAsync(NewFact(job, "second", new ErrorDetail("pod_lost", "agent.status", "404", "r-1")), token);
            },
            CancellationToken.None);
        TrainingQueryStore queries = Queries(database);

        JobDetail? detail = await queries.FindAsync(job.Id, CancellationToken.None);

        Assert.NotNull(detail);
        Assert.Equal(job, detail.Job);
        Assert.Equal(job.LoraId, detail.Lora.Id);
        Assert.Single(detail.Attempts);
        Assert.Single(detail.Pods);
        Assert.Single(detail.Reservations);
        Assert.Equal(["first", "second"], detail.Timeline.Select(entry => entry.Message));
        Assert.Equal([null, new ErrorDetail("pod_lost", "agent.status", "404", "r-1")], detail.Timeline.Select(entry => entry.Error));
        Assert.Null(await queries.FindAsync(new JobId(ids.Next()), CancellationToken.None));
    }

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task Overview_ShowsThePresent(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        SeededIds ids = new(6);
        TrainingQueryStore queries = Queries(database);
        OverviewFigures empty = await queries.OverviewAsync(CancellationToken.None);
        Assert.Equal((0, 0, null), (empty.Queued, empty.Running, empty.OldestWaiting));

        foreach (TrainingState state in Enum.GetValues<TrainingState>())
        {
            await AddAsync(database, NewJob(ids) with { State = state, CompletedAt = state.IsFinal() ? Now.AddHours(-1) : null });
        }

        TrainingJob ended = NewJob(ids) with { State = TrainingState.Completed, CompletedAt = Now.AddHours(-25) };
        await AddAsync(database, ended);
        TrainingJob waiting = NewJob(ids) with { StateSince = Now.AddHours(-3), WaitingSince = Now.AddHours(-3) };
        await AddAsync(database, waiting);
        await AddAsync(database, NewJob(ids) with { State = TrainingState.Provisioning, WaitingSince = Now.AddHours(-1) });
        await database.Work.RunAsync(
            async (unit, token) =>
            {
                BudgetRules rules = new(Usd.FromDollars(200), Usd.Zero);
                await unit.Store<IBudgetStore>().TryReserveAsync(ids.Next(), waiting.Id, 1, Usd.FromDollars(2), Now, rules, token);
                await unit.Store<IBudgetStore>().TryReserveAsync(ids.Next(), ended.Id, 1, Usd.FromDollars(4.63m), Now, rules, token);
            },
            CancellationToken.None);

        OverviewFigures figures = await queries.OverviewAsync(CancellationToken.None);

        Assert.Equal((3, 6, 1), (figures.Queued, figures.Running, figures.WaitingForProvider));
        Assert.Equal((1, 1, 1), (figures.Completed24h, figures.Failed24h, figures.Cancelled24h));
        HeldMoney held = Assert.Single(figures.Held);
        Assert.Equal((Usd.FromDollars(6.63m), Usd.FromDollars(4.63m)), (figures.Month.Reserved, held.Amount));
        Assert.Equal(("runpod", ended.CompletedAt!.Value, null), (held.Provider, held.Since, held.DoubtUntil));
        Assert.Equal([ended.Id], held.Jobs);
        Assert.Equal(waiting.StateSince, figures.OldestWaiting);
        Assert.Equal(Usd.FromDollars(200), figures.Month.Limit);
    }

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    [Trait("Requirement", "M6")]
    public async Task Held_ForAnEndedJobBehindAThousandThatRun_IsFound(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        SeededIds ids = new(14);
        TrainingJob ended = NewJob(ids) with { State = TrainingState.Failed, CompletedAt = Now };
        await AddAsync(database, ended);
        await database.Work.RunAsync(
            async (unit, token) =>
            {
                BudgetRules rules = new(Usd.FromDollars(200), Usd.Zero);
                for (int number = 0; number <= 1_000; number++)
                {
                    await unit.Store<IBudgetStore>().TryReserveAsync(ids.Next(), new JobId(ids.Next()), 1, Usd.FromDollars(0.1m), Now, rules, token);
                }

                await unit.Store<IBudgetStore>().TryReserveAsync(ids.Next(), ended.Id, 1, Usd.FromDollars(3), Now.AddMinutes(1), rules, token);
            },
            CancellationToken.None);

        HeldMoney held = Assert.Single((await Queries(database).OverviewAsync(CancellationToken.None)).Held);

        Assert.Equal((Usd.FromDollars(3), ended.Id), (held.Amount, Assert.Single(held.Jobs)));
    }

    /// <summary>Four create calls of each were never clearly answered; there is no pod that anybody could look for.</summary>
    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    [Trait("Requirement", "M6")]
    public async Task Held_ForEndedJobsInDoubtAtReplicate_NamesThemAndTheEndOfTheDoubt(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        SeededIds ids = new(12);
        TrainingJob first = NewJob(ids) with { State = TrainingState.Completed, CompletedAt = Now.AddMinutes(-9) };
        TrainingJob second = NewJob(ids) with { State = TrainingState.Completed, CompletedAt = Now.AddMinutes(-4) };
        foreach (TrainingJob job in new[] { second, first })
        {
            await AddAsync(database, job);
            await database.Work.RunAsync(
                async (unit, token) =>
                {
                    await unit.Store<ITrainingStore>().AddAttemptAsync(new TrainingAttempt(job.Id, 1, "replicate", AttemptState.Succeeded, Now, Now, null, null), token);
                    await unit.Store<IBudgetStore>().TryReserveAsync(ids.Next(), job.Id, 1, Usd.FromDollars(13.02m), Now, new BudgetRules(Usd.FromDollars(200), Usd.Zero), token);
                    for (int number = 1; number <= 5; number++)
                    {
                        await unit.Store<IHostedTrainingStore>().AddAsync(Asked(job, number), token);
                    }
                },
                CancellationToken.None);
        }

        HeldMoney held = Assert.Single((await Queries(database).OverviewAsync(CancellationToken.None)).Held);

        Assert.Equal(("replicate", Usd.FromDollars(26.04m)), (held.Provider, held.Amount));
        Assert.Equal((first.CompletedAt!.Value, Now.AddMinutes(-4).AddMinutes(15)), (held.Since, held.DoubtUntil));
        Assert.Equal([first.Id, second.Id], held.Jobs);

        static HostedTraining Asked(TrainingJob job, int number) => new()
        {
            Name = PodNames.For("0a1b2c3d", job.Id, 1, number),
            Job = job.Id,
            Attempt = 1,
            Try = number,
            IsNeeded = number == 5,
            Reason = number == 5 ? null : HostedReasons.InDoubt,
            Saw = number == 5 ? HostedSaw.Over : HostedSaw.Requested,
            TrainingId = number == 5 ? $"made-{job.Id}" : null,
            RequestedAt = Now.AddMinutes(-8),
            WantSince = Now.AddMinutes(-8 + number),
            HourlyRate = Usd.FromDollars(5.04m),
        };
    }

    [Theory]
    [Trait("Requirement", "E3")]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task Files_OfEndedJobsAndOfNobody_WaitAndThoseOnTheirWayDoNot(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        SeededIds ids = new(7);
        TrainingJob failed = NewJob(ids) with { State = TrainingState.Failed, CompletedAt = Now, Failure = new JobFailure(FailureCode.UploadFailed, "HTTP 544") };
        TrainingJob completed = NewJob(ids) with { State = TrainingState.Completed, CompletedAt = Now };
        TrainingJob uploading = NewJob(ids) with { State = TrainingState.Uploading };
        foreach (TrainingJob job in new[] { failed, completed, uploading })
        {
            await AddAsync(database, job);
        }

        SpoolEntry kept = File(failed.Id, 3);
        SpoolEntry unclaimed = File(null, 5);
        await database.Work.RunAsync(
            async (unit, token) =>
            {
                foreach (SpoolEntry entry in new[] { kept, unclaimed, File(completed.Id, 7), File(uploading.Id, 8) })
                {
                    await unit.Store<ISpoolStore>().SaveAsync(entry, token);
                }

                SpoolDiscard discard = new(new Actor(ActorKind.Person, "ada"), "of a test", Now);
                await unit.Store<ISpoolStore>().SaveAsync(File(null, 9) with { Discard = discard }, token);
            },
            CancellationToken.None);
        TrainingQueryStore queries = Queries(database);
        OverviewFigures figures = await queries.OverviewAsync(CancellationToken.None);

        Assert.Equal((2, unclaimed.VerifiedAt), (figures.FilesWaiting, figures.OldestFile));
        Assert.Equal([kept], (await queries.FindAsync(failed.Id, CancellationToken.None))!.Kept);

        static SpoolEntry File(JobId? job, int hours) =>
            new(job, job is null ? 0 : 1, "disk-1", $"file-{hours}.safetensors", 3_000_000, new string('a', 64), Now.AddHours(-hours));
    }

    private static TrainingQueryStore Queries(TestDatabase database) =>
        new(database.Work, database.Services.GetRequiredService<BudgetRules>(), new NextJob(), new FakeTimeProvider(Now), KnownClocks.New(new FakeTimeProvider(Now)));

    private static Task AddAsync(TestDatabase database, TrainingJob job) => database.Work.RunAsync(
        async (unit, token) =>
        {
            await unit.Store<ILoraStore>().AddAsync(
                new Lora
                {
                    Id = job.LoraId,
                    UserId = job.UserId,
                    CreatorEmail = job.CreatorEmail,
                    Name = job.Name,
                    Status = job.State.ToLoraStatus(),
                    CreatedAt = job.CreatedAt,
                    UpdatedAt = job.CreatedAt,
                },
                token);
            await unit.Store<ITrainingStore>().AddAsync(job, [], null, token);
        },
        CancellationToken.None);

    private static TrainingJob NewJob(SeededIds ids) => new()
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

    private static LedgerPod NewPod(TrainingJob job, int number) => new()
    {
        Name = PodNames.For("0a1b2c3d", job.Id, 1, number),
        Job = job.Id,
        Attempt = 1,
        Try = number,
        Want = PodWant.Needed,
        Saw = PodSaw.Requested,
        GpuType = "NVIDIA RTX 4090",
        RequestedAt = Now,
    };

    private static OperationalEvent NewFact(TrainingJob job, string message, ErrorDetail? error) => new()
    {
        Kind = TrainingEvents.StateChanged,
        Message = message,
        Actor = Actor.Portal("tests"),
        Job = job.Id,
        Error = error,
    };
}
