using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Platform.Data.Contracts;

namespace LoraAdmin.Tests.Platform.Data;

public sealed class OperationStoresOnSqlite : OperationStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Sqlite);
}

public sealed class OperationStoresOnPostgres : OperationStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Postgres);
}

public sealed class OperationStoresInMemory : OperationStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => MemoryRuns.New();
}
