using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Platform.Data.Contracts;
using LoraAdmin.Tests.Simulation.Memory;

namespace LoraAdmin.Tests.Platform.Data;

// The stores that the pod loop, the breaker and the incidents stand on, on each kind of store, the simulation's memory included.

public sealed class PodLedgerInMemory : PodLedgerContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => MemoryRuns.New();
}

public sealed class PodClaimsOnSqlite : PodClaimContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Sqlite);
}

public sealed class PodClaimsOnPostgres : PodClaimContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Postgres);
}

public sealed class PodClaimsInMemory : PodClaimContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => MemoryRuns.New();
}

public sealed class AccountLooksOnSqlite : AccountLookContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Sqlite);
}

public sealed class AccountLooksOnPostgres : AccountLookContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Postgres);
}

public sealed class AccountLooksInMemory : AccountLookContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => MemoryRuns.New();
}

public sealed class TrainingPauseOnSqlite : TrainingPauseContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Sqlite);
}

public sealed class TrainingPauseOnPostgres : TrainingPauseContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Postgres);
}

public sealed class TrainingPauseInMemory : TrainingPauseContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => MemoryRuns.New();
}

public sealed class IncidentsOnSqlite : IncidentContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Sqlite);
}

public sealed class IncidentsOnPostgres : IncidentContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Postgres);
}

public sealed class IncidentsInMemory : IncidentContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => MemoryRuns.New();
}

internal static class MemoryRuns
{
    public static ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> New()
    {
        MemoryDatabase database = new(TimeProvider.System);
        return ValueTask.FromResult<(IUnitOfWork, IAsyncDisposable?)>((database, new Disposing(database)));
    }

    private sealed class Disposing(MemoryDatabase database) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            database.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}

public sealed class BreakerToldOnSqlite : BreakerToldContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Sqlite);
}

public sealed class BreakerToldOnPostgres : BreakerToldContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Postgres);
}

public sealed class BreakerToldInMemory : BreakerToldContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => MemoryRuns.New();
}

public sealed class ClockDifferencesOnSqlite : ClockDifferenceContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Sqlite);
}

public sealed class ClockDifferencesOnPostgres : ClockDifferenceContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Postgres);
}

public sealed class ClockDifferencesInMemory : ClockDifferenceContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => MemoryRuns.New();
}
