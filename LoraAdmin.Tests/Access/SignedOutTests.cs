using System.Net;
using System.Net.WebSockets;
using LoraAdmin.Access;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using LoraAdmin.Shell;
using LoraAdmin.Tests.EndToEnd;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Routing;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Access;

/// <summary>What is left of a person in the whole portal after the sign-out: nothing, in no tab.</summary>
public sealed class SignedOutTests
{
    [Fact]
    public async Task SecondTab_LivePage_LosesItsRightsAtOnce()
    {
        await using InProcessPortal portal = await InProcessPortal.StartAsync();
        (string cookie, SignInSession session) = await SignInAsync(portal);
        (_, SignInSession other) = await SignInAsync(portal);
        await using AsyncServiceScope tab = Tab(portal, session);
        await using AsyncServiceScope ofAnother = Tab(portal, other);
        Assert.True(await MayPauseAsync(tab));

        using HttpResponseMessage response = await SignOutAsync(portal, cookie);

        Assert.Equal("/sign-in", response.Headers.Location?.ToString());
        Assert.False(await MayPauseAsync(tab));
        Assert.False(await IsSomebodyAsync(tab));
        Assert.True(await MayPauseAsync(ofAnother));
        Assert.True(await IsSomebodyAsync(ofAnother));
    }

    [Fact]
    public async Task Tab_SessionEndedByAnotherInstance_IsLeftToNobodyByTheNextLook()
    {
        await using InProcessPortal portal = await InProcessPortal.StartAsync();
        (_, SignInSession session) = await SignInAsync(portal);
        await using AsyncServiceScope tab = Tab(portal, session);
        await portal.Services.GetRequiredService<IUnitOfWork>().RunAsync(
            (unit, stop) => unit.Store<IAccessStore>().EndSessionAsync(session.Id, session.CreatedAt, stop), CancellationToken.None);

        await portal.Services.GetRequiredService<SignInSessions>().ReviewAsync(CancellationToken.None);

        Assert.False(await IsSomebodyAsync(tab));
        Assert.False(await MayPauseAsync(tab));
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData("own", true)]
    [InlineData("http://127.0.0.1:1", false)]
    [InlineData("https://elsewhere.example.org", false)]
    [InlineData("null", false)]
    public async Task Socket_OpenedByAnotherSite_IsRefused(string? origin, bool opens)
    {
        await using InProcessPortal portal = await InProcessPortal.StartAsync();
        (string cookie, _) = await SignInAsync(portal);
        using ClientWebSocket socket = new();
        socket.Options.SetRequestHeader("Cookie", cookie);
        socket.Options.CollectHttpResponseDetails = true;
        if (origin is not null)
        {
            socket.Options.SetRequestHeader("Origin", origin == "own" ? portal.BaseUrl.GetLeftPart(UriPartial.Authority) : origin);
        }

        Uri address = new UriBuilder(portal.BaseUrl) { Scheme = "ws", Path = "/_blazor" }.Uri;
        Task connect = socket.ConnectAsync(address, CancellationToken.None);

        if (opens)
        {
            await connect;
            Assert.Equal(WebSocketState.Open, socket.State);
        }
        else
        {
            await Assert.ThrowsAsync<WebSocketException>(() => connect);
            Assert.Equal(HttpStatusCode.Forbidden, socket.HttpStatusCode);
        }
    }

    /// <summary>What a circuit is made of, as the framework does when a page's socket is opened.</summary>
    private static AsyncServiceScope Tab(InProcessPortal portal, SignInSession session)
    {
        AsyncServiceScope scope = portal.Services.CreateAsyncScope();
        string address = portal.BaseUrl.ToString();
        ((IHostEnvironmentNavigationManager)scope.ServiceProvider.GetRequiredService<NavigationManager>()).Initialize(address, address);
        ((IHostEnvironmentAuthenticationStateProvider)scope.ServiceProvider.GetRequiredService<AuthenticationStateProvider>())
            .SetAuthenticationState(Task.FromResult(new AuthenticationState(AccessClaims.For(session))));
        return scope;
    }

    private static Task<bool> MayPauseAsync(AsyncServiceScope tab) =>
        tab.ServiceProvider.GetRequiredService<CurrentPerson>().MayAsync(Permissions.PauseTraining);

    private static async Task<bool> IsSomebodyAsync(AsyncServiceScope tab) =>
        (await tab.ServiceProvider.GetRequiredService<AuthenticationStateProvider>().GetAuthenticationStateAsync()).User.Identity?.IsAuthenticated == true;

    /// <summary>The cookie, and the session that it names.</summary>
    private static async Task<(string Cookie, SignInSession Session)> SignInAsync(InProcessPortal portal)
    {
        SignInLinks links = portal.Services.GetRequiredService<SignInLinks>();
        HashSet<Guid> before = await SessionsAsync(portal);
        SignInLink link = await links.CreateAsync(CancellationToken.None);
        using HttpRequestMessage request = new(HttpMethod.Post, "/sign-in")
        {
            Content = new FormUrlEncodedContent(new Dictionary<string, string> { ["code"] = link.Url.Split('#')[1], ["returnUrl"] = "/" }),
        };
        request.Headers.Add("Sec-Fetch-Site", "same-origin");
        using HttpResponseMessage response = await portal.Anonymous.SendAsync(request);
        Guid id = Assert.Single(await SessionsAsync(portal), session => !before.Contains(session));
        IReadOnlyList<SignInSession> made = await portal.Services.GetRequiredService<IUnitOfWork>().ReadAsync(
            (unit, stop) => unit.Store<IAccessStore>().ListSessionsAsync([id], stop), CancellationToken.None);
        return (response.Headers.GetValues("Set-Cookie").Single().Split(';')[0], Assert.Single(made));
    }

    private static async Task<HashSet<Guid>> SessionsAsync(InProcessPortal portal)
    {
        await using LoraDb db = portal.Services.GetRequiredService<LoraDbFactory>().CreateDbContext();
        return [.. db.Set<SignInSessionRow>().Select(row => row.Id)];
    }

    private static Task<HttpResponseMessage> SignOutAsync(InProcessPortal portal, string cookie)
    {
        HttpRequestMessage request = new(HttpMethod.Post, "/sign-out") { Content = new FormUrlEncodedContent([]) };
        request.Headers.Add("Cookie", cookie);
        request.Headers.Add("Sec-Fetch-Site", "same-origin");
        return portal.Anonymous.SendAsync(request);
    }
}
