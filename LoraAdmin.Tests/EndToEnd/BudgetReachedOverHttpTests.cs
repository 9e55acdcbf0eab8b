using System.Net;
using System.Text.Json;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Api;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd.Processes;
using Microsoft.Extensions.DependencyInjection;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>A month's limit that is lowered below what runs: the whole portal refuses what is new and lets what runs go on, at both providers.</summary>
public sealed class BudgetReachedOverHttpTests
{
    private static readonly Actor Ada = new(ActorKind.Person, "ada");

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Limit_LoweredWhileTwoJobsRun_RefusesTheNextAndBothEndWithTheirFilesAndTheirMoneySettled()
    {
        await using FaultRun run = await FaultRun.StartWithFallbackAsync();
        TaskCompletionSource filesReady = new(TaskCreationOptions.RunContinuationsAsynchronously);
        run.Cloud.FilesReady = filesReady.Task;
        string onPod = await run.SubmitAsync();
        await RunsAtAsync(run, onPod, "runpod");
        await run.HoldRunPodOpenAsync();
        string elsewhere = await run.SubmitAsync();
        await RunsAtAsync(run, elsewhere, "replicate");

        Usd taken = new(await run.Portal.Database.NumberAsync("SELECT SUM(spent_micros + reserved_micros) FROM budget_months"));
        LimitWish wish = new(new BudgetRules(taken - new Usd(1), Usd.Zero), "The month is dear", AllowBelow: true);
        Assert.IsType<LimitOutcome.Set>(await run.Portal.Services.GetRequiredService<IBudgetDesk>().SetLimitAsync(wish, Ada, CancellationToken.None));

        JsonElement problem = await RefusedAsync(run);
        Assert.Equal(wish.Rules!.MonthlyLimit.Dollars, problem.GetProperty("limit_usd").GetDecimal());
        Assert.Equal(taken.Dollars, problem.GetProperty("spent_usd").GetDecimal() + problem.GetProperty("reserved_usd").GetDecimal());
        Assert.True(problem.GetProperty("reserved_usd").GetDecimal() > 0);
        Assert.True(problem.GetProperty("estimate_usd").GetDecimal() > 0);
        Assert.True(problem.GetProperty("may_fit_at").GetDateTimeOffset() > TimeProvider.System.GetUtcNow());
        Assert.Equal(2, await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM lora_training_jobs"));
        Assert.Equal(2, await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM budget_reservations WHERE settled_at IS NULL"));

        filesReady.SetResult();
        foreach (string job in new[] { onPod, elsewhere })
        {
            JsonElement ended = await run.EndedAsync(job);
            Assert.Equal("completed", ended.GetProperty("state").GetString());
            Assert.Equal(
                ended.GetProperty("file").GetProperty("sha256").GetString(), await run.Api.FileSha256Async(ended.GetProperty("lora_id").GetString()!));
        }

        await run.PodsAreGoneAsync(onPod);
        await Eventually.TrueAsync(
            async () => await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM budget_reservations WHERE settled_at IS NULL") == 0, "both settled", FaultRun.Patience);
        Assert.Equal(0, await run.Portal.Database.NumberAsync("SELECT SUM(reserved_micros) FROM budget_months"));
        Assert.Equal(
            await run.Portal.Database.NumberAsync("SELECT SUM(actual_micros) FROM budget_reservations"),
            await run.Portal.Database.NumberAsync("SELECT SUM(spent_micros) FROM budget_months"));
        Assert.Equal(2, await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM training_attempts WHERE state = 'succeeded' AND cost_micros > 0"));
        Assert.Equal(0, await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM operational_events WHERE kind = 'training.failed'"));

        // What they gave back is there for the next one.
        await run.SubmitAsync();
    }

    private static Task RunsAtAsync(FaultRun run, string job, string provider) => Eventually.TrueAsync(
        async () =>
        {
            JsonElement seen = await run.JobAsync(job);
            return seen.GetProperty("attempts").EnumerateArray().Last().GetProperty("provider").GetString() == provider
                && seen.GetProperty("state").GetString() is "training" or "retrieving";
        },
        $"job {job} runs at {provider}",
        FaultRun.Patience);

    private static async Task<JsonElement> RefusedAsync(FaultRun run)
    {
        using MultipartFormDataContent form = PortalApi.Form("6b1f7f3e-64d8-4f0c-9a51-3f0c2f1d7a10", "Too much", [SampleImages.Jpeg()]);
        using HttpResponseMessage answer = await run.Api.Http.PostAsync(new Uri("/api/v1/training-jobs", UriKind.Relative), form);
        return await PortalHost.AssertProblemAsync(answer, HttpStatusCode.PaymentRequired, "budget_exhausted");
    }
}
