namespace LoraAdmin.Platform.LocalCloud;

/// <summary>What is to happen to one call on the portal's own store or spool.</summary>
/// <param name="Seconds">As it was set; null: what holds when it was not given.</param>
public sealed record StoreFault(string Kind, double? Seconds)
{
    /// <summary><see cref="Seconds"/> as a length, or what holds when it was not given.</summary>
    public TimeSpan Length(double otherwise) => TimeSpan.FromSeconds(Seconds ?? otherwise);
}

/// <summary>Uses up one hit of the first of these kinds that fits; null: all goes well.</summary>
/// <param name="kinds">Of <see cref="FaultKind.IsOfStores"/>, the one that goes before the others first.</param>
/// <param name="subject"><c>bucket/key</c>, or the file's name in the spool.</param>
public delegate Task<StoreFault?> TakeStoreFault(IReadOnlyList<string> kinds, string subject, CancellationToken cancellationToken);

/// <summary>
/// The faults of stores, for the decorators that play them. Nothing fails before the portal was started: a command that tries the stores beside a
/// running portal must neither use up that portal's faults nor open the journal that it holds.
/// </summary>
/// <param name="source">Called once, at start.</param>
public sealed class StoreFaults(Func<TakeStoreFault> source) : IHostedService
{
    private volatile TakeStoreFault? take;

    public Task<StoreFault?> TakeAsync(IReadOnlyList<string> kinds, string subject, CancellationToken cancellationToken) =>
        take is { } started ? started(kinds, subject, cancellationToken) : Task.FromResult<StoreFault?>(null);

    public Task StartAsync(CancellationToken cancellationToken)
    {
        take = source();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
