namespace LoraAdmin.Domain.Shared;

/// <summary>Walks items so that one that fails does not keep the others from their turn.</summary>
public static class Each
{
    /// <summary>Acts on each item, in order. The first failure leaves the rest only when the database is away: they would fail as well.</summary>
    /// <exception cref="AggregateException">What failed, after every item has had its turn.</exception>
    /// <exception cref="StoreUnavailableException">The database is away.</exception>
    public static async Task InTurnAsync<T>(IEnumerable<T> items, Func<T, CancellationToken, Task> act, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(items);
        ArgumentNullException.ThrowIfNull(act);
        List<Exception> failures = [];
        foreach (T item in items)
        {
            try
            {
                await act(item, cancellationToken);
            }
            catch (Exception failure) when (failure is not StoreUnavailableException and not OperationCanceledException)
            {
                failures.Add(failure);
            }
        }

        if (failures.Count > 0)
        {
            throw new AggregateException(failures);
        }
    }
}
