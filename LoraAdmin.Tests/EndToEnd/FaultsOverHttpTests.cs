using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd.Processes;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>
/// Failures of the vendor as the whole portal meets them: its own clients over HTTP, its own loops, its own database and API. The waits are the real
/// ones; while they pass nothing is computed.
/// </summary>
public sealed class FaultsOverHttpTests
{
    private const string User = "6b1f7f3e-64d8-4f0c-9a51-3f0c2f1d7a10";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    /// <summary>By how much a busy machine may be late for a wait; early is never allowed.</summary>
    private static readonly TimeSpan Late = TimeSpan.FromSeconds(5);

    [Fact]
    [Trait("Requirement", "E1")]
    public async Task Create_FailsFourTimes_EndsAfterTheThreeWaitsWithRefundAndWords()
    {
        await using WatchedLocalCloud cloud = await WatchedLocalCloud.StartAsync(("Speed", "600"));
        await using InProcessPortal portal = await InProcessPortal.StartAsync(Settings(cloud));
        using PortalApi api = new(portal.BaseUrl, PortalProcess.Token);
        await cloud.FaultAsync("create_500", count: 4);
        string job = await api.SubmitAsync(User, "Mara", [SampleImages.Jpeg()]);
        Assert.Equal(1, await portal.Database.NumberAsync("SELECT loras_created_this_month FROM user_training_limits"));
        JsonElement ended = await EndedAsync(api, job);

        double[] waits = [.. cloud.Creates.Zip(cloud.Creates.Skip(1), (earlier, later) => (later.At - earlier.At).TotalSeconds)];
        Assert.Equal(3, waits.Length);
        Assert.InRange(waits[0], 2, 2 + Late.TotalSeconds);
        Assert.InRange(waits[1], 4, 4 + Late.TotalSeconds);
        Assert.InRange(waits[2], 8, 8 + Late.TotalSeconds);

        await IsToldAsFailedAsync(portal, api, ended, "no_provider", "No GPU provider could start the training");
        Assert.Equal("failed", ended.GetProperty("attempts")[0].GetProperty("state").GetString());
        Assert.Equal("no_provider", ended.GetProperty("attempts")[0].GetProperty("failure_code").GetString());
        Assert.Equal(1, await portal.Database.NumberAsync(
            $"SELECT COUNT(*) FROM error_events WHERE code = 'no_provider' AND failed_part = 'runpod.create' AND lower(CAST(job_id AS TEXT)) = '{job}'"));
        Assert.Equal(["preparing", "provisioning", "no_provider"], await StatesAsync(portal, job));
        Assert.Empty(await cloud.TruthAsync());
    }

    [Fact]
    [Trait("Requirement", "E4")]
    public async Task Delete_FailsThreeTimes_IsShownAsLeakingUntilThePodIsVerifiedGone()
    {
        await using WatchedLocalCloud cloud = await WatchedLocalCloud.StartAsync(("Speed", "600"));
        await using InProcessPortal portal = await InProcessPortal.StartAsync(Settings(cloud));
        using PortalApi api = new(portal.BaseUrl, PortalProcess.Token);
        await cloud.FaultAsync("delete_500", count: 3);
        string job = await api.SubmitAsync(User, "Mara", [SampleImages.Jpeg()]);
        JsonElement ended = await EndedAsync(api, job);
        Assert.Equal(("completed", "pending"), (ended.GetProperty("state").GetString(), ended.GetProperty("cleanup_status").GetString()));

        await Eventually.TrueAsync(
            async () => await portal.Database.NumberAsync("SELECT COUNT(*) FROM incidents WHERE rule = 'pods.leaking' AND resolved_at IS NULL") == 1,
            "an incident about the pod that does not end",
            Patience);
        TruePod pod = Assert.Single(await cloud.TruthAsync());
        Assert.True(pod.Bills);
        Assert.Equal(3, cloud.Deletes.Count);
        Assert.Equal(1, await portal.Database.NumberAsync("SELECT COUNT(*) FROM pod_ledger WHERE saw = 'leaking' AND terminate_attempts = 3"));
        Assert.StartsWith(
            $"Pod {pod.Id} does not end and costs money: ",
            await portal.Database.TextAsync("SELECT text FROM incidents WHERE rule = 'pods.leaking'"),
            StringComparison.Ordinal);
        Assert.Equal("http_500 at runpod.terminate", await portal.Database.TextAsync("SELECT group_concat(DISTINCT code || ' at ' || failed_part) FROM error_events"));

        // The first failure and the one that makes it leak; the same words a second time in between need not be told again.
        Assert.InRange(await portal.Database.NumberAsync("SELECT COUNT(*) FROM error_events"), 2, 3);
        Assert.Equal("pending", (await JobAsync(api, job)).GetProperty("cleanup_status").GetString());
        Assert.Equal(JsonValueKind.Null, (await JobAsync(api, job)).GetProperty("cost_usd").ValueKind);

        await Eventually.TrueAsync(
            async () => (await JobAsync(api, job)).GetProperty("cleanup_status").GetString() == "done", "the pod's end, seen in two listings and settled", Patience);
        Assert.False(Assert.Single(await cloud.TruthAsync()).Bills);
        Assert.True((await JobAsync(api, job)).GetProperty("cost_usd").GetDecimal() > 0);
        Assert.Equal(1, await portal.Database.NumberAsync("SELECT COUNT(*) FROM pod_ledger WHERE saw = 'gone'"));
        await Eventually.TrueAsync(
            async () => await portal.Database.NumberAsync("SELECT COUNT(*) FROM incidents WHERE resolved_at IS NULL") == 0, "the incident's end", Patience);
    }

    [Fact]
    [Trait("Requirement", "E6")]
    [Trait("Requirement", "M1")]
    public async Task Training_PastItsLimit_IsCancelledWithRefundAndTheAlertsWords()
    {
        await using WatchedLocalCloud cloud = await WatchedLocalCloud.StartAsync(("Speed", "1"), ("Boot", "00:00:00.1"), ("Pull", "00:00:00.1"), ("Training", "01:00:00"));
        Dictionary<string, string> settings = Settings(cloud);

        // Eighteen seconds are the hundredth part of an hour that the alert's text can show.
        settings["Training:MaxDuration"] = "00:00:18";
        await using InProcessPortal portal = await InProcessPortal.StartAsync(settings);
        using PortalApi api = new(portal.BaseUrl, PortalProcess.Token);
        string job = await api.SubmitAsync(User, "Mara", [SampleImages.Jpeg()]);
        JsonElement ended = await EndedAsync(api, job);

        TimeSpan ran = ended.GetProperty("completed_at").GetDateTimeOffset() - ended.GetProperty("started_at").GetDateTimeOffset();
        Assert.InRange(ran, TimeSpan.FromSeconds(18), TimeSpan.FromSeconds(18) + Late);
        await IsToldAsFailedAsync(portal, api, ended, "training_timeout", "Training timeout");
        await Eventually.TrueAsync(() => cloud.Deletes.Count > 0, "the pod's end is asked for, and with it the training's", Patience);
        await Eventually.TrueAsync(
            async () => await portal.Database.NumberAsync("SELECT COUNT(*) FROM incidents WHERE rule = 'training.over_time'") == 1, "the alert M1", Patience);
        Assert.Equal(
            $"LoRA training job {job} has been running for >0.01 hours",
            await portal.Database.TextAsync("SELECT text FROM incidents WHERE rule = 'training.over_time'"));
        Assert.Equal(1, await portal.Database.NumberAsync("SELECT COUNT(*) FROM error_events WHERE code = 'training_timeout' AND failed_part = 'training.deadline'"));
        Assert.Equal(["preparing", "provisioning", "training", "training_timeout"], await StatesAsync(portal, job));

        await Eventually.TrueAsync(
            async () => (await JobAsync(api, job)).GetProperty("cleanup_status").GetString() == "done", "the pod's end, seen in two listings and settled", Patience);
        Assert.False(Assert.Single(await cloud.TruthAsync()).Bills);
        await Eventually.TrueAsync(
            async () => await portal.Database.NumberAsync("SELECT COUNT(*) FROM incidents WHERE resolved_at IS NULL") == 0, "the alert's end", Patience);
    }

    /// <summary>The API, the shared tables, and the user's count say the same: failed, why, and not counted.</summary>
    private static async Task IsToldAsFailedAsync(InProcessPortal portal, PortalApi api, JsonElement ended, string code, string message)
    {
        string job = ended.GetProperty("id").GetString()!;
        Assert.Equal(("failed", "failed"), (ended.GetProperty("state").GetString(), ended.GetProperty("status").GetString()));
        Assert.Equal(code, ended.GetProperty("failure").GetProperty("code").GetString());
        Assert.Equal(message, ended.GetProperty("failure").GetProperty("message").GetString());
        JsonElement lora = await api.Http.GetFromJsonAsync<JsonElement>($"/api/v1/loras/{ended.GetProperty("lora_id").GetString()}");
        Assert.Equal(("failed", message), (lora.GetProperty("status").GetString(), lora.GetProperty("error_message").GetString()));
        Assert.Equal(message, await portal.Database.TextAsync($"SELECT error_message FROM lora_training_jobs WHERE lower(CAST(id AS TEXT)) = '{job}'"));
        Assert.Equal(0, await portal.Database.NumberAsync("SELECT loras_created_this_month FROM user_training_limits"));
        Assert.Equal(1, await portal.Database.NumberAsync("SELECT COUNT(*) FROM limit_charges WHERE refunded_at IS NOT NULL"));
    }

    private static Dictionary<string, string> Settings(WatchedLocalCloud cloud) => new(cloud.PortalSettings) { ["Training:PollEvery"] = "00:00:00.2" };

    private static Task<JsonElement> JobAsync(PortalApi api, string job) => api.Http.GetFromJsonAsync<JsonElement>($"/api/v1/training-jobs/{job}");

    private static async Task<JsonElement> EndedAsync(PortalApi api, string job)
    {
        JsonElement last = default;
        await Eventually.TrueAsync(
            async () =>
            {
                last = await JobAsync(api, job);
                return last.GetProperty("state").GetString() is "completed" or "failed" or "cancelled";
            },
            string.Create(CultureInfo.InvariantCulture, $"job {job} is over"),
            Patience);
        return last;
    }

    /// <summary>The states that the job went through after it was accepted, as its timeline has them.</summary>
    private static async Task<IReadOnlyList<string>> StatesAsync(InProcessPortal portal, string job) =>
        (await portal.Database.TextAsync($"""
            SELECT group_concat(reason, ',') FROM
            (SELECT reason FROM operational_events WHERE kind IN ('training.state_changed', 'training.failed') AND lower(CAST(job_id AS TEXT)) = '{job}' ORDER BY sequence)
            """)).Split(',');
}
