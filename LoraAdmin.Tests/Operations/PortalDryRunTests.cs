using System.Globalization;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using LoraAdmin.Platform.Redis;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd;
using LoraAdmin.Tests.EndToEnd.Processes;
using LoraAdmin.Tests.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;
using Xunit;

namespace LoraAdmin.Tests.Operations;

/// <summary>
/// The portal as it is composed, with none of its loops running, between spies on its database, its vendor and all other HTTP that it sends, its disk and
/// its Redis: whatever way a look takes to write something, it is seen, and a new operation is looked at with all others.
/// </summary>
public sealed class PortalDryRunTests : IAsyncLifetime
{
    /// <summary>Of entries that nobody has written.</summary>
    private const string WrongTotal =
        "INSERT INTO budget_days (day, month, kind, purpose, entries, spent_micros, reserved_micros) VALUES ('2026-11-24', '2026-11', 'leak', '', 1, 1, 0)";

    private readonly TemporaryFolder folder = new();
    private readonly SeededIds ids = new(42);
    private RedisServer redis = null!;
    private WatchedLocalCloud cloud = null!;
    private WebApplication app = null!;
    private ConnectionMultiplexer redisSpy = null!;
    private SqliteConnection databaseSpy = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        redis = await RedisServer.StartAsync();
        cloud = await WatchedLocalCloud.StartAsync();
        app = Portal.Build(
        [
            "--contentRoot", ProgramRun.Root, "--applicationName", "LoraAdmin", "--Data:Path", folder.Under("data"), "--urls", "http://127.0.0.1:0",
            "--ConnectionStrings:Redis", redis.Configuration, "--Logging:LogLevel:Default", "Error",
            .. cloud.PortalSettings.Select(static setting => $"--{setting.Key}={setting.Value}"),
        ]);
        await Portal.PrepareAsync(app, Token);
        await app.Services.GetRequiredService<RedisConnection>().ConnectAsync();
        redisSpy = await ConnectedRedis.ClientAsync($"{redis.Configuration},allowAdmin=true");
        databaseSpy = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = folder.Under("data/loraadmin.db"), Pooling = false }.ToString());
        await databaseSpy.OpenAsync(Token);
    }

    public async ValueTask DisposeAsync()
    {
        await databaseSpy.DisposeAsync();
        await redisSpy.DisposeAsync();
        await app.DisposeAsync();
        await cloud.DisposeAsync();
        await redis.DisposeAsync();
        folder.Dispose();
    }

    [Fact]
    public async Task DryRun_OfEveryOperationOfThePortal_WritesToNothing()
    {
        using HttpWatch http = new();
        Seen empty = await LookAsync(http);
        await FillAsync();
        Seen filled = await LookAsync(http);

        // Each spy sees what the world was filled with.
        Assert.NotEqual(empty.Database, filled.Database);
        Assert.NotEqual(empty.Commands, filled.Commands);
        Assert.NotEqual(empty.Sent, filled.Sent);
        Assert.NotEqual(empty.Files, filled.Files);
        Assert.NotEqual(empty.Redis, filled.Redis);
        foreach (IOperation operation in app.Services.GetRequiredService<OperationRegistry>().All)
        {
            Planning.Planned planned = Assert.IsType<Planning.Planned>(await operation.PlanAsync(Token));

            Assert.True(planned.Plan.Count > 0, $"{operation.Info.Key} finds nothing to do: give it something in {nameof(FillAsync)}");
            Seen after = await LookAsync(http);
            Assert.True(filled == after, $"The look of {operation.Info.Key} wrote: before it {filled}, after it {after}");
        }
    }

    /// <summary>Gives each operation something to do.</summary>
    private async Task FillAsync()
    {
        IServiceProvider services = app.Services;
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        DateTimeOffset longAgo = now.AddDays(-800);
        ForgottenPod forgotten = new(services.GetRequiredService<Func<Installation>>()(), new JobId(ids.Next()));
        ProviderPod pod = Assert.IsType<CreateOutcome.Created>(await services.GetRequiredService<IPodProvider>().CreateAsync(forgotten.Spec, Token)).Pod;
        TrainingImage image = new(0, "an-image", new string('a', 64), 3, 8, 8, "png");
        Assert.IsType<PutOutcome.Stored>(await services.GetRequiredService<IObjectStore>().PutAsync(
            new ObjectRef(Buckets.TrainingImages, image.Key), new MemoryStream([1, 2, 3]), "image/png", Token));
        IBreaker breaker = services.GetRequiredService<IBreaker>();
        await breaker.CallAsync(new CircuitCall.Isolate("ada", "of a test", null, ""), Token);
        await breaker.CallAsync(new CircuitCall.Reset("ada", "of a test"), Token);
        TrainingJob ended = Job(TrainingState.Completed, longAgo, null);
        TrainingJob failed = Job(TrainingState.Failed, now, new JobFailure(FailureCode.UploadFailed, "HTTP 544"));
        string disk = services.GetRequiredService<ISpool>().Id;
        await services.GetRequiredService<IUnitOfWork>().RunAsync(
            async (unit, token) =>
            {
                await unit.Store<IPodLedger>().AddAsync(forgotten.Row(pod, longAgo), token);
                await unit.Store<IPodLedger>().AddAsync(NotBilled(now.AddDays(-10)), token);
                await unit.Store<IOccurrenceStore>().TryAddAsync(
                    new Occurrence(HistoryRetention.Key, longAgo, OccurrenceState.Ran, null, null, null, longAgo), token);
                await ((EfUnit)unit).Db.RunAsync([new Statement(WrongTotal, [])], token);
                await unit.Store<ITrainingStore>().AddAsync(ended, [image], null, token);
                await unit.Store<ITrainingStore>().AddAsync(failed, [], null, token);
                await unit.Store<ISpoolStore>().SaveAsync(new SpoolEntry(failed.Id, 1, disk, SpoolNames.File(failed.Id, 1), 3, new string('b', 64), now), token);
                await unit.Store<ILimitsStore>().TryChargeAsync(ended.UserId, ended.Id, 1, longAgo, new LimitRules(10, 30), token);
            },
            Token);
    }

    /// <summary>A pod of which no bill has come although its day is over.</summary>
    private LedgerPod NotBilled(DateTimeOffset at) => new()
    {
        Name = "lora-not-billed",
        Job = new JobId(ids.Next()),
        Attempt = 1,
        Try = 1,
        Want = PodWant.Released,
        Saw = PodSaw.Gone,
        PodId = "neverbilled1",
        GpuType = "NVIDIA A40",
        HourlyRate = Usd.FromDollars(0.5m),
        RequestedAt = at,
        CreatedAt = at,
        GoneAt = at.AddHours(2),
    };

    private TrainingJob Job(TrainingState state, DateTimeOffset endedAt, JobFailure? failure) => new()
    {
        Id = new JobId(ids.Next()),
        LoraId = new LoraId(ids.Next()),
        UserId = new UserId(ids.Next()),
        Name = "Mara",
        CreatorEmail = "creator-17@example.org",
        State = state,
        StateSince = endedAt,
        CreatedAt = endedAt.AddHours(-1),
        UpdatedAt = endedAt,
        CompletedAt = endedAt,
        Attempt = 1,
        Admission = 1,
        DueAt = endedAt,
        Failure = failure,
    };

    private async Task<Seen> LookAsync(HttpWatch http)
    {
        await using SqliteCommand command = databaseSpy.CreateCommand();

        // It changes with every commit of another connection.
        command.CommandText = "PRAGMA data_version";
        long version = (long)(await command.ExecuteScalarAsync(Token))!;
        IEnumerable<string> files = new DirectoryInfo(folder.Under("data")).EnumerateFiles("*", SearchOption.AllDirectories)
            .Where(static file => !file.Name.StartsWith("loraadmin.db", StringComparison.Ordinal))
            .Select(static file => string.Create(CultureInfo.InvariantCulture, $"{file.FullName} {file.Length} {file.LastWriteTimeUtc.Ticks}"))
            .Order(StringComparer.Ordinal);
        string figures = await redisSpy.GetServer(redis.Configuration).InfoRawAsync("persistence") ?? "";
        string changes = figures.Split("\r\n").Single(static line => line.StartsWith("rdb_changes_since_last_save:", StringComparison.Ordinal));
        return new Seen(version, cloud.Commands, string.Join('\n', http.Commands), string.Join('\n', files), changes);
    }

    /// <param name="Database">Changes with every commit.</param>
    /// <param name="Commands">Calls to the vendor that were more than a question.</param>
    /// <param name="Sent">Requests to anybody at all that were more than a question.</param>
    /// <param name="Files">Every file of the portal's folder but the database's own.</param>
    /// <param name="Redis">Changes with every write.</param>
    private sealed record Seen(long Database, int Commands, string Sent, string Files, string Redis);

    /// <summary>A pod that its job has long forgotten.</summary>
    private sealed record ForgottenPod(Installation Installation, JobId Job)
    {
        private string Name => PodNames.For(Installation.Id, Job, 1, 1);

        public PodSpec Spec => new(
            Name, "NVIDIA A40", "localcloud/trainer:1", 30, 40, "/workspace", null, ["8000/http"],
            new Dictionary<string, string> { [AgentToken.Variable] = AgentToken.For(Installation.AgentKey, Name) });

        public LedgerPod Row(ProviderPod pod, DateTimeOffset at) => new()
        {
            Name = Name,
            Job = Job,
            Attempt = 1,
            Try = 1,
            Want = PodWant.Needed,
            Saw = PodSaw.Running,
            PodId = pod.Id,
            GpuType = "NVIDIA A40",
            HourlyRate = pod.HourlyRate,
            RequestedAt = at,
            WantSince = at,
            LiveUntil = at,
        };
    }
}
