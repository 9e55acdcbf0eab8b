using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Platform.Data.Contracts;

namespace LoraAdmin.Tests.Platform.Data;

// Each contract on each database: a temporary SQLite file and a database of the run's own PostgreSQL cluster.

public sealed class TrainingStoreOnSqlite : TrainingStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Sqlite);
}

public sealed class TrainingStoreOnPostgres : TrainingStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Postgres);
}

public sealed class BudgetStoreOnSqlite : BudgetStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Sqlite);
}

public sealed class BudgetStoreOnPostgres : BudgetStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Postgres);
}

public sealed class LimitsStoreOnSqlite : LimitsStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Sqlite);
}

public sealed class LimitsStoreOnPostgres : LimitsStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Postgres);
}

public sealed class PodLedgerOnSqlite : PodLedgerContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Sqlite);
}

public sealed class PodLedgerOnPostgres : PodLedgerContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Postgres);
}

public sealed class LoraStoreOnSqlite : LoraStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Sqlite);
}

public sealed class LoraStoreOnPostgres : LoraStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Postgres);
}

public sealed class SpoolStoreOnSqlite : SpoolStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Sqlite);
}

public sealed class SpoolStoreOnPostgres : SpoolStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Postgres);
}

public sealed class AccessStoreOnSqlite : AccessStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Sqlite);
}

public sealed class AccessStoreOnPostgres : AccessStoreContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Postgres);
}

public sealed class IdempotencyOnSqlite : IdempotencyContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Sqlite);
}

public sealed class IdempotencyOnPostgres : IdempotencyContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Postgres);

    [Fact]
    public async Task Key_OfARequestUnderWayOnAnotherInstance_IsInFlightUntilItsEnd()
    {
        IdempotencyRecord first = new(NextId(), "key", "hash", NextJob(), new LoraId(NextId()), Start);
        IdempotencyRecord second = first with { Job = NextJob() };

        await Work.RunAsync(
            async (unit, token) =>
            {
                Assert.Equal(first, await unit.Store<IIdempotencyStore>().ClaimAsync(first, Start.AddDays(-7), token));
                Assert.Null(await Claim(second));
                Assert.Equal("another", (await Claim(second with { Key = "another" }))!.Key);
            },
            None);

        Assert.Equal(first, await Claim(second));
    }
}

public sealed class UnitOfWorkOnSqlite : UnitOfWorkContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Sqlite);
}

public sealed class UnitOfWorkOnPostgres : UnitOfWorkContract
{
    protected override ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync() => DatabaseRuns.OnAsync(DatabaseKind.Postgres);
}

internal static class DatabaseRuns
{
    public static async ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> OnAsync(DatabaseKind kind)
    {
        TestDatabase database = await TestDatabase.CreateAsync(kind);
        return (database.Work, database);
    }
}
