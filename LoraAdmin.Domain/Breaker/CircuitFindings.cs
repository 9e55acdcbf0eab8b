namespace LoraAdmin.Domain.Breaker;

/// <summary>An opening of a worker's own.</summary>
/// <param name="Causes">The failures that opened it.</param>
public sealed record FoundTrip(DateTimeOffset Until, IReadOnlyList<CircuitFailure> Causes);

/// <summary>What a worker found by itself while the store was away, and the store can't know.</summary>
/// <param name="Generation">Of the worker's own breaker: results that it allowed carry it.</param>
/// <param name="Trips">Since the last healthy day.</param>
/// <param name="Failures">Counted since by this worker alone, those that opened it too.</param>
/// <param name="Trip">Null: it did not open by itself, or it has closed again.</param>
/// <param name="Isolation">Null: it was not isolated meanwhile.</param>
public sealed record CircuitFindings(long Generation, int Trips, IReadOnlyList<CircuitFailure> Failures, FoundTrip? Trip, Isolation? Isolation)
{
    /// <summary>Null: nothing. A closing of its own is none, because the stricter of both holds.</summary>
    /// <param name="seed">As the store was last seen.</param>
    /// <param name="local">What the worker has gone by since, which began as <paramref name="seed"/>.</param>
    public static CircuitFindings? Of(Circuit seed, Circuit local)
    {
        ArgumentNullException.ThrowIfNull(seed);
        ArgumentNullException.ThrowIfNull(local);
        FoundTrip? trip = local is { IsOpen: true, OpenedAt: { } at, OpenUntil: { } until } && at != seed.OpenedAt ? new FoundTrip(until, local.Causes) : null;
        HashSet<string> seeded = [.. seed.Failures.Select(failure => failure.Id)];
        CircuitFailure[] own = [.. (trip?.Causes ?? []).Concat(local.Failures).Where(failure => !seeded.Contains(failure.Id))];
        Isolation? isolation = local.Isolation == seed.Isolation ? null : local.Isolation;
        return own.Length > 0 || trip is not null || isolation is not null ? new CircuitFindings(local.Generation, local.Trips, own, trip, isolation) : null;
    }
}
