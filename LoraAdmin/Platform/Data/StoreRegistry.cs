using Microsoft.Extensions.DependencyInjection.Extensions;

namespace LoraAdmin.Platform.Data;

/// <summary>Which class implements which store port. A feature says <c>services.AddStore&lt;IPort, Store&gt;()</c>.</summary>
internal sealed class StoreRegistration
{
    public required Type Port { get; init; }

    public required ObjectFactory Create { get; init; }
}

/// <summary>Makes stores bound to one context. A store takes the <see cref="LoraDb"/> and whatever else the container has.</summary>
internal sealed class StoreRegistry(IServiceProvider services, IEnumerable<StoreRegistration> registrations)
{
    private readonly Dictionary<Type, ObjectFactory> factories = registrations.ToDictionary(store => store.Port, store => store.Create);

    public object Create(Type port, LoraDb db) =>
        factories.TryGetValue(port, out ObjectFactory? create)
            ? create(services, [db])
            : throw new InvalidOperationException($"No store is registered for {port.Name}: call services.AddStore<{port.Name}, …>() in its feature.");
}

public static class StoreServices
{
    public static IServiceCollection AddStore<TPort, TStore>(this IServiceCollection services)
        where TPort : class
        where TStore : class, TPort
    {
        ArgumentNullException.ThrowIfNull(services);
        services.TryAddSingleton<StoreRegistry>();
        return services.AddSingleton(new StoreRegistration
        {
            Port = typeof(TPort),
            Create = ActivatorUtilities.CreateFactory(typeof(TStore), [typeof(LoraDb)]),
        });
    }
}
