using System.Text.RegularExpressions;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd.Processes;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>A start that the portal refuses: what a person at the console must get to see, and what not.</summary>
internal static partial class RefusedStart
{
    /// <summary>"Within seconds", with room for a busy machine; an unreachable database has ten seconds of its own.</summary>
    private static readonly TimeSpan Within = Eventually.DefaultDeadline;

    private const int MostLines = 12;

    /// <summary>Ends with a failure and one screen on standard error that names the key and a remedy.</summary>
    /// <returns>The screen.</returns>
    public static async Task<string> IsExplainedAsync(
        string dataPath,
        string key,
        IReadOnlyDictionary<string, string> settings,
        IReadOnlyList<string>? arguments = null,
        string? workingDirectory = null)
    {
        ProgramRun run = await ProgramRun.ToEndAsync(
            arguments ?? ["--urls", "http://127.0.0.1:0"], PortalProcess.EnvironmentOf(dataPath, settings), workingDirectory, Within);

        Assert.True(run.ExitCode is > 0 and < 128, $"It ended with {run.ExitCode}. {run.Said}");
        string[] screen = run.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Assert.True(screen.Length is >= 2 and <= MostLines, run.Said);
        Assert.Equal("LoraAdmin can't start.", screen[0]);
        Assert.Contains(key, run.Errors, StringComparison.Ordinal);
        Assert.True(Remedy().IsMatch(run.Errors), $"Nothing says what to do. {run.Said}");
        Assert.False(StackTrace().IsMatch(run.Said), $"A stack trace is shown. {run.Said}");
        Assert.DoesNotContain("LoraAdmin is ready", run.Output, StringComparison.Ordinal);
        return run.Errors;
    }

    [GeneratedRegex(@"\b(set|give|remove|correct|write|name|use|list|check|stop|end|start|create|make|shorten)\b", RegexOptions.IgnoreCase)]
    private static partial Regex Remedy();

    [GeneratedRegex(@"^\s+at \S+\(|Unhandled exception|Exception:", RegexOptions.Multiline)]
    private static partial Regex StackTrace();
}
