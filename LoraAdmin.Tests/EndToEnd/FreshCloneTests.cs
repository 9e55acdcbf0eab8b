using System.Diagnostics;
using System.Globalization;
using System.Net;
using LoraAdmin.Tests.EndToEnd.Processes;
using LoraAdmin.Tests.Storage;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>Measures a time, so nothing else of the run may take its processor.</summary>
[CollectionDefinition(nameof(FreshCloneTests), DisableParallelization = true)]
[Collection(nameof(FreshCloneTests))]
[Trait("Run", "Long")]
public sealed class FreshCloneTests : IDisposable
{
    private static readonly TimeSpan Promised = TimeSpan.FromSeconds(90);

    /// <summary>How long is waited at most, so that a start that is too slow is told with its figure.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly TemporaryFolder folder = new();

    [Fact]
    public async Task FirstCommand_OnAFreshCloneWithAnEmptyPackageCache_ShowsThePageWithin90Seconds()
    {
        string clone = folder.Under("clone");
        await GitAsync("clone", "--quiet", "--depth", "1", new Uri(ProgramRun.Root).AbsoluteUri, clone);
        Dictionary<string, string> environment = new(StringComparer.Ordinal)
        {
            ["NUGET_PACKAGES"] = folder.Under("packages"),
            ["NUGET_HTTP_CACHE_PATH"] = folder.Under("http-cache"),

            // No build server is left behind, and none that runs already helps.
            ["MSBUILDDISABLENODEREUSE"] = "1",
            ["UseSharedCompilation"] = "false",
            ["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0",
            ["DOTNET_NOLOGO"] = "1",
        };

        long began = Stopwatch.GetTimestamp();
        await using ProgramRun run = ProgramRun.StartDotnet(["run", "--project", "LoraAdmin", .. PortalProcess.AnyPort], environment, clone);
        const string ready = "LoraAdmin is ready: ";
        string line = await run.LineAsync(ready, Patience);
        using HttpClient browser = new(new SocketsHttpHandler()) { BaseAddress = new Uri(line[ready.Length..].Trim()) };
        await Until.TrueAsync("The sign-in page", () => AnswersAsync(browser), Patience, () => run.Said);
        TimeSpan took = Stopwatch.GetElapsedTime(began);

        string figure = string.Create(CultureInfo.InvariantCulture, $"First command to first page: {took.TotalSeconds:0.0} s of {Promised.TotalSeconds:0} s");

        // Not as the test's own output, which the runner shows of failed tests alone.
        await Console.Out.WriteLineAsync(figure);
        Assert.True(took < Promised, figure);
    }

    public void Dispose() => folder.Dispose();

    private static async Task<bool> AnswersAsync(HttpClient browser)
    {
        try
        {
            using HttpResponseMessage page = await browser.GetAsync("/sign-in");
            return page.StatusCode == HttpStatusCode.OK && (await page.Content.ReadAsStringAsync()).Contains("Sign in", StringComparison.Ordinal);
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private static async Task GitAsync(params string[] arguments)
    {
        using Process git = Process.Start(new ProcessStartInfo("git", arguments) { RedirectStandardError = true })!;
        string errors = await git.StandardError.ReadToEndAsync();
        await git.WaitForExitAsync();
        Assert.True(git.ExitCode == 0, $"git {string.Join(' ', arguments)}: {errors}");
    }
}
