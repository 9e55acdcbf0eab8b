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
    private const string Rules = "3 600000 1800000 0 300000";
    private const string NeverSeen = "";

    [Fact]
    public async Task RedisCli_GoesFromClosedOverOpenToReset()
    {
        await using Cli cli = await Cli.StartAsync();
        string[] checkd = await cli.RunAsync(BreakerScripts.Check, "try-1", "python-1", "");
        Assert.Equal(["go"], checkd);
        string[] last = await cli.FailAsync("0");

        Assert.Equal(("opened", "open"), (last[0], last[2]));
        Assert.Equal("open", (await cli.RunAsync(BreakerScripts.Check, "try-4", "python-1", ""))[0]);
        Assert.Equal("late", (await cli.RunAsync(BreakerScripts.Success, "0", "try-1", "python-1"))[0]);
        Assert.Equal("isolated", (await cli.RunAsync(BreakerScripts.Isolate, "ada", "maintenance", "60000", ""))[0]);
        Assert.Equal("isolated", (await cli.RunAsync(BreakerScripts.Check, "try-5", "python-1", ""))[0]);
        Assert.Equal("reset", (await cli.RunAsync(BreakerScripts.Reset, "ada", "mended"))[0]);
        string[] told = await cli.RunAsync(BreakerScripts.Check, "try-6", "python-1", "");
        Assert.Equal("go", told[0]);
        cli.Seen = $"{told[9]} {told[8]} {told[3]}";
        Assert.Equal(["go"], await cli.RunAsync(BreakerScripts.Check, "try-7", "python-1", ""));
        string history = string.Join('\n', await cli.RunAsync(BreakerScripts.Read, "10"));
        Assert.Contains("\"kind\":\"opened\"", history, StringComparison.Ordinal);
        Assert.Contains("\"words\":\"HTTP 503\"", history, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "C5")]
    public async Task RedisCli_HoldsReplicatesBreakerOpenAndResetsIt_RunPodsGoesOn()
    {
        await using Cli cli = await Cli.StartAsync();
        cli.Keys = BreakerScripts.KeysOf(Domain.Breaker.BreakerSubject.Replicate);
        Assert.Equal("isolated", (await cli.RunAsync(BreakerScripts.Isolate, "ada", "no credit", "0", ""))[0]);
        Assert.Equal("isolated", (await cli.RunAsync(BreakerScripts.Check, "try-1", "python-1", ""))[0]);

        cli.Keys = BreakerScripts.Keys;
        Assert.Equal(["go"], await cli.RunAsync(BreakerScripts.Check, "try-1", "python-1", ""));

        cli.Keys = BreakerScripts.KeysOf(Domain.Breaker.BreakerSubject.Replicate);
        Assert.Equal("reset", (await cli.RunAsync(BreakerScripts.Reset, "ada", "there is credit"))[0]);
        Assert.Equal("go", (await cli.RunAsync(BreakerScripts.Check, "try-2", "python-1", ""))[0]);
    }

    [Theory]
    [Trait("Requirement", "C2")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task RedisCli_TriesTheProviderOut(bool made)
    {
        await using Cli cli = await Cli.StartAsync();
        cli.Rules = "3 600000 1 0 300000";
        await cli.FailAsync("0");
        string[] probe = [];
        await Eventually.TrueAsync(async () => (probe = await cli.RunAsync(BreakerScripts.Check, "try-4", "python-1", ""))[0] == "probe", "half open");
        Assert.Equal("probing", (await cli.RunAsync(BreakerScripts.Check, "try-5", "python-2", ""))[0]);

        string[] end = made
            ? await cli.RunAsync(BreakerScripts.Success, probe[3], "try-4", "python-1")
            : await cli.RunAsync(BreakerScripts.Failure, probe[3], "try-4", "creation-4", Failure(4), "counted", "python-1", "");
        Assert.Equal(made ? ("closed", "closed") : ("reopened", "open"), (end[0], end[2]));
    }

    [Fact]
    [Trait("Requirement", "C6")]
    public async Task RedisCli_BringsWhatItFoundAndWhatTheServerHasLost()
    {
        await using Cli cli = await Cli.StartAsync();
        string[] merged = await cli.RunAsync(
            BreakerScripts.Merge, "python-1", "0", "1", "-600000", "", "", "", "", "", "3", "9000", Failure(1), "8000", Failure(2), "7000", Failure(3), "0");
        Assert.Equal(("merged", "open"), (merged[0], merged[2]));
        string history = string.Join('\n', await cli.RunAsync(BreakerScripts.Read, "10"));
        Assert.Contains("creation-3", history, StringComparison.Ordinal);

        // A worker that has seen more than the server has is told so, and brings it.
        cli.Seen = $"{merged[9]} 7 5";
        Assert.Equal("lost", (await cli.RunAsync(BreakerScripts.Check, "try-1", "python-1", ""))[0]);
        cli.Seen = NeverSeen;
        string[] restored = await cli.RunAsync(
            BreakerScripts.Restore, "python-1", merged[9], "7", "5", "2", "open", "60000", "-900000", "", "", "", "", "", "", "", "", "", "0", "1",
            "7", "60000", "opened", "5", "python-2", "gone", "0");
        Assert.Equal(("restored", "open", "5", "7"), (restored[0], restored[2], restored[3], restored[8]));
        cli.Seen = $"{merged[9]} 7 5";
        Assert.Equal("open", (await cli.RunAsync(BreakerScripts.Check, "try-1", "python-1", ""))[0]);
    }

    private static string Failure(int number) => $$"""{"id":"creation-{{number}}","worker":"python-1","words":"HTTP 503"}""";

    [Fact]
    public void Document_NamesEveryKeyVerbAndAnswer()
    {
        string document = File.ReadAllText(Path.Combine(EndToEnd.Processes.ProgramRun.Root, "docs", "breaker.md"));
        string[] answers = [.. typeof(Domain.Breaker.CircuitAnswers).GetFields().Select(field => (string)field.GetRawConstantValue()!)];
        string[] files =
        [
            "check.lua", "failure.lua", "success.lua", "isolate.lua", "reset.lua", "read.lua", "merge.lua", "restore.lua", "clock.lua", "calm.lua", "prelude.lua", "brought.lua",
        ];
        string[] kinds = [.. typeof(Domain.Breaker.CircuitEntryKinds).GetFields().Select(field => (string)field.GetRawConstantValue()!)];

        Assert.All(
            BreakerScripts.Keys.Concat(answers.Concat(kinds).Select(word => $"`{word}`")).Concat(files), word => Assert.Contains(word, document, StringComparison.Ordinal));
    }

    /// <summary>A server, and nothing but <c>redis-cli</c> to talk to it.</summary>
    private sealed class Cli(RedisServer server, TemporaryFolder folder) : IAsyncDisposable
    {
        public string Rules { get; set; } = BreakerCliTests.Rules;

        public IReadOnlyList<string> Keys { get; set; } = BreakerScripts.Keys;

        public string Seen { get; set; } = NeverSeen;

        public static async Task<Cli> StartAsync()
        {
            TemporaryFolder folder = new();
            Directory.CreateDirectory(folder.Under("scripts"));
            return new Cli(await RedisServer.StartAsync(), folder);
        }

        public async ValueTask DisposeAsync()
        {
            await server.DisposeAsync();
            folder.Dispose();
        }

        /// <summary>Three creations fail.</summary>
        public async Task<string[]> FailAsync(string generation)
        {
            string[] last = [];
            foreach (int number in new[] { 1, 2, 3 })
            {
                last = await RunAsync(BreakerScripts.Failure, generation, $"try-{number}", $"creation-{number}", Failure(number), "counted", "python-1", "");
            }

            return last;
        }

        public async Task<string[]> RunAsync(BreakerScript script, params string[] arguments)
        {
            string file = folder.Under($"scripts/{script.Verb}.lua");
            await File.WriteAllTextAsync(file, script.Text);
            ProcessStartInfo start = new("redis-cli", ["-p", $"{server.Port}", "--raw", "--eval", file, .. Keys, ",", Rules, Seen, .. arguments])
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
}
