using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Live;
using LoraAdmin.Shell;

namespace LoraAdmin.Training;

/// <summary>The switches over all trainings on the pages: the pause's banner above every page, "stop everything" on the pods page.</summary>
public static class SwitchPages
{
    public static readonly LiveSource<SwitchFigures> Figures = new(
        "training.switches",
        LiveTopics.Training,
        TimeSpan.FromSeconds(3),
        (services, token) => services.GetRequiredService<ISwitchQueries>().ReadAsync(token));

    public static IServiceCollection AddSwitchPages(this IServiceCollection services)
    {
        services.AddSingleton<ISwitchQueries, SwitchQueryStore>();
        services.AddSingleton<ITrainingSwitches>(provider => provider.GetRequiredService<TrainingSwitches>());
        services.AddSingleton(new Slot(SlotPlaces.Banner, typeof(PauseBanner)));
        services.AddSingleton(new Slot(SlotPlaces.PodsHead, typeof(StopEverything)));
        services.AddSingleton(new Slot(SlotPlaces.PodsNotice, typeof(StopProgress)));
        return services;
    }
}
