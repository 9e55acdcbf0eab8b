using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Operations;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Operations;
using LoraAdmin.Tests.Simulation.Memory;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Limits;

/// <summary>J3 through the engine, on databases as they are found.</summary>
public sealed class MonthResetTests
{
    private static readonly DateTimeOffset Third = new(2026, 12, 3, 7, 0, 0, TimeSpan.Zero);
    private static readonly Guid Idle = new(1, 0, 0, new byte[8]);
    private static readonly Guid Dateless = new(2, 0, 0, new byte[8]);
    private static readonly Guid Busy = new(3, 0, 0, new byte[8]);

    [Theory]
    [InlineData("date")]
    [InlineData("timestamptz")]
    [Trait("Requirement", "J3")]
    public async Task Reset_OfAnAdoptedDatabase_WorksOnDatesAndOnInstants(string type)
    {
        await using TestDatabase database = await TestDatabase.CreateEmptyAsync(DatabaseKind.Postgres, new FakeTimeProvider(Third));
        await using (LoraDb db = database.NewContext())
        {
#pragma warning disable EF1002 // Fixed words of this test.
            await db.Database.ExecuteSqlRawAsync($"CREATE TABLE user_training_limits (user_id uuid PRIMARY KEY, loras_created_this_month int, month_reset_date {type})");
#pragma warning restore EF1002
            await db.Database.MigrateAsync();
        }

        await ResetsLateAndOnceAsync(database);
    }

    [Fact]
    [Trait("Requirement", "J3")]
    public async Task Reset_OnSqlite_DoesTheSame()
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite, new FakeTimeProvider(Third));
        await ResetsLateAndOnceAsync(database);
    }

    [Fact]
    [Trait("Requirement", "J3")]
    public async Task Reset_ThatTakesLongerThanACommandUsuallyMay_IsNotBrokenOff()
    {
        FakeTimeProvider clock = new(Third);
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Postgres, clock);
        await using (LoraDb db = database.NewContext())
        {
            await db.Database.ExecuteSqlAsync(
                $"""
                INSERT INTO user_training_limits (user_id, loras_created_this_month, month_reset_date) VALUES ({Idle}, 7, '2026-11-30'), ({Dateless}, 4, NULL)
                """);
            await db.Database.ExecuteSqlRawAsync(
                """
                CREATE FUNCTION test_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NEW; END $$;
                CREATE TRIGGER test_slow BEFORE UPDATE ON user_training_limits FOR EACH ROW EXECUTE FUNCTION test_slow();
                """);
        }

        // One second in place of the usual thirty.
        string connection = ((DatabaseTarget.Postgres)database.Services.GetRequiredService<DatabaseTarget>()).ConnectionString;
        await using ServiceProvider impatient = TestDatabase.Build(new DatabaseTarget.Postgres($"{connection};Command Timeout=1"), clock);

        long changed = await impatient.GetRequiredService<IUnitOfWork>().RunAsync(
            (unit, token) => unit.Store<ILimitsStore>().ResetAsync(Month.Of(Third), Third, token), TestContext.Current.CancellationToken);

        Assert.Equal(2, changed);
    }

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    [Trait("Requirement", "J3")]
    public async Task Reset_AfterWhichACountIsNotItsCharges_FailsAndChangesNothing(DatabaseKind kind)
    {
        FakeTimeProvider clock = new(Third);
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, clock);
        await using LoraDb db = database.NewContext();
        await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO user_training_limits (user_id, loras_created_this_month, month_reset_date) VALUES
                ({db.SqlId(Idle)}, 7, {new DateOnly(2026, 11, 30)}), ({db.SqlId(Busy)}, 3, {new DateOnly(2026, 12, 1)})
            """);
        await database.Work.RunAsync(
            (unit, token) => unit.Store<ILimitsStore>().TryChargeAsync(new UserId(Dateless), new JobId(Dateless), 1, Third, new LimitRules(10, 30), token), CancellationToken.None);
        Engine engine = await Engine.OfAsync(database);

        // Nothing was charged before this month: what is counted in it may be older than the portal.
        OperationRun first = await engine.RunAsync();
        await db.Database.ExecuteSqlAsync($"UPDATE limit_charges SET period = '2026-11' WHERE user_id = {db.SqlId(Dateless)}");
        await db.Database.ExecuteSqlAsync($"UPDATE user_training_limits SET month_reset_date = {new DateOnly(2026, 11, 30)} WHERE user_id = {db.SqlId(Idle)}");
        OperationFailedException failure = await Assert.ThrowsAsync<OperationFailedException>(engine.RunAsync);

        Assert.Equal(RunState.Succeeded, first.State);
        Assert.Contains("every user's count starts 2026-12 at 0, once", failure.Message, StringComparison.Ordinal);
        Assert.Contains("nothing was changed", failure.Message, StringComparison.Ordinal);
        Assert.Equal(
            "2026-11-30",
            await db.Database.SqlQuery<string>($"SELECT substr(CAST(month_reset_date AS TEXT), 1, 10) AS \"Value\" FROM user_training_limits WHERE user_id = {db.SqlId(Idle)}").SingleAsync());
    }

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    [Trait("Requirement", "J3")]
    public async Task Reset_RunByEightAtOnce_HasOneEffect(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, new FakeTimeProvider(Third));
        await using LoraDb db = database.NewContext();
        await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO user_training_limits (user_id, loras_created_this_month, month_reset_date) VALUES
                ({db.SqlId(Idle)}, 7, {new DateOnly(2026, 11, 30)}), ({db.SqlId(Dateless)}, 4, NULL), ({db.SqlId(Busy)}, 3, {new DateOnly(2026, 12, 1)})
            """);
        List<Engine> callers = [];
        while (callers.Count < 8)
        {
            callers.Add(await Engine.OfAsync(database));
        }

        OperationRun?[] runs = await Task.WhenAll(callers.Select(caller => Task.Run(caller.TryRunAsync, TestContext.Current.CancellationToken)));

        // Whoever came while a run was at work was told so; whoever came after it found nothing left to do.
        OperationRun[] ran = [.. runs.OfType<OperationRun>()];
        Assert.NotEmpty(ran);
        Assert.All(ran, run => Assert.Equal(RunState.Succeeded, run.State));
        Assert.Equal([2L], ran.Select(run => run.Done).Where(done => done > 0));
        Assert.Equal(Enumerable.Range(1, ran.Length).Select(number => (long)number), ran.Select(run => run.Number).Order());
        Assert.Equal([0, 0, 3], await db.Database.SqlQuery<int>($"SELECT loras_created_this_month AS \"Value\" FROM user_training_limits ORDER BY user_id").ToListAsync());
        Assert.Equal(
            ["2026-12-03", "2026-12-03", "2026-12-01"],
            await db.Database.SqlQuery<string>($"SELECT substr(CAST(month_reset_date AS TEXT), 1, 10) AS \"Value\" FROM user_training_limits ORDER BY user_id").ToListAsync());
    }

    [Fact]
    [Trait("Requirement", "J3")]
    public async Task Reset_ByAClockThatIsKnownToBeDaysAhead_DoesNotBegin()
    {
        FakeTimeProvider clock = new(Third);
        MemoryDatabase database = new(clock);
        OperationHouse house = new(clock, database, [new MonthReset(database, clock, Permissions.ResetLimits)]);
        await house.FillAsync();
        house.Clocks.NoteAhead(TimeSpan.FromDays(29));
        DateTimeOffset january = new(2027, 1, 1, 0, 0, 0, TimeSpan.Zero);
        clock.AdjustTime(january);

        Assert.IsType<StartOutcome.Left>(await house.FireAsync(MonthReset.Key, january));
        Assert.Empty(await house.TickAsync());
        Assert.Empty(database.Operations.Runs.Rows);
    }

    private static async Task ResetsLateAndOnceAsync(TestDatabase database)
    {
        await using LoraDb db = database.NewContext();
        await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO user_training_limits (user_id, loras_created_this_month, month_reset_date) VALUES
                ({db.SqlId(Idle)}, 7, {new DateOnly(2026, 11, 30)}), ({db.SqlId(Dateless)}, 4, NULL), ({db.SqlId(Busy)}, 3, {new DateOnly(2026, 12, 1)})
            """);
        Engine engine = await Engine.OfAsync(database);

        OperationRun first = await engine.RunAsync();
        OperationRun second = await engine.RunAsync();

        Assert.Equal((RunState.Succeeded, 2L, "2 users were reset for 2026-12."), (first.State, first.Done, first.Outcome));
        Assert.Equal([("Users in an earlier month", "2"), ("of them without a date", "1"), ("LoRAs counted in their rows", "11")], first.Before.Select(figure => (figure.Name, figure.Value)));
        Assert.Equal(["0", "0", "0"], first.After.Select(figure => figure.Value));
        Assert.Equal((RunState.Succeeded, 0L), (second.State, second.Done));
        Assert.Contains(
            await database.Work.ReadAsync((unit, token) => unit.Store<IOperationRunStore>().ListLinesAsync(first.Id, token), CancellationToken.None),
            line => line.Text == "2 users were reset for 2026-12.");
        Assert.Equal([0, 0, 3], await db.Database.SqlQuery<int>($"SELECT loras_created_this_month AS \"Value\" FROM user_training_limits ORDER BY user_id").ToListAsync());
        Assert.Equal(
            ["2026-12-03", "2026-12-03", "2026-12-01"],
            await db.Database.SqlQuery<string>($"SELECT substr(CAST(month_reset_date AS TEXT), 1, 10) AS \"Value\" FROM user_training_limits ORDER BY user_id").ToListAsync());
    }

    private sealed class Engine(RunStarter starter, OperationRunner runner)
    {
        public static async Task<Engine> OfAsync(TestDatabase database)
        {
            TimeProvider clock = database.Services.GetRequiredService<TimeProvider>();
            OperationRegistry registry = new([new MonthReset(database.Work, clock, Permissions.ResetLimits)]);
            OperationRules rules = new(TimeSpan.FromMinutes(5), TimeSpan.FromHours(1), TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(10), 500, TimeSpan.FromDays(30));
            Installation installation = new("inst0001", CloudKind.Local, new byte[32], Third);
            IIds ids = database.Services.GetRequiredService<IIds>();
            await database.Work.RunAsync(
                (unit, token) => unit.Store<IOperationScheduleStore>().TryAddAsync(
                    new OperationSchedule(MonthReset.Key, "0 0 0 1 * ?", OperationSchedule.Utc, CatchUp.Once, false, null, Third), token),
                CancellationToken.None);
            return new Engine(
                new RunStarter(database.Work, registry, new QuartzCrons(), ids, clock, () => rules, () => installation, KnownClocks.New(clock), "portal-1"),
                new OperationRunner(database.Work, registry, ids, clock, () => rules, () => installation, KnownClocks.New(clock), isAlone: database.Services.GetRequiredService<DatabaseTarget>() is not DatabaseTarget.Postgres));
        }

        /// <returns>Null: another caller's run was at work.</returns>
        public async Task<OperationRun?> TryRunAsync()
        {
            RunRequest request = new(MonthReset.Key, RunTrigger.Person, OperationHouse.Ada, Reason: "a test");
            return await starter.StartAsync(request, CancellationToken.None) switch
            {
                StartOutcome.Started started => await runner.ExecuteAsync(started.Run, CancellationToken.None),
                StartOutcome.Busy => null,
                StartOutcome other => throw new InvalidOperationException($"{other}"),
            };
        }

        public async Task<OperationRun> RunAsync()
        {
            RunRequest request = new(MonthReset.Key, RunTrigger.Person, OperationHouse.Ada, Reason: "a test");
            return await runner.ExecuteAsync(Assert.IsType<StartOutcome.Started>(await starter.StartAsync(request, CancellationToken.None)).Run, CancellationToken.None);
        }
    }
}
