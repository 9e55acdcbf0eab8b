using System.Net;
using System.Text;
using System.Text.Json;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd.Processes;
using LoraAdmin.Tests.Storage;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>
/// Bad input against a whole running portal, with its real staging and its real decoder: each is refused clearly, nothing is written, memory stays flat.
/// </summary>
public sealed class BadInputTests : IDisposable
{
    private const string User = "6b1f7f3e-64d8-4f0c-9a51-3f0c2f1d7a10";
    private const string Other = "0e2d7c15-92a4-4a57-8c53-9d1be0a6f7d2";
    private const long MostGrowth = 150L * 1024 * 1024;

    /// <summary>Every table in which an accepted request leaves a row.</summary>
    private static readonly string[] Tables =
    [
        "lora_training_jobs", "training_progress", "training_attempts", "training_images", "training_uploads", "idempotency_keys", "lora_models",
        "budget_reservations", "budget_months", "limit_charges", "user_training_limits", "pod_ledger", "spool_files", "operational_events", "error_events",
    ];

    private readonly TemporaryFolder folder = new();

    [Fact]
    [Trait("Requirement", "E2")]
    public async Task BadRequests_AllKinds_AreRefusedClearlyAndLeaveNothing()
    {
        await using PortalProcess portal = await PortalProcess.StartAsync(folder.Under("data"));
        await RefusedAsync(portal, () => PortalApi.Form(User, "Ada", []), "images");
        long before = ResidentMemory.Now(portal.Id);

        byte[] good = SampleImages.Jpeg();
        await RefusedAsync(portal, () => PortalApi.Form(User, "Ada", Enumerable.Range(0, 101).Select(_ => good)), "images");
        await RefusedAsync(portal, () => PortalApi.Form(User, "Ada", [good, "I am a text, whatever my name says."u8.ToArray()]), "images[1]");
        await RefusedAsync(portal, () => PortalApi.Form(User, "Ada", [good, SampleImages.Truncated(good)]), "images[1]");
        await RefusedAsync(portal, () => PortalApi.Form(User, "Ada", [SampleImages.PlainPng(30_000, 30_000), good]), "images[0]");
        await RefusedAsync(portal, HugeFile, "images[0]");
        await RefusedAsync(portal, () => With(PortalApi.Form(User, "Ada", [good]), "gpu_type", "NVIDIA Abacus"), "gpu_type");
        await RefusedAsync(portal, () => PortalApi.Form("42", "Ada", [good]), "user_id");
        await RefusedAsync(portal, () => PortalApi.Form(User, new string('a', 10_000), [good]), "name");
        await RefusedAsync(portal, () => Json($$"""{"user_id":"{{User}}","name":"Ada","creator_email":"ada@example.org","training_images":["{{Other}}/set/0.jpg"]}"""), "training_images[0]");
        await RefusedAsync(portal, () => Json($$"""{"user_id":"{{User}}","name":"Ada","creator_email":"ada@example.org","training_images":[]}"""), "training_images");
        await RefusedAsync(portal, () => Json($$"""{"user_id":"{{User}}","name":"{{new string('a', 10_000)}}","creator_email":"a@example.org","training_images":["{{User}}/0.jpg"]}"""), "name");
        await RefusedAsync(portal, () => Json("{\"user_id\": \"6b1f7f3e"), "(body)");

        Assert.True(ResidentMemory.Peak(portal.Id) - before < MostGrowth, $"The process grew from {before} bytes to {ResidentMemory.Peak(portal.Id)}.");
        await NothingIsWrittenAsync();

        // The same portal still takes what is good: the refusals above were not those of a portal that refuses everything.
        await portal.Api.SubmitAsync(User, "Ada", [good]);
        Assert.Equal(1, await Database.NumberAsync("SELECT COUNT(*) FROM training_progress"));
    }

    [Fact]
    public async Task Upload_WhoseSenderGoesAway_LeavesNothing()
    {
        await using PortalProcess portal = await PortalProcess.StartAsync(folder.Under("data"));
        using (MultipartFormDataContent form = PortalApi.Form(User, "Ada", [SampleImages.Jpeg()]))
        {
            GeneratedStream breaking = new(10_000_000, SampleImages.Jpeg()) { BreaksAt = 5_000_000 };
            form.Add(new StreamContent(breaking), "images", "broken.jpg");
            await Assert.ThrowsAsync<HttpRequestException>(() => portal.Api.Http.PostAsync("/api/v1/training-jobs", form));
        }

        await Until.TrueAsync(
            "The staged files go", async () => Objects().Count == 0 && await Database.NumberAsync("SELECT COUNT(*) FROM training_uploads") == 0, Eventually.DefaultDeadline);
        await NothingIsWrittenAsync();
    }

    public void Dispose() => folder.Dispose();

    private PortalDatabase Database => PortalDatabase.Sqlite(folder.Under("data"));

    private static async Task RefusedAsync(PortalProcess portal, Func<HttpContent> content, string field)
    {
        using HttpContent body = content();
        using HttpRequestMessage request = new(HttpMethod.Post, "/api/v1/training-jobs") { Content = body };
        request.Headers.Add("Idempotency-Key", $"bad-{field}-{body.GetHashCode()}");
        using HttpResponseMessage answer = await portal.Api.Http.SendAsync(request);
        string said = await answer.Content.ReadAsStringAsync();
        Assert.True((int)answer.StatusCode is >= 400 and < 500, $"{field}: {(int)answer.StatusCode} {said}");
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        using JsonDocument problem = JsonDocument.Parse(said);
        Assert.NotEmpty(problem.RootElement.GetProperty("remedy").GetString()!);
        JsonElement error = Assert.Single(
            problem.RootElement.GetProperty("errors").EnumerateArray(), one => one.GetProperty("field").GetString()!.StartsWith(field, StringComparison.Ordinal));
        Assert.NotEmpty(error.GetProperty("problem").GetString()!);
        Assert.NotEmpty(error.GetProperty("remedy").GetString()!);
        Assert.True(said.Length < 4_000, $"The answer to {field} has {said.Length} characters.");
    }

    private static MultipartFormDataContent With(MultipartFormDataContent form, string field, string value)
    {
        form.Add(new StringContent(value), field);
        return form;
    }

    private static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");

    /// <summary>200 MB that begin like a JPEG.</summary>
    private static MultipartFormDataContent HugeFile()
    {
        MultipartFormDataContent form = PortalApi.Form(User, "Ada", []);
        form.Add(new StreamContent(new GeneratedStream(200_000_000, SampleImages.Jpeg())), "images", "huge.jpg");
        return form;
    }

    private async Task NothingIsWrittenAsync()
    {
        foreach (string table in Tables)
        {
            // What the portal's own schedules do at a full hour is none of a request's.
            string asked = table == "operational_events" ? "WHERE kind NOT LIKE 'operations.%'" : "";
            Assert.True(await Database.NumberAsync($"SELECT COUNT(*) FROM {table} {asked}") == 0, $"{table} has rows.");
        }

        Assert.Empty(Objects());
    }

    private List<string> Objects() => [.. Directory.EnumerateFiles(folder.Under("data", "objects"), "*", SearchOption.AllDirectories)];
}
