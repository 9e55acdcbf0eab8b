using System.Globalization;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd.Processes;
using LoraAdmin.Tests.Operations;
using LoraAdmin.Tests.Storage;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>Two portals as two processes on one PostgreSQL: what one of them runs the other does not, and goes on with when it is killed.</summary>
public sealed class OperationClusterTests : IAsyncDisposable
{
    private const int Groups = 12;

    private readonly TemporaryFolder folder = new();
    private readonly List<PortalProcess> portals = [];
    private LocalCloudProcess? cloud;
    private PortalDatabase database = null!;

    [Fact]
    public Task Fires_300_NeverOverlap() => NeverOverlapAsync(300, TimeSpan.FromMinutes(10));

    [Fact]
    [Trait("Run", "Long")]
    public Task Fires_10000_NeverOverlap() => NeverOverlapAsync(10_000, TimeSpan.FromHours(2));

    [Fact]
    public async Task Kill_OfTheOneThatRuns_IsGoneOnFromItemByItemByTheOther()
    {
        await StartBothAsync(("Operations:KeepRuns", "10"), ("Operations:KeepRunsFor", "1.00:00:00"), ("Operations:LeaseFor", "00:00:05"));
        await SeedHistoryAsync();
        await database.ExecuteAsync(
            """
            CREATE FUNCTION test_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NEW; END $$;
            CREATE TRIGGER test_slow BEFORE UPDATE ON operation_plan_items FOR EACH ROW WHEN (NEW.outcome IS NOT NULL) EXECUTE FUNCTION test_slow();
            """);
        await ScheduleAsync(HistoryRetention.Key, "0/5 * * * * ?");
        const string running = "FROM operation_runs WHERE operation = 'operations.history' AND state = 'running'";
        await Eventually.TrueAsync(
            async () => await database.NumberAsync($"SELECT COALESCE(MAX(done), 0) {running}") is >= 3 and < 9, "a run is in the midst of its items", Eventually.DefaultDeadline);
        string instance = await database.TextAsync($"SELECT instance {running}");
        string run = await database.TextAsync($"SELECT CAST(id AS TEXT) {running}");
        PortalProcess worker = portals.Single(portal => instance.Contains($"-{portal.Id}-", StringComparison.Ordinal));

        await worker.KillAsync();
        long killed = await database.NumberAsync("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)");
        string resumed = $"FROM operation_runs WHERE resumes = '{run}'";
        await Eventually.TrueAsync(async () => await database.NumberAsync($"SELECT COUNT(*) {resumed} AND state = 'succeeded'") == 1, "the other goes on with it", Eventually.DefaultDeadline);

        double takeover = (await database.NumberAsync($"SELECT started_at {resumed}") - killed) / 1000.0;
        TestContext.Current.TestOutputHelper!.WriteLine(string.Create(CultureInfo.InvariantCulture, $"takeover {takeover:0.0} s"));
        Assert.InRange(takeover, 0, 60);
        Assert.Equal("interrupted", await database.TextAsync($"SELECT state FROM operation_runs WHERE id = '{run}'"));
        Assert.Equal("recovery", await database.TextAsync($"SELECT run_trigger {resumed}"));
        Assert.NotEqual(instance, await database.TextAsync($"SELECT instance {resumed}"));
        string plan = await database.TextAsync($"SELECT CAST(plan_id AS TEXT) {resumed}");
        long items = await database.NumberAsync($"SELECT COUNT(*) FROM operation_plan_items WHERE plan_id = '{plan}'");
        Assert.InRange(items, Groups, Groups + 1);
        Assert.Equal(items, await database.NumberAsync($"SELECT COUNT(*) FROM operation_plan_items WHERE plan_id = '{plan}' AND outcome = 'done'"));
        Assert.Equal(items, await database.NumberAsync($"SELECT SUM(done) FROM operation_runs WHERE plan_id = '{plan}'"));

        // Each item says in the log once that it was done, in whichever of the two runs.
        Assert.Equal(
            Groups, await database.NumberAsync($"SELECT COUNT(*) FROM operation_run_lines WHERE text LIKE 'old.%done: 2 runs' AND run_id IN (SELECT id FROM operation_runs WHERE plan_id = '{plan}')"));
        Assert.Equal(10 * Groups, await database.NumberAsync("SELECT COUNT(*) FROM operation_runs WHERE operation LIKE 'old.%'"));
        Assert.Equal(1, await database.NumberAsync($"SELECT COUNT(*) FROM operation_occurrences WHERE run_id = (SELECT id {resumed}) AND state = 'late'"));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (PortalProcess portal in portals)
        {
            await portal.DisposeAsync();
        }

        await (cloud?.DisposeAsync() ?? ValueTask.CompletedTask);
        folder.Dispose();
    }

    private async Task NeverOverlapAsync(int fires, TimeSpan within)
    {
        await StartBothAsync(("Operations:Grace", "00:00:10"));
        await SpansByOneClockAsync();
        await database.ExecuteAsync("UPDATE operation_schedules SET cron = '* * * * * ?', is_edited = true");
        long from = (await database.NumberAsync("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS BIGINT)") + 1) * 1000;
        const string ended = "SELECT COUNT(*) FROM test_spans WHERE ended IS NOT NULL";
        await Eventually.TrueAsync(async () => await database.NumberAsync(ended) >= fires, $"{fires} runs have ended", within);
        await EverySecondIsAccountedForAsync(from);
        await database.ExecuteAsync("UPDATE operation_schedules SET cron = '0 0 0 1 1 ?', is_edited = true");
        await Eventually.TrueAsync(
            async () => await database.NumberAsync("SELECT COUNT(*) FROM operation_runs WHERE state = 'running'") == 0, "the last run has ended");

        Assert.Equal("", await database.TextAsync(
            """
            SELECT COALESCE(string_agg(concat_ws(' ', a.operation, a.began, a.ended, b.began, b.ended), '; '), '')
            FROM test_spans a JOIN test_spans b ON a.operation = b.operation AND a.id < b.id
            WHERE a.began < b.ended AND b.began < a.ended
            """));
        Assert.Equal("", await database.TextAsync(
            "SELECT COALESCE(string_agg(concat_ws(' ', operation, state, outcome), '; '), '') FROM operation_runs WHERE state <> 'succeeded'"));

        // The clustered store gives each fire to whichever asks first: how many each of the two ran is not promised, but neither is left out of hundreds.
        TestContext.Current.TestOutputHelper!.WriteLine(
            await database.TextAsync("SELECT string_agg(instance || ' ran ' || n, ', ') FROM (SELECT instance, COUNT(*) AS n FROM operation_runs GROUP BY instance) each"));
        Assert.Equal(2, await database.NumberAsync("SELECT COUNT(DISTINCT instance) FROM operation_runs"));
        Assert.Equal(
            await database.NumberAsync("SELECT COUNT(*) FROM operation_runs WHERE scheduled_at IS NOT NULL"),
            await database.NumberAsync("SELECT COUNT(DISTINCT (operation, scheduled_at)) FROM operation_runs WHERE scheduled_at IS NOT NULL"));
    }

    /// <summary>No instant of any operation is lost: what the scheduler does not fire, the keeper accounts for when its grace is over.</summary>
    private async Task EverySecondIsAccountedForAsync(long from)
    {
        long until = await database.NumberAsync("SELECT MAX(scheduled_at) FROM operation_occurrences");
        long seconds = (until - from) / 1000 + 1;
        await Eventually.TrueAsync(
            async () => await database.TextAsync(
                $"""
                SELECT COALESCE(string_agg(s.operation, ', '), '') FROM operation_schedules s
                WHERE (SELECT COUNT(*) FROM operation_occurrences o WHERE o.operation = s.operation AND o.scheduled_at BETWEEN {from} AND {until}) <> {seconds}
                """) == "",
            $"each of the {seconds} seconds has its row in every operation");
    }

    /// <summary>Two busy processes' own clocks may differ by more than there is between two runs: the database notes when it was told of each start and end.</summary>
    private Task SpansByOneClockAsync() => database.ExecuteAsync(
        """
        CREATE TABLE test_spans (id uuid PRIMARY KEY, operation text NOT NULL, began timestamptz NOT NULL, ended timestamptz);
        CREATE FUNCTION test_span() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'INSERT' THEN
                INSERT INTO test_spans VALUES (NEW.id, NEW.operation, clock_timestamp());
            ELSIF OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL THEN
                UPDATE test_spans SET ended = clock_timestamp() WHERE id = NEW.id;
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER test_span AFTER INSERT OR UPDATE ON operation_runs FOR EACH ROW EXECUTE FUNCTION test_span();
        """);

    private async Task StartBothAsync(params (string Key, string Value)[] more)
    {
        cloud = await LocalCloudProcess.StartAsync(folder.Under("cloud"));
        string connection = await PostgresServer.NewDatabaseAsync();
        database = PortalDatabase.Postgres(connection);
        Dictionary<string, string> settings = new(cloud.PortalSettings)
        {
            ["ConnectionStrings:Database"] = connection,
            ["Operations:KeeperEvery"] = "00:00:01",
        };
        foreach ((string key, string value) in more)
        {
            settings[key] = value;
        }

        portals.Add(await PortalProcess.StartAsync(folder.Under("one"), settings));
        portals.Add(await PortalProcess.StartAsync(folder.Under("two"), settings));
        await Eventually.TrueAsync(
            async () => await database.NumberAsync("SELECT COUNT(*) FROM operation_schedules") == OperationScenes.All.Count, "the schedules are filled");
    }

    private Task ScheduleAsync(string operation, string cron) =>
        database.ExecuteAsync($"UPDATE operation_schedules SET cron = '{cron}', is_edited = true WHERE operation = '{operation}'");

    /// <summary>Twelve operations of an earlier version, each with two runs more than are kept.</summary>
    private Task SeedHistoryAsync() => database.ExecuteAsync(
        $"""
        INSERT INTO operation_runs (id, operation, number, run_trigger, started_by_kind, started_by_name, state, started_at, ended_at, instance, lease_until,
            planned, done, ineligible, failed, attempt)
        SELECT gen_random_uuid(), 'old.' || lpad(g::text, 2, '0'), n, 'schedule', 'portal', 'old', 'succeeded', n * 1000, n * 1000, 'old', 0, 0, 0, 0, 0, 1
        FROM generate_series(1, {Groups}) g, generate_series(1, 12) n
        """);
}
