using System.Net;
using System.Text.Json;
using LoraAdmin.Domain.Training;
using Microsoft.Extensions.Options;
using Xunit;

namespace LoraAdmin.Tests.Api;

public sealed class WebPipelineTests
{
    [Fact]
    public async Task Route_UnknownWrongMethodOrBroken_IsAProblem()
    {
        await using PortalHost host = await PortalHost.StartAsync();

        HttpResponseMessage wrong = await host.Client.DeleteAsync("/api/v1/training-jobs");

        await PortalHost.AssertProblemAsync(await host.Client.GetAsync("/api/v1/nothing"), HttpStatusCode.NotFound, "not_found");
        await PortalHost.AssertProblemAsync(wrong, HttpStatusCode.MethodNotAllowed, "method_not_allowed");
        Assert.Contains("POST", wrong.Content.Headers.Allow);
        HttpResponseMessage broken = await host.Client.GetAsync("/api/boom");
        await PortalHost.AssertProblemAsync(broken, HttpStatusCode.InternalServerError, "internal_error");
        Assert.DoesNotContain("secret inner detail", await broken.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Calls_BeyondTheLimit_AreToldToWait()
    {
        await using PortalHost host = await PortalHost.StartAsync(new Dictionary<string, string?> { ["RateLimits:ApiPerMinute"] = "1" });
        await host.Client.GetAsync("/api/v1/training-jobs");

        HttpResponseMessage response = await host.Client.GetAsync("/api/v1/training-jobs");

        await PortalHost.AssertProblemAsync(response, HttpStatusCode.TooManyRequests, "too_many_requests");
        Assert.NotNull(response.Headers.RetryAfter);
    }

    [Fact]
    public async Task Health_NamesThePartThatIsAway()
    {
        await using PortalHost host = await PortalHost.StartAsync();

        Assert.Equal(HttpStatusCode.OK, (await host.Anonymous.GetAsync("/health/ready")).StatusCode);
        host.Access.Away = true;
        HttpResponseMessage away = await host.Anonymous.GetAsync("/health/ready");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, away.StatusCode);
        JsonElement answer = await PortalHost.ReadAsync(away);
        Assert.Equal("away", answer.GetProperty("status").GetString());
        Assert.Equal("database", answer.GetProperty("parts")[0].GetProperty("name").GetString());
        Assert.Equal("away", answer.GetProperty("parts")[0].GetProperty("status").GetString());
        Assert.Equal(HttpStatusCode.OK, (await host.Anonymous.GetAsync("/health/live")).StatusCode);
    }

    [Theory]
    [InlineData("localhost", HttpStatusCode.OK)]
    [InlineData("lora.example.org", HttpStatusCode.OK)]
    [InlineData("evil.example", HttpStatusCode.BadRequest)]
    public async Task Host_OnlyKnownOnesAreServed(string name, HttpStatusCode status)
    {
        await using PortalHost host = await PortalHost.StartAsync(new Dictionary<string, string?> { ["Portal:PublicUrl"] = "https://lora.example.org", ["AllowedHosts"] = "*" });
        using HttpRequestMessage request = new(HttpMethod.Get, "/health/live");
        request.Headers.Host = name;

        Assert.Equal(status, (await host.Anonymous.SendAsync(request)).StatusCode);
    }

    [Theory]
    [InlineData("Portal:PublicUrl", "lora.example.org")]
    [InlineData("Portal:PublicUrl", "https://lora.example.org/portal")]
    [InlineData("RateLimits:ApiPerMinute", "-1")]
    [InlineData("RateLimits:SignInPerMinute", "0")]
    public async Task Option_Wrong_RefusesTheStartAndNamesTheKey(string key, string value)
    {
        OptionsValidationException refusal = await Assert.ThrowsAsync<OptionsValidationException>(() => PortalHost.StartAsync(new Dictionary<string, string?> { [key] = value }));

        Assert.Contains(key, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Answers_CarrySecurityHeaders()
    {
        await using PortalHost host = await PortalHost.StartAsync();

        HttpResponseMessage response = await host.Client.GetAsync("/");

        Assert.Equal("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Contains("frame-ancestors 'none'", response.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenApi_DescribesEveryRouteWithTokensAndProblems()
    {
        await using PortalHost host = await PortalHost.StartAsync();

        HttpResponseMessage response = await host.Client.GetAsync("/openapi/v1.json");

        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        JsonElement document = await PortalHost.ReadAsync(response);
        Assert.Equal(
            [
                "/api/v1/loras/{id}", "/api/v1/loras/{id}/link", "/api/v1/training-jobs", "/api/v1/training-jobs/{id}",
                "/api/v1/training-jobs/{id}/cancel", "/api/v1/training-jobs/{id}/retry",
            ],
            document.GetProperty("paths").EnumerateObject().Select(path => path.Name).Order(StringComparer.Ordinal));
        JsonElement submit = document.GetProperty("paths").GetProperty("/api/v1/training-jobs").GetProperty("post");
        Assert.Equal(["application/json", "multipart/form-data"], submit.GetProperty("requestBody").GetProperty("content").EnumerateObject().Select(kind => kind.Name));
        Assert.Equal(
            ["202", "400", "401", "402", "403", "409", "413", "415", "422", "429", "500", "503"],
            submit.GetProperty("responses").EnumerateObject().Select(status => status.Name).Order(StringComparer.Ordinal));
        Assert.True(document.GetProperty("components").GetProperty("securitySchemes").TryGetProperty("ApiToken", out _));
        Assert.Contains("cost_usd", text, StringComparison.Ordinal);
        await PortalHost.AssertProblemAsync(await host.Anonymous.GetAsync("/openapi/v1.json"), HttpStatusCode.Unauthorized, "sign_in_needed");
    }

    [Fact]
    public async Task Job_QueuedByAnApi_LinksToItself()
    {
        await using PortalHost host = await PortalHost.StartAsync();

        HttpResponseMessage accepted = await host.SubmitAsync(PortalHost.Json(PortalHost.ValidJson()));
        HttpResponseMessage job = await host.Client.GetAsync(accepted.Headers.Location);

        Assert.Equal(HttpStatusCode.OK, job.StatusCode);
        Assert.Equal(TrainingState.Queued.ToWord(), (await PortalHost.ReadAsync(job)).GetProperty("state").GetString());
        Assert.Equal("no-store", job.Headers.CacheControl?.ToString());
    }
}
