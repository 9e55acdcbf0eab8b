using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Platform.Data.Contracts;

namespace LoraAdmin.Tests.Platform.Data;

// The simulation's stores keep the same promises as the databases: what it finds there would happen here.

public sealed class TrainingStoreInMemory : TrainingStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => MemoryRuns.New();
}

public sealed class BudgetStoreInMemory : BudgetStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => MemoryRuns.New();
}

public sealed class LimitsStoreInMemory : LimitsStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => MemoryRuns.New();
}

public sealed class LoraStoreInMemory : LoraStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => MemoryRuns.New();
}

public sealed class SpoolStoreInMemory : SpoolStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => MemoryRuns.New();
}

public sealed class AccessStoreInMemory : AccessStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => MemoryRuns.New();
}

public sealed class IdempotencyInMemory : IdempotencyContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => MemoryRuns.New();
}

public sealed class UnitOfWorkInMemory : UnitOfWorkContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => MemoryRuns.New();
}
