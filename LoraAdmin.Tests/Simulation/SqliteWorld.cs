using System.Data.Common;
using LoraAdmin.Budget;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Library;
using LoraAdmin.Limits;
using LoraAdmin.Platform.Data;
using LoraAdmin.Platform.Data.Events;
using LoraAdmin.Pods;
using LoraAdmin.Storage;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation.Memory;
using LoraAdmin.Training;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Tests.Simulation;

/// <summary>
/// A world whose portal works on the production stores and a SQLite file. What is committed there is read back row by row into the world's database in
/// memory, so that everything that looks at the world looks at the file. Triggers of this test alone note which rows were written.
/// </summary>
internal sealed class SqliteWorld : IAsyncDisposable
{
    private const string Memory = "/dev/shm";

    private static readonly string[] Tables =
    [
        "training_progress", "training_attempts", "pod_ledger", "budget_months", "budget_reservations", "budget_entries", "user_training_limits",
        "limit_charges", "lora_models", "validation_images", "spool_files", "spool_instances", "hosted_trainings", "operational_events",
    ];

    private readonly TestDatabase database;
    private readonly LoraDb db;
    private readonly DbCommand written;
    private readonly DbCommand look;
    private readonly Dictionary<string, Delegate> queries = [];
    private long seen;

    private SqliteWorld(SimulatedWorld world, TestDatabase database)
    {
        World = world;
        this.database = database;
        db = database.NewContext();
        written = Command("SELECT number, table_name FROM simulation_changes WHERE number > $1 ORDER BY number", 1);
        look = Command("UPDATE simulation_look SET after = $1, upto = $2", 2);
    }

    public SimulatedWorld World { get; }

    public static async Task<SqliteWorld> CreateAsync(int seed, DateTimeOffset start)
    {
        SimulatedWorld world = new(seed, start: start);

        // The simulated process dies, the machine does not: what each commit waits for on a disk proves nothing here.
        TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite, world.Clock, Directory.Exists(Memory) ? Memory : null);
        SqliteWorld made = new(world, database);
        await made.db.Database.OpenConnectionAsync();
        await made.db.Database.ExecuteSqlRawAsync("CREATE TABLE simulation_changes (number INTEGER PRIMARY KEY, table_name TEXT NOT NULL, row INTEGER NOT NULL)");
        await made.db.Database.ExecuteSqlRawAsync("PRAGMA temp_store = MEMORY");
        await made.db.Database.ExecuteSqlRawAsync("CREATE TEMP TABLE simulation_look AS SELECT 0 AS after, 0 AS upto");
        foreach (string table in Tables)
        {
            foreach ((string when, string row) in new[] { ("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD") })
            {
                string sql = $"CREATE TRIGGER simulation_{table}_{when} AFTER {when} ON {table} "
                    + $"BEGIN INSERT INTO simulation_changes (table_name, row) VALUES ('{table}', {row}.rowid); END";
                await made.db.Database.ExecuteSqlRawAsync(sql);
            }
        }

        world.Work = database.Work;
        world.Refresh = made.Read;
        return made;
    }

    public async ValueTask DisposeAsync()
    {
        await written.DisposeAsync();
        await look.DisposeAsync();
        await db.DisposeAsync();
        await database.DisposeAsync();
    }

    private DbCommand Command(string sql, int parameters)
    {
        DbCommand command = db.Database.GetDbConnection().CreateCommand();
        command.CommandText = sql;
        for (int number = 1; number <= parameters; number++)
        {
            DbParameter parameter = command.CreateParameter();
            parameter.ParameterName = $"${number}";
            command.Parameters.Add(parameter);
        }

        return command;
    }

    private void Read()
    {
        (long from, HashSet<string> tables) = (seen, []);
        written.Parameters[0].Value = from;
        using (DbDataReader reader = written.ExecuteReader())
        {
            while (reader.Read())
            {
                seen = reader.GetInt64(0);
                tables.Add(reader.GetString(1));
            }
        }

        if (tables.Count == 0)
        {
            return;
        }

        (look.Parameters[0].Value, look.Parameters[1].Value) = (from, seen);
        look.ExecuteNonQuery();
        foreach (string table in tables)
        {
            Read(table);
        }
    }

    private void Read(string table)
    {
        MemoryDatabase mirror = World.Database;
        switch (table)
        {
            case "training_progress":
                foreach (TrainingProgressRow row in Rows<TrainingProgressRow>(table))
                {
                    TrainingJob job = row.ToJob();
                    mirror.Jobs.Set(job.Id, job);
                    mirror.Leases.Set(job.Id, new JobLeaseRow(row.LeaseOwner, row.Fence, Instants.FromMillis(row.LeaseUntil ?? 0)));
                }

                break;
            case "training_attempts":
                Into(mirror.Attempts, Rows<TrainingAttemptRow>(table).Select(static row => row.ToAttempt()), static attempt => (attempt.Job, attempt.Number));
                break;
            case "pod_ledger":
                Into(mirror.Pods, Rows<PodLedgerRow>(table).Select(static row => row.ToPod()), static pod => pod.Name);
                break;
            case "hosted_trainings":
                Into(mirror.Hosted, Rows<HostedTrainingRow>(table).Select(static row => row.ToTraining()), static one => one.Name);
                break;
            case "budget_months":
                Into(mirror.Months, Rows<BudgetMonthRow>(table).Select(ToMonth), static month => month.Month);
                break;
            case "budget_reservations":
                Into(mirror.Reservations, Rows<BudgetReservationRow>(table).Select(static row => row.ToReservation()), static one => (one.Job, one.Attempt));
                break;
            case "budget_entries":
                Into(mirror.Entries, Rows<BudgetEntryRow>(table).Select(static row => row.ToEntry()), static entry => entry.Key);
                break;
            case "user_training_limits":
                foreach (UserTrainingLimitRow row in Rows<UserTrainingLimitRow>(table))
                {
                    Month? period = row.MonthResetDate is { } date ? new Month(date.Year, date.Month) : null;
                    mirror.Users.Set(new UserId(row.UserId), new UserCount(row.LorasCreatedThisMonth, period, row.MonthlyLimit));
                }

                break;
            case "limit_charges":
                foreach (LimitChargeRow row in Rows<LimitChargeRow>(table))
                {
                    mirror.Charges.Set((new JobId(row.JobId), row.Admission), new ChargeRow(new UserId(row.UserId), Month.Parse(row.Period), row.RefundedAt is not null));
                }

                break;
            case "lora_models":
                Into(mirror.Loras, Rows<LoraModelRow>(table).Select(static row => row.ToLora()), static lora => lora.Id);
                break;
            case "validation_images":
                foreach (IGrouping<LoraId, ValidationImage> images in Rows<ValidationImageRow>(table).Select(static row => row.ToImage()).GroupBy(static one => one.Lora))
                {
                    HashSet<(int, int)> anew = [.. images.Select(static one => (one.Attempt, one.Index))];
                    IEnumerable<ValidationImage> kept = mirror.ValidationImages.Find(images.Key)?.Items.Where(one => !anew.Contains((one.Attempt, one.Index))) ?? [];
                    mirror.ValidationImages.Set(images.Key, new Listed<ValidationImage>([.. kept, .. images]));
                }

                break;
            case "spool_files":
                Anew(mirror.Spool, [.. All<SpoolFileRow>(table).Select(static row => row.ToEntry())], static entry => (entry.Spool, entry.Name));
                break;
            case "spool_instances":
                Anew(mirror.SpoolInstances, [.. All<SpoolInstanceRow>(table).Select(ToInstance)], static one => (one.Instance, one.Spool));
                break;
            default:
                mirror.Events.AddRange(Rows<OperationalEventRow>(table).OrderBy(static row => row.Sequence).Select(ToFact));
                break;
        }
    }

    private List<TRow> All<TRow>(string table)
        where TRow : class => Query<TRow>($"SELECT * FROM {table}");

    /// <summary>Those that were written since the last look.</summary>
    private List<TRow> Rows<TRow>(string table)
        where TRow : class => Query<TRow>(
            $"""
            SELECT * FROM {table} WHERE rowid IN (
                SELECT row FROM simulation_changes
                WHERE number > (SELECT after FROM simulation_look) AND number <= (SELECT upto FROM simulation_look) AND table_name = '{table}')
            """);

    // Compiled, and without parameters: EF would put together the text of this query anew each time.
    private List<TRow> Query<TRow>(string sql)
        where TRow : class
    {
        if (!queries.TryGetValue(sql, out Delegate? query))
        {
            queries[sql] = query = EF.CompileQuery((LoraDb db) => db.Set<TRow>().FromSqlRaw(sql).AsNoTracking());
        }

        return [.. ((Func<LoraDb, IEnumerable<TRow>>)query)(db)];
    }

    private static void Into<TKey, TRow>(MemoryTable<TKey, TRow> table, IEnumerable<TRow> rows, Func<TRow, TKey> keyOf)
        where TKey : notnull
        where TRow : class
    {
        foreach (TRow row in rows)
        {
            table.Set(keyOf(row), row);
        }
    }

    /// <summary>Where rows are deleted too: small tables.</summary>
    private static void Anew<TKey, TRow>(MemoryTable<TKey, TRow> table, List<TRow> rows, Func<TRow, TKey> keyOf)
        where TKey : notnull
        where TRow : class
    {
        foreach (TKey gone in table.Rows.Select(keyOf).Except(rows.Select(keyOf)).ToList())
        {
            table.Set(gone, null);
        }

        Into(table, rows, keyOf);
    }

    private static BudgetMonth ToMonth(BudgetMonthRow row) =>
        new(Month.Parse(row.Month), new Usd(row.LimitMicros), new Usd(row.SpentMicros), new Usd(row.ReservedMicros));

    private static SpoolInstance ToInstance(SpoolInstanceRow row) =>
        new(row.Instance, row.SpoolId, row.Host, Instants.FromMillis(row.LastSeenAt)) { IsSilenceTold = row.IsSilenceTold, IsAwayTold = row.IsAwayTold };

    private static OperationalEvent ToFact(OperationalEventRow row) => new()
    {
        Kind = row.Kind,
        Message = row.Message,
        Severity = row.Severity,
        Actor = new Actor(row.ActorKind, row.ActorName),
        Job = row.JobId is { } job ? new JobId(job) : null,
        Attempt = row.Attempt,
        Pod = row.Pod,
        Reason = row.Reason,
        Signals = EventSignals.FromText(row.Signals),
        Error = row.HasError ? new ErrorDetail(row.Reason ?? "", row.Kind, null, null) : null,
    };
}
