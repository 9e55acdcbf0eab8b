using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd.Pages;
using LoraAdmin.Tests.Storage;
using Microsoft.Data.Sqlite;
using Microsoft.Playwright;
using Npgsql;
using StackExchange.Redis;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>The main job as a person does it: real browser, real program, real image files, a valid LoRA file in storage at the end.</summary>
[Collection(nameof(Browser))]
public sealed class SubmitInBrowserTests(Browser browser)
{
    private const string Name = "Captain Aurelius";

    private static readonly TimeSpan Whole = Eventually.DefaultDeadline;

    [Fact]
    public async Task Submit_EightFilesOnAFreshMachine_EndsInAVerifiedFile()
    {
        await using BrowserPortal portal = await BrowserPortal.StartAsync(BrowserPortal.Fast());

        await using SqliteConnection database = new($"Data Source={Path.Combine(portal.DataPath, "loraadmin.db")};Mode=ReadOnly;Pooling=False");
        await SubmitAndFetchAsync(portal, portal, database, async form =>
        {
            using TemporaryFolder disk = new();
            FilePayload[] files = EightFiles();
            foreach (FilePayload file in files)
            {
                await System.IO.File.WriteAllBytesAsync(disk.Under(file.Name), file.Buffer);
            }

            await form.DropAsync([.. files.Select(file => disk.Under(file.Name))]);
            await Assertions.Expect(form.Thumbnails).ToHaveCountAsync(files.Length);
            await form.Submit.ClickAsync();
            await form.GoneAsync();
        });
    }

    [Fact]
    public async Task Submit_OnPostgresRedisAndLocalCloudApart_EndsInAVerifiedFile()
    {
        const string key = "key-of-the-account-0123456789";
        string connection = await PostgresServer.NewDatabaseAsync();
        await using RedisServer redis = await RedisServer.StartAsync();
        await using BrowserPortal cloud = await BrowserPortal.StartLocalCloudAsync(BrowserPortal.Fast(("LocalCloud:ApiKey", key)));
        await using BrowserPortal portal = await BrowserPortal.StartAsync(BrowserPortal.Fast(
            ("ConnectionStrings:Database", connection),
            ("ConnectionStrings:Redis", redis.Configuration),
            ("RunPod:BaseUrl", $"{cloud.BaseUrl}/localcloud/runpod/v2"),
            ("RunPod:GraphQlUrl", $"{cloud.BaseUrl}/localcloud/runpod/graphql"),
            ("RunPod:ApiKey", key),
            ("RunPod:Image", "localcloud/trainer:1"),
            ("PodAgent:UrlTemplate", $"{cloud.BaseUrl}/localcloud/agents/{{pod}}")));

        await Eventually.TrueAsync(
            async () =>
            {
                using HttpResponseMessage ready = await portal.Api.GetAsync("/health/ready");
                return (await ready.Content.ReadAsStringAsync()).Contains("\"name\":\"redis\",\"status\":\"ok\"", StringComparison.Ordinal);
            },
            "Redis is heard");
        await using NpgsqlConnection database = new(connection);
        await SubmitAndFetchAsync(portal, cloud, database, async form =>
        {
            FilePayload[] files = EightFiles();
            await form.ChooseAsync(files[..5]);
            await Assertions.Expect(form.Thumbnails).ToHaveCountAsync(5);
            await form.ChooseAsync(files[5..]);
            await Assertions.Expect(form.Thumbnails).ToHaveCountAsync(8);
            await form.Submit.ClickAsync();
        });
    }

    [Fact]
    public async Task Submit_OnOneOfTwoInstances_ShowsOnTheOthersListWithoutReload()
    {
        string connection = await PostgresServer.NewDatabaseAsync();
        await using RedisServer redis = await RedisServer.StartAsync();
        Dictionary<string, string> settings = BrowserPortal.Fast(
            ("ConnectionStrings:Database", connection), ("ConnectionStrings:Redis", redis.Configuration), ("Training:MaxConcurrentPods", "1"));
        await using BrowserPortal first = await BrowserPortal.StartAsync(settings);
        await using BrowserPortal second = await BrowserPortal.StartAsync(settings);
        await using ConnectionMultiplexer client = await ConnectedRedis.ClientAsync(redis.Configuration);
        TaskCompletionSource signalled = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await client.GetSubscriber().SubscribeAsync(RedisChannel.Literal("lora:live:v1"), (_, _) => signalled.TrySetResult());

        await using BrowserWindow window = await browser.OpenAsync(second.BaseUrl);
        await window.SignInAsync(second);
        await window.GoToAsync("/training");
        await Assertions.Expect(window.Page.GetByText("No training job yet")).ToBeVisibleAsync();
        await window.Page.EvaluateAsync("() => { window.notReloaded = true; }");

        await first.SubmitAsync(Name, [SampleImages.Jpeg()]);

        await Assertions.Expect(window.Page.GetByRole(AriaRole.Link, new() { Name = Name })).ToBeVisibleAsync();
        Assert.True(await window.Page.EvaluateAsync<bool>("() => window.notReloaded === true"), "The page was loaded again.");
        await signalled.Task.WaitAsync(Eventually.DefaultDeadline, TimeProvider.System, TestContext.Current.CancellationToken);
        window.AssertQuiet();
    }

    private static FilePayload[] EightFiles() =>
    [
        .. Enumerable.Range(0, 8).Select(number => (number % 3) switch
        {
            0 => File($"photo-{number}.jpg", "image/jpeg", SampleImages.Jpeg(640, 480, number + 1)),
            1 => File($"photo-{number}.png", "image/png", SampleImages.Png(480, 640, number + 1)),
            _ => File($"photo-{number}.webp", "image/webp", SampleImages.Webp(512, 512, number + 1)),
        }),
    ];

    private static FilePayload File(string name, string type, byte[] bytes) => new() { Name = name, MimeType = type, Buffer = bytes };

    /// <param name="cloud">Who takes faults: the portal, or the LocalCloud beside it.</param>
    /// <param name="give">Puts the images into the dialog and submits.</param>
    private async Task SubmitAndFetchAsync(
        BrowserPortal portal, BrowserPortal cloud, System.Data.Common.DbConnection database, Func<NewJobForm, Task> give)
    {
        // A job that waits for its pod's agent goes on when the test says so: the page can't miss the state.
        await cloud.FaultAsync("agent_unreachable", count: 1_000_000);
        await using BrowserWindow window = await browser.OpenAsync(portal.BaseUrl);
        await window.SignInAsync(portal);
        await window.InteractiveAsync();
        await window.Page.GetByRole(AriaRole.Link, new() { Name = "New training job" }).First.ClickAsync();
        NewJobForm form = new(window.Page);
        await form.FillAsync(Guid.Parse("6b1f7f3e-64d8-4f0c-9a51-3f0c2f1d7a10"), Name, "ada@example.org");
        await give(form);

        JobPage page = new(window.Page);
        Guid job = await page.OpenedAsync(Name);
        await window.Page.EvaluateAsync("() => { window.notReloaded = true; }");
        await page.FollowAsync("provisioning", Whole);
        await cloud.ClearFaultsAsync();
        await page.FollowAsync("completed", Whole);
        Assert.True(await window.Page.EvaluateAsync<bool>("() => window.notReloaded === true"), "The page was loaded again.");
        Assert.Single(window.Sockets);
        await page.ImagesDrawnAsync(3);

        (string url, string saved) = await page.DownloadAsync();
        byte[] content = await FetchAsync(url);
        Assert.Equal(content, await System.IO.File.ReadAllBytesAsync(saved));
        await CheckAsync(portal, database, job, content, await page.Sha256.GetAttributeAsync("title"));
        await window.Page.SetViewportSizeAsync(390, 844);
        await Assertions.Expect(page.Step).ToHaveTextAsync("completed");
        await Assertions.Expect(page.Step).ToBeVisibleAsync();
        window.AssertQuiet();
    }

    /// <summary>As somebody fetches it who has the link and nothing else.</summary>
    private static async Task<byte[]> FetchAsync(string url)
    {
        using HttpClient stranger = new(new SocketsHttpHandler());
        return await stranger.GetByteArrayAsync(url);
    }

    private static async Task CheckAsync(
        BrowserPortal portal, System.Data.Common.DbConnection database, Guid job, byte[] content, string? shownSha256)
    {
        using MemoryStream stream = new(content);
        Assert.IsType<SafetensorsVerdict.Good>(await Safetensors.CheckAsync(stream, content.Length, TestContext.Current.CancellationToken));
        string sha256 = Convert.ToHexStringLower(SHA256.HashData(content));
        Assert.Equal(sha256, shownSha256);
        JsonElement answer = await portal.JobAsync(job);
        Assert.Equal(sha256, answer.GetProperty("file").GetProperty("sha256").GetString());
        Assert.Equal(content.Length, answer.GetProperty("file").GetProperty("size_bytes").GetInt64());
        Assert.Equal(sha256, await AnnouncedAsync(database, job));
    }

    /// <summary>What the pod's agent said before the file was fetched, as the job's row kept it.</summary>
    private static async Task<string?> AnnouncedAsync(System.Data.Common.DbConnection database, Guid job)
    {
        await database.OpenAsync();
        await using System.Data.Common.DbCommand command = database.CreateCommand();
        command.CommandText = string.Create(
            CultureInfo.InvariantCulture, $"SELECT artifact_sha256 FROM training_progress WHERE lower(CAST(job_id AS TEXT)) = '{job}'");
        return (string?)await command.ExecuteScalarAsync();
    }
}
