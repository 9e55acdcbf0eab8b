using System.Data;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data.Events;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace LoraAdmin.Platform.Data;

/// <summary>
/// One context and one transaction per run. SQLite: BEGIN IMMEDIATE behind a gate of this process (it has one writer anyway; waiting here blocks no
/// thread). PostgreSQL: READ COMMITTED, because every write that decides something is one guarded statement, which looks at the newest row after
/// waiting for its lock; a stricter level would only turn these waits into failures.
/// </summary>
internal sealed class EfUnitOfWork(LoraDbFactory contexts, StoreRegistry stores, CommitSignal committed, IIds ids, TimeProvider clock)
    : IUnitOfWork, IFixedReads, IDisposable
{
    private const int MaxRuns = 10;
    private const int MaxUniqueRaces = 3;
    private static readonly TimeSpan GateWait = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim sqliteWriter = new(1, 1);

    public async Task<T> RunAsync<T>(Func<IUnit, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(work);
        int uniqueRaces = 0;
        for (int run = 1; ; run++)
        {
            try
            {
                return await RunOnceAsync(work, cancellationToken);
            }
            catch (Exception exception) when (exception is not StoreUnavailableException and not OperationCanceledException)
            {
                switch (DatabaseFailures.Classify(exception))
                {
                    case DatabaseFailure.Contention when run < MaxRuns:
                        break;
                    case DatabaseFailure.UniqueRace when ++uniqueRaces <= MaxUniqueRaces:
                        break;
                    case DatabaseFailure.Contention:
                        throw new StoreUnavailableException($"The database stayed busy through {run} runs; nothing was written.", exception);
                    case DatabaseFailure.Unavailable:
                        throw new StoreUnavailableException("The database could not be reached or could not write.", exception);
                    default:
                        throw;
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(Math.Min(5 << run, 500)), clock, cancellationToken);
        }
    }

    public async Task<T> ReadAsync<T>(Func<IUnit, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(read);
        return await SnapshotAsync(
            contexts.CreateDbContext, (db, token) => read(new EfUnit(db, stores, new EventSink(db, ids, clock)), token), cancellationToken);
    }

    public Task<IReadOnlyList<Answer>> ReadAsync(IReadOnlyList<Statement> statements, CancellationToken cancellationToken) =>
        SnapshotAsync(contexts.CreateForWriting, (db, token) => db.RunAsync(statements, token), cancellationToken);

    public void Dispose() => sqliteWriter.Dispose();

    private async Task<T> RunOnceAsync<T>(Func<IUnit, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        if (contexts.Target is DatabaseTarget.Postgres)
        {
            return await CommitAsync(work, cancellationToken);
        }

        if (!await sqliteWriter.WaitAsync(GateWait, cancellationToken))
        {
            throw new StoreUnavailableException(
                $"Another transaction of this process has been writing for {GateWait.TotalSeconds} seconds; nothing was written.");
        }

        try
        {
            return await CommitAsync(work, cancellationToken);
        }
        finally
        {
            sqliteWriter.Release();
        }
    }

    private async Task<T> CommitAsync<T>(Func<IUnit, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        await using LoraDb db = contexts.CreateForWriting();

        // A failed save dooms the unit anyway; savepoints would cost two round trips each.
        db.Database.AutoSavepointsEnabled = false;
        await using IDbContextTransaction transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        EventSink events = new(db, ids, clock);
        T result = await work(new EfUnit(db, stores, events), cancellationToken);
        if (db.ChangeTracker.HasChanges())
        {
            await db.SendNewAsync(cancellationToken);
            await db.SaveChangesAsync(cancellationToken);
        }

        await db.SendLastAsync(cancellationToken);

        // Past this point the caller's impatience must not leave the outcome open.
        await transaction.CommitAsync(CancellationToken.None);
        if (events.Appended > 0)
        {
            committed.Raise();
        }

        return result;
    }

    private static async Task<T> SnapshotAsync<T>(
        Func<LoraDb> create, Func<LoraDb, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        try
        {
            await using LoraDb db = create();

            // A transaction that is never committed: one snapshot for all reads, and a write made by mistake is gone.
            await using IDbContextTransaction transaction = await BeginReadAsync(db, cancellationToken);
            return await read(db, cancellationToken);
        }
        catch (Exception exception) when (DatabaseFailures.Classify(exception) is DatabaseFailure.Unavailable or DatabaseFailure.Contention)
        {
            throw new StoreUnavailableException("The database could not be reached.", exception);
        }
    }

    private static async Task<IDbContextTransaction> BeginReadAsync(LoraDb db, CancellationToken cancellationToken)
    {
        if (db.IsPostgres)
        {
            return await db.Database.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        }

        await db.Database.OpenConnectionAsync(cancellationToken);
        SqliteTransaction deferred = ((SqliteConnection)db.Database.GetDbConnection()).BeginTransaction(deferred: true);
        IDbContextTransaction? transaction = await db.Database.UseTransactionAsync(deferred, cancellationToken);
        return new OwnedTransaction(transaction!, deferred);
    }
}
