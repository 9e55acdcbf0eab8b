using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using LoraAdmin.Tests.Doubles;

namespace LoraAdmin.Tests.EndToEnd.Processes;

/// <summary>
/// LoraAdmin.dll as a process of its own, as people start it: what it writes is kept, and it is ended by its own handle, whatever happens to the test.
/// </summary>
public sealed class ProgramRun : IAsyncDisposable
{
    private readonly Process process;
    private readonly StringBuilder output = new();
    private readonly StringBuilder errors = new();
    private readonly Lock gate = new();

    private ProgramRun(Process process) => this.process = process;

    /// <summary>The repository's root: the working directory that <c>dotnet run</c> gives the portal.</summary>
    public static string Root { get; } = FindRoot();

    public int Id => process.Id;

    public bool HasExited => process.HasExited;

    public int ExitCode => process.ExitCode;

    public string Output => Read(output);

    public string Errors => Read(errors);

    /// <summary>Everything it said, for the message of a failing test.</summary>
    public string Said => $"It said:{Environment.NewLine}{Output}{Environment.NewLine}{Errors}";

    /// <param name="environment">Beside the test run's own variables, of which those that configure a host are taken away.</param>
    public static ProgramRun Start(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, string? workingDirectory = null) =>
        StartDotnet([Dll(), .. arguments], environment, workingDirectory);

    /// <summary>Another command of the .NET SDK.</summary>
    /// <inheritdoc cref="Start"/>
    public static ProgramRun StartDotnet(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, string? workingDirectory = null)
    {
        ProcessStartInfo start = new(Dotnet(), arguments)
        {
            WorkingDirectory = workingDirectory ?? Root,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string inherited in start.Environment.Keys.Where(IsHostSetting).ToList())
        {
            start.Environment.Remove(inherited);
        }

        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        ProgramRun run = new(new Process { StartInfo = start });
        run.process.OutputDataReceived += (_, line) => run.Keep(run.output, line.Data);
        run.process.ErrorDataReceived += (_, line) => run.Keep(run.errors, line.Data);
        try
        {
            run.process.Start();
        }
        catch (Win32Exception failure)
        {
            throw new InvalidOperationException($"{start.FileName} could not be started: the .NET SDK that runs the tests must be on the PATH.", failure);
        }

        run.process.BeginOutputReadLine();
        run.process.BeginErrorReadLine();
        return run;
    }

    /// <summary>Runs a command to its end.</summary>
    public static async Task<ProgramRun> ToEndAsync(
        IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, string? workingDirectory = null, TimeSpan? within = null)
    {
        ProgramRun run = Start(arguments, environment, workingDirectory);
        await using (run)
        {
            await run.ExitAsync(within ?? Eventually.DefaultDeadline);
            return run;
        }
    }

    /// <summary>Waits until it writes a line that begins like this, and gives the line.</summary>
    /// <exception cref="InvalidOperationException">It ended before.</exception>
    public Task<string> LineAsync(string beginning, TimeSpan within) => Until.SeenAsync(
        $"The line \"{beginning}…\"",
        () =>
        {
            string? line = Output.Split('\n').Select(one => one.Trim()).FirstOrDefault(one => one.StartsWith(beginning, StringComparison.Ordinal));
            return line is null && process.HasExited
                ? throw new InvalidOperationException($"It ended with {process.ExitCode} before it wrote \"{beginning}\". {Said}")
                : Task.FromResult(line);
        },
        within,
        () => Said);

    /// <summary>SIGKILL: no handler runs, nothing is flushed.</summary>
    public async Task KillAsync()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
        }

        await process.WaitForExitAsync();
    }

    /// <summary>SIGINT, what Ctrl-C sends.</summary>
    public async Task InterruptAsync()
    {
        using Process kill = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", $"kill -INT {process.Id.ToString(CultureInfo.InvariantCulture)}"]))!;
        await kill.WaitForExitAsync();
    }

    /// <exception cref="TimeoutException">It is still running.</exception>
    public async Task<int> ExitAsync(TimeSpan within)
    {
        using CancellationTokenSource deadline = new(within, TimeProvider.System);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"It did not end within {within.TotalSeconds:0} s. {Said}");
        }

        return process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (process.HasExited)
        {
            return;
        }

        await KillAsync();
    }

    private static bool IsHostSetting(string name) =>
        name.StartsWith("ASPNETCORE_", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("DOTNET_ENVIRONMENT", StringComparison.OrdinalIgnoreCase)
        || name.Contains("__", StringComparison.Ordinal);

    private static string Dotnet() =>
        Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";

    /// <summary>The program as it was built beside these tests: same configuration, same framework.</summary>
    private static string Dll()
    {
        string framework = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        string configuration = Path.GetFileName(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)))!;
        string dll = Path.Combine(Root, "LoraAdmin", "bin", configuration, framework, "LoraAdmin.dll");
        return File.Exists(dll) ? dll : throw new InvalidOperationException($"There is no {dll}: build the solution first.");
    }

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "LoraAdmin.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"No folder above {AppContext.BaseDirectory} holds LoraAdmin.sln.");
    }

    private void Keep(StringBuilder into, string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (gate)
        {
            into.AppendLine(line);
        }
    }

    private string Read(StringBuilder from)
    {
        lock (gate)
        {
            return from.ToString();
        }
    }
}
