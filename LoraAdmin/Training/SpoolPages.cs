using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Live;
using LoraAdmin.Shell;

namespace LoraAdmin.Training;

/// <summary>What the page of kept files shows live. Page /spool.</summary>
public static class SpoolPages
{
    public static readonly LiveSource<SpoolBoard> Board = new(
        "training.spool",
        LiveTopics.Training,
        TimeSpan.FromSeconds(5),
        (services, token) => services.GetRequiredService<ISpoolQueries>().ReadAsync(token));

    public static IServiceCollection AddSpoolPages(this IServiceCollection services) => services
        .AddSingleton<ISpoolQueries, SpoolQueryStore>()
        .AddSingleton<IGaveUpSource, GaveUpFiles>()
        .AddSingleton<IGaveUpSource, GaveUpJobs>();

    /// <summary>What came of a command about a file.</summary>
    public static ActionResult Tell(SpoolCommandOutcome outcome, string done) => outcome switch
    {
        SpoolCommandOutcome.Noted => new ActionResult(true, done),
        SpoolCommandOutcome.NotFound => new ActionResult(false, "The file is not in the spool any more."),
        SpoolCommandOutcome.HasJob => new ActionResult(false, "A job has the file by now: cancel it, or wait for its end."),
        SpoolCommandOutcome.NoJob => new ActionResult(false, "There is no job with this id: copy it from the job's page."),
        SpoolCommandOutcome.RetryTrainsAgain => new ActionResult(false, "A retry of that job would not use the file: its own failed the validation, or its training images are no good."),
        SpoolCommandOutcome.JobHasFile => new ActionResult(false, "That job has a file of its own, in storage, in a spool or on a kept pod: press “Retry” on it."),
        SpoolCommandOutcome.DiskSilent => new ActionResult(false, "No portal has the file's disk now: start its portal again, then keep the file."),
        SpoolCommandOutcome.HasNewer => new ActionResult(false, "A newer file of the same job is brought to storage, and this one is not."),
        _ => new ActionResult(false, "The job does not wait for a file: only a failed or cancelled one does."),
    };
}
