using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using LoraAdmin.Access;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Access;
using LoraAdmin.Tests.EndToEnd.Processes;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>Who gets no answer from the whole portal, with every route that it really has.</summary>
public sealed class AnonymousTests
{
    private const string Faults = "/localcloud/faults";

    [Fact]
    [Trait("Requirement", "S1")]
    public async Task EveryRoute_WithoutCredentials_IsTurnedAwayUnlessListed()
    {
        await using InProcessPortal portal = await InProcessPortal.StartAsync();

        IReadOnlyList<WalkedRoute> walked = await EndpointWalker.WalkAsync(portal.Services, portal.Anonymous);

        Assert.All(walked.Where(route => !route.MayBeAnonymous), route => Assert.True(route.TurnedAway, $"{route.Route} answered {route.Status}."));
        List<string> guarded = [.. walked.Where(route => !route.MayBeAnonymous).Select(route => route.Route)];
        foreach (string known in new[]
        {
            "GET /", "GET /training", "GET /training/{", "GET /api/v1/training-jobs", "POST /api/v1/training-jobs", "GET /openapi/", "POST /localcloud/faults",
            "GET /localcloud/truth", "POST /sign-out",
        })
        {
            Assert.True(guarded.Exists(route => route.StartsWith(known, StringComparison.Ordinal)), $"{known} was not walked: {string.Join(", ", guarded)}");
        }

        Assert.Contains(guarded, route => route.Contains("_blazor", StringComparison.Ordinal));

        // Whatever calls itself exempt: static files, signed links, signed webhooks, and LocalCloud's vendor faces, which ask for the vendor's key themselves; a pod that
        // is not there answers like RunPod's proxy.
        List<WalkedRoute> exempt = [.. walked.Where(route => route.MayBeAnonymous && route.Exempt != "StaticAssetDescriptor")];
        Assert.All(exempt.Where(route => route.Exempt == "VendorFaceMetadata"), route => Assert.True(route.Status is HttpStatusCode.Unauthorized or HttpStatusCode.NotFound, $"{route.Route} answered {route.Status}."));
        Assert.Equal(
            ["/health/live", "/health/ready", "/sign-in", "SignedLinkMetadata", "SignedWebhookMetadata", "VendorFaceMetadata"], exempt.Select(route => route.Exempt).Distinct().Order(StringComparer.Ordinal));
        Assert.All(walked.Where(route => route.Exempt == "SignedLinkMetadata"), route => Assert.True(route.Status is HttpStatusCode.Forbidden or HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed, $"{route.Route} answered {route.Status}."));
        Assert.All(walked.Where(route => route.Exempt == "SignedWebhookMetadata"), route => Assert.Equal(HttpStatusCode.Unauthorized, route.Status));
        Assert.All(walked.Where(route => route.Exempt == "StaticAssetDescriptor"), route => Assert.Matches(@"^(GET|HEAD) /[\w./-]+\.(css|js|mjs|svg|ico|png|woff2|json|map)(\.gz|\.br)?$", route.Route));
    }

    [Fact]
    [Trait("Requirement", "S1")]
    public async Task EveryApiRoute_WithATokenWithoutScopes_Is403()
    {
        await using InProcessPortal portal = await InProcessPortal.StartAsync();
        using HttpClient client = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = portal.BaseUrl };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", await TokenAsync(portal, []));

        List<WalkedRoute> api =
        [
            .. (await EndpointWalker.WalkAsync(portal.Services, client))
                .Where(route => route.Route.Contains(" /api/", StringComparison.Ordinal) || (route.Route.Contains(" /localcloud/", StringComparison.Ordinal) && !route.MayBeAnonymous)),
        ];

        Assert.All(api, route => Assert.True(route.Status == HttpStatusCode.Forbidden, $"{route.Route} answered {route.Status}."));
        Assert.True(api.Count >= 10, string.Join(", ", api.Select(route => route.Route)));
    }

    /// <summary>Whatever key it brings: LocalCloud is for this machine alone.</summary>
    [Theory]
    [InlineData("203.0.113.7")]
    [InlineData("::ffff:203.0.113.7")]
    [InlineData("2001:db8::7")]
    public async Task LocalCloud_CalledFromAnotherMachine_Is403(string peer)
    {
        await using InProcessPortal portal = await InProcessPortal.StartAsync(more: app => app.Use((context, next) =>
        {
            context.Connection.RemoteIpAddress = IPAddress.Parse(peer);
            return next(context);
        }));
        string vendorKey = portal.Services.GetRequiredService<LocalCloudKeys>().ApiKey;

        Assert.Equal(HttpStatusCode.Forbidden, await FaultAsync(portal, PortalProcess.Token));
        Assert.Equal(HttpStatusCode.Forbidden, await GetAsync(portal, "/localcloud/truth", PortalProcess.Token));
        Assert.Equal(HttpStatusCode.Forbidden, await GetAsync(portal, "/localcloud/pods", PortalProcess.Token));
        Assert.Equal(HttpStatusCode.Forbidden, await GetAsync(portal, "/localcloud/runpod/v2/pods", vendorKey));
        Assert.Equal(HttpStatusCode.Forbidden, await GetAsync(portal, "/localcloud/agents/abcd/v1/status", vendorKey));
        Assert.Equal(HttpStatusCode.OK, await GetAsync(portal, "/api/v1/training-jobs", PortalProcess.Token));
    }

    [Fact]
    public async Task LocalCloud_CalledFromThisMachine_Answers()
    {
        await using InProcessPortal portal = await InProcessPortal.StartAsync();

        Assert.Equal(HttpStatusCode.OK, await GetAsync(portal, "/localcloud/truth", PortalProcess.Token));
        Assert.Equal(
            HttpStatusCode.OK, await GetAsync(portal, "/localcloud/runpod/v2/pods", portal.Services.GetRequiredService<LocalCloudKeys>().ApiKey));
    }

    [Fact]
    public async Task Faults_WithoutAToken_Are401()
    {
        await using InProcessPortal portal = await InProcessPortal.StartAsync();

        Assert.Equal(HttpStatusCode.Unauthorized, await FaultAsync(portal, token: null));
        Assert.Equal(HttpStatusCode.Unauthorized, await FaultAsync(portal, "made-up-0123456789-0123456789"));
    }

    [Fact]
    public async Task Faults_WithoutTheScope_Are403()
    {
        await using InProcessPortal portal = await InProcessPortal.StartAsync();
        string token = await TokenAsync(portal, [.. Permissions.All.Where(permission => permission != Permissions.LocalCloud)]);

        Assert.Equal(HttpStatusCode.Forbidden, await FaultAsync(portal, token));
        Assert.Equal(HttpStatusCode.Created, await FaultAsync(portal, await TokenAsync(portal, [Permissions.LocalCloud])));
    }

    [Theory]
    [InlineData("X-Forwarded-For", "203.0.113.7")]
    [InlineData("Forwarded", "for=203.0.113.7")]
    public async Task Faults_ThroughAProxy_Are403(string header, string value)
    {
        await using InProcessPortal portal = await InProcessPortal.StartAsync();

        Assert.Equal(HttpStatusCode.Forbidden, await FaultAsync(portal, PortalProcess.Token, (header, value)));
        Assert.Equal(HttpStatusCode.Created, await FaultAsync(portal, PortalProcess.Token));
    }

    [Fact]
    public async Task Api_WithTheCookieOnly_Is401()
    {
        await using InProcessPortal portal = await InProcessPortal.StartAsync();
        SignInLink link = await portal.Services.GetRequiredService<SignInLinks>().CreateAsync(CancellationToken.None);
        using HttpClient browser = new(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() }) { BaseAddress = portal.BaseUrl };
        using (HttpRequestMessage signIn = new(HttpMethod.Post, "/sign-in"))
        {
            signIn.Content = new FormUrlEncodedContent(new Dictionary<string, string> { ["code"] = new Uri(link.Url).Fragment[1..] });
            signIn.Headers.Add("Origin", portal.BaseUrl.GetLeftPart(UriPartial.Authority));
            using HttpResponseMessage signedIn = await browser.SendAsync(signIn);
            Assert.Equal(HttpStatusCode.Redirect, signedIn.StatusCode);
        }

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(browser, "/training"));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(browser, "/api/v1/training-jobs"));
    }

    private static async Task<HttpStatusCode> GetAsync(InProcessPortal portal, string path, string token)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using HttpResponseMessage answer = await portal.Anonymous.SendAsync(request);
        return answer.StatusCode;
    }

    private static async Task<HttpStatusCode> StatusAsync(HttpClient client, string path)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, path);
        request.Headers.Accept.ParseAdd("text/html");
        using HttpResponseMessage answer = await client.SendAsync(request);
        return answer.StatusCode;
    }

    private static async Task<HttpStatusCode> FaultAsync(InProcessPortal portal, string? token, (string Name, string Value)? header = null)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, Faults) { Content = JsonContent.Create(new { kind = "create_500" }) };
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        if (header is var (name, value))
        {
            request.Headers.Add(name, value);
        }

        using HttpResponseMessage answer = await portal.Anonymous.SendAsync(request);
        return answer.StatusCode;
    }

    private static async Task<string> TokenAsync(InProcessPortal portal, IReadOnlyList<string> scopes)
    {
        IIds ids = portal.Services.GetRequiredService<IIds>();
        string secret = Secrets.New(ids);
        ApiToken token = new(ids.Next(), "narrow", Secrets.Hash(secret), scopes, TimeProvider.System.GetUtcNow(), ExpiresAt: null, RevokedAt: null);
        await portal.Services.GetRequiredService<IUnitOfWork>().RunAsync((unit, stop) => unit.Store<IAccessStore>().SaveTokenAsync(token, stop), CancellationToken.None);
        return secret;
    }
}
