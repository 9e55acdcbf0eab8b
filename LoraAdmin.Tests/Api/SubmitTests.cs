using System.Net;
using System.Text.Json;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using Xunit;

namespace LoraAdmin.Tests.Api;

public sealed class SubmitTests
{
    [Fact]
    public async Task Json_Valid_IsAccepted()
    {
        await using PortalHost host = await PortalHost.StartAsync();

        HttpResponseMessage response = await host.SubmitAsync(PortalHost.Json(PortalHost.ValidJson(extra: ",\"gpu_type\":\"NVIDIA A40\"")));

        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        JsonElement answer = await PortalHost.ReadAsync(response);
        TrainingRequest request = Assert.Single(host.Training.Requests);
        Assert.Equal("queued", answer.GetProperty("status").GetString());
        Assert.Equal($"/api/v1/training-jobs/{answer.GetProperty("id").GetString()}", response.Headers.Location?.ToString());
        Assert.Equal([$"{PortalHost.User}/u/0", $"{PortalHost.User}/u/1"], request.ImageKeys);
        Assert.Equal("NVIDIA A40", request.GpuType);
        Assert.Null(request.Upload);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Form_FieldsAroundTheFiles_AreAccepted(bool fieldsFirst)
    {
        await using PortalHost host = await PortalHost.StartAsync();
        MultipartFormDataContent form = new() { { new StringContent(PortalHost.User.ToString()), "user_id" } };
        if (fieldsFirst)
        {
            AddFields();
        }

        form.Add(PortalHost.Image(1), "images", "a.jpg");
        form.Add(PortalHost.Image(2), "images", "b.jpg");
        if (!fieldsFirst)
        {
            AddFields();
        }

        HttpResponseMessage response = await host.SubmitAsync(form);

        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        TrainingRequest request = Assert.Single(host.Training.Requests);
        Assert.Equal("Ада 💡", request.Name);
        Assert.Equal(2, request.ImageKeys.Count);
        Assert.Equal(Assert.Single(host.Staging.Uploads).Key, request.Upload);

        void AddFields()
        {
            form.Add(new StringContent("Ада 💡"), "name");
            form.Add(new StringContent("ada@example.org"), "creator_email");
        }
    }

    [Fact]
    public async Task Key_Repeated_GivesTheSameAnswerAndNoSecondJob()
    {
        await using PortalHost host = await PortalHost.StartAsync();

        HttpResponseMessage first = await host.SubmitAsync(PortalHost.Form(2), "k-1");
        HttpResponseMessage second = await host.SubmitAsync(PortalHost.Form(2), "k-1");

        Assert.Equal(await first.Content.ReadAsStringAsync(), await second.Content.ReadAsStringAsync());
        Assert.Equal(first.Headers.Location, second.Headers.Location);
        Assert.True(second.Headers.Contains("Idempotency-Replayed"));
        Assert.Single(host.Training.Requests);
        Assert.Single(host.Staging.Uploads);
    }

    [Fact]
    public async Task Key_WithOtherImages_Is422AndLeavesNothingStaged()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        await host.SubmitAsync(PortalHost.Form(2), "k-2");

        HttpResponseMessage response = await host.SubmitAsync(PortalHost.Form(3), "k-2");

        await PortalHost.AssertProblemAsync(response, HttpStatusCode.UnprocessableEntity, "idempotency_key_reused");
        Assert.Single(host.Staging.Uploads);
    }

    [Fact]
    public async Task Key_SameJsonSpeltDifferently_IsTheSameRequest()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        await host.SubmitAsync(PortalHost.Json(PortalHost.ValidJson()), "k-3");

        HttpResponseMessage same = await host.SubmitAsync(PortalHost.Json("  " + PortalHost.ValidJson().Replace(",", " ,\n", StringComparison.Ordinal)), "k-3");
        HttpResponseMessage other = await host.SubmitAsync(PortalHost.Json(PortalHost.ValidJson("Bob")), "k-3");

        Assert.Equal(HttpStatusCode.Accepted, same.StatusCode);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, other.StatusCode);
    }

    [Fact]
    public async Task Key_InFlight_Is409UntilTheFirstIsAnswered()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        host.Training.Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<HttpResponseMessage> first = host.SubmitAsync(PortalHost.Json(PortalHost.ValidJson()), "k-4");
        await host.Training.Arrived.Task;

        HttpResponseMessage second = await host.SubmitAsync(PortalHost.Json(PortalHost.ValidJson()), "k-4");

        await PortalHost.AssertProblemAsync(second, HttpStatusCode.Conflict, "idempotency_key_in_flight");
        host.Training.Gate.SetResult();
        Assert.Equal(HttpStatusCode.Accepted, (await first).StatusCode);
        Assert.Equal(HttpStatusCode.Accepted, (await host.SubmitAsync(PortalHost.Json(PortalHost.ValidJson()), "k-4")).StatusCode);
    }

    public static TheoryData<SubmitOutcome, HttpStatusCode, string> Refused => new()
    {
        { new SubmitOutcome.LimitReached(new ChargeResult(ChargeVerdict.LimitReached, 10, 10)), HttpStatusCode.Forbidden, "limit_reached" },
        { new SubmitOutcome.LimitReached(new ChargeResult(ChargeVerdict.AttemptsReached, 30, 30)), HttpStatusCode.Forbidden, "attempts_reached" },
        {
            new SubmitOutcome.BudgetExhausted(new BudgetMonth(new Month(2026, 11), new Usd(200_000_000), new Usd(150_000_000), new Usd(49_000_000)), new Usd(2_500_000))
            {
                MayFitAt = new DateTimeOffset(2026, 11, 24, 14, 50, 0, TimeSpan.Zero),
            },
            HttpStatusCode.PaymentRequired,
            "budget_exhausted"
        },
        { new SubmitOutcome.UploadGone(), HttpStatusCode.Conflict, "upload_gone" },
        { new SubmitOutcome.KeyInFlight(), HttpStatusCode.Conflict, "idempotency_key_in_flight" },
        { new SubmitOutcome.KeyReused(), HttpStatusCode.UnprocessableEntity, "idempotency_key_reused" },
        { new SubmitOutcome.Invalid([new FieldProblem("gpu_type", "No such GPU.", "Use another.")]), HttpStatusCode.BadRequest, "invalid_request" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task Desk_Refuses_IsToldAndNothingStaysStaged(SubmitOutcome outcome, HttpStatusCode status, string code)
    {
        await using PortalHost host = await PortalHost.StartAsync();
        host.Training.NextSubmit = outcome;

        JsonElement problem = await PortalHost.AssertProblemAsync(await host.SubmitAsync(PortalHost.Form(2)), status, code);

        Assert.Empty(host.Staging.Uploads);
        if (outcome is SubmitOutcome.BudgetExhausted)
        {
            Assert.Equal(200m, problem.GetProperty("limit_usd").GetDecimal());
            Assert.Equal(150m, problem.GetProperty("spent_usd").GetDecimal());
            Assert.Equal(49m, problem.GetProperty("reserved_usd").GetDecimal());
            Assert.Equal(2.5m, problem.GetProperty("estimate_usd").GetDecimal());
            Assert.Equal("at", problem.GetProperty("may_fit").GetString());
            Assert.Equal("2026-11-24T14:50:00Z", problem.GetProperty("may_fit_at").GetString());
            Assert.Contains("2026-11-24 14:50 UTC", problem.GetProperty("remedy").GetString(), StringComparison.Ordinal);
        }
    }

    /// <summary>No instant: a client is told whether it is worth asking again.</summary>
    [Theory]
    [InlineData(2_500_000, "unknown", "jobs that are over their time")]
    [InlineData(200_000_001, "never", "more than a month may cost")]
    [Trait("Requirement", "M6")]
    public async Task BudgetExhausted_WithoutAnInstant_SaysWhetherItMayEverFit(long estimate, string word, string remedy)
    {
        await using PortalHost host = await PortalHost.StartAsync();
        host.Training.NextSubmit = new SubmitOutcome.BudgetExhausted(
            new BudgetMonth(new Month(2026, 11), new Usd(200_000_000), new Usd(150_000_000), new Usd(49_000_000)), new Usd(estimate));

        JsonElement problem = await PortalHost.AssertProblemAsync(await host.SubmitAsync(PortalHost.Form(2)), HttpStatusCode.PaymentRequired, "budget_exhausted");

        Assert.Equal((word, JsonValueKind.Null), (problem.GetProperty("may_fit").GetString(), problem.GetProperty("may_fit_at").ValueKind));
        Assert.Contains(remedy, problem.GetProperty("remedy").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Store_Away_Is503AndNothingStaysStaged()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        host.Training.Failure = new StoreUnavailableException("away");

        HttpResponseMessage response = await host.SubmitAsync(PortalHost.Form(2), "k-5");

        await PortalHost.AssertProblemAsync(response, HttpStatusCode.ServiceUnavailable, "store_unavailable");
        Assert.NotNull(response.Headers.RetryAfter);
        Assert.Empty(host.Staging.Uploads);
    }
}
