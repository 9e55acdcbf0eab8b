using System.Net;
using LoraAdmin.Tests.Doubles;

namespace LoraAdmin.Tests.EndToEnd.Processes;

/// <summary>A running portal, started as a person starts it: from the repository's root, with settings as environment variables.</summary>
public sealed class PortalProcess : IAsyncDisposable
{
    public const string Token = "end-to-end-token-0123456789abcdef";

    /// <summary>
    /// Arguments for an address that the system gives and the start announces: a port that was looked for beforehand may be taken by the time of the bind.
    /// </summary>
    public static readonly IReadOnlyList<string> AnyPort = ["--urls", "http://127.0.0.1:0"];

    /// <summary>Within which a clean end comes: the host's own ten seconds for it, and the process around them.</summary>
    public static readonly TimeSpan EndsWithin = Eventually.DefaultDeadline;

    private static readonly TimeSpan ReadyWithin = Eventually.DefaultDeadline;

    private readonly ProgramRun run;

    private PortalProcess(ProgramRun run, string baseUrl, string dataPath)
    {
        this.run = run;
        BaseUrl = new Uri(baseUrl);
        DataPath = dataPath;
        Api = new PortalApi(BaseUrl, Token);
    }

    public Uri BaseUrl { get; }

    public string DataPath { get; }

    public PortalApi Api { get; }

    public int Id => run.Id;

    public string Output => run.Output;

    public string Errors => run.Errors;

    /// <summary>The link that the start printed.</summary>
    public string SignInUrl => Links(run.Output)[0];

    /// <param name="settings">Keys as in appsettings.json, e.g. <c>LocalCloud:Speed</c>.</param>
    /// <param name="arguments">Further arguments; null: <see cref="AnyPort"/>.</param>
    public static async Task<PortalProcess> StartAsync(
        string dataPath, IReadOnlyDictionary<string, string>? settings = null, IReadOnlyList<string>? arguments = null)
    {
        ProgramRun run = ProgramRun.Start(arguments ?? AnyPort, EnvironmentOf(dataPath, settings));
        try
        {
            const string ready = "LoraAdmin is ready: ";
            string line = await run.LineAsync(ready, ReadyWithin);
            await run.LineAsync("Another link:", ReadyWithin);
            return new PortalProcess(run, line[ready.Length..].Trim(), dataPath);
        }
        catch
        {
            await run.DisposeAsync();
            throw;
        }
    }

    public static Dictionary<string, string> EnvironmentOf(string dataPath, IReadOnlyDictionary<string, string>? settings)
    {
        Dictionary<string, string> environment = new(StringComparer.Ordinal)
        {
            ["Data__Path"] = dataPath,
            ["Api__BootstrapToken"] = Token,
            ["RateLimits__ApiPerMinute"] = "0",
        };
        foreach ((string key, string value) in settings ?? new Dictionary<string, string>())
        {
            environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        }

        return environment;
    }

    /// <summary>The sign-in links in a text that a portal or a command wrote.</summary>
    public static IReadOnlyList<string> Links(string text) =>
        [.. text.Split('\n').Select(line => line.Trim()).Where(line => line.StartsWith("http", StringComparison.Ordinal) && line.Contains("/sign-in#", StringComparison.Ordinal))];

    /// <summary>A client with its own cookies that follows no redirect.</summary>
    public HttpClient NewBrowserlessClient() => new(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() }) { BaseAddress = BaseUrl };

    /// <summary>SIGKILL.</summary>
    public Task KillAsync() => run.KillAsync();

    /// <summary>SIGINT, and how it ended.</summary>
    public async Task<int> StopAsync()
    {
        await run.InterruptAsync();
        return await run.ExitAsync(EndsWithin);
    }

    public async ValueTask DisposeAsync()
    {
        Api.Dispose();
        await run.DisposeAsync();
    }
}
