using LoraAdmin.Domain.Alerts;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Live;
using LoraAdmin.Shell;

namespace LoraAdmin.Alerts;

/// <summary>Open incidents: the worst of them one by one, all of them by number.</summary>
/// <param name="Worst">Worst first, then oldest first.</param>
/// <param name="Counts">Of all that are open, by rule.</param>
public sealed record OpenAttention(IReadOnlyList<Incident> Worst, IReadOnlyList<OpenCount> Counts);

public interface IIncidentQueries
{
    /// <param name="max">How many are listed; all are counted.</param>
    /// <exception cref="StoreUnavailableException">The database is away: show that, never "nothing".</exception>
    Task<OpenAttention> ReadOpenAsync(int max, CancellationToken cancellationToken);
}

internal sealed class IncidentQueries(IUnitOfWork work) : IIncidentQueries
{
    public Task<OpenAttention> ReadOpenAsync(int max, CancellationToken cancellationToken) => work.ReadAsync(
        async (unit, token) =>
        {
            IIncidentStore incidents = unit.Store<IIncidentStore>();
            return new OpenAttention(await incidents.ListOpenAsync(max, token), await incidents.CountOpenAsync(token));
        },
        cancellationToken);
}

/// <summary>What needs attention: heads the overview, and counts in the menu.</summary>
public static class AlertsPages
{
    /// <summary>More than anybody reads: what comes in crowds is one line. Those beyond are counted.</summary>
    public const int Most = 500;

    /// <summary>From more lines on, the menu counts no further.</summary>
    public const int MostCounted = 99;

    public static readonly LiveSource<OpenAttention> Open = new(
        "alerts.open",
        LiveTopics.Training,
        TimeSpan.FromSeconds(3),
        (services, token) => services.GetRequiredService<IIncidentQueries>().ReadOpenAsync(Most, token));

    public static IServiceCollection AddAlertPages(this IServiceCollection services)
    {
        services.AddSingleton<IIncidentQueries, IncidentQueries>();
        services.AddSingleton(new Slot(SlotPlaces.OverviewHead, typeof(NeedsAttention)));
        services.AddSingleton(new Slot(SlotPlaces.OverviewLink, typeof(AttentionCount)));
        return services;
    }
}
