using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Live;

namespace LoraAdmin.Training;

/// <param name="Detail">Null: there is certainly no such job.</param>
public sealed record JobLookup(JobDetail? Detail);

/// <summary>What the training pages show live.</summary>
public static class TrainingPageLive
{
    public const int PageSize = 50;

    public static readonly LiveSource<OverviewFigures> Overview = new(
        "training.overview",
        LiveTopics.Training,
        TimeSpan.FromSeconds(2),
        (services, token) => services.GetRequiredService<ITrainingQueries>().OverviewAsync(token));

    public static readonly LiveSource<JobPage> Latest = new(
        "training.latest",
        LiveTopics.Training,
        TimeSpan.FromSeconds(2),
        (services, token) => services.GetRequiredService<ITrainingQueries>().ListAsync(new JobFilter(), null, 10, token));

    public static LiveSource<JobPage> FirstPage(JobListAddress address) => new(
        $"training.list{address.WithoutCursor().ToUri()}",
        LiveTopics.Training,
        TimeSpan.FromSeconds(2),
        (services, token) => services.GetRequiredService<ITrainingQueries>().ListAsync(address.ToFilter(), null, PageSize, token));

    public static LiveSource<JobLookup> Job(JobId id) => new(
        $"training.job.{id}",
        LiveTopics.Training,
        TimeSpan.FromSeconds(1),
        async (services, token) => new JobLookup(await services.GetRequiredService<ITrainingQueries>().FindAsync(id, token)));
}
