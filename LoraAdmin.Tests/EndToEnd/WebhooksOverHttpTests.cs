using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using LoraAdmin.Platform.Vendors;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using Microsoft.AspNetCore.Builder;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>LocalCloud tells the whole portal over HTTP what becomes of a training. The portal would look by itself only after minutes.</summary>
public sealed class WebhooksOverHttpTests
{
    private static readonly (string, string)[] SeldomPolled = [("Training:PollEvery", "00:10:00"), ("Training:StuckAfter", "00:20:00")];

    private readonly ConcurrentQueue<(string Id, int Status)> heard = new();

    [Fact]
    [Trait("Requirement", "C1")]
    public async Task Told_TwiceAndOutOfOrder_TheJobCompletesOnceAndAtOnce()
    {
        await using FaultRun run = await FaultRun.StartWithFallbackAsync(
            SeldomPolled, Hear, ("Speed", "1"), ("Boot", "00:00:02"), ("Training", "00:00:02"));
        await run.Cloud.FaultAsync("replicate_webhook_twice");
        await run.Cloud.FaultAsync("replicate_webhook_out_of_order");
        await run.HoldRunPodOpenAsync();
        string job = await run.SubmitAsync();

        Assert.Equal("completed", (await run.EndedAsync(job)).GetProperty("state").GetString());
        string id = await TrainingIdAsync(run);
        await Eventually.TrueAsync(() => heard.Count == 3, "both events, one of them twice", FaultRun.Patience);
        Assert.Equal([($"msg_{id}_completed", 204), ($"msg_{id}_completed", 204), ($"msg_{id}_start", 204)], heard);
        Assert.Equal(1, await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM operational_events WHERE kind = 'training.completed'"));
        Assert.Equal(1, await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM hosted_trainings"));
        await Eventually.TrueAsync(
            async () => await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM hosted_trainings WHERE is_settled") == 1, "the training's end", FaultRun.Patience);
    }

    [Fact]
    [Trait("Requirement", "S1")]
    public async Task Told_WhatIsNotProven_IsRefusedAndNothingIsWrittenNorAskedFor()
    {
        await using FaultRun run = await FaultRun.StartWithFallbackAsync(
            SeldomPolled, Hear, ("Speed", "1"), ("Boot", "00:00:02"), ("Training", "01:00:00"));
        await run.HoldRunPodOpenAsync();
        string job = await run.SubmitAsync();
        await Eventually.TrueAsync(async () => (await run.JobAsync(job)).GetProperty("state").GetString() == "training", "its start was told", FaultRun.Patience);
        await Eventually.TrueAsync(
            async () => await run.Portal.Database.NumberAsync("SELECT due_at FROM training_progress") > TimeProvider.System.GetUtcNow().AddMinutes(5).ToUnixTimeMilliseconds(),
            "the portal has nothing to do for minutes",
            FaultRun.Patience);
        Assert.EndsWith("_start", Assert.Single(heard).Id, StringComparison.Ordinal);
        string id = await TrainingIdAsync(run);
        string before = await WrittenAsync(run);
        int reads = run.Cloud.TrainingReads.Count;
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        byte[] body = Encoding.UTF8.GetBytes($$"""{"id":"{{id}}","status":"succeeded"}""");
        string secret = run.Cloud.WebhookSecret;

        Assert.Equal(HttpStatusCode.Unauthorized, await TellAsync(run, body, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", now));
        Assert.Equal(HttpStatusCode.Unauthorized, await TellAsync(run, body, secret, now.AddMinutes(-6)));
        Assert.Equal(HttpStatusCode.Unauthorized, await TellAsync(run, body, secret, now.AddMinutes(6)));
        Assert.Equal(HttpStatusCode.NotFound, await TellAsync(run, "{\"id\":\"somebodyelses\",\"status\":\"succeeded\"}"u8.ToArray(), secret, now));
        Assert.True(await TellAsync(run, new byte[5 * 1024 * 1024], secret, now) is null or HttpStatusCode.RequestEntityTooLarge);
        Assert.Equal((HttpStatusCode.RequestEntityTooLarge, true), await OfferAsync(run, new byte[5 * 1024 * 1024], secret, now));
        Assert.Equal(before, await WrittenAsync(run));
        Assert.Equal(reads, run.Cloud.TrainingReads.Count);

        // What is proven makes the portal look: the test would notice if nothing ever did.
        Assert.Equal(HttpStatusCode.NoContent, await TellAsync(run, body, secret, TimeProvider.System.GetUtcNow()));
        await Eventually.TrueAsync(() => run.Cloud.TrainingReads.Count > reads, "the training is read", FaultRun.Patience);
        Assert.Equal("training", (await run.JobAsync(job)).GetProperty("state").GetString());
    }

    private static Task<string> TrainingIdAsync(FaultRun run) => run.Portal.Database.TextAsync("SELECT training_id FROM hosted_trainings");

    /// <summary>All that a webhook could change. What the watch of the breaker tells, and what the portal's schedules do, come when they come.</summary>
    private static Task<string> WrittenAsync(FaultRun run) => run.Portal.Database.TextAsync(
        """
        SELECT (SELECT COUNT(*) FROM operational_events WHERE kind NOT LIKE 'breaker.%' AND kind NOT LIKE 'operations.%') || ' facts, job due at ' || (SELECT group_concat(due_at || ' ' || state) FROM training_progress)
            || ', training ' || (SELECT group_concat(saw || ' ' || version) FROM hosted_trainings)
        """);

    /// <returns>Null: the connection was ended while the rest was still being sent.</returns>
    private static async Task<HttpStatusCode?> TellAsync(FaultRun run, byte[] body, string secret, DateTimeOffset at)
    {
        using HttpRequestMessage request = Signed(body, secret, at);
        try
        {
            using HttpResponseMessage answer = await run.Portal.Anonymous.SendAsync(request);
            return answer.StatusCode;
        }
        catch (HttpRequestException) when (body.Length > ReplicateWebhook.MaxBodyBytes)
        {
            return null;
        }
    }

    /// <summary>Asks before it sends the body, and waits for the answer as long as a busy machine may need, so that it is read for certain.</summary>
    /// <returns>The answer, and whether it says that the connection ends: the rest of a refused body must not stand before the next request.</returns>
    private static async Task<(HttpStatusCode Status, bool Closes)> OfferAsync(FaultRun run, byte[] body, string secret, DateTimeOffset at)
    {
        using HttpRequestMessage request = Signed(body, secret, at);
        request.Headers.ExpectContinue = true;
        using SocketsHttpHandler patient = new() { Expect100ContinueTimeout = TimeSpan.FromMinutes(1) };
        using HttpClient client = new(patient) { BaseAddress = run.Portal.BaseUrl };
        using HttpResponseMessage answer = await client.SendAsync(request);
        return (answer.StatusCode, answer.Headers.ConnectionClose == true);
    }

    private static HttpRequestMessage Signed(byte[] body, string secret, DateTimeOffset at)
    {
        HttpRequestMessage request = new(HttpMethod.Post, ReplicateWebhook.Path) { Content = new ByteArrayContent(body) };
        request.Headers.TryAddWithoutValidation(WebhookSignature.IdHeader, "msg_1");
        request.Headers.TryAddWithoutValidation(WebhookSignature.TimestampHeader, at.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture));
        request.Headers.TryAddWithoutValidation(WebhookSignature.SignatureHeader, WebhookSignature.Sign(secret, "msg_1", at, body));
        return request;
    }

    /// <summary>Notes what came from LocalCloud, and how it was answered.</summary>
    private void Hear(WebApplication portal) => portal.Use(async (context, next) =>
    {
        await next(context);
        if (context.Request.Path == ReplicateWebhook.Path && context.Request.Headers[WebhookSignature.IdHeader].ToString() is { Length: > 5 } id)
        {
            heard.Enqueue((id, context.Response.StatusCode));
        }
    });
}
