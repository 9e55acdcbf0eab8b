using System.Globalization;
using System.Net;
using System.Net.Sockets;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Platform.Vendors;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace LoraAdmin.Tests.Platform;

public sealed class PortalLoopTests
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(30);

    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));
    private readonly RememberingLogger<PortalLoopTests> logger = new();

    [Fact]
    public async Task Turn_Throws_IsLoggedAndTriedAgainAfterAPauseThatGrows()
    {
        using ScriptedLoop loop = new(
            clock, logger, [new InvalidOperationException("first"), new StoreUnavailableException("second"), new OperationCanceledException("third"), null, null]);
        await loop.StartAsync(CancellationToken.None);

        await Eventually.TrueAsync(() => Passed(() => loop.Turns.Count == 5), "five turns");
        await loop.StopAsync(CancellationToken.None);

        double[] gaps = [.. loop.Turns.Zip(loop.Turns.Skip(1), (one, next) => (next - one).TotalSeconds)];
        Assert.True(gaps[0] >= 2 && gaps[1] >= 4 && gaps[2] >= 8 && gaps[3] >= Pause.TotalSeconds, string.Join(", ", gaps));
        Assert.Equal(3, logger.Lines.Count);
        Assert.Contains("ScriptedLoop failed in its turn", logger.Lines[0], StringComparison.Ordinal);
        Assert.Contains("The database is away; ScriptedLoop", logger.Lines[1], StringComparison.Ordinal);
        Assert.True(loop.Ended);
        Assert.True(loop.ExecuteTask!.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Part_Throws_LeavesTheOthersTheirTurn()
    {
        using ScriptedLoop loop = new(clock, logger, []);

        Assert.IsType<IOException>(await loop.DoAsync("a part", _ => throw new IOException("no room")));
        Assert.Null(await loop.DoAsync("another", _ => Task.CompletedTask));
        Assert.Contains("failed in a part", Assert.Single(logger.Lines), StringComparison.Ordinal);
    }

    /// <summary>Should a loop end by an exception all the same, whatever started the portal has to see that it did not end well.</summary>
    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 0)]
    public async Task Portal_WhoseLoopBreaksDown_EndsWithAFailure(bool breaks, int exitCode)
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddSingleton<IHostedService>(provider => new Brittle(provider.GetRequiredService<IHostApplicationLifetime>(), breaks));
        await using WebApplication app = builder.Build();
        await app.StartAsync();

        Assert.Equal(exitCode, await Portal.UntilEndAsync(app).WaitAsync(Eventually.DefaultDeadline, TimeProvider.System));
    }

    /// <summary>Otherwise a loop in the middle of a turn finds Redis or the database disposed of, and its stack trace stands before the one screen.</summary>
    [Fact]
    public async Task Portal_ThatCantListen_EndsItsLoopsFirst()
    {
        using TcpListener taken = new(IPAddress.Loopback, 0);
        taken.Start();
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{((IPEndPoint)taken.LocalEndpoint).Port}"));
        using ScriptedLoop loop = new(clock, logger, []);
        builder.Services.AddSingleton<IHostedService>(loop);
        builder.Services.AddSingleton<IHostedService>(new Until(loop.FirstTurn));
        await using WebApplication app = builder.Build();

        IOException failure = await Assert.ThrowsAsync<IOException>(() => Portal.StartAsync(app));

        Assert.True(StartupScreen.Explains(failure), failure.Message);
        Assert.True(loop.Ended);
        Assert.True(loop.ExecuteTask!.IsCompletedSuccessfully);
        Assert.Empty(logger.Lines);
    }

    private bool Passed(Func<bool> done)
    {
        if (done())
        {
            return true;
        }

        clock.Advance(TimeSpan.FromSeconds(1));
        return false;
    }

    private sealed class ScriptedLoop(FakeTimeProvider clock, ILogger logger, IEnumerable<Exception?> script) : PortalLoop(started: null, clock, logger)
    {
        private readonly Queue<Exception?> script = new(script);
        private readonly TaskCompletionSource firstTurn = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task FirstTurn => firstTurn.Task;

        public List<DateTimeOffset> Turns { get; } = [];

        public bool Ended { get; private set; }

        public Task<Exception?> DoAsync(string part, Func<CancellationToken, Task> act) => AttemptAsync(part, act, CancellationToken.None);

        protected override Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
        {
            Turns.Add(Clock.GetUtcNow());
            firstTurn.TrySetResult();
            return script.TryDequeue(out Exception? next) && next is not null ? Task.FromException<TimeSpan>(next) : Task.FromResult(Pause);
        }

        protected override Task EndAsync()
        {
            Ended = true;
            return Task.CompletedTask;
        }
    }

    /// <summary>Keeps the start of what follows until something has happened.</summary>
    private sealed class Until(Task happened) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => happened.WaitAsync(Eventually.DefaultDeadline, TimeProvider.System, cancellationToken);

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private sealed class Brittle(IHostApplicationLifetime lifetime, bool breaks) : BackgroundService
    {
        protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        {
            await new PortalStarted(lifetime).WaitAsync(stoppingToken);
            if (breaks)
            {
                throw new InvalidOperationException("planned");
            }

            lifetime.StopApplication();
        }
    }
}
