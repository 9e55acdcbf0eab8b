using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Platform.Data.Contracts;

namespace LoraAdmin.Tests.Platform.Data;

// What is kept of the provider's money, on each kind of store.

public sealed class BillsOnSqlite : BillContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Sqlite);
}

public sealed class BillsOnPostgres : BillContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Postgres);
}

public sealed class BillsInMemory : BillContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => MemoryRuns.New();
}

public sealed class GpuPricesOnSqlite : GpuPriceContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Sqlite);
}

public sealed class GpuPricesOnPostgres : GpuPriceContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Postgres);
}

public sealed class GpuPricesInMemory : GpuPriceContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => MemoryRuns.New();
}

public sealed class BalancesOnSqlite : BalanceContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Sqlite);
}

public sealed class BalancesOnPostgres : BalanceContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Postgres);
}

public sealed class BalancesInMemory : BalanceContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => MemoryRuns.New();
}

public sealed class BudgetOfPodsOnSqlite : BudgetOfPodsContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Sqlite);
}

public sealed class BudgetOfPodsOnPostgres : BudgetOfPodsContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Postgres);
}

public sealed class BudgetOfPodsInMemory : BudgetOfPodsContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => MemoryRuns.New();
}
