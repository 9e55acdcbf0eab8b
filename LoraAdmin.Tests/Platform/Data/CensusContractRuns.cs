using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Platform.Data.Contracts;

namespace LoraAdmin.Tests.Platform.Data;

public sealed class CensusStoresOnSqlite : CensusStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Sqlite);
}

public sealed class CensusStoresOnPostgres : CensusStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Postgres);
}

public sealed class CensusStoresInMemory : CensusStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => MemoryRuns.New();
}
