using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd.Processes;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>A whole portal on a LocalCloud that fails when it is told to, and what a failure must have said and done everywhere.</summary>
internal sealed class FaultRun : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    /// <summary>By how much a busy machine may be late for a wait; early is never allowed. That a wait is not longer than promised is proven on fake time.</summary>
    public static readonly TimeSpan Late = TimeSpan.FromMinutes(1);

    private const string User = "6b1f7f3e-64d8-4f0c-9a51-3f0c2f1d7a10";

    private FaultRun(WatchedLocalCloud cloud, InProcessPortal portal)
    {
        Cloud = cloud;
        Portal = portal;
        Api = new PortalApi(portal.BaseUrl, PortalProcess.Token);
    }

    public WatchedLocalCloud Cloud { get; }

    public InProcessPortal Portal { get; }

    public PortalApi Api { get; }

    /// <summary>Pods that pass every stage within seconds.</summary>
    public static Task<FaultRun> StartAsync() => StartAsync([], ("Speed", "600"));

    /// <summary>The same with Replicate as the fallback.</summary>
    public static Task<FaultRun> StartWithFallbackAsync(params IReadOnlyList<(string Key, string Value)> settings) =>
        StartWithFallbackAsync(settings, null, ("Speed", "600"));

    /// <param name="more">Adds to the portal's pipeline, before its routes.</param>
    public static Task<FaultRun> StartWithFallbackAsync(
        IReadOnlyList<(string Key, string Value)> settings, Action<WebApplication>? more, params (string Key, string Value)[] cloudSettings) =>
        StartAsync(settings, fallback: true, more, cloudSettings);

    /// <param name="settings">The portal's, as in appsettings.json.</param>
    /// <param name="cloudSettings">Keys below <c>LocalCloud:</c>.</param>
    public static Task<FaultRun> StartAsync(IReadOnlyList<(string Key, string Value)> settings, params (string Key, string Value)[] cloudSettings) =>
        StartAsync(settings, fallback: false, null, cloudSettings);

    private static async Task<FaultRun> StartAsync(
        IReadOnlyList<(string Key, string Value)> settings, bool fallback, Action<WebApplication>? more, (string Key, string Value)[] cloudSettings)
    {
        WatchedLocalCloud cloud = await WatchedLocalCloud.StartAsync(cloudSettings);
        try
        {
            Dictionary<string, string> all = new(cloud.PortalSettings) { ["Training:PollEvery"] = "00:00:00.2" };
            foreach ((string key, string value) in fallback ? cloud.FallbackSettings : new Dictionary<string, string>())
            {
                all[key] = value;
            }

            foreach ((string key, string value) in settings)
            {
                all[key] = value;
            }

            return new FaultRun(cloud, await InProcessPortal.StartAsync(all, more));
        }
        catch
        {
            await cloud.DisposeAsync();
            throw;
        }
    }

    /// <summary>The waits between the tries of something are the ones that are promised.</summary>
    public static void AreSecondsApart(IReadOnlyList<SeenCall> calls, params int[] promised)
    {
        double[] waits = [.. calls.Zip(calls.Skip(1), (earlier, later) => (later.At - earlier.At).TotalSeconds)];
        Assert.Equal(promised.Length, waits.Length);
        Assert.All(waits.Zip(promised), pair => Assert.InRange(pair.First, pair.Second, pair.Second + Late.TotalSeconds));
    }

    /// <summary>A person holds RunPod's breaker open: jobs go to the fallback.</summary>
    public Task HoldRunPodOpenAsync() => Portal.Services.GetRequiredService<IBreakerDesk>()
        .IsolateAsync(BreakerSubject.RunPod, "RunPod moves", null, new Actor(ActorKind.Person, "ada"), CancellationToken.None);

    /// <returns>The id of a job with one image.</returns>
    public Task<string> SubmitAsync() => Api.SubmitAsync(User, "Mara", [SampleImages.Jpeg()]);

    /// <summary>The same by the key of an image that lies in storage: the portal reads it for the first time when it prepares the job.</summary>
    public async Task<string> SubmitKeysAsync()
    {
        string key = $"{User}/set-1/0.jpg";
        using MemoryStream image = new(SampleImages.Jpeg());
        Assert.IsType<PutOutcome.Stored>(await Portal.Services.GetRequiredService<IObjectStore>()
            .PutAsync(new ObjectRef(Buckets.TrainingImages, key), image, "image/jpeg", CancellationToken.None));
        using HttpResponseMessage answer = await Api.Http.PostAsJsonAsync(
            "/api/v1/training-jobs", new { user_id = User, name = "Mara", creator_email = "creator-17@example.org", training_images = new[] { key } });
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!;
    }

    public Task<JsonElement> JobAsync(string job) => Api.Http.GetFromJsonAsync<JsonElement>($"/api/v1/training-jobs/{job}");

    public Task<JsonElement> LoraAsync(JsonElement job) => Api.Http.GetFromJsonAsync<JsonElement>($"/api/v1/loras/{job.GetProperty("lora_id").GetString()}");

    public async Task<JsonElement> EndedAsync(string job)
    {
        JsonElement last = default;
        await Eventually.TrueAsync(
            async () =>
            {
                last = await JobAsync(job);
                return last.GetProperty("state").GetString() is "completed" or "failed" or "cancelled";
            },
            string.Create(CultureInfo.InvariantCulture, $"job {job} is over"),
            Patience);
        return last;
    }

    /// <summary>The API, the shared tables, and the user's count say the same: failed, why, and whether it counts.</summary>
    public async Task IsToldAsFailedAsync(JsonElement ended, string code, string message, bool refunded = true)
    {
        string job = ended.GetProperty("id").GetString()!;
        Assert.Equal(("failed", "failed"), (ended.GetProperty("state").GetString(), ended.GetProperty("status").GetString()));
        Assert.Equal(code, ended.GetProperty("failure").GetProperty("code").GetString());
        Assert.Equal(message, ended.GetProperty("failure").GetProperty("message").GetString());
        JsonElement lora = await LoraAsync(ended);
        Assert.Equal(("failed", message), (lora.GetProperty("status").GetString(), lora.GetProperty("error_message").GetString()));
        Assert.Equal(message, await Portal.Database.TextAsync($"SELECT error_message FROM lora_training_jobs WHERE lower(CAST(id AS TEXT)) = '{job}'"));
        Assert.Equal(refunded ? 0 : 1, await Portal.Database.NumberAsync("SELECT loras_created_this_month FROM user_training_limits"));
        Assert.Equal(refunded ? 1 : 0, await Portal.Database.NumberAsync("SELECT COUNT(*) FROM limit_charges WHERE refunded_at IS NOT NULL"));
    }

    /// <summary>No pod of the job costs money any more, and the account shows the same.</summary>
    public async Task PodsAreGoneAsync(string job)
    {
        await Eventually.TrueAsync(
            async () => (await JobAsync(job)).GetProperty("cleanup_status").GetString() == "done", "the pod's end, seen in two listings and settled", Patience);
        Assert.DoesNotContain(await Cloud.TruthAsync(), pod => pod.Bills);
    }

    /// <summary>The states that the job went through after it was accepted, as its timeline has them.</summary>
    public async Task<IReadOnlyList<string>> StatesAsync(string job) =>
        (await Portal.Database.TextAsync($"""
            SELECT group_concat(reason, ',') FROM
            (SELECT reason FROM operational_events WHERE kind IN ('training.state_changed', 'training.failed') AND lower(CAST(job_id AS TEXT)) = '{job}' ORDER BY sequence)
            """)).Split(',');

    public async ValueTask DisposeAsync()
    {
        Api.Dispose();
        await Portal.DisposeAsync();
        await Cloud.DisposeAsync();
    }
}
