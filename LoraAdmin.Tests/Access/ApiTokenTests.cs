using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using LoraAdmin.Access;
using LoraAdmin.Domain.Access;
using LoraAdmin.Tests.Api;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace LoraAdmin.Tests.Access;

public sealed class ApiTokenTests
{
    private const string Route = "/api/v1/training-jobs";

    [Theory]
    [InlineData(null, "token_missing")]
    [InlineData("Bearer lora_unknown", "invalid_token")]
    [InlineData("Bearer ", "invalid_token")]
    [InlineData("Basic YTpi", "invalid_token")]
    public async Task Call_WithoutKnownToken_Gets401(string? header, string code)
    {
        await using PortalHost host = await PortalHost.StartAsync();
        using HttpRequestMessage request = new(HttpMethod.Get, Route);
        if (header is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", header);
        }

        HttpResponseMessage response = await host.Anonymous.SendAsync(request);

        await PortalHost.AssertProblemAsync(response, HttpStatusCode.Unauthorized, code);
        Assert.StartsWith("Bearer", response.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Token_Expired_IsToldSo()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        await AddAsync(host, "lora_old", [Permissions.ReadTraining], expiresAt: host.Clock.GetUtcNow().AddSeconds(30));
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(host, "lora_old")).StatusCode);
        host.Clock.Advance(TimeSpan.FromSeconds(30));

        JsonElement problem = await PortalHost.AssertProblemAsync(await GetAsync(host, "lora_old"), HttpStatusCode.Unauthorized, "invalid_token");

        Assert.Contains("expired", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Token_Revoked_IsRefusedWithinTenSeconds()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        await AddAsync(host, "lora_gone", [Permissions.ReadTraining]);
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(host, "lora_gone")).StatusCode);
        await AddAsync(host, "lora_gone", [Permissions.ReadTraining], revokedAt: host.Clock.GetUtcNow());
        host.Clock.Advance(TimeSpan.FromSeconds(10));

        JsonElement problem = await PortalHost.AssertProblemAsync(await GetAsync(host, "lora_gone"), HttpStatusCode.Unauthorized, "invalid_token");

        Assert.Contains("revoked", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Token_WithoutScope_Gets403ThatNamesIt()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        await AddAsync(host, "lora_reader", [Permissions.ReadLoras]);

        JsonElement problem = await PortalHost.AssertProblemAsync(await GetAsync(host, "lora_reader"), HttpStatusCode.Forbidden, "permission_missing");

        Assert.Contains(Permissions.ReadTraining, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task LocalCloud_OnlyWithItsScope()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        await AddAsync(host, "lora_some", [Permissions.ViewPortal]);

        Assert.Equal(HttpStatusCode.Forbidden, (await GetAsync(host, "lora_some", "/localcloud/truth")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await host.Client.GetAsync("/localcloud/truth")).StatusCode);
    }

    [Fact]
    public async Task Token_UsedOften_IsReadOnceInTenSeconds()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        int before = host.Access.Reads;

        for (int call = 0; call < 5; call++)
        {
            Assert.Equal(HttpStatusCode.OK, (await host.Client.GetAsync(Route)).StatusCode);
        }

        Assert.Equal(before + 1, host.Access.Reads);
    }

    [Fact]
    public async Task Cache_ManyUnknownTokens_StaysBounded()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        ApiTokenCache cache = host.Services.GetRequiredService<ApiTokenCache>();

        for (int token = 0; token < 3 * ApiTokenCache.Capacity; token++)
        {
            await cache.FindAsync($"hash {token}", CancellationToken.None);
        }

        Assert.InRange(cache.Count, 1, ApiTokenCache.Capacity);
    }

    [Fact]
    public async Task Database_Away_Is503AndNot401()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        host.Access.Away = true;

        HttpResponseMessage response = await GetAsync(host, "lora_whoever");

        await PortalHost.AssertProblemAsync(response, HttpStatusCode.ServiceUnavailable, "store_unavailable");
        Assert.NotNull(response.Headers.RetryAfter);
    }

    [Fact]
    public async Task Bootstrap_Restarted_KeepsTheTokensId()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        ApiToken first = Assert.Single(host.Access.Tokens);

        await host.Services.GetRequiredService<AccessStartup>().RunAsync(CancellationToken.None);

        ApiToken second = Assert.Single(host.Access.Tokens);
        Assert.Equal(first.Id, second.Id);
        Assert.Equal(AccessStartup.BootstrapName, second.Name);
        Assert.Equal(Permissions.All, second.Scopes);
        Assert.DoesNotContain(PortalHost.Token, second.Sha256, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bootstrap_TakenOutOfTheConfiguration_IsRevokedByTheNextStart()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        host.Services.GetRequiredService<IOptions<ApiOptions>>().Value.BootstrapToken = "";

        await host.Services.GetRequiredService<AccessStartup>().RunAsync(CancellationToken.None);

        Assert.NotNull(Assert.Single(host.Access.Tokens).RevokedAt);
        HttpResponseMessage response = await GetAsync(host, PortalHost.Token);
        await PortalHost.AssertProblemAsync(response, HttpStatusCode.Unauthorized, "invalid_token");
    }

    [Theory]
    [InlineData("short")]
    [InlineData("with spaces inside of the token")]
    public async Task Bootstrap_Unusable_RefusesTheStartAndNamesTheKey(string token)
    {
        OptionsValidationException refusal = await Assert.ThrowsAsync<OptionsValidationException>(
            () => PortalHost.StartAsync(new Dictionary<string, string?> { ["Api:BootstrapToken"] = token }));

        Assert.Contains("Api:BootstrapToken", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(token, refusal.Message, StringComparison.Ordinal);
    }

    private static Task AddAsync(PortalHost host, string secret, string[] scopes, DateTimeOffset? expiresAt = null, DateTimeOffset? revokedAt = null) =>
        host.Access.SaveTokenAsync(
            new ApiToken(
                Guid.Parse("00000000-0000-0000-0000-000000000001"),
                secret[5..],
                Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret))),
                scopes,
                host.Clock.GetUtcNow(),
                expiresAt,
                revokedAt),
            CancellationToken.None);

    private static Task<HttpResponseMessage> GetAsync(PortalHost host, string secret, string path = Route)
    {
        HttpRequestMessage request = new(HttpMethod.Get, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", secret);
        return host.Anonymous.SendAsync(request);
    }
}
