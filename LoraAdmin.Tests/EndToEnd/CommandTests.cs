using System.Net;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd.Processes;
using LoraAdmin.Tests.Operations;
using LoraAdmin.Tests.Storage;
using Npgsql;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>The commands and the way the portal starts and ends, as a person at a console meets them.</summary>
public sealed class CommandTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    [Fact]
    public async Task SignInLink_BesideARunningPortal_SignsInExactlyOnce()
    {
        await using PortalProcess portal = await PortalProcess.StartAsync(folder.Under("data"));

        ProgramRun command = await ProgramRun.ToEndAsync(["sign-in-link", "--urls", portal.BaseUrl.ToString()], Environment());

        Assert.True(command.ExitCode == 0, command.Said);
        string link = Assert.Single(PortalProcess.Links(command.Output));
        Assert.StartsWith(portal.BaseUrl.ToString(), link, StringComparison.Ordinal);
        using HttpClient first = portal.NewBrowserlessClient();
        Assert.Equal(HttpStatusCode.Redirect, await SpendAsync(first, link));
        Assert.Equal(HttpStatusCode.OK, (await PageAsync(first)).StatusCode);
        using HttpClient second = portal.NewBrowserlessClient();
        Assert.Equal(HttpStatusCode.Forbidden, await SpendAsync(second, link));
        HttpResponseMessage refused = await PageAsync(second);
        Assert.Equal("/sign-in", new Uri(portal.BaseUrl, refused.Headers.Location!).AbsolutePath);
    }

    [Fact]
    public async Task SignInLink_PrintedAtStart_SignsIn()
    {
        await using PortalProcess portal = await PortalProcess.StartAsync(folder.Under("data"));
        using HttpClient browser = portal.NewBrowserlessClient();

        Assert.Equal(HttpStatusCode.Redirect, await SpendAsync(browser, portal.SignInUrl));
        Assert.Equal(HttpStatusCode.OK, (await PageAsync(browser)).StatusCode);
    }

    [Fact]
    public async Task SignInLink_WithoutAPortal_SaysHowToStartOne()
    {
        ProgramRun command = await ProgramRun.ToEndAsync(["sign-in-link"], Environment());

        Assert.Equal(1, command.ExitCode);
        Assert.Contains("dotnet run --project LoraAdmin", command.Errors, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.Under("data")));
    }

    [Fact]
    public async Task Due_AfterDaysOfSilence_NamesTheRunsThatAStartWouldMake()
    {
        long operations;
        await using (PortalProcess portal = await PortalProcess.StartAsync(folder.Under("data")))
        {
            PortalDatabase database = PortalDatabase.Sqlite(folder.Under("data"));
            await Eventually.TrueAsync(async () => await database.NumberAsync("SELECT COUNT(*) FROM operation_standing WHERE seen_at > 0") == 1, "the keeper has looked");
            Assert.Equal(0, await portal.StopAsync());
            await database.ExecuteAsync("UPDATE operation_schedules SET accounted_until = accounted_until - 40 * 86400000");
            await database.ExecuteAsync("UPDATE operation_standing SET seen_at = seen_at - 40 * 86400000");
            await database.ExecuteAsync("UPDATE operation_schedules SET cron = 'at noon', is_edited = true WHERE operation = 'pods.sweep'");
            operations = await database.NumberAsync("SELECT COUNT(*) FROM operation_schedules");
        }

        ProgramRun command = await ProgramRun.ToEndAsync(["due"], Environment());

        Assert.True(command.ExitCode == 0, command.Said);
        Assert.Contains($"these {operations - 1} runs happen", command.Output, StringComparison.Ordinal);
        Assert.Contains("(pods.sweep): its schedule can't be read", command.Output, StringComparison.Ordinal);
        Assert.Matches(@"Monthly reset of limits \(limits\.month_reset\): missed (once|2 times)", command.Output);
    }

    [Fact]
    public async Task Due_RightAfterAKill_NamesTheRunThatTheStartThenGoesOnFrom()
    {
        PortalDatabase database = PortalDatabase.Sqlite(folder.Under("data"));
        await using (PortalProcess portal = await PortalProcess.StartAsync(folder.Under("data")))
        {
            await Eventually.TrueAsync(async () => await database.NumberAsync("SELECT COUNT(*) FROM operation_standing WHERE seen_at > 0") == 1, "the keeper has looked");
            Assert.Equal(0, await portal.StopAsync());
        }

        await database.ExecuteAsync("UPDATE operation_schedules SET accounted_until = accounted_until - 2 * 86400000");
        await database.ExecuteAsync("UPDATE operation_standing SET seen_at = seen_at - 2 * 86400000");
        const string run = "FROM operation_runs WHERE operation = 'operations.history' AND number = 1";
        await using (PortalProcess portal = await PortalProcess.StartAsync(folder.Under("data")))
        {
            await Eventually.TrueAsync(async () => await database.NumberAsync($"SELECT COUNT(*) {run} AND state = 'succeeded'") == 1, "a run makes up for what was missed");
            await portal.KillAsync();
        }

        // As if it had been killed in the middle of it.
        await database.ExecuteAsync(
            "UPDATE operation_runs SET state = 'running', ended_at = NULL, outcome = NULL, lease_until = started_at + 3600000 WHERE operation = 'operations.history'");

        ProgramRun command = await ProgramRun.ToEndAsync(["due"], Environment());

        Assert.True(command.ExitCode == 0, command.Said);
        Assert.Contains("(operations.history): goes on from run 1, which was interrupted", command.Output, StringComparison.Ordinal);
        await using PortalProcess next = await PortalProcess.StartAsync(folder.Under("data"));
        await Eventually.TrueAsync(async () => await database.NumberAsync($"SELECT COUNT(*) {run} AND resumed_by IS NOT NULL") == 1, "the start goes on from it");
        Assert.EndsWith("was killed: it was gone when the portal was started again", await database.TextAsync($"SELECT outcome {run}"), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "O3")]
    public async Task Check_OnAFreshFolder_SaysThatTheFirstStartMakesTheDatabaseAndLeavesNothing()
    {
        ProgramRun command = await ProgramRun.ToEndAsync(["check"], Environment());

        Assert.Equal(1, command.ExitCode);
        Assert.Contains("The first start of the portal makes it.", command.Output, StringComparison.Ordinal);
        Assert.Contains("1 of the parts above needs attention.", command.Output, StringComparison.Ordinal);
        Assert.Empty(Files());
    }

    [Fact]
    [Trait("Requirement", "O3")]
    public async Task Check_BesideARunningPortal_FindsEverythingGoodAndLeavesNothing()
    {
        await using LocalCloudProcess cloud = await LocalCloudProcess.StartAsync(folder.Under("cloud"));
        await using PortalProcess portal = await PortalProcess.StartAsync(folder.Under("data"), cloud.PortalSettings);
        using (HttpResponseMessage ready = await portal.Api.Http.GetAsync("/health/ready"))
        {
            Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        }

        ProgramRun command = await ProgramRun.ToEndAsync(["check"], Environment(cloud.PortalSettings));

        Assert.True(command.ExitCode == 0, command.Said);
        Assert.Contains("Everything that is configured works.", command.Output, StringComparison.Ordinal);
        foreach (string part in new[] { "options", "database", "storage", "spool", "runpod", "rights", "image", "gpu types", "balance", "clocks" })
        {
            Assert.Contains($"ok {part}", command.Output, StringComparison.Ordinal);
        }

        Assert.DoesNotContain(Files(), file => file.Contains("check", StringComparison.Ordinal));
        Assert.Empty(await cloud.TruthAsync());
    }

    [Fact]
    [Trait("Requirement", "O3")]
    public async Task Check_WithAWrongKey_NamesTheKey()
    {
        await using LocalCloudProcess cloud = await LocalCloudProcess.StartAsync(folder.Under("cloud"));
        Dictionary<string, string> settings = new(cloud.PortalSettings) { ["RunPod:ApiKey"] = "not-the-key-of-this-account" };

        ProgramRun command = await ProgramRun.ToEndAsync(["check"], Environment(settings));

        Assert.Equal(1, command.ExitCode);
        foreach (string part in new[] { "runpod", "rights" })
        {
            string line = Assert.Single(command.Output.Split('\n'), line => line.StartsWith($"!  {part}", StringComparison.Ordinal));
            Assert.Contains("Set a valid RunPod:ApiKey.", line, StringComparison.Ordinal);
        }

        Assert.DoesNotContain("not-the-key-of-this-account", command.Said, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "O3")]
    public async Task Check_WithAFallback_TriesItsTrainerDestinationAndSecret()
    {
        await using WatchedLocalCloud cloud = await WatchedLocalCloud.StartAsync();
        Dictionary<string, string> settings = new(cloud.PortalSettings.Concat(cloud.FallbackSettings));

        ProgramRun good = await ProgramRun.ToEndAsync(["check"], Environment(settings), within: Eventually.DefaultDeadline);
        Assert.All(["replicate", "destination", "webhooks"], part => Assert.Contains($"ok {part}", good.Output, StringComparison.Ordinal));

        settings["Replicate:Destination"] = "somebody/nothing";
        await SaysAsync("!  destination Replicate does not know Replicate:Destination somebody/nothing. Make this model at Replicate", settings);
    }

    [Fact]
    [Trait("Requirement", "O3")]
    public async Task Check_WithoutAFallback_SaysWhatIsMissing()
    {
        await using WatchedLocalCloud cloud = await WatchedLocalCloud.StartAsync();
        await SaysAsync("–  replicate Replicate is not configured: set Replicate:ApiToken", new(cloud.PortalSettings));

        Dictionary<string, string> unreached = new(cloud.PortalSettings.Concat(cloud.FallbackSettings)) { ["Replicate:BaseUrl"] = "https://api.replicate.example/v1" };
        await SaysAsync("Set Portal:PublicUrl to the address under which it is reached from outside.", unreached);
    }

    [Fact]
    [Trait("Requirement", "O3")]
    public async Task Check_OfABrokenDatabaseFile_SaysWhatToDoWithoutATrace()
    {
        Directory.CreateDirectory(folder.Under("data"));
        await File.WriteAllTextAsync(folder.Under("data", "loraadmin.db"), new string('x', 500));

        await SaysAsync("Put back a good copy of loraadmin.db", new Dictionary<string, string>());
    }

    [Fact]
    [Trait("Requirement", "O3")]
    public async Task Check_OfPartsThatDoNotAnswer_SaysWhatToDoWithoutATrace()
    {
        using SilentPort silent = new();
        string nobody = silent.Number.ToString(System.Globalization.CultureInfo.InvariantCulture);
        ProgramRun command = await SaysAsync("Check ConnectionStrings:Database and that the server runs.", new Dictionary<string, string>
        {
            ["ConnectionStrings:Database"] = $"Host=127.0.0.1;Port={nobody};Database=lora;Username=lora;Password=hidden-word",
            ["ConnectionStrings:Redis"] = $"127.0.0.1:{nobody},connectTimeout=500,connectRetry=0",
            ["RunPod:ApiKey"] = "rpa_0123456789",
            ["RunPod:BaseUrl"] = $"http://127.0.0.1:{nobody}/v2",
            ["RunPod:Image"] = "example/trainer",
        });

        Assert.DoesNotContain("hidden-word", command.Said, StringComparison.Ordinal);
        Assert.Contains("!  redis", command.Output, StringComparison.Ordinal);
        Assert.Contains("Check RunPod:BaseUrl and the network.", command.Output, StringComparison.Ordinal);
        Assert.Contains("names no version", command.Output, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "O3")]
    public async Task Check_AsAUserWithoutRights_SaysWhichAreMissing()
    {
        string database = await PostgresServer.NewDatabaseAsync();
        PortalDatabase owner = PortalDatabase.Postgres(database);
        await owner.ExecuteAsync("CREATE ROLE weak LOGIN; CREATE TABLE lora_models (id uuid PRIMARY KEY)");
        Dictionary<string, string> settings = new() { ["ConnectionStrings:Database"] = new NpgsqlConnectionStringBuilder(database) { Username = "weak" }.ToString() };

        await SaysAsync("weak may not create tables in schema public. Run: GRANT CREATE, USAGE ON SCHEMA public TO weak.", settings);
        await owner.ExecuteAsync("GRANT CREATE, USAGE ON SCHEMA public TO weak");
        await SaysAsync("weak may not alter lora_models.", settings);
        await owner.ExecuteAsync("ALTER TABLE lora_models OWNER TO weak");
        await SaysAsync("migrations are still to be applied", settings);
    }

    [Fact]
    public async Task CtrlC_WhileAJobTrains_EndsCleanlyAndTheNextStartGoesOn()
    {
        await using LocalCloudProcess cloud = await LocalCloudProcess.StartAsync(
            folder.Under("cloud"), new Dictionary<string, string> { ["Speed"] = "1", ["Boot"] = "00:00:00.2", ["Pull"] = "00:00:00.2", ["Training"] = "00:00:06", ["Validation"] = "00:00:00.5" });
        Dictionary<string, string> settings = new(cloud.PortalSettings) { ["Training:PollEvery"] = "00:00:00.2" };
        string job;
        await using (PortalProcess first = await PortalProcess.StartAsync(folder.Under("data"), settings))
        {
            job = await first.Api.SubmitAsync("6b1f7f3e-64d8-4f0c-9a51-3f0c2f1d7a10", "Ada", [SampleImages.Jpeg()]);
            await first.Api.ReachesAsync(job, "training", Eventually.DefaultDeadline);

            Assert.Equal(0, await first.StopAsync());
            Assert.Equal("", first.Errors.Trim());
        }

        await using PortalProcess second = await PortalProcess.StartAsync(folder.Under("data"), settings);
        SeenJob done = await second.Api.ReachesAsync(job, "completed", Eventually.DefaultDeadline);
        Assert.Equal(done.Sha256, await second.Api.FileSha256Async(done.LoraId));
        Assert.Single(await cloud.TruthAsync());
    }

    [Fact]
    public async Task Urls_AsArgument_AreListenedOnAndAnnounced()
    {
        await using PortalProcess portal = await PortalProcess.StartAsync(folder.Under("data"), arguments: ["--urls", "http://127.0.0.1:0"]);

        await AnswersAtASystemPortAsync(portal);
    }

    [Fact]
    public async Task Urls_AsEnvironmentVariable_AreListenedOnAndAnnounced()
    {
        await using PortalProcess portal = await PortalProcess.StartAsync(
            folder.Under("data"), new Dictionary<string, string> { ["ASPNETCORE_URLS"] = "http://127.0.0.1:0" }, arguments: []);

        await AnswersAtASystemPortAsync(portal);
    }

    [Fact]
    public async Task UnknownCommand_IsRefusedWithTheKnownOnes()
    {
        ProgramRun command = await ProgramRun.ToEndAsync(["chekc"], Environment());

        Assert.Equal(1, command.ExitCode);
        Assert.Contains("chekc", command.Errors, StringComparison.Ordinal);
        foreach (string known in new[] { "check", "installation", "sign-in-link", "local-cloud" })
        {
            Assert.Contains(known, command.Errors, StringComparison.Ordinal);
        }

        Assert.False(Directory.Exists(folder.Under("data")));
    }

    public void Dispose() => folder.Dispose();

    /// <summary>The host tells that the setting was heard: the default says localhost. The port is the system's, so that no other program can hold it.</summary>
    private static async Task AnswersAtASystemPortAsync(PortalProcess portal)
    {
        Assert.Equal("127.0.0.1", portal.BaseUrl.Host);
        Assert.NotEqual(0, portal.BaseUrl.Port);
        Assert.StartsWith($"{portal.BaseUrl}sign-in#", portal.SignInUrl, StringComparison.Ordinal);
        using HttpResponseMessage live = await portal.Api.Http.GetAsync("/health/live");
        Assert.Equal(HttpStatusCode.OK, live.StatusCode);
    }

    private static async Task<HttpStatusCode> SpendAsync(HttpClient browser, string link)
    {
        using FormUrlEncodedContent form = new(new Dictionary<string, string> { ["code"] = new Uri(link).Fragment[1..], ["returnUrl"] = "/" });
        using HttpRequestMessage request = new(HttpMethod.Post, "/sign-in") { Content = form };
        request.Headers.Add("Origin", browser.BaseAddress!.GetLeftPart(UriPartial.Authority));
        using HttpResponseMessage answer = await browser.SendAsync(request);
        return answer.StatusCode;
    }

    private static async Task<HttpResponseMessage> PageAsync(HttpClient browser)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, "/");
        request.Headers.Accept.ParseAdd("text/html");
        return await browser.SendAsync(request);
    }

    private async Task<ProgramRun> SaysAsync(string words, Dictionary<string, string> settings)
    {
        ProgramRun command = await ProgramRun.ToEndAsync(["check"], Environment(settings), within: Eventually.DefaultDeadline);
        Assert.Equal(1, command.ExitCode);
        Assert.Contains(words, command.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", command.Said, StringComparison.Ordinal);
        Assert.Equal("", command.Errors.Trim());
        return command;
    }

    private Dictionary<string, string> Environment(IReadOnlyDictionary<string, string>? settings = null) =>
        PortalProcess.EnvironmentOf(folder.Under("data"), settings);

    private List<string> Files() =>
        Directory.Exists(folder.Under("data")) ? [.. Directory.EnumerateFiles(folder.Under("data"), "*", SearchOption.AllDirectories)] : [];
}
