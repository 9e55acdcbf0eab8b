using LoraAdmin.Tests.EndToEnd.Processes;
using LoraAdmin.Tests.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>The whole portal in the test's own process, so that a test can see its routes and services.</summary>
internal sealed class InProcessPortal : IAsyncDisposable
{
    private readonly TemporaryFolder folder;
    private readonly WebApplication app;

    private InProcessPortal(TemporaryFolder folder, WebApplication app)
    {
        this.folder = folder;
        this.app = app;
        Database = PortalDatabase.Sqlite(folder.Under("data"));
        BaseUrl = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        Anonymous = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = BaseUrl };
    }

    public Uri BaseUrl { get; }

    public string DataPath => folder.Under("data");

    public IServiceProvider Services => app.Services;

    /// <summary>Follows no redirect and carries nothing.</summary>
    public HttpClient Anonymous { get; }

    /// <summary>Seen from outside.</summary>
    public PortalDatabase Database { get; }

    /// <param name="settings">Keys as in appsettings.json.</param>
    /// <param name="more">Adds to the pipeline, before the routes.</param>
    /// <param name="clock">Null: the machine's.</param>
    public static async Task<InProcessPortal> StartAsync(
        IReadOnlyDictionary<string, string>? settings = null, Action<WebApplication>? more = null, TimeProvider? clock = null)
    {
        TemporaryFolder folder = new();
        WebApplication? app = null;
        try
        {
            string[] args =
            [
                "--urls", "http://127.0.0.1:0", "--contentRoot", ProgramRun.Root, "--applicationName", "LoraAdmin", "--Data:Path", folder.Under("data"),
                "--Api:BootstrapToken", PortalProcess.Token, "--RateLimits:SignInPerMinute", "1000", "--Logging:LogLevel:Default", "Error",
                .. (settings ?? new Dictionary<string, string>()).Select(setting => $"--{setting.Key}={setting.Value}"),
            ];
            app = Portal.Build(args, clock);
            more?.Invoke(app);
            await Portal.PrepareAsync(app, CancellationToken.None);
            await app.StartAsync();
            return new InProcessPortal(folder, app);
        }
        catch
        {
            await (app?.DisposeAsync() ?? ValueTask.CompletedTask);
            folder.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Anonymous.Dispose();
        await app.StopAsync();
        await app.DisposeAsync();
        folder.Dispose();
    }
}
