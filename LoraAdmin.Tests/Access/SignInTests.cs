using System.Net;
using LoraAdmin.Access;
using LoraAdmin.Domain.Access;
using LoraAdmin.Tests.Api;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Access;

public sealed class SignInTests
{
    [Fact]
    public async Task Link_OpenedManyTimesThenPosted_SignsInExactlyOnce()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        string code = await NewCodeAsync(host);
        for (int open = 0; open < 3; open++)
        {
            Assert.Equal(HttpStatusCode.OK, (await host.Anonymous.GetAsync("/sign-in")).StatusCode);
        }

        HttpResponseMessage first = await PostAsync(host, code);
        HttpResponseMessage second = await PostAsync(host, code);

        Assert.Equal(HttpStatusCode.Redirect, first.StatusCode);
        Assert.Equal("/training?state=failed", first.Headers.Location?.ToString());
        Assert.Equal(HttpStatusCode.Forbidden, second.StatusCode);
        Assert.Contains("-- sign-in-link", await second.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        string cookie = Assert.Single(first.Headers.GetValues("Set-Cookie"));
        Assert.StartsWith("loraadmin=", cookie, StringComparison.Ordinal);
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=lax", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.False(second.Headers.Contains("Set-Cookie"));
    }

    [Fact]
    public async Task Cookie_OpensPagesForTwelveHours_ButNeverTheApi()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        string cookie = await CookieAsync(host);

        Assert.Equal("Hello admin", await (await SendAsync(host, "/", cookie)).Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(host, "/openapi/v1.json", cookie)).StatusCode);
        await PortalHost.AssertProblemAsync(await SendAsync(host, "/api/v1/training-jobs", cookie), HttpStatusCode.Unauthorized, "token_missing");
        Assert.Equal(HttpStatusCode.Forbidden, (await SendAsync(host, "/localcloud/truth", cookie)).StatusCode);
        host.Clock.Advance(TimeSpan.FromHours(12) + TimeSpan.FromSeconds(1));
        Assert.Equal(HttpStatusCode.Redirect, (await SendAsync(host, "/", cookie)).StatusCode);
    }

    [Fact]
    public async Task Link_After15Minutes_IsRefused()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        string code = await NewCodeAsync(host);
        host.Clock.Advance(SignInLinks.Lifetime);

        Assert.Equal(HttpStatusCode.Forbidden, (await PostAsync(host, code)).StatusCode);
    }

    [Theory]
    [InlineData("https://evil.example", null)]
    [InlineData("null", null)]
    [InlineData(null, "cross-site")]
    [InlineData(null, null)]
    public async Task Post_FromElsewhere_IsRefusedAndSpendsNothing(string? origin, string? site)
    {
        await using PortalHost host = await PortalHost.StartAsync();
        string code = await NewCodeAsync(host);

        HttpResponseMessage refused = await PostAsync(host, code, origin, site, own: false);

        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Equal(HttpStatusCode.Redirect, (await PostAsync(host, code)).StatusCode);
    }

    [Theory]
    [InlineData("https://evil.example/")]
    [InlineData("//evil.example")]
    [InlineData("/\\evil.example")]
    [InlineData("javascript:alert(1)")]
    [InlineData("")]
    public async Task ReturnUrl_NotLocal_LeadsHome(string target)
    {
        await using PortalHost host = await PortalHost.StartAsync();

        HttpResponseMessage response = await PostAsync(host, await NewCodeAsync(host), target: target);

        Assert.Equal("/", response.Headers.Location?.ToString());
    }

    [Fact]
    public async Task Navigation_NotSignedIn_IsSentToSignInAndBack()
    {
        await using PortalHost host = await PortalHost.StartAsync();

        HttpResponseMessage page = await SendAsync(host, "/training?state=failed&q=%22", cookie: null);
        using HttpRequestMessage script = new(HttpMethod.Get, "/training");
        HttpResponseMessage fetched = await host.Anonymous.SendAsync(script);

        Assert.Equal("/sign-in?returnUrl=%2Ftraining%3Fstate%3Dfailed%26q%3D%2522", page.Headers.Location?.ToString());
        Assert.Equal(HttpStatusCode.Unauthorized, fetched.StatusCode);
    }

    [Fact]
    public async Task Page_CarriesTargetEncodedAndAStrictPolicy()
    {
        await using PortalHost host = await PortalHost.StartAsync();

        HttpResponseMessage response = await host.Anonymous.GetAsync("/sign-in?returnUrl=%2Fx%22%3E%3Cscript%3E");

        string page = await response.Content.ReadAsStringAsync();
        Assert.Contains("value=\"/x&quot;&gt;&lt;script&gt;\"", page, StringComparison.Ordinal);
        string policy = string.Join(' ', response.Headers.GetValues("Content-Security-Policy"));
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe-inline", policy, StringComparison.Ordinal);
        Assert.Equal("same-origin", response.Headers.GetValues("Referrer-Policy").Single());
    }

    [Fact]
    public async Task SignOut_EndsTheCookie_AlsoWhereItWasSaved()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        string cookie = await CookieAsync(host);
        string other = await CookieAsync(host);
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(host, "/", cookie)).StatusCode);

        HttpResponseMessage response = await SignOutAsync(host, cookie);

        Assert.Equal("/sign-in", response.Headers.Location?.ToString());
        Assert.Contains("loraadmin=;", response.Headers.GetValues("Set-Cookie").Single(), StringComparison.Ordinal);
        Assert.Equal("/sign-in?returnUrl=%2F", (await SendAsync(host, "/", cookie)).Headers.Location?.ToString());
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(host, "/sign-in", cookie)).StatusCode);
        Assert.Equal("/sign-in", (await SignOutAsync(host, cookie)).Headers.Location?.ToString());
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(host, "/", other)).StatusCode);
    }

    [Fact]
    public async Task SignOut_OnAnotherInstance_CountsWithinTenSeconds()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        string cookie = await CookieAsync(host);
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(host, "/", cookie)).StatusCode);
        SignInSession session = Assert.Single(host.Access.Sessions);
        Assert.Equal(host.Clock.GetUtcNow().AddHours(12), session.EndsAt);
        await host.Access.EndSessionAsync(session.Id, host.Clock.GetUtcNow(), CancellationToken.None);

        host.Clock.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal(HttpStatusCode.Redirect, (await SendAsync(host, "/", cookie)).StatusCode);
    }

    [Fact]
    public async Task Session_UsedOften_IsReadOnceInTenSeconds()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        string cookie = await CookieAsync(host);
        int before = host.Access.Reads;

        for (int page = 0; page < 5; page++)
        {
            Assert.Equal(HttpStatusCode.OK, (await SendAsync(host, "/", cookie)).StatusCode);
        }

        Assert.Equal(before + 1, host.Access.Reads);
    }

    [Fact]
    public async Task Database_Away_NoCookieCountsLongerThanItIsRemembered()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        string cookie = await CookieAsync(host);
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(host, "/", cookie)).StatusCode);
        host.Access.Away = true;
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(host, "/", cookie)).StatusCode);
        HttpResponseMessage signOut = await SignOutAsync(host, cookie);
        host.Clock.Advance(TimeSpan.FromSeconds(10));

        HttpResponseMessage page = await SendAsync(host, "/training?q=wolf", cookie);
        using HttpRequestMessage script = new(HttpMethod.Get, "/training");
        script.Headers.Add("Cookie", cookie);
        HttpResponseMessage fetched = await host.Anonymous.SendAsync(script);
        host.Access.Away = false;

        Assert.Equal(HttpStatusCode.ServiceUnavailable, signOut.StatusCode);
        Assert.Contains("You are still signed in", await signOut.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, page.StatusCode);
        Assert.NotNull(page.Headers.RetryAfter);
        Assert.Contains("database is away", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await PortalHost.AssertProblemAsync(fetched, HttpStatusCode.ServiceUnavailable, "store_unavailable");
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(host, "/", cookie)).StatusCode);
    }

    [Fact]
    public async Task Tries_BeyondTheLimit_AreToldToWait()
    {
        await using PortalHost host = await PortalHost.StartAsync(new Dictionary<string, string?> { ["RateLimits:SignInPerMinute"] = "2" });
        await PostAsync(host, "guess-1");
        await PostAsync(host, "guess-2");

        HttpResponseMessage response = await PostAsync(host, "guess-3");

        await PortalHost.AssertProblemAsync(response, HttpStatusCode.TooManyRequests, "too_many_requests");
        Assert.NotNull(response.Headers.RetryAfter);
    }

    [Fact]
    public async Task Database_Away_DoesNotSpendTheLink()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        string code = await NewCodeAsync(host);
        host.Access.Away = true;
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await PostAsync(host, code)).StatusCode);
        host.Access.Away = false;

        Assert.Equal(HttpStatusCode.Redirect, (await PostAsync(host, code)).StatusCode);
    }

    [Fact]
    public async Task Command_PrintsALinkWhoseSecretIsNotStored()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        using StringWriter output = new();

        int exit = await SignInLinkCommand.RunAsync(host.Services, output, CancellationToken.None);

        string code = output.ToString().Split('#')[1].Trim();
        Assert.Equal(0, exit);
        Assert.Contains("http://127.0.0.1:", output.ToString(), StringComparison.Ordinal);
        Assert.Equal(43, code.Length);
        Assert.DoesNotContain(code, host.Access.LinkHashes);
        Assert.Equal(HttpStatusCode.Redirect, (await PostAsync(host, code)).StatusCode);
    }

    private static async Task<string> CookieAsync(PortalHost host) =>
        (await PostAsync(host, await NewCodeAsync(host))).Headers.GetValues("Set-Cookie").Single().Split(';')[0];

    private static Task<HttpResponseMessage> SignOutAsync(PortalHost host, string cookie)
    {
        HttpRequestMessage request = new(HttpMethod.Post, "/sign-out") { Content = new FormUrlEncodedContent([]) };
        request.Headers.Add("Cookie", cookie);
        request.Headers.Add("Sec-Fetch-Site", "same-origin");
        return host.Anonymous.SendAsync(request);
    }

    private static async Task<string> NewCodeAsync(PortalHost host) =>
        (await host.Services.GetRequiredService<SignInLinks>().CreateAsync(CancellationToken.None)).Url.Split('#')[1];

    private static Task<HttpResponseMessage> PostAsync(
        PortalHost host,
        string code,
        string? origin = null,
        string? site = null,
        bool own = true,
        string target = "/training?state=failed")
    {
        HttpRequestMessage request = new(HttpMethod.Post, "/sign-in")
        {
            Content = new FormUrlEncodedContent(new Dictionary<string, string> { ["code"] = code, ["returnUrl"] = target }),
        };
        string? sent = own ? host.Anonymous.BaseAddress!.GetLeftPart(UriPartial.Authority) : origin;
        if (sent is not null)
        {
            request.Headers.Add("Origin", sent);
        }

        if (site is not null)
        {
            request.Headers.Add("Sec-Fetch-Site", site);
        }

        return host.Anonymous.SendAsync(request);
    }

    private static Task<HttpResponseMessage> SendAsync(PortalHost host, string path, string? cookie)
    {
        HttpRequestMessage request = new(HttpMethod.Get, path);
        request.Headers.Accept.ParseAdd("text/html");
        if (cookie is not null)
        {
            request.Headers.Add("Cookie", cookie);
        }

        return host.Anonymous.SendAsync(request);
    }
}
