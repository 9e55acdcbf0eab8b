using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Live;
using LoraAdmin.Shell;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Pods;

/// <summary>What the pods page and the overview's tile show live, and what they are made of. Page /pods.</summary>
public static class PodPages
{
    public static readonly LiveSource<PodsBoard> Board = new(
        "pods.board",
        LiveTopics.Training,
        TimeSpan.FromSeconds(2),
        (services, token) => services.GetRequiredService<IPodQueries>().ReadAsync(token));

    public static IServiceCollection AddPodPages(this IServiceCollection services)
    {
        services.AddSingleton<IPodDesk>(provider => provider.GetRequiredService<PodDesk>());
        services.AddSingleton<IPodQueries>(provider => new PodQueriesStore(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<Func<Installation>>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ClockStandings>(),
            Usd.FromDollars(provider.GetRequiredService<IOptions<RunPodOptions>>().Value.WorstHourlyPriceUsd)));
        services.AddSingleton<IGaveUpSource, GaveUpPods>();
        services.AddSingleton(new Slot(SlotPlaces.OverviewTiles, typeof(PodsTile)));
        return services;
    }
}
