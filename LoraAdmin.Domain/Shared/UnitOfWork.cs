namespace LoraAdmin.Domain.Shared;

/// <summary>
/// One transaction across features: all stores of a unit are bound to one database context. Only this commits across features.
/// </summary>
public interface IUnitOfWork
{
    /// <summary>
    /// Runs <paramref name="work"/> in one transaction and commits it. When the database is busy or two transactions collide it is rolled back and
    /// run again, and also when the function throws <see cref="ConcurrentWriteException"/>, so it must have no effect outside the unit. An exception rolls everything back.
    /// </summary>
    /// <exception cref="StoreUnavailableException">
    /// The database could not be reached or stayed busy; nothing was written, unless it went away while it committed. That is never repeated here: whoever
    /// asks again looks first, or asks for what is done once under one id or key.
    /// </exception>
    Task<T> RunAsync<T>(Func<IUnit, CancellationToken, Task<T>> work, CancellationToken cancellationToken);

    /// <summary>Runs reads on one context without holding a write lock. Writes made here are not committed.</summary>
    /// <exception cref="StoreUnavailableException">The database could not be reached.</exception>
    Task<T> ReadAsync<T>(Func<IUnit, CancellationToken, Task<T>> read, CancellationToken cancellationToken);
}

/// <summary>The stores and the event sink of one running transaction. Not to be kept after the function returns; not thread safe.</summary>
public interface IUnit
{
    /// <summary>The store that implements the port <typeparamref name="TStore"/>, bound to this transaction.</summary>
    TStore Store<TStore>() where TStore : class;

    IEventSink Events { get; }
}

public static class UnitOfWorkExtensions
{
    public static Task RunAsync(this IUnitOfWork unitOfWork, Func<IUnit, CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unitOfWork);
        return unitOfWork.RunAsync(
            async (unit, token) =>
            {
                await work(unit, token);
                return true;
            },
            cancellationToken);
    }
}

/// <summary>
/// Thrown inside a unit of work when a row was written by somebody else since it was read: the unit rolls back and runs the function again.
/// </summary>
public sealed class ConcurrentWriteException : Exception
{
    public ConcurrentWriteException()
    {
    }

    public ConcurrentWriteException(string message)
        : base(message)
    {
    }

    public ConcurrentWriteException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>The database is away or stayed busy: nothing was written, unless it went away while it committed. The caller tries again later.</summary>
public sealed class StoreUnavailableException : Exception
{
    public StoreUnavailableException()
    {
    }

    public StoreUnavailableException(string message)
        : base(message)
    {
    }

    public StoreUnavailableException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
