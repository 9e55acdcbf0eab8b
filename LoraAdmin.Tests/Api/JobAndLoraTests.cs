using System.Net;
using System.Text.Json;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using Xunit;

namespace LoraAdmin.Tests.Api;

public sealed class JobAndLoraTests
{
    private const string Jobs = "/api/v1/training-jobs";

    [Fact]
    public async Task Job_Failed_IsToldWhole()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        TrainingJob job = host.Training.Add(TrainingState.Queued) with
        {
            State = TrainingState.Failed,
            Failure = new JobFailure(FailureCode.TrainingTimeout, "No end after 2 h."),
            Figures = new TrainingFigures(120, 1000, double.NaN, host.Clock.GetUtcNow(), host.Clock.GetUtcNow()),
            Cost = Usd.FromDollars(1.23m),
        };
        host.Training.Put(job);

        JsonElement answer = await PortalHost.ReadAsync(await host.Client.GetAsync($"{Jobs}/{job.Id}"));

        Assert.Equal("failed", answer.GetProperty("status").GetString());
        Assert.Equal("training_timeout", answer.GetProperty("failure").GetProperty("code").GetString());
        Assert.Equal("Training timeout", answer.GetProperty("failure").GetProperty("message").GetString());
        Assert.Equal(JsonValueKind.Null, answer.GetProperty("progress").GetProperty("loss").ValueKind);
        Assert.Equal(1.23m, answer.GetProperty("cost_usd").GetDecimal());
        Assert.Equal(JsonValueKind.Null, answer.GetProperty("file").ValueKind);
        Assert.Equal("pod_lost", answer.GetProperty("attempts")[0].GetProperty("failure_code").GetString());
        Assert.Equal(0.42m, answer.GetProperty("attempts")[0].GetProperty("cost_usd").GetDecimal());
        Assert.Equal(
            ["attempts", "cleanup_status", "completed_at", "cost_usd", "created_at", "failure", "file", "id", "lora_id", "name", "not_validated", "progress", "started_at", "state", "status", "user_id", "wait_reason"],
            answer.EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("GET", "")]
    [InlineData("POST", "/retry")]
    [InlineData("POST", "/cancel")]
    public async Task Job_UnknownOrNoId_IsTold(string method, string tail)
    {
        await using PortalHost host = await PortalHost.StartAsync();

        await PortalHost.AssertProblemAsync(await Send(Guid.Empty.ToString()), HttpStatusCode.NotFound, "job_not_found");
        await PortalHost.AssertProblemAsync(await Send("17"), HttpStatusCode.BadRequest, "invalid_request");

        Task<HttpResponseMessage> Send(string id) =>
            host.Client.SendAsync(new HttpRequestMessage(new HttpMethod(method), $"{Jobs}/{id}{tail}") { Content = tail == "/cancel" ? PortalHost.Json("""{"reason":"wrong images"}""") : null });
    }

    [Fact]
    public async Task List_PagesByCursor_WithoutGapsOrRepeats()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        for (int minute = 0; minute < 7; minute++)
        {
            host.Training.Add(minute % 2 == 0 ? TrainingState.Failed : TrainingState.Queued, $"job {minute}", host.Clock.GetUtcNow().AddMinutes(minute));
        }

        List<string> names = [];
        string? cursor = null;
        do
        {
            JsonElement page = await PortalHost.ReadAsync(await host.Client.GetAsync($"{Jobs}?state=failed,queued&limit=3{(cursor is null ? "" : $"&cursor={cursor}")}"));
            names.AddRange(page.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("name").GetString()!));
            cursor = page.GetProperty("next_cursor").GetString();
        }
        while (cursor is not null);

        Assert.Equal(["job 6", "job 5", "job 4", "job 3", "job 2", "job 1", "job 0"], names);
        JsonElement failed = await PortalHost.ReadAsync(await host.Client.GetAsync($"{Jobs}?state=failed"));
        Assert.Equal(4, failed.GetProperty("items").GetArrayLength());
    }

    [Theory]
    [InlineData("state=done", "state")]
    [InlineData("state=3", "state")]
    [InlineData("status=failed", "status")]
    [InlineData("user_id=me", "user_id")]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=201", "limit")]
    [InlineData("limit=ten", "limit")]
    [InlineData("cursor=AAAA", "cursor")]
    [InlineData("cursor=%2F%2F", "cursor")]
    public async Task List_WrongParameter_IsNamed(string query, string field)
    {
        await using PortalHost host = await PortalHost.StartAsync();

        await host.AssertRefusedAsync(await host.Client.GetAsync($"{Jobs}?{query}"), field);
    }

    [Fact]
    public async Task List_TamperedCursor_IsRefused()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        host.Training.Add(TrainingState.Queued);
        host.Training.Add(TrainingState.Queued);
        string cursor = (await PortalHost.ReadAsync(await host.Client.GetAsync($"{Jobs}?limit=1"))).GetProperty("next_cursor").GetString()!;
        int middle = cursor.Length / 2;
        string changed = cursor[..middle] + (cursor[middle] == 'A' ? 'B' : 'A') + cursor[(middle + 1)..];

        await host.AssertRefusedAsync(await host.Client.GetAsync($"{Jobs}?limit=1&cursor={changed}"), "cursor");
    }

    [Fact]
    public async Task Store_Away_IsNeverAnEmptyList()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        host.Training.Failure = new StoreUnavailableException("away");

        await PortalHost.AssertProblemAsync(await host.Client.GetAsync(Jobs), HttpStatusCode.ServiceUnavailable, "store_unavailable");
    }

    [Fact]
    public async Task Cancel_WhileTraining_IsNotedWithActorAndReason()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        TrainingJob job = host.Training.Add(TrainingState.Training);

        HttpResponseMessage response = await host.Client.PostAsync($"{Jobs}/{job.Id}/cancel", PortalHost.Json("""{"reason":" wrong images "}"""));

        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        Assert.Equal((job.Id, "wrong images", new Actor(ActorKind.Token, "bootstrap")), Assert.Single(host.Training.Cancels));
    }

    [Fact]
    public async Task Cancel_AfterTraining_Is409WithTheState()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        TrainingJob job = host.Training.Add(TrainingState.Uploading);

        HttpResponseMessage response = await host.Client.PostAsync($"{Jobs}/{job.Id}/cancel", PortalHost.Json("""{"reason":"too late"}"""));

        JsonElement problem = await PortalHost.AssertProblemAsync(response, HttpStatusCode.Conflict, "too_late_to_cancel");
        Assert.Equal("uploading", problem.GetProperty("state").GetString());
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"reason":""}""")]
    [InlineData("""{"reason":7}""")]
    public async Task Cancel_WithoutReason_NamesTheField(string body)
    {
        await using PortalHost host = await PortalHost.StartAsync();
        TrainingJob job = host.Training.Add(TrainingState.Training);

        await host.AssertRefusedAsync(await host.Client.PostAsync($"{Jobs}/{job.Id}/cancel", PortalHost.Json(body)), "reason");
        Assert.Empty(host.Training.Cancels);
    }

    [Fact]
    public async Task Retry_FinalOpenAndHopelessJobs_AreTold()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        TrainingJob failed = host.Training.Add(TrainingState.Failed);
        TrainingJob open = host.Training.Add(TrainingState.Training);

        HttpResponseMessage accepted = await host.Client.PostAsync($"{Jobs}/{failed.Id}/retry", null);
        HttpResponseMessage refused = await host.Client.PostAsync($"{Jobs}/{open.Id}/retry", null);
        host.Training.NextRetry = new RetryOutcome.NotRetryable(FailureTable.For(FailureCode.InvalidTrainingImages));
        HttpResponseMessage hopeless = await host.Client.PostAsync($"{Jobs}/{failed.Id}/retry", null);

        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        Assert.Equal("queued", (await PortalHost.ReadAsync(accepted)).GetProperty("state").GetString());
        await PortalHost.AssertProblemAsync(refused, HttpStatusCode.Conflict, "not_final");
        await PortalHost.AssertProblemAsync(hopeless, HttpStatusCode.Conflict, "not_retryable");
    }

    [Fact]
    public async Task Lora_WithFile_GetsAWholeLink()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        Lora lora = await AddAsync(host, "u/l/model.safetensors");

        JsonElement shown = await PortalHost.ReadAsync(await host.Client.GetAsync($"/api/v1/loras/{lora.Id}"));
        HttpResponseMessage response = await host.Client.PostAsync($"/api/v1/loras/{lora.Id}/link", null);

        Assert.Equal(4096, shown.GetProperty("file").GetProperty("size_bytes").GetInt64());
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        JsonElement link = await PortalHost.ReadAsync(response);
        Assert.Equal($"{host.Client.BaseAddress!.GetLeftPart(UriPartial.Authority)}/objects/lora-models/u/l/model.safetensors?signature=x", link.GetProperty("url").GetString());
        Assert.Equal(host.Clock.GetUtcNow().AddMinutes(20), link.GetProperty("expires_at").GetDateTimeOffset());
    }

    [Fact]
    [Trait("Requirement", "E5")]
    public async Task Lora_ShowsTheImagesOfItsNewestTrainingWithScoreVerdictReasonAndLink()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        Lora lora = await AddAsync(host, path: null);
        DateTimeOffset now = host.Clock.GetUtcNow();
        await host.Access.SaveValidationImagesAsync(
            lora.Id,
            [
                new ValidationImage(lora.Id, 0, "u/l/validation/0.jpg", 0.41, false, "score 0.41 is below 0.60", now, 2),
                new ValidationImage(lora.Id, 1, "u/l/validation/1.jpg", 0.8, null, null, now, 2) { IsPending = true },
                new ValidationImage(lora.Id, 2, "u/l/validation/2.jpg", 0.9, true, "score 0.90 reaches 0.60", now, 1),
            ],
            CancellationToken.None);

        JsonElement images = (await PortalHost.ReadAsync(await host.Client.GetAsync($"/api/v1/loras/{lora.Id}"))).GetProperty("validation_images");

        Assert.Equal(2, images.GetArrayLength());
        Assert.Equal((0, 0.41), (images[0].GetProperty("index").GetInt32(), images[0].GetProperty("score").GetDouble()));
        Assert.Equal((false, "score 0.41 is below 0.60"), (images[0].GetProperty("passed").GetBoolean(), images[0].GetProperty("reason").GetString()));
        JsonElement link = images[0].GetProperty("link");
        Assert.Equal(
            $"{host.Client.BaseAddress!.GetLeftPart(UriPartial.Authority)}/objects/lora-validation-images/u/l/validation/0.jpg?signature=x", link.GetProperty("url").GetString());
        Assert.Equal(now.AddMinutes(20), link.GetProperty("expires_at").GetDateTimeOffset());
        Assert.Equal(JsonValueKind.Null, images[1].GetProperty("link").ValueKind);
    }

    [Fact]
    public async Task Lora_WithoutFileOrUnknown_HasNoLink()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        Lora lora = await AddAsync(host, path: null);

        await PortalHost.AssertProblemAsync(await host.Client.PostAsync($"/api/v1/loras/{lora.Id}/link", null), HttpStatusCode.Conflict, "file_not_ready");
        await PortalHost.AssertProblemAsync(await host.Client.PostAsync($"/api/v1/loras/{Guid.Empty}/link", null), HttpStatusCode.NotFound, "lora_not_found");
        await PortalHost.AssertProblemAsync(await host.Client.GetAsync($"/api/v1/loras/{Guid.Empty}"), HttpStatusCode.NotFound, "lora_not_found");
    }

    private static async Task<Lora> AddAsync(PortalHost host, string? path)
    {
        Lora lora = new()
        {
            Id = new LoraId(Guid.Parse("0b1f7f3e-64d8-4f0c-9a51-3f0c2f1d7a10")),
            UserId = PortalHost.User,
            CreatorEmail = "ada@example.org",
            Name = "Ada",
            Status = path is null ? LoraStatus.Training : LoraStatus.Completed,
            StoragePath = path,
            FileSizeBytes = path is null ? null : 4096,
            FileSha256 = path is null ? null : new string('a', 64),
            CreatedAt = host.Clock.GetUtcNow(),
            UpdatedAt = host.Clock.GetUtcNow(),
        };
        await host.Access.AddAsync(lora, CancellationToken.None);
        return lora;
    }
}
