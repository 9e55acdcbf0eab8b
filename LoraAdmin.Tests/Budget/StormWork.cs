using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using Npgsql;

namespace LoraAdmin.Tests.Budget;

internal enum StormEvent
{
    Commit,

    /// <summary>The whole ledger was looked at.</summary>
    Look,

    /// <summary>A reservation was refused for want of room.</summary>
    Refused,

    /// <summary>A unit died with all its work done.</summary>
    Died,

    /// <summary>A statement failed before it did anything.</summary>
    FailedBefore,

    /// <summary>A statement failed when it had done its work.</summary>
    FailedAfter,

    /// <summary>A commit failed before it took effect.</summary>
    CommitFailed,

    /// <summary>A commit took effect, and nobody heard that it did.</summary>
    AnswerLost,

    /// <summary>Whoever did not hear that a job was admitted asked again, and found it.</summary>
    FoundAgain,

    /// <summary>Units waited for each other in a circle.</summary>
    Deadlock,
}

/// <summary>What came of a storm.</summary>
internal sealed class StormTally
{
    private readonly int[] counts = new int[Enum.GetValues<StormEvent>().Length];

    public int this[StormEvent what] => Volatile.Read(ref counts[(int)what]);

    /// <returns>How often it came by now.</returns>
    public int Count(StormEvent what) => Interlocked.Increment(ref counts[(int)what]);

    public override string ToString() => string.Join(", ", Enum.GetValues<StormEvent>().Select(what => $"{what} {this[what]}"));
}

/// <summary>Units of a storm, and what the database did to them.</summary>
internal sealed class StormWork(TestDatabase database, StormTally tally) : IUnitOfWork
{
    public async Task<T> RunAsync<T>(Func<IUnit, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        try
        {
            return await database.Work.RunAsync(
                async (unit, token) =>
                {
                    try
                    {
                        return await work(unit, token);
                    }
                    catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.DeadlockDetected)
                    {
                        // It runs again by itself; that it had to is what the order of locks is there against.
                        tally.Count(StormEvent.Deadlock);
                        throw;
                    }
                },
                cancellationToken);
        }
        catch (Exception failure) when (StormFaults.KindOf(failure) is { } kind)
        {
            tally.Count(kind);
            throw;
        }
    }

    public Task<T> ReadAsync<T>(Func<IUnit, CancellationToken, Task<T>> read, CancellationToken cancellationToken) => database.Work.ReadAsync(read, cancellationToken);
}
