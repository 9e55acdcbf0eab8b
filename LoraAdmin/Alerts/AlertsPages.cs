using LoraAdmin.Domain.Alerts;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Live;
using LoraAdmin.Shell;

namespace LoraAdmin.Alerts;

/// <summary>Open incidents, worst first, then oldest first.</summary>
public interface IIncidentQueries
{
    /// <exception cref="StoreUnavailableException">The database is away: show that, never "nothing".</exception>
    Task<IReadOnlyList<Incident>> ListOpenAsync(int max, CancellationToken cancellationToken);
}

internal sealed class IncidentQueries(IUnitOfWork work) : IIncidentQueries
{
    public Task<IReadOnlyList<Incident>> ListOpenAsync(int max, CancellationToken cancellationToken) =>
        work.ReadAsync((unit, token) => unit.Store<IIncidentStore>().ListOpenAsync(max, token), cancellationToken);
}

/// <summary>What needs attention: heads the overview, and counts in the menu.</summary>
public static class AlertsPages
{
    /// <summary>More than anybody reads: what comes in crowds is one line.</summary>
    public const int Most = 500;

    /// <summary>From more lines on, the menu counts no further.</summary>
    public const int MostCounted = 99;

    public static readonly LiveSource<IReadOnlyList<Incident>> Open = new(
        "alerts.open",
        LiveTopics.Training,
        TimeSpan.FromSeconds(3),
        (services, token) => services.GetRequiredService<IIncidentQueries>().ListOpenAsync(Most, token));

    public static IServiceCollection AddAlertPages(this IServiceCollection services)
    {
        services.AddSingleton<IIncidentQueries, IncidentQueries>();
        services.AddSingleton(new Slot(SlotPlaces.OverviewHead, typeof(NeedsAttention)));
        services.AddSingleton(new Slot(SlotPlaces.OverviewLink, typeof(AttentionCount)));
        return services;
    }
}
