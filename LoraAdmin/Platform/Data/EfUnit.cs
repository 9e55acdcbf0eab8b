using System.Data.Common;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data.Events;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;

namespace LoraAdmin.Platform.Data;

internal sealed class EfUnit(LoraDb db, StoreRegistry stores, EventSink events) : IUnit
{
    private readonly Dictionary<Type, object> made = [];

    public IEventSink Events => events;

    /// <summary>For queries of the host that join tables of their own feature.</summary>
    public LoraDb Db => db;

    public TStore Store<TStore>() where TStore : class
    {
        if (!made.TryGetValue(typeof(TStore), out object? store))
        {
            made[typeof(TStore)] = store = stores.Create(typeof(TStore), db);
        }

        return (TStore)store;
    }
}

/// <summary>A driver's transaction handed to EF: EF leaves it alone, so this ends it, and with it the connection's use.</summary>
internal sealed class OwnedTransaction(IDbContextTransaction inner, SqliteTransaction owned) : IDbContextTransaction, IInfrastructure<DbTransaction>
{
    public Guid TransactionId => inner.TransactionId;

    DbTransaction IInfrastructure<DbTransaction>.Instance => owned;

    public void Commit() => inner.Commit();

    public Task CommitAsync(CancellationToken cancellationToken = default) => inner.CommitAsync(cancellationToken);

    public void Rollback() => inner.Rollback();

    public Task RollbackAsync(CancellationToken cancellationToken = default) => inner.RollbackAsync(cancellationToken);

    public void Dispose()
    {
        owned.Dispose();
        inner.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        await owned.DisposeAsync();
        await inner.DisposeAsync();
    }
}
