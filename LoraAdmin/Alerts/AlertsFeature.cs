using LoraAdmin.Domain.Alerts;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using LoraAdmin.Platform.Data.Events;

namespace LoraAdmin.Alerts;

/// <summary>What is wrong now: tables <c>incidents</c>, <c>incident_facts</c>, <c>incident_ends</c>, kept by a consumer of facts.</summary>
public static class AlertsFeature
{
    public static IServiceCollection AddAlerts(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddStore<IIncidentStore, IncidentStore>();
        services.AddStore<IOpenIncidents, OpenIncidentStore>();
        services.AddSingleton(new ExpiredRows("incident_facts", IncidentStore.DeleteConsumedFactsAsync));
        services.AddSingleton<IncidentKeeper>();
        services.AddSingleton<IEventConsumer, IncidentConsumer>();
        return services;
    }
}
