using System.Data.Common;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Npgsql;
using Xunit;

namespace LoraAdmin.Tests.Budget;

/// <summary>
/// A database that fails statements that write the ledger, before they have done anything and after, and commits, before they took effect and after: then
/// nobody hears that they did. It also hears of every commit.
/// </summary>
internal sealed class StormFaults(StormTally tally, int seed) : DbTransactionInterceptor
{
    private const string Word = "storm";
    private const string Before = "before";
    private const string After = "after";
    private const string AtCommit = "commit";
    private const string AnswerLost = "lost";

    /// <summary>One in so many rows. A unit writes one or two of days and months, and may write hundreds of the others.</summary>
    private static readonly (string Table, int OneOf)[] Tables =
        [("budget_reservations", 500), ("budget_entries", 500), ("budget_days", 70), ("budget_months", 70)];

    private const int CommitsOneOf = 50;

    private static readonly string OnPostgres =
        $"""
        CREATE FUNCTION {Word}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF random() * TG_ARGV[1]::int < 1 THEN RAISE EXCEPTION '{Word} %', TG_ARGV[0]; END IF;
            RETURN NEW;
        END $$;
        CREATE CONSTRAINT TRIGGER {Word}_commit AFTER INSERT OR UPDATE ON budget_days DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION {Word}('{AtCommit}', '{CommitsOneOf}');
        {string.Concat(from one in Tables from when in new[] { Before, After } select
            $"CREATE TRIGGER {Word}_{when} {when} INSERT OR UPDATE ON {one.Table} FOR EACH ROW EXECUTE FUNCTION {Word}('{when}', '{one.OneOf}');")}
        """;

    // A commit fails by a key that is looked for only then.
    private static readonly string OnSqlite =
        $"""
        CREATE TABLE {Word}_parents (id INTEGER PRIMARY KEY);
        CREATE TABLE {Word}_children (parent INTEGER NOT NULL REFERENCES {Word}_parents (id) DEFERRABLE INITIALLY DEFERRED);
        {string.Concat(from how in new[] { "INSERT", "UPDATE" } select
            $"CREATE TRIGGER {Word}_commit_{how} AFTER {how} ON budget_days WHEN abs(random() % {CommitsOneOf}) = 0 BEGIN INSERT INTO {Word}_children (parent) VALUES (-1); END;")}
        {string.Concat(from one in Tables from when in new[] { Before, After } from how in new[] { "INSERT", "UPDATE" } select
            $"CREATE TRIGGER {Word}_{when}_{how}_{one.Table} {when} {how} ON {one.Table} WHEN abs(random() % {one.OneOf}) = 0 BEGIN SELECT RAISE(ABORT, '{Word} {when}'); END;")}
        """;

    private readonly Random random = new(seed);
    private readonly Lock gate = new();
    private volatile bool areOn;

    /// <summary>Runs when a unit has committed and, on SQLite, before another one can begin. Is given the number of the commit.</summary>
    public Func<int, Task> OnCommit { get; set; } = static _ => Task.CompletedTask;

    public async Task StartAsync(TestDatabase database)
    {
        await RunAsync(database, OnPostgres, OnSqlite);
        areOn = true;
    }

    public async Task EndAsync(TestDatabase database)
    {
        areOn = false;
        await RunAsync(
            database,
            $"DROP FUNCTION {Word}() CASCADE",
            string.Concat(from how in new[] { "INSERT", "UPDATE" } select $"DROP TRIGGER {Word}_commit_{how};")
                + string.Concat(from one in Tables from when in new[] { Before, After } from how in new[] { "INSERT", "UPDATE" } select $"DROP TRIGGER {Word}_{when}_{how}_{one.Table};"));
    }

    /// <summary>What this class did to whoever caught it; null: it was not this class.</summary>
    public static StormEvent? KindOf(Exception failure) => failure switch
    {
        StoreUnavailableException { InnerException: { } inner } => KindOf(inner),
        DbUpdateException { InnerException: { } inner } => KindOf(inner),
        SqliteException { SqliteExtendedErrorCode: 787 } => StormEvent.CommitFailed,
        SqliteException or NpgsqlException when failure.Message.Contains($"{Word} {Before}", StringComparison.Ordinal) => StormEvent.FailedBefore,
        SqliteException or NpgsqlException when failure.Message.Contains($"{Word} {After}", StringComparison.Ordinal) => StormEvent.FailedAfter,
        SqliteException or NpgsqlException when failure.Message.Contains($"{Word} {AtCommit}", StringComparison.Ordinal) => StormEvent.CommitFailed,
        SqliteException or NpgsqlException when failure.Message.Contains($"{Word} {AnswerLost}", StringComparison.Ordinal) => StormEvent.AnswerLost,
        _ => null,
    };

    /// <summary>It was this class, all of it.</summary>
    public static bool IsPlanned(Exception failure) =>
        failure is AggregateException several ? several.InnerExceptions.All(IsPlanned) : KindOf(failure) is not null;

    /// <summary>The connection broke while the unit committed.</summary>
    public override ValueTask<InterceptionResult> TransactionCommittingAsync(
        DbTransaction transaction, TransactionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default)
    {
        Throw(eventData, AtCommit, oneOf: 40);
        return ValueTask.FromResult(result);
    }

    public override async Task TransactionCommittedAsync(
        DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        await OnCommit(tally.Count(StormEvent.Commit));
        Throw(eventData, AnswerLost, oneOf: 12);
    }

    private void Throw(TransactionEventData eventData, string when, int oneOf)
    {
        lock (gate)
        {
            if (!areOn || random.Next(oneOf) > 0)
            {
                return;
            }
        }

        string text = $"{Word} {when}";
        throw eventData.Context is LoraDb { IsPostgres: true } ? new NpgsqlException(text, new IOException(text)) : new SqliteException(text, 10);
    }

    private static async Task RunAsync(TestDatabase database, string postgres, string sqlite)
    {
        await using LoraDb db = database.NewContext();
        await db.Database.ExecuteSqlRawAsync(db.IsPostgres ? postgres : sqlite, TestContext.Current.CancellationToken);
    }
}
