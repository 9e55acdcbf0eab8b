using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data;

public sealed class DatabaseStartupTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("loraadmin-start-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public async Task Start_NothingConfigured_MakesFolderDatabaseAndInstallation()
    {
        Installation first;
        await using (ServiceProvider portal = Portal())
        {
            first = await StartAsync(portal);
            Assert.Equal(first, portal.GetRequiredService<Installation>());
        }

        Assert.Matches("^[0-9a-f]{8}$", first.Id);
        Assert.Equal(32, first.AgentKey.Length);
        Assert.True(File.Exists(Path.Combine(root, "data", "loraadmin.db")));
        await using ServiceProvider again = Portal();
        Installation second = await StartAsync(again);
        Assert.Equal((first.Id, first.CreatedAt), (second.Id, second.CreatedAt));
        Assert.Equal(first.AgentKey, second.AgentKey);
    }

    [Fact]
    public async Task Start_SecondProcessOnTheFolder_IsRefusedAndNamesTheHolder()
    {
        await using ServiceProvider holder = Portal();
        await StartAsync(holder);
        await using ServiceProvider second = Portal();

        StartupRefusedException refused = await Assert.ThrowsAsync<StartupRefusedException>(() => StartAsync(second));

        Assert.Equal("Data:Path", refused.Key);
        Assert.Contains($"process {Environment.ProcessId} on {Environment.MachineName}, started ", refused.Problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(CloudKind.Local, CloudKind.Real)]
    [InlineData(CloudKind.Real, CloudKind.Local)]
    public async Task Start_OtherKindOfCloud_IsRefusedAndNamesTheKeys(CloudKind recorded, CloudKind now)
    {
        await using (ServiceProvider portal = Portal())
        {
            await StartAsync(portal, recorded);
        }

        await using ServiceProvider other = Portal();
        StartupRefusedException refused = await Assert.ThrowsAsync<StartupRefusedException>(() => StartAsync(other, now));

        Assert.Equal("RunPod:ApiKey", refused.Key);
        Assert.Contains("ConnectionStrings:Database", refused.Remedy, StringComparison.Ordinal);
    }

    /// <summary>A laptop has no vendor's key, so that LocalCloud is attached: the copy's pods are on an account that it can't see.</summary>
    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Start_CopyOfAProductionDatabaseOnALaptop_IsRefused()
    {
        await using (ServiceProvider portal = Portal())
        {
            await StartAsync(portal, CloudKind.Real);
        }

        string laptop = Path.Combine(root, "laptop");
        Directory.CreateDirectory(laptop);
        File.Copy(Path.Combine(root, "data", "loraadmin.db"), Path.Combine(laptop, "loraadmin.db"));
        CloudKind attached = CloudAttachment.From(new ConfigurationBuilder().Build()).Kind;
        await using ServiceProvider copy = Portal(("Data:Path", "laptop"));

        StartupRefusedException refused = await Assert.ThrowsAsync<StartupRefusedException>(() => StartAsync(copy, attached));

        Assert.Equal("RunPod:ApiKey", refused.Key);
        Assert.Contains("made for real clouds", refused.Problem, StringComparison.Ordinal);
    }

    /// <summary>With the vendor's key it would end production's pods: the file does not lie where its installation lives.</summary>
    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Start_CopyOfADatabaseFile_IsRefusedAndNamesBothWaysOut()
    {
        await using (ServiceProvider portal = Portal())
        {
            await StartAsync(portal, CloudKind.Real);
        }

        Directory.CreateDirectory(Path.Combine(root, "laptop"));
        File.Copy(Path.Combine(root, "data", "loraadmin.db"), Path.Combine(root, "laptop", "loraadmin.db"));

        await IsRefusedAsync("Data:Path", ("Data:Path", "laptop"));
        await IsRefusedAsync("Data:Path", ("Data:Path", "laptop"));
        await using ServiceProvider original = Portal();
        await StartAsync(original, CloudKind.Real);
    }

    /// <summary>With its marker, and with the times of all files, as <c>cp -a</c> and <c>rsync -a</c> leave them.</summary>
    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Start_DataFolderCopiedWhole_IsRefused()
    {
        await StartedAsync();
        string copy = Path.Combine(root, "laptop");
        Directory.CreateDirectory(copy);
        foreach (string file in Directory.EnumerateFiles(Path.Combine(root, "data")))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
            File.SetLastWriteTimeUtc(Path.Combine(copy, Path.GetFileName(file)), File.GetLastWriteTimeUtc(file));
        }

        Assert.True(File.Exists(Path.Combine(copy, InstallationBinding.MarkerName)));
        await IsRefusedAsync("Data:Path", ("Data:Path", "laptop"));
        await StartedAsync();
    }

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Start_CopyOfAPostgresDatabase_IsRefusedAndNamesBothWaysOut()
    {
        (string key, string copy) = ("ConnectionStrings:Database", await CopyOfPostgresAsync());

        await IsRefusedAsync(key, (key, copy));
    }

    [Fact]
    public async Task Moved_PostgresDatabase_IsTheSameInstallation()
    {
        string original = await PostgresServer.NewDatabaseAsync();
        Installation before = await StartedAsync(("ConnectionStrings:Database", original));
        (string Key, string Value) copy = ("ConnectionStrings:Database", await PostgresServer.NewDatabaseAsync(DatabaseOf(original)));

        await SayAsync(binding => binding.MoveHereAsync(CancellationToken.None), copy);

        Installation after = await StartedAsync(copy);
        Assert.Equal((before.Id, before.CreatedAt), (after.Id, after.CreatedAt));
        Assert.Equal(before.AgentKey, after.AgentKey);
        Assert.Equal(after.Id, (await StartedAsync(copy)).Id);
    }

    [Fact]
    public async Task Moved_FolderWithoutItsMarker_IsTheSameInstallation()
    {
        Installation before = await StartedAsync();
        File.Delete(Path.Combine(root, "data", InstallationBinding.MarkerName));
        await IsRefusedAsync("Data:Path");

        await SayAsync(binding => binding.MoveHereAsync(CancellationToken.None));

        Assert.Equal(before.Id, (await StartedAsync()).Id);
    }

    [Fact]
    public async Task Copied_Database_IsAnotherInstallationOnWhateverCloud()
    {
        Installation before = await StartedAsync();
        File.Delete(Path.Combine(root, "data", InstallationBinding.MarkerName));

        await SayAsync(binding => binding.RenewHereAsync(CloudKind.Real, CancellationToken.None));

        await using ServiceProvider portal = Portal();
        Installation after = await StartAsync(portal, CloudKind.Real);
        Assert.Matches("^[0-9a-f]{8}$", after.Id);
        Assert.NotEqual(before.Id, after.Id);
        Assert.NotEqual(before.AgentKey, after.AgentKey);
    }

    [Fact]
    public async Task Start_InstallationOfAnOlderVersion_IsBoundWhereItIs()
    {
        Installation before = await StartedAsync();
        await using (ServiceProvider portal = Portal())
        await using (LoraDb db = portal.GetRequiredService<LoraDbFactory>().CreateDbContext())
        {
            await db.Database.ExecuteSqlRawAsync("UPDATE installation SET bound_to = NULL");
        }

        Assert.Equal(before.Id, (await StartedAsync()).Id);
        File.Delete(Path.Combine(root, "data", InstallationBinding.MarkerName));
        await IsRefusedAsync("Data:Path");
    }

    /// <summary>A server may keep its identifier from the portal's user: then its address has to do.</summary>
    [Fact]
    public async Task Start_PostgresThatKeepsItsIdentifierSecret_IsBoundByItsAddress()
    {
        string original = await PostgresServer.NewDatabaseAsync();
        await using (NpgsqlConnection connection = new(original))
        {
            await connection.OpenAsync();
            await using NpgsqlCommand user = new($"CREATE ROLE plain LOGIN; GRANT ALL ON DATABASE {DatabaseOf(original)} TO plain; GRANT ALL ON SCHEMA public TO plain; REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC", connection);
            await user.ExecuteNonQueryAsync();
        }

        (string Key, string Value) plain = ("ConnectionStrings:Database", new NpgsqlConnectionStringBuilder(original) { Username = "plain" }.ToString());
        Installation before = await StartedAsync(plain);
        Assert.Equal(before.Id, (await StartedAsync(plain)).Id);

        await using ServiceProvider portal = Portal(plain);
        await using LoraDb db = portal.GetRequiredService<LoraDbFactory>().CreateDbContext();
        Assert.StartsWith("server:127.0.0.1:", await db.Set<InstallationRow>().Select(row => row.BoundTo).SingleAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_FolderCannotBeMade_NamesKeyAndRemedy()
    {
        File.WriteAllText(Path.Combine(root, "file"), "");
        await using ServiceProvider portal = Portal(("Data:Path", "file/below"));

        StartupRefusedException refused = await Assert.ThrowsAsync<StartupRefusedException>(() => StartAsync(portal));

        Assert.Equal("Data:Path", refused.Key);
        Assert.Contains("write access", refused.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_StaleMigrationLock_IsCleared()
    {
        await using (ServiceProvider portal = Portal())
        {
            await StartAsync(portal);
            await using LoraDb db = portal.GetRequiredService<LoraDbFactory>().CreateDbContext();
            await db.Database.ExecuteSqlRawAsync(
                "CREATE TABLE IF NOT EXISTS \"__EFMigrationsLock\" (\"Id\" INTEGER NOT NULL PRIMARY KEY, \"Timestamp\" TEXT NOT NULL)");
            await db.Database.ExecuteSqlRawAsync("INSERT INTO \"__EFMigrationsLock\" VALUES (1, '2026-01-01')");
        }

        await using ServiceProvider again = Portal();
        using CancellationTokenSource timeout = new(Eventually.DefaultDeadline, TimeProvider.System);
        await again.GetRequiredService<DatabaseStartup>().RunAsync(CloudKind.Local, timeout.Token);
    }

    [Fact]
    public async Task Start_PostgresUnreachable_NamesKeyAndRemedyWithoutThePassword()
    {
        using SilentPort nobody = new();
        await using ServiceProvider portal = Portal(
            ("ConnectionStrings:Database", $"Host=127.0.0.1;Port={nobody.Number};Database=x;Username=u;Password=hidden-word"));

        StartupRefusedException refused = await Assert.ThrowsAsync<StartupRefusedException>(() => StartAsync(portal));

        Assert.Equal("ConnectionStrings:Database", refused.Key);
        Assert.DoesNotContain("hidden-word", refused.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("  ")]
    public void Configure_FolderEmpty_NamesTheKey(string path) =>
        Assert.Equal("Data:Path", Assert.Throws<StartupRefusedException>(() => Portal(("Data:Path", path))).Key);

    [Fact]
    public async Task Protected_BeforeARestart_IsReadAfterIt()
    {
        string secret;
        await using (ServiceProvider portal = Portal())
        {
            await StartAsync(portal);
            secret = portal.GetRequiredService<IDataProtectionProvider>().CreateProtector("tests").Protect("cookie");
        }

        await using ServiceProvider again = Portal();
        await StartAsync(again);

        Assert.Equal("cookie", again.GetRequiredService<IDataProtectionProvider>().CreateProtector("tests").Unprotect(secret));
    }

    [Fact]
    public async Task Unit_DatabaseAway_SaysSo()
    {
        using SilentPort nobody = new();
        string away = $"Host=127.0.0.1;Port={nobody.Number};Database=x;Username=u";
        await using ServiceProvider portal = TestDatabase.Build(new DatabaseTarget.Postgres(away));
        IUnitOfWork work = portal.GetRequiredService<IUnitOfWork>();
        JobId job = new(new Guid("0193f0a0-0000-7000-8000-000000000001"));

        await Assert.ThrowsAsync<StoreUnavailableException>(() =>
            work.RunAsync((unit, token) => unit.Store<ITrainingStore>().FindAsync(job, token), CancellationToken.None));
        await Assert.ThrowsAsync<StoreUnavailableException>(() =>
            work.ReadAsync((unit, token) => unit.Store<ITrainingStore>().FindAsync(job, token), CancellationToken.None));
    }

    [Fact]
    public void Configure_ConnectionStringUnreadable_NamesTheKey()
    {
        StartupRefusedException refused = Assert.Throws<StartupRefusedException>(() => Portal(("ConnectionStrings:Database", "Hots=here;Colour=blue")));

        Assert.Equal("ConnectionStrings:Database", refused.Key);
    }

    [Fact]
    public async Task Start_TwoInstancesAtOnceOnOnePostgres_AgreeOnTheInstallation()
    {
        string connectionString = await PostgresServer.NewDatabaseAsync();
        await using ServiceProvider one = Portal(("ConnectionStrings:Database", connectionString), ("Data:Path", "one"));
        await using ServiceProvider two = Portal(("ConnectionStrings:Database", connectionString), ("Data:Path", "two"));

        Installation[] both = await Task.WhenAll(Task.Run(() => StartAsync(one)), Task.Run(() => StartAsync(two)));

        Assert.Equal(both[0].Id, both[1].Id);
        Assert.IsType<DatabaseClock>(one.GetRequiredService<TimeProvider>());
    }

    [Fact]
    public async Task Clock_MachineIsWrong_FollowsTheDatabase()
    {
        FakeTimeProvider machine = new(new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero));
        DatabaseClock clock = new(machine);
        PostgresServer server = await PostgresServer.SharedAsync();
        await using NpgsqlDataSource dataSource = NpgsqlDataSource.Create(server.ConnectionString("postgres"));

        await clock.MeasureAsync(dataSource, CancellationToken.None);

        Assert.InRange(clock.GetUtcNow() - TimeProvider.System.GetUtcNow(), TimeSpan.FromSeconds(-20), TimeSpan.FromSeconds(20));
        DateTimeOffset before = clock.GetUtcNow();
        machine.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal(TimeSpan.FromMinutes(5), clock.GetUtcNow() - before);
    }

    [Fact]
    public async Task Clock_MachineIsWrong_IsKnownBeforeAnyLoopAsks()
    {
        FakeTimeProvider machine = new(TimeProvider.System.GetUtcNow().AddMinutes(-10));
        DatabaseClock clock = new(machine);
        ClockStandings clocks = KnownClocks.New(clock);
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Postgres, clock);
        LoraDbFactory contexts = database.Services.GetRequiredService<LoraDbFactory>();
        await clock.MeasureAsync(contexts.DataSource!, CancellationToken.None);
        using DatabaseClockService service = new(clock, contexts, clocks, () => KnownClocks.Rules, NullLogger<DatabaseClockService>.Instance);

        await service.StartAsync(CancellationToken.None);

        ClockStanding standing = Assert.Single(clocks.All);
        Assert.Equal((ClockStandings.Database, ClockGrade.FarOff), (standing.Subject, standing.Grade));
        Assert.InRange(standing.Reading!.Ahead, TimeSpan.FromMinutes(-11), TimeSpan.FromMinutes(-9));
        Assert.NotNull(clocks.WhyHeld());
        await service.StopAsync(CancellationToken.None);
    }

    private static Task<Installation> StartAsync(ServiceProvider portal, CloudKind cloud = CloudKind.Local) =>
        portal.GetRequiredService<DatabaseStartup>().RunAsync(cloud, CancellationToken.None);

    private static string DatabaseOf(string connectionString) => new NpgsqlConnectionStringBuilder(connectionString).Database!;

    private async Task<Installation> StartedAsync(params (string Key, string Value)[] settings)
    {
        await using ServiceProvider portal = Portal(settings);
        return await StartAsync(portal);
    }

    private async Task IsRefusedAsync(string key, params (string Key, string Value)[] settings)
    {
        await using ServiceProvider copy = Portal(settings);
        StartupRefusedException refused = await Assert.ThrowsAsync<StartupRefusedException>(async () =>
        {
            // Whichever cloud it was made for: that is asked first.
            try
            {
                await StartAsync(copy, CloudKind.Local);
            }
            catch (StartupRefusedException other) when (other.Key == "RunPod:ApiKey")
            {
                await StartAsync(copy, CloudKind.Real);
            }
        });
        Assert.Equal(key, refused.Key);
        Assert.Contains("installation moved", refused.Remedy, StringComparison.Ordinal);
        Assert.Contains("installation copied", refused.Remedy, StringComparison.Ordinal);
    }

    private async Task<string> CopyOfPostgresAsync()
    {
        string original = await PostgresServer.NewDatabaseAsync();
        await StartedAsync(("ConnectionStrings:Database", original));
        return await PostgresServer.NewDatabaseAsync(DatabaseOf(original));
    }

    /// <summary>What the commands do once they have opened the database.</summary>
    private async Task SayAsync(Func<InstallationBinding, Task> say, params (string Key, string Value)[] settings)
    {
        await using ServiceProvider portal = Portal(settings);
        DatabaseStartup startup = portal.GetRequiredService<DatabaseStartup>();
        await startup.OpenAsync(CancellationToken.None);
        await using LoraDb db = portal.GetRequiredService<LoraDbFactory>().CreateDbContext();
        await say(startup.BindingOf(db));
    }

    private ServiceProvider Portal(params (string Key, string Value)[] settings)
    {
        IConfiguration configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value)))
            .Build();
        ServiceCollection services = new();
        services.AddLogging();
        services.AddSingleton<IHostEnvironment>(new HostingEnvironment { ContentRootPath = root });
        services.AddPlatformData(configuration);
        return services.BuildServiceProvider();
    }
}
