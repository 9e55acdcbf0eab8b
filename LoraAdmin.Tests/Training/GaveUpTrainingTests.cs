using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Shell;
using LoraAdmin.Tests.Simulation;
using LoraAdmin.Training;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Training;

public sealed class GaveUpTrainingTests
{
    private static readonly PutOutcome.Failed Away = new("HTTP 544");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Requirement", "J2")]
    public async Task File_WhoseUploadFailedInThreeRuns_IsThere_AndIsBroughtToStorage()
    {
        TrainingBench bench = new();
        bench.Store.OnPut = static target => target.Bucket == Buckets.Models ? Away : null;
        JobId job = await bench.SubmitAsync();
        await bench.RunToStateAsync(job, TrainingState.Failed);
        GaveUpFiles source = new(new SpoolQueryStore(bench.World.Database, bench.World.Spool, bench.World.Clock), bench.Portal.FilesDesk);
        SpoolEntry entry = Assert.Single(bench.World.Database.Spool.Rows);
        Assert.Empty(await source.ReadAsync(Token));
        bench.World.Database.Spool.Set((entry.Spool, entry.Name), entry with { FailedRuns = SpoolUploads.RunsUntilAlert, LastError = "HTTP 544", DueAt = bench.Now.AddHours(1) });
        bench.World.Database.Jobs.Set(job, bench.Job(job) with { Cost = Usd.FromDollars(0.42m) });

        GaveUpLine line = Assert.Single(await source.ReadAsync(Token));

        Assert.Equal((Permissions.UploadFiles, job, (string?)null), (line.Permission, line.Job, line.WhyNot));
        Assert.Equal(Usd.FromDollars(0.42m), line.Cost);
        Assert.Contains("3 uploads in a row failed. Last error: HTTP 544", line.Why, StringComparison.Ordinal);
        Assert.True((await source.RetryAsync(line.Id, "storage works again", TrainingBench.Person, Token)).Done);
        Assert.Null(Assert.Single(bench.World.Database.Spool.Rows).DueAt);
        Assert.False((await source.RetryAsync($"{entry.Spool}/none.safetensors", "of a test", TrainingBench.Person, Token)).Done);
    }

    [Fact]
    public async Task File_ThatNoJobKnows_WaitsForAWord_AndCanNotBeTriedFromThere()
    {
        TrainingBench bench = new();
        SpoolEntry stray = new(null, 0, bench.World.Spool.Id, "stray.safetensors", 3, new string('a', 64), bench.Now);
        bench.World.Database.Spool.Set((stray.Spool, stray.Name), stray);
        GaveUpFiles source = new(new SpoolQueryStore(bench.World.Database, bench.World.Spool, bench.World.Clock), bench.Portal.FilesDesk);

        GaveUpLine line = Assert.Single(await source.ReadAsync(Token));

        Assert.Equal("The file stray.safetensors", line.What);
        Assert.Contains("Say on the page Files whose it is", line.WhyNot, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Jobs_BehindVeryManyThatNobodyCanRetry_AreThere()
    {
        FakeTimeProvider clock = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));
        PageQueries queries = new(clock);
        Add(1, FailureCode.TrainingFailed, TimeSpan.FromDays(1));
        for (int number = 2; number < GaveUpReading.MostLines + 10; number++)
        {
            Add(number, FailureCode.InvalidTrainingImages, TimeSpan.FromMinutes(1));
        }

        GaveUpLine line = Assert.Single(await new GaveUpJobs(queries, new PageDesk(), clock).ReadAsync(Token));

        Assert.StartsWith("Training failed.", line.Why, StringComparison.Ordinal);

        void Add(int number, FailureCode code, TimeSpan ago)
        {
            JobDetail job = PageSamples.Job(number, TrainingState.Failed, clock.GetUtcNow(), failure: code);
            queries.Jobs.Add(job with { Job = job.Job with { CreatedAt = clock.GetUtcNow() - ago, CompletedAt = clock.GetUtcNow() - ago } });
        }
    }

    [Fact]
    public async Task Jobs_ThatOnlyAPersonRetries_AreThere_AndNoOthers()
    {
        FakeTimeProvider clock = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));
        PageQueries queries = new(clock);
        PageDesk desk = new();
        JobId waits = Add(1, FailureCode.TrainingTimeout, TimeSpan.FromDays(1));
        JobId lost = Add(2, FailureCode.PodLost, TimeSpan.FromDays(2));
        Add(3, FailureCode.InvalidTrainingImages, TimeSpan.FromDays(1));
        Add(4, FailureCode.UploadFailed, TimeSpan.FromDays(1));
        Add(5, FailureCode.TrainingFailed, GaveUpJobs.WaitsFor + TimeSpan.FromHours(1));
        GaveUpJobs source = new(queries, desk, clock);

        IReadOnlyList<GaveUpLine> lines = await source.ReadAsync(Token);

        Assert.Equal([lost, waits], lines.Select(line => line.Job!.Value));
        Assert.All(queries.Filters, filter => Assert.Equal([TrainingState.Failed], filter.States));
        Assert.Equal((Permissions.RetryTraining, $"/training/{lost}"), (lines[0].Permission, lines[0].Href));
        Assert.StartsWith("The GPU pod was lost.", lines[0].Why, StringComparison.Ordinal);
        Assert.Equal(new ActionResult(true, "Accepted: the job goes on from queued."), await source.RetryAsync(lines[0].Id, "of a test", TrainingBench.Person, Token));
        desk.Retry = new RetryOutcome.NotFinal(TrainingState.Training);
        Assert.False((await source.RetryAsync(lines[0].Id, "of a test", TrainingBench.Person, Token)).Done);
        Assert.Equal([(lost, TrainingBench.Person), (lost, TrainingBench.Person)], desk.Retried);

        JobId Add(int number, FailureCode code, TimeSpan ago)
        {
            JobDetail job = PageSamples.Job(number, TrainingState.Failed, clock.GetUtcNow(), failure: code);
            queries.Jobs.Add(job with { Job = job.Job with { CompletedAt = clock.GetUtcNow() - ago } });
            return job.Job.Id;
        }
    }
}
