using LoraAdmin.Platform.Live;

namespace LoraAdmin.Training;

/// <summary>What the page of kept files shows live. Page /spool.</summary>
public static class SpoolPages
{
    public static readonly LiveSource<SpoolBoard> Board = new(
        "training.spool",
        LiveTopics.Training,
        TimeSpan.FromSeconds(5),
        (services, token) => services.GetRequiredService<ISpoolQueries>().ReadAsync(token));

    public static IServiceCollection AddSpoolPages(this IServiceCollection services) => services.AddSingleton<ISpoolQueries, SpoolQueryStore>();
}
