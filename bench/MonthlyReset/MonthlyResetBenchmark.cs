using System.Diagnostics;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Operations;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace LoraAdmin.Bench.MonthlyReset;

/// <summary>
/// J3 over a million users: the whole run of the engine (claim, plan, statement, check, figures before and after, end) against the one UPDATE by hand,
/// each on a PostgreSQL database of its own. Then eight callers at once.
/// </summary>
internal sealed class MonthlyResetBenchmark : Benchmark
{
    private const int Users = 1_000_000;
    private const int Rounds = 5;
    private const int WarmUpRounds = 1;
    private const int CallersAtOnce = 8;

    private static readonly DateTimeOffset FirstOfMonth = new(2026, 12, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly FakeTimeProvider clock = new(FirstOfMonth);

    public override string Name => "monthly-reset";

    public override string Summary => $"the monthly reset of {Users} users as a run of the engine, against one UPDATE by hand";

    public override double Limit => 1.1;

    public override async Task<double> RunAsync(TextWriter output)
    {
        await using TestDatabase ours = await TestDatabase.CreateAsync(DatabaseKind.Postgres, clock);
        await using TestDatabase theirs = await TestDatabase.CreateAsync(DatabaseKind.Postgres, clock);
        Engine engine = await Engine.OfAsync(ours, clock);
        Figures run = new();
        Figures hand = new();
        for (int round = -WarmUpRounds; round < Rounds; round++)
        {
            // In turns: what a round leaves behind for the next one (a checkpoint) falls on both alike.
            bool oursFirst = round % 2 == 0;
            await MeasureAsync(oursFirst);
            await MeasureAsync(!oursFirst);

            async Task MeasureAsync(bool isOurs)
            {
                TestDatabase database = isOurs ? ours : theirs;
                await FillAsync(database);
                long started = Stopwatch.GetTimestamp();
                await (isOurs ? engine.RunAsync() : ByHandAsync(database));
                TimeSpan took = Stopwatch.GetElapsedTime(started);
                if (round >= 0)
                {
                    (isOurs ? run : hand).Add(took, [took]);
                }
            }
        }

        await output.WriteLineAsync(run.Describe("run of the engine"));
        await output.WriteLineAsync(hand.Describe("UPDATE by hand"));
        await AtOnceAsync(ours, engine, output);
        return run.Median / hand.Median;
    }

    /// <exception cref="InvalidOperationException">Eight callers had another effect than one.</exception>
    private static async Task AtOnceAsync(TestDatabase database, Engine engine, TextWriter output)
    {
        await FillAsync(database);
        long[] changed = await Task.WhenAll(Enumerable.Range(0, CallersAtOnce).Select(_ => Task.Run(() => database.Work.RunAsync(
            (unit, token) => unit.Store<ILimitsStore>().ResetAsync(Month.Of(FirstOfMonth), FirstOfMonth, token), CancellationToken.None))));
        await FillAsync(database);
        OperationRun[] runs = [.. (await Task.WhenAll(Enumerable.Range(0, CallersAtOnce).Select(_ => Task.Run(engine.TryRunAsync)))).OfType<OperationRun>()];
        long byRuns = runs.Sum(run => run.Done);
        await output.WriteLineAsync(
            $"  {CallersAtOnce} callers at once: the statement changed {changed.Sum()} rows in all; of {CallersAtOnce} runs {runs.Length} began and changed {byRuns}");
        if (changed.Sum() != Users || byRuns != Users || await LeftAsync(database) != 0)
        {
            throw new InvalidOperationException("Callers at once had another effect than one.");
        }
    }

    private static async Task FillAsync(TestDatabase database)
    {
        await ExecuteAsync(
            database,
            $"""
            TRUNCATE user_training_limits;
            INSERT INTO user_training_limits (user_id, loras_created_this_month, month_reset_date)
            SELECT gen_random_uuid(), n % 10, CASE WHEN n % 50 = 0 THEN NULL ELSE DATE '2026-11-01' + n % 30 END FROM generate_series(1, {Users}) n;
            """);
        await ExecuteAsync(database, "VACUUM ANALYZE user_training_limits");
        await ExecuteAsync(database, "CHECKPOINT");
    }

    private static Task ByHandAsync(TestDatabase database) => ExecuteAsync(
        database,
        "UPDATE user_training_limits SET loras_created_this_month = 0, month_reset_date = DATE '2026-12-01' WHERE month_reset_date IS NULL OR month_reset_date < DATE '2026-12-01'");

    private static async Task<long> LeftAsync(TestDatabase database)
    {
        await using NpgsqlConnection connection = await OpenAsync(database);
        await using NpgsqlCommand command = new(
            "SELECT COUNT(*) FROM user_training_limits WHERE month_reset_date IS DISTINCT FROM DATE '2026-12-01' OR loras_created_this_month <> 0", connection);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private static async Task ExecuteAsync(TestDatabase database, string sql)
    {
        await using NpgsqlConnection connection = await OpenAsync(database);
#pragma warning disable CA2100 // Texts of this benchmark.
        await using NpgsqlCommand command = new(sql, connection) { CommandTimeout = 600 };
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<NpgsqlConnection> OpenAsync(TestDatabase database)
    {
        NpgsqlConnection connection = new(((DatabaseTarget.Postgres)database.Services.GetRequiredService<DatabaseTarget>()).ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    /// <summary>The portal's own classes around the operation, on the given database.</summary>
    private sealed class Engine(RunStarter starter, OperationRunner runner)
    {
        private static readonly Actor Self = Actor.Portal(MonthReset.Key);

        public static async Task<Engine> OfAsync(TestDatabase database, TimeProvider clock)
        {
            IIds ids = database.Services.GetRequiredService<IIds>();
            OperationRegistry registry = new([new MonthReset(database.Work, clock, Permissions.ResetLimits)]);
            OperationRules rules = new(TimeSpan.FromMinutes(5), TimeSpan.FromHours(1), TimeSpan.FromMinutes(30), TimeSpan.FromSeconds(10), 500, TimeSpan.FromDays(30));
            Installation installation = new("bench001", CloudKind.Local, new byte[32], FirstOfMonth);
            await database.Work.RunAsync(
                (unit, token) => unit.Store<IOperationScheduleStore>().TryAddAsync(
                    new OperationSchedule(MonthReset.Key, "0 0 0 1 * ?", OperationSchedule.Utc, CatchUp.Once, false, null, FirstOfMonth), token),
                CancellationToken.None);
            ClockStandings clocks = KnownClocks.New(clock).NoteAhead(TimeSpan.Zero);
            return new Engine(
                new RunStarter(database.Work, registry, new QuartzCrons(), ids, clock, () => rules, () => installation, clocks, "bench"),
                new OperationRunner(database.Work, registry, ids, clock, () => rules, () => installation, clocks, isAlone: false));
        }

        public async Task RunAsync()
        {
            if (await TryRunAsync() is null)
            {
                throw new InvalidOperationException("The run did not begin.");
            }
        }

        /// <returns>The run; null: another one was at work.</returns>
        public async Task<OperationRun?> TryRunAsync()
        {
            if (await starter.StartAsync(new RunRequest(MonthReset.Key, RunTrigger.Person, Self, Reason: "a benchmark"), CancellationToken.None) is not StartOutcome.Started started)
            {
                return null;
            }

            OperationRun ended = await runner.ExecuteAsync(started.Run, CancellationToken.None);
            return ended.State == RunState.Succeeded ? ended : throw new InvalidOperationException(ended.Outcome);
        }
    }
}
