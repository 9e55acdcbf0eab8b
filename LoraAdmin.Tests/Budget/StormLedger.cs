using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using Microsoft.EntityFrameworkCore;
using Xunit;

namespace LoraAdmin.Tests.Budget;

/// <summary>
/// Looks at every commit: a month is what its entries come to, and whoever adds to what it holds reserved leaves it within the limit that holds then. SQLite has
/// one writer, so everything is looked at after each commit. On PostgreSQL units commit side by side: there the database itself looks, at the commit, at the
/// months that the unit has taken, and the rest is seen in snapshots.
/// </summary>
internal sealed class StormLedger(TestDatabase database, StormTally tally)
{
    private const string Word = "storm_watch";

    /// <summary>After one commit of so many PostgreSQL shows everything in one snapshot, while others go on.</summary>
    private const int OneOf = 10;

    private const string OnPostgres =
        $"""
        CREATE FUNCTION {Word}_month() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE difference bigint; BEGIN
            SELECT abs(m.spent_micros - e.spent) + abs(m.reserved_micros - e.reserved) INTO difference FROM budget_months m,
                (SELECT COALESCE(SUM(spent_micros), 0) AS spent, COALESCE(SUM(reserved_micros), 0) AS reserved FROM budget_entries WHERE month = NEW.month) AS e
            WHERE m.month = NEW.month;
            IF difference <> 0 THEN RAISE EXCEPTION 'A commit leaves % by % beside its entries', NEW.month, difference; END IF;
            RETURN NULL;
        END $$;
        CREATE FUNCTION {Word}_room() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE kept budget_months; BEGIN
            -- What was refused has been taken back by now.
            SELECT m.* INTO kept FROM budget_months m WHERE m.month = NEW.month AND EXISTS (SELECT 1 FROM budget_entries WHERE key = NEW.key);
            IF kept.override_mode = 'soft' AND kept.spent_micros >= kept.limit_micros
                OR COALESCE(kept.override_mode, 'hard') = 'hard' AND kept.spent_micros + kept.reserved_micros > kept.limit_micros
            THEN RAISE EXCEPTION 'A commit that adds % leaves too much in %', NEW.key, kept; END IF;
            RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER {Word}_month AFTER INSERT OR UPDATE ON budget_months DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION {Word}_month();
        CREATE CONSTRAINT TRIGGER {Word}_entries AFTER INSERT ON budget_entries DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW WHEN (NEW.kind IN ('reserve', 'top_up')) EXECUTE FUNCTION {Word}_room();
        """;

    // An addition sets the limit that it was held against.
    private const string Room =
        """
        SELECT month, (SELECT COUNT(*) FROM budget_entries e WHERE e.month = m.month AND e.kind IN ('reserve', 'top_up')),
            CASE WHEN override_mode = 'soft' THEN spent_micros < limit_micros ELSE spent_micros + reserved_micros <= limit_micros END, spent_micros, reserved_micros, limit_micros
        FROM budget_months m
        """;

    private readonly Dictionary<string, long> added = [];

    public async Task StartAsync(StormFaults commits)
    {
        await using LoraDb db = database.NewContext();
        if (db.IsPostgres)
        {
            await db.Database.ExecuteSqlRawAsync(OnPostgres, TestContext.Current.CancellationToken);
        }

        int every = db.IsPostgres ? OneOf : 1;
        commits.OnCommit = number => number % every == 0 ? LookAsync(TestContext.Current.CancellationToken) : Task.CompletedTask;
    }

    public async Task LookAsync(CancellationToken cancellationToken)
    {
        await database.Work.ReadAsync(
            async (unit, token) =>
            {
                await StormCheck.RunAsync(unit, token);
                if (!((EfUnit)unit).Db.IsPostgres)
                {
                    await CheckRoomAsync(unit, token);
                }

                return true;
            },
            cancellationToken);
        tally.Count(StormEvent.Look);
    }

    /// <summary>Of months to which the last commit has added.</summary>
    private async Task CheckRoomAsync(IUnit unit, CancellationToken cancellationToken)
    {
        foreach (IReadOnlyList<object> row in (await ((EfUnit)unit).Db.RunAsync([new Statement(Room, []) { Returns = true }], cancellationToken))[0].Rows)
        {
            (string month, long count) = ((string)row[0], Cell.Number(row[1]));
            Assert.True(
                count <= added.GetValueOrDefault(month) || Cell.Number(row[2]) == 1,
                $"A commit that adds to {month} leaves {row[3]} spent and {row[4]} reserved of {row[5]}.");
            added[month] = count;
        }
    }
}
