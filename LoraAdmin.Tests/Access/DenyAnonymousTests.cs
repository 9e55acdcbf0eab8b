using System.Net;
using LoraAdmin.Tests.Api;
using Microsoft.AspNetCore.Builder;
using Xunit;

namespace LoraAdmin.Tests.Access;

public sealed class DenyAnonymousTests
{
    [Fact]
    public async Task EveryRoute_WithoutCredentials_IsTurnedAwayUnlessListed()
    {
        await using PortalHost host = await PortalHost.StartAsync();

        IReadOnlyList<WalkedRoute> walked = await EndpointWalker.WalkAsync(host.Services, host.Anonymous);

        Assert.True(walked.Count >= 14, $"Only {walked.Count} routes were walked.");
        Assert.All(walked.Where(route => !route.MayBeAnonymous), route => Assert.True(route.TurnedAway, $"{route.Route} answered {route.Status}."));
        Assert.Equal(
            ["GET /health/live", "GET /health/ready", "GET /sign-in", "POST /sign-in"],
            walked.Where(route => route.MayBeAnonymous).Select(route => route.Route).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Walker_PlantedAnonymousRoute_IsCaught()
    {
        await using PortalHost host = await PortalHost.StartAsync(more: app => app.MapGet("/planted/{id:int}", (int id) => id).AllowAnonymous());

        IReadOnlyList<WalkedRoute> walked = await EndpointWalker.WalkAsync(host.Services, host.Anonymous);

        WalkedRoute planted = Assert.Single(walked, route => !route.MayBeAnonymous && !route.TurnedAway);
        Assert.Equal("GET /planted/{id:int}", planted.Route);
        Assert.Equal(HttpStatusCode.OK, planted.Status);
    }

    [Fact]
    public async Task UnknownRoute_WithoutCredentials_TellsNothing()
    {
        await using PortalHost host = await PortalHost.StartAsync();

        await PortalHost.AssertProblemAsync(await host.Anonymous.GetAsync("/api/v1/nothing"), HttpStatusCode.Unauthorized, "token_missing");
    }
}
