using Bunit;
using LoraAdmin.Breaker;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Platform.Redis;
using LoraAdmin.Shell;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation.Memory;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Breaker;

/// <summary>The page over a real server that is killed while somebody looks.</summary>
[Trait("Requirement", "C6")]
public sealed class BreakerPageOutageTests : LoraBunitContext
{
    private static readonly BreakerRules Rules = new(3, TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(5), null);
    /// <summary>Well below what the page gives a reading, whose clock runs twenty times as fast here.</summary>
    private static readonly TimeSpan Within = TimeSpan.FromMilliseconds(400);

    [Fact]
    public async Task Killed_ThePageSaysSoTheButtonsWorkAndNoExceptionReachesIt()
    {
        await using EndableRedisServer server = new(await RedisServer.StartAsync());
        await using RedisConnection connection = new(server.ConnectionString, new SeededIds(1));
        await connection.ConnectAsync();
        using MemoryDatabase database = new(TimeProvider.System);
        RedisCircuitStore store = new(connection, Rules, Within, TimeProvider.System);
        SharedBreaker breaker = new(store, "one", () => Rules, TimeProvider.System, within: Within);
        Services.AddSingleton<IBreakerQueries>(new BreakerQueries(_ => breaker, connection, () => Rules, new JobPatience(TimeSpan.FromHours(1)), new Detour(static _ => Task.FromResult<DetourView?>(null))));
        Services.AddSingleton(new GuardedProviders([BreakerSubject.RunPod]));
        Services.AddSingleton<IBreakerDesk>(new BreakerDesk(database, _ => breaker));
        IRenderedComponent<BreakerPage> page = RenderPage<BreakerPage>();
        await ShowsAsync("every worker that uses this Redis");

        await server.EndAsync();
        await ShowsAsync("nobody: Redis is away, this portal decides by itself.");
        await page.InvokeAsync(() => Button(page, "Hold open").Click());
        Dialogs.WaitForAssertion(() => Dialogs.Find("#isolate-reason"));
        await Dialogs.InvokeAsync(() => Dialogs.Find("#isolate-reason").Input("RunPod moves"));
        await Dialogs.InvokeAsync(() => Button(Dialogs, "Hold open").Click());
        Snackbars.WaitForAssertion(() => Assert.Contains("this portal holds its own breaker open", Snackbars.Markup, StringComparison.Ordinal));
        await ShowsAsync("RunPod moves");

        await server.StartAgainAsync();
        await ShowsAsync("every worker that uses this Redis");
        await ShowsAsync("RunPod moves");

        Task ShowsAsync(string words) => Eventually.TrueAsync(
            () =>
            {
                TellChange();
                Assert.Empty(page.FindComponents<UnavailableNotice>());
                return page.Markup.Contains(words, StringComparison.Ordinal);
            },
            words);
    }
}
