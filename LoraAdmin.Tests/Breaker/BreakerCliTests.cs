using System.Diagnostics;
using LoraAdmin.Breaker;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Storage;
using Xunit;

namespace LoraAdmin.Tests.Breaker;

/// <summary>A worker in no language of ours: <c>redis-cli</c> alone takes part, as docs/breaker.md tells.</summary>
[Trait("Requirement", "C3")]
public sealed class BreakerCliTests
{
    private static readonly string[] Rules = ["3", "600000", "1800000", "0", "300000"];

    [Fact]
    public async Task RedisCli_GoesFromClosedOverOpenToReset()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        using TemporaryFolder folder = new();
        Directory.CreateDirectory(folder.Under("scripts"));

        string[] checkd = await RunAsync(BreakerScripts.Check, "try-1", "python-1", "");
        Assert.Equal("go", checkd[0]);
        string generation = checkd[3];
        string[] last = [];
        foreach (int number in new[] { 1, 2, 3 })
        {
            last = await RunAsync(
                BreakerScripts.Failure, generation, $"try-{number}", $"creation-{number}", $$"""{"id":"creation-{{number}}","worker":"python-1","words":"HTTP 503"}""", "counted", "python-1", "");
        }

        Assert.Equal(("opened", "open"), (last[0], last[2]));
        Assert.Equal("open", (await RunAsync(BreakerScripts.Check, "try-4", "python-1", ""))[0]);
        Assert.Equal("late", (await RunAsync(BreakerScripts.Success, generation, "try-1", "python-1"))[0]);
        Assert.Equal("isolated", (await RunAsync(BreakerScripts.Isolate, "ada", "maintenance", "60000", ""))[0]);
        Assert.Equal("isolated", (await RunAsync(BreakerScripts.Check, "try-5", "python-1", ""))[0]);
        Assert.Equal("reset", (await RunAsync(BreakerScripts.Reset, "ada", "mended"))[0]);
        Assert.Equal("go", (await RunAsync(BreakerScripts.Check, "try-6", "python-1", ""))[0]);
        string history = string.Join('\n', await RunAsync(BreakerScripts.Read, "10"));
        Assert.Contains("\"kind\":\"opened\"", history, StringComparison.Ordinal);
        Assert.Contains("\"words\":\"HTTP 503\"", history, StringComparison.Ordinal);

        async Task<string[]> RunAsync(BreakerScript script, params string[] arguments)
        {
            string file = folder.Under($"scripts/{script.Verb}.lua");
            await File.WriteAllTextAsync(file, script.Text);
            ProcessStartInfo start = new("redis-cli", ["-p", $"{server.Port}", "--raw", "--eval", file, .. BreakerScripts.Keys, ",", .. Rules, .. arguments])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using Process process = Process.Start(start) ?? throw new InvalidOperationException("redis-cli did not start.");
            string answer = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            return answer.TrimEnd('\n').Split('\n');
        }
    }

    [Fact]
    public void Document_NamesEveryKeyVerbAndAnswer()
    {
        string document = File.ReadAllText(Path.Combine(EndToEnd.Processes.ProgramRun.Root, "docs", "breaker.md"));
        string[] answers = [.. typeof(Domain.Breaker.CircuitAnswers).GetFields().Select(field => (string)field.GetRawConstantValue()!)];
        string[] verbs = ["check.lua", "failure.lua", "success.lua", "isolate.lua", "reset.lua", "read.lua", "merge.lua", "prelude.lua"];
        string[] kinds = [.. typeof(Domain.Breaker.CircuitEntryKinds).GetFields().Select(field => (string)field.GetRawConstantValue()!)];

        Assert.All(
            BreakerScripts.Keys.Concat(answers.Concat(kinds).Select(word => $"`{word}`")).Concat(verbs), word => Assert.Contains(word, document, StringComparison.Ordinal));
    }
}
