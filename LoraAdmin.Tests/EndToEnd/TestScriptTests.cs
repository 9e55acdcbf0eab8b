using System.Diagnostics;
using LoraAdmin.Tests.EndToEnd.Processes;
using LoraAdmin.Tests.Storage;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>test.sh ends with its closing line and a failure even when no test came to its turn.</summary>
public sealed class TestScriptTests : IDisposable
{
    private static readonly string[] Tools = ["bash", "dirname", "mktemp", "cat", "ls", "grep", "tail", "sed", "tee"];

    private readonly TemporaryFolder folder = new();

    public TestScriptTests()
    {
        File.Copy(Path.Combine(ProgramRun.Root, "test.sh"), folder.Under("test.sh"));
        Directory.CreateDirectory(folder.Under("bin"));
        foreach (string tool in Tools)
        {
            File.CreateSymbolicLink(folder.Under("bin", tool), $"/bin/{tool}");
        }

        foreach (string present in new[] { "chromium", "redis-server", "runuser" })
        {
            Script(present, "exit 0");
        }
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Build_Fails_IsOneFailure()
    {
        Script("dotnet", "echo 'error CS0000' >&2; exit 1");

        Assert.Contains("The build failed.", await FailsAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Installing_Fails_IsOneFailure()
    {
        File.Delete(folder.Under("bin", "chromium"));
        Script("id", "echo 0");
        Script("apt-get", "echo 'no network' >&2; exit 100");
        Script("dotnet", "exit 0");

        string said = await FailsAsync();

        Assert.Contains("no network", said, StringComparison.Ordinal);
        Assert.Contains("could not be installed: chromium", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Runner_GivesNoSummary_IsOneFailure()
    {
        Script("dotnet", "exit 0");

        Assert.Contains("The test runner gave no summary.", await FailsAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public void Ci_RestoresWhatTheLockFilesName() =>
        Assert.Contains("\nexport CI=true\n", File.ReadAllText(Path.Combine(ProgramRun.Root, ".ci", "run")), StringComparison.Ordinal);

    private void Script(string name, string body)
    {
        string path = folder.Under("bin", name);
        File.WriteAllText(path, $"#!/bin/sh\n{body}\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    /// <returns>What it said on standard error.</returns>
    private async Task<string> FailsAsync()
    {
        ProcessStartInfo start = new("/bin/bash", [folder.Under("test.sh")]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PATH"] = folder.Under("bin");
        using Process run = Process.Start(start)!;
        Task<string> errors = run.StandardError.ReadToEndAsync();
        string output = await run.StandardOutput.ReadToEndAsync();
        await run.WaitForExitAsync();
        Assert.NotEqual(0, run.ExitCode);
        Assert.Equal("0 passed, 1 failed, 0 skipped", output.TrimEnd().Split('\n')[^1]);
        return await errors;
    }
}
