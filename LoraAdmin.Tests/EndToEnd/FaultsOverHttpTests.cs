using System.Text.Json;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd.Processes;
using LoraAdmin.Training;
using Microsoft.Extensions.DependencyInjection;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>
/// Failures of the vendor as the whole portal meets them: its own clients over HTTP, its own loops, its own database and API. The waits are the real
/// ones; while they pass nothing is computed.
/// </summary>
public sealed class FaultsOverHttpTests
{
    [Fact]
    [Trait("Requirement", "E1")]
    public async Task Create_FailsFourTimes_EndsAfterTheThreeWaitsWithRefundAndWords()
    {
        await using FaultRun run = await FaultRun.StartAsync();
        await run.Cloud.FaultAsync("create_500", count: 4);
        string job = await run.SubmitAsync();
        Assert.Equal(1, await run.Portal.Database.NumberAsync("SELECT loras_created_this_month FROM user_training_limits"));
        JsonElement ended = await run.EndedAsync(job);

        FaultRun.AreSecondsApart(run.Cloud.Creates, 2, 4, 8);
        await run.IsToldAsFailedAsync(ended, "no_provider", "No GPU provider could start the training");
        Assert.Equal("failed", ended.GetProperty("attempts")[0].GetProperty("state").GetString());
        Assert.Equal("no_provider", ended.GetProperty("attempts")[0].GetProperty("failure_code").GetString());
        Assert.Equal(1, await run.Portal.Database.NumberAsync(
            $"SELECT COUNT(*) FROM error_events WHERE code = 'no_provider' AND failed_part = 'runpod.create' AND lower(CAST(job_id AS TEXT)) = '{job}'"));
        Assert.Equal(["preparing", "provisioning", "no_provider"], await run.StatesAsync(job));
        Assert.Empty(await run.Cloud.TruthAsync());
    }

    [Fact]
    [Trait("Requirement", "E1")]
    public async Task Create_FailsFourTimes_ReplicateTrainsInsteadAndTheUserHearsOfNoFailure()
    {
        await using FaultRun run = await FaultRun.StartWithFallbackAsync();
        await run.Cloud.FaultAsync("create_500", count: 4);
        string job = await run.SubmitAsync();
        JsonElement ended = await run.EndedAsync(job);

        FaultRun.AreSecondsApart(run.Cloud.Creates, 2, 4, 8);
        await CompletedElsewhereAsync(run, ended);
        Assert.Equal(0, await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM operational_events WHERE kind = 'training.failed'"));
        Assert.Equal(0, await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM limit_charges WHERE refunded_at IS NOT NULL"));
        Assert.Empty(await run.Cloud.TruthAsync());
    }

    [Fact]
    [Trait("Requirement", "C1")]
    [Trait("Requirement", "E5")]
    public async Task RunPodHeldOpen_JobIsTrainedAndValidatedByReplicateWithoutAskingRunPod()
    {
        await using FaultRun run = await FaultRun.StartWithFallbackAsync(WatchedLocalCloud.Validation);
        await run.HoldRunPodOpenAsync();
        string job = await run.SubmitAsync();

        await CompletedElsewhereAsync(run, await run.EndedAsync(job), isValidated: true);
        Assert.Empty(run.Cloud.Creates);
        Assert.Equal(3, await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM validation_images WHERE passed AND NOT is_pending AND attempt = 2"));
    }

    [Fact]
    [Trait("Requirement", "C1")]
    public async Task BreakerOpensOnTheThirdFailure_EachJobIsTrainedByReplicateAndTheFourthAsksRunPodForNothing()
    {
        await using FaultRun run = await FaultRun.StartWithFallbackAsync(
            [("Training:CreateRetries:0", "00:00:00.1"), ("Training:CreateRetries:1", "00:00:00.1"), ("Training:CreateRetries:2", "00:00:00.1")], null, ("Speed", "600"));
        await run.Cloud.FaultAsync("create_500", count: 100);
        for (int number = 0; number < 3; number++)
        {
            Assert.Equal("completed", (await run.EndedAsync(await run.SubmitAsync())).GetProperty("state").GetString());
        }

        Assert.Equal(12, run.Cloud.Creates.Count);
        JsonElement ended = await run.EndedAsync(await run.SubmitAsync());
        Assert.Equal("completed", ended.GetProperty("state").GetString());
        Assert.Equal(12, run.Cloud.Creates.Count);
        Assert.Equal(4, await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM hosted_trainings"));
        await Eventually.TrueAsync(
            async () => await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM incidents WHERE rule = 'breaker.open' AND subject = 'runpod' AND resolved_at IS NULL") == 1,
            "an incident about the open breaker",
            FaultRun.Patience);
        Assert.Equal(0, await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM operational_events WHERE kind = 'training.failed'"));
    }

    [Fact]
    [Trait("Requirement", "C1")]
    public async Task BothDown_IsAStateOfItsOwnUntilOneTakesTrainingsAgain()
    {
        const string openIncidents = "SELECT COUNT(*) FROM incidents WHERE rule = 'training.providers_down' AND resolved_at IS NULL";
        await using FaultRun run = await FaultRun.StartWithFallbackAsync();
        IBreakerDesk desk = run.Portal.Services.GetRequiredService<IBreakerDesk>();
        Actor ada = new(ActorKind.Person, "ada");
        await run.HoldRunPodOpenAsync();
        await desk.IsolateAsync(BreakerSubject.Replicate, "no credit", null, ada, CancellationToken.None);
        string job = await run.SubmitAsync();
        await Eventually.TrueAsync(
            async () => (await run.JobAsync(job)).GetProperty("wait_reason").GetString()?.StartsWith("Both providers are down.", StringComparison.Ordinal) == true,
            "the job waits for both",
            FaultRun.Patience);

        string why = (await run.JobAsync(job)).GetProperty("wait_reason").GetString()!;
        Assert.Contains("RunPod's breaker is held open by ada: RunPod moves", why, StringComparison.Ordinal);
        Assert.Contains("Replicate's breaker is held open by ada: no credit", why, StringComparison.Ordinal);
        Assert.Equal("queued", (await run.JobAsync(job)).GetProperty("state").GetString());
        IFallbackQueries board = run.Portal.Services.GetRequiredService<IFallbackQueries>();
        Assert.True((await board.ReadAsync(CancellationToken.None)).AreBothDown);
        await Eventually.TrueAsync(async () => await run.Portal.Database.NumberAsync(openIncidents) == 1, "one incident", FaultRun.Patience);

        await desk.ResetAsync(BreakerSubject.Replicate, "there is credit again", ada, CancellationToken.None);
        await CompletedElsewhereAsync(run, await run.EndedAsync(job));
        Assert.False((await board.ReadAsync(CancellationToken.None)).AreBothDown);
        await Eventually.TrueAsync(async () => await run.Portal.Database.NumberAsync(openIncidents) == 0, "the incident's end", FaultRun.Patience);
        Assert.Empty(run.Cloud.Creates);
    }

    /// <summary>Two attempts, the file whole in storage, the training in the shared table, its money settled, its images gone.</summary>
    private static async Task CompletedElsewhereAsync(FaultRun run, JsonElement ended, bool isValidated = false)
    {
        string job = ended.GetProperty("id").GetString()!;
        Assert.Equal("completed", ended.GetProperty("state").GetString());
        Assert.Equal(
            [("runpod", "failed"), ("replicate", "succeeded")],
            ended.GetProperty("attempts").EnumerateArray().Select(one => (one.GetProperty("provider").GetString()!, one.GetProperty("state").GetString()!)));
        Assert.Equal(isValidated, ended.GetProperty("not_validated").GetString() is null);
        Assert.True(ended.GetProperty("file").GetProperty("size_bytes").GetInt64() > 0);
        Assert.Equal(1, await run.Portal.Database.NumberAsync(
            $"SELECT COUNT(*) FROM lora_training_jobs WHERE provider = 'replicate' AND replicate_training_id IS NOT NULL AND lower(CAST(id AS TEXT)) = '{job}'"));
        await Eventually.TrueAsync(
            async () => await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM hosted_trainings WHERE is_settled") == (isValidated ? 2 : 1)
                && await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM budget_reservations WHERE attempt = 2 AND settled_at IS NULL") == 0,
            "the training's end, settled",
            FaultRun.Patience);
        Assert.True(await run.Portal.Database.NumberAsync("SELECT MAX(cost_micros) FROM training_attempts WHERE provider = 'replicate'") > 0);
    }

    [Fact]
    [Trait("Requirement", "E4")]
    [Trait("Requirement", "M2")]
    public async Task Delete_FailsThreeTimes_IsShownAsLeakingUntilThePodIsVerifiedGone()
    {
        await using FaultRun run = await FaultRun.StartAsync();
        await run.Cloud.FaultAsync("delete_500", count: 3);
        string job = await run.SubmitAsync();
        JsonElement ended = await run.EndedAsync(job);
        Assert.Equal(("completed", "pending"), (ended.GetProperty("state").GetString(), ended.GetProperty("cleanup_status").GetString()));

        await Eventually.TrueAsync(
            async () => await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM incidents WHERE rule = 'pods.leaking' AND resolved_at IS NULL") == 1,
            "an incident about the pod that does not end",
            FaultRun.Patience);
        TruePod pod = Assert.Single(await run.Cloud.TruthAsync());
        Assert.True(pod.Bills);
        FaultRun.AreSecondsApart(run.Cloud.Deletes, 15, 30);
        Assert.Equal(["preparing", "provisioning", "training", "retrieving", "uploading", "validating"], await run.StatesAsync(job));
        Assert.Equal(1, await run.Portal.Database.NumberAsync("SELECT loras_created_this_month FROM user_training_limits"));
        Assert.Equal(1, await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM pod_ledger WHERE saw = 'leaking' AND terminate_attempts = 3"));
        Assert.Matches(
            $@"^Pod {pod.Id} does not end and costs money: internal server error\. \$0\.\d\d so far, \$0\.41/h, asked to end 3 times$",
            await run.Portal.Database.TextAsync("SELECT text FROM incidents WHERE rule = 'pods.leaking'"));
        Assert.Equal($"Orphaned RunPod instance detected: {pod.Id}", await run.Portal.Database.TextAsync("SELECT text FROM incidents WHERE rule = 'pods.orphaned'"));
        Assert.Equal("http_500 at runpod.terminate", await run.Portal.Database.TextAsync("SELECT group_concat(DISTINCT code || ' at ' || failed_part) FROM error_events"));

        // The first failure and the one that makes it leak; the same words a second time in between need not be told again.
        Assert.InRange(await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM error_events"), 2, 3);
        Assert.Equal("pending", (await run.JobAsync(job)).GetProperty("cleanup_status").GetString());
        Assert.Equal(JsonValueKind.Null, (await run.JobAsync(job)).GetProperty("cost_usd").ValueKind);

        await Eventually.TrueAsync(
            async () => (await run.JobAsync(job)).GetProperty("cleanup_status").GetString() == "done", "the pod's end, seen in two listings and settled", FaultRun.Patience);
        Assert.False(Assert.Single(await run.Cloud.TruthAsync()).Bills);
        Assert.True((await run.JobAsync(job)).GetProperty("cost_usd").GetDecimal() > 0);
        Assert.Equal(1, await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM pod_ledger WHERE saw = 'gone'"));
        await Eventually.TrueAsync(
            async () => await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM incidents WHERE resolved_at IS NULL") == 0, "the incident's end", FaultRun.Patience);
    }

    [Fact]
    [Trait("Requirement", "E6")]
    [Trait("Requirement", "M1")]
    public async Task Training_PastItsLimit_IsCancelledWithRefundAndTheAlertsWords()
    {
        // Eighteen seconds are the hundredth part of an hour that the alert's text can show.
        await using FaultRun run = await FaultRun.StartAsync(
            [("Training:MaxDuration", "00:00:18")], ("Speed", "1"), ("Boot", "00:00:00.1"), ("Pull", "00:00:00.1"), ("Training", "01:00:00"));
        string job = await run.SubmitAsync();
        JsonElement ended = await run.EndedAsync(job);

        TimeSpan ran = ended.GetProperty("completed_at").GetDateTimeOffset() - ended.GetProperty("started_at").GetDateTimeOffset();
        Assert.InRange(ran, TimeSpan.FromSeconds(18), TimeSpan.FromSeconds(18) + FaultRun.Late);
        await run.IsToldAsFailedAsync(ended, "training_timeout", "Training timeout");
        await Eventually.TrueAsync(() => run.Cloud.Deletes.Count > 0, "the pod's end is asked for, and with it the training's", FaultRun.Patience);
        await Eventually.TrueAsync(
            async () => await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM incidents WHERE rule = 'training.over_time'") == 1, "the alert M1", FaultRun.Patience);
        Assert.Equal(
            $"LoRA training job {job} has been running for >0.01 hours",
            await run.Portal.Database.TextAsync("SELECT text FROM incidents WHERE rule = 'training.over_time'"));
        Assert.Equal(1, await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM error_events WHERE code = 'training_timeout' AND failed_part = 'training.deadline'"));
        Assert.Equal(["preparing", "provisioning", "training", "training_timeout"], await run.StatesAsync(job));

        await Eventually.TrueAsync(
            async () => (await run.JobAsync(job)).GetProperty("cleanup_status").GetString() == "done", "the pod's end, seen in two listings and settled", FaultRun.Patience);
        Assert.False(Assert.Single(await run.Cloud.TruthAsync()).Bills);
        await Eventually.TrueAsync(
            async () => await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM incidents WHERE resolved_at IS NULL") == 0, "the alert's end", FaultRun.Patience);
    }
}
