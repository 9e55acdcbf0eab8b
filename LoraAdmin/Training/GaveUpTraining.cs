using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Shell;

namespace LoraAdmin.Training;

/// <summary>Trained files whose upload failed as often as it is told of, and files that no job knows.</summary>
internal sealed class GaveUpFiles(ISpoolQueries queries, ISpoolDesk desk) : IGaveUpSource
{
    private const char Between = '/';

    public string Kind => "files";

    public string ReadPermission => Permissions.ReadTraining;

    public string Title => "Files that storage did not take";

    public string Means => "The upload of each begins within a minute, on the portal that has its disk. Nothing is trained again.";

    public async Task<IReadOnlyList<GaveUpLine>> ReadAsync(CancellationToken cancellationToken) =>
    [
        .. (await queries.ReadAsync(cancellationToken)).Files
            .Where(line => line.IsUnclaimed || (line.WaitsForUpload && line.Entry.FailedRuns >= SpoolUploads.RunsUntilAlert))
            .OrderBy(line => line.Entry.VerifiedAt)
            .Take(GaveUpReading.MostLines)
            .Select(ToLine),
    ];

    public async Task<ActionResult> RetryAsync(string id, string reason, Actor actor, CancellationToken cancellationToken)
    {
        string[] place = id.Split(Between, 2);
        return SpoolPages.Tell(await desk.UploadNowAsync(place[0], place[1], actor, cancellationToken), "Noted: the upload begins within a minute.");
    }

    private static GaveUpLine ToLine(SpoolLine line) => new(
        $"{line.Entry.Spool}{Between}{line.Entry.Name}",
        line.Job is { } job ? $"The file of “{job.Name}”" : $"The file {line.Entry.Name}",
        line.IsUnclaimed ? $"No job knows this trained file of {Bytes.Text(line.Entry.SizeBytes)}"
            : $"{line.Entry.FailedRuns} uploads in a row failed. Last error: {line.Entry.LastError}",
        line.Entry.VerifiedAt,
        line.Job?.Cost,
        "/spool",
        Permissions.UploadFiles,
        line.IsUnclaimed ? "Say on the page Files whose it is, or delete it."
            : line.IsSilent ? $"No portal has the disk of {line.Host ?? "it"}: start that portal again."
            : null)
    {
        Job = line.Entry.Job,
    };
}

/// <summary>Failed jobs that go on only when a person says so.</summary>
internal sealed class GaveUpJobs(ITrainingQueries queries, ITrainingDesk desk, TimeProvider clock) : IGaveUpSource
{
    /// <summary>Whoever wanted a LoRA for longer has asked for another one.</summary>
    public static readonly TimeSpan WaitsFor = TimeSpan.FromDays(30);

    /// <summary>Failures after which a person may have the job tried again as it was.</summary>
    private static readonly FailureCode[] Retryable =
        [.. FailureTable.Rules.Where(static rule => rule.Retry is RetryRule.ByPerson or RetryRule.OnceByItself).Select(static rule => rule.Failure)];

    public string Kind => "jobs";

    public string ReadPermission => Permissions.ReadTraining;

    public string Title => "Jobs that wait for a person";

    public string Means => "Each goes on from the last thing that is proven. Where it must be trained again, a pod is rented, and the user's count and the month's budget are charged as for a new job.";

    public async Task<IReadOnlyList<GaveUpLine>> ReadAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset since = clock.GetUtcNow() - WaitsFor;
        JobFilter filter = new([TrainingState.Failed]) { Failures = Retryable, EndedSince = since };
        JobPage failed = await queries.ListAsync(filter, null, GaveUpReading.MostLines, cancellationToken);
        return
        [
            .. failed.Jobs
                .OrderBy(job => job.CompletedAt)
                .Select(job => new GaveUpLine(
                    job.Id.ToString(),
                    $"“{job.Name}” of {job.CreatorEmail}",
                    $"{job.Failure!.Rule.Message}. {job.Failure.Detail}".Trim(),
                    job.CompletedAt,
                    job.SettledCost,
                    $"/training/{job.Id}",
                    Permissions.RetryTraining,
                    null)
                {
                    Job = job.Id,
                }),
        ];
    }

    public async Task<ActionResult> RetryAsync(string id, string reason, Actor actor, CancellationToken cancellationToken) =>
        JobPageFigures.Tell(await desk.RetryAsync(new JobId(Guid.Parse(id)), actor, cancellationToken));
}
