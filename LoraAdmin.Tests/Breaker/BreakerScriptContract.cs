using LoraAdmin.Breaker;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Platform.Redis;
using LoraAdmin.Tests.Doubles;
using StackExchange.Redis;
using Xunit;

namespace LoraAdmin.Tests.Breaker;

/// <summary>The scripts on a real server. The same suite runs on <c>redis-server</c> and on the embedded Garnet.</summary>
[Trait("Requirement", "C3")]
public abstract class BreakerScriptContract : IAsyncLifetime
{
    private const int Paths = 60;
    private const int StepsEach = 60;
    private const int Ways = 150;

    protected static readonly BreakerRules Rules = new(3, TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(5), null);

    private readonly List<RedisConnection> connections = [];
    private IAsyncDisposable? server;
    private ConnectionMultiplexer? connection;

    protected string ConnectionString { get; private set; } = "";

    protected IDatabase Redis => connection!.GetDatabase();

    public async ValueTask InitializeAsync()
    {
        (server, ConnectionString) = await StartAsync();
        connection = await ConnectedRedis.ClientAsync($"{ConnectionString},asyncTimeout=120000");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (RedisConnection own in connections)
        {
            await own.DisposeAsync();
        }

        await connection!.DisposeAsync();
        await server!.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    protected abstract Task<(IAsyncDisposable Server, string ConnectionString)> StartAsync();

    [Fact]
    public async Task RandomPaths_AnswerAsTheDecisionCodeDoes()
    {
        SteppedRedis redis = new(Redis, CircuitPath.Rules);
        HashSet<string> answers = [];
        for (int seed = 1; seed <= Paths; seed++)
        {
            await redis.ForgetAsync();
            CircuitPath path = new(seed);
            Circuit circuit = Circuit.Fresh;
            for (int step = 1; step <= StepsEach; step++)
            {
                CircuitCall call = path.Next();
                Circuit known = circuit;
                CircuitReply expected = CircuitMachine.Apply(circuit, call, path.Now, CircuitPath.Rules);
                circuit = expected.Circuit;
                CircuitReply answered = await redis.CallAsync(call, path.Now, known);
                CircuitReply seen = await redis.CallAsync(new CircuitCall.Read(Circuit.EntriesKept), path.Now);
                path.Heard(call, expected);
                answers.Add($"{call.GetType().Name} {expected.Answer}");

                Assert.True(expected.Answer == answered.Answer, $"Path {seed}, step {step}, {call}: {answered.Answer} instead of {expected.Answer}");
                Assert.Equal(CircuitPath.Text(circuit), CircuitPath.Text(seen.Circuit));
                Assert.Equal(CircuitPath.Text(circuit with { History = seen.Circuit.History }), CircuitPath.Text(answered.Circuit with { History = seen.Circuit.History }));
            }
        }

        Assert.Superset(
            new HashSet<string>
            {
                "Check go", "Check probe", "Check open", "Check probing", "Check isolated", "Failure counted", "Failure opened", "Failure reopened",
                "Failure ignored", "Failure isolated", "Failure repeated", "Failure late", "Success noted", "Success closed", "Success late", "Merge merged", "Restore restored",
                "Check lost", "Failure lost",
            },
            answers);
    }

    /// <summary>What calm.lua answers by itself is what the rest of the script would have answered to a worker that has seen all of it.</summary>
    [Fact]
    public async Task CalmBreaker_IsAnsweredInShort_AndEverythingElseByTheWholeScript()
    {
        const string born = "1790000000000";
        string text = BreakerScripts.Check.Text;
        string whole = text[text.IndexOf("-- Begins every script", StringComparison.Ordinal)..];
        DateTimeOffset now = DateTimeOffset.FromUnixTimeMilliseconds(1_790_000_900_000);
        HashEntry[] kept =
        [
            new("mode", "closed"), new("generation", 4), new("opened_at", 0), new("open_until", 0), new("closed_at", 1_790_000_500_000), new("trips", 2),
            new("entries", 7), new("born", born), new("calm", $"{born} 7 4"), new("isolated_at", 0), new("isolated_until", 0), new("isolated_by", ""), new("isolated_reason", ""),
            new("isolated_key", ""),
        ];
        HashEntry not = new("calm", "no");
        HashEntry[] past = [not, new("isolated_at", 1_790_000_600_000), new("isolated_until", 1_790_000_700_000), new("isolated_by", "ada")];
        HashEntry[] refused = [not, new("isolated_at", 1_790_000_600_000), new("isolated_key", "another")];
        (string Case, HashEntry[] State, long? FailedAt, CircuitMark Seen, string Word, bool Short)[] cases =
        [
            ("nothing was ever written", [], null, CircuitMark.None, "go", true),
            ("nobody has seen it", kept, null, CircuitMark.None, "go", false),
            ("all of it was seen", kept, null, new(born, 7, 4), "go", true),
            ("another life of the same length was seen", kept, null, new(born, 7, 5), "go", false),
            ("less of it was seen", kept, null, new(born, 6, 4), "go", false),
            ("more was seen than there is", kept, null, new(born, 8, 4), "lost", false),
            ("an older life was seen", kept, null, new("1780000000000", 7, 4), "lost", false),
            ("it was emptied", [], null, new(born, 7, 4), "lost", false),
            ("one failure counts", [.. kept, not], 1_790_000_800_000, new(born, 7, 4), "go", false),
            ("one failure counts no more", [.. kept, not], 1_780_000_000_000, new(born, 7, 4), "go", false),
            ("open", [.. kept, not, new("mode", "open"), new("open_until", 1_790_001_000_000)], null, new(born, 7, 4), "open", false),
            ("half open", [.. kept, not, new("mode", "open"), new("open_until", 1_790_000_800_000)], null, new(born, 7, 4), "probe", false),
            ("isolated", [.. kept, not, new("isolated_at", 1_790_000_600_000)], null, new(born, 7, 4), "isolated", false),
            ("isolated by hand and nothing else", [new("isolated_at", 1_790_000_600_000)], null, CircuitMark.None, "isolated", false),
            ("an isolation is over", [.. kept, .. past], null, new(born, 7, 4), "go", false),
            ("isolated for another key", [.. kept, .. refused], null, new(born, 7, 4), "go", false),
        ];
        SteppedRedis redis = new(Redis, Rules);
        foreach (var (what, state, failedAt, seen, word, isShort) in cases)
        {
            string[] answered = await AskAsync(text);
            string[] expected = await AskAsync(whole);
            Assert.True((word, isShort) == (answered[0], answered.Length == 1), $"{what}: {string.Join(' ', answered)}");
            Assert.Equal(isShort ? [expected[0]] : expected, answered);
            Circuit full = Assert.IsType<StoreAnswer.Answered>(CircuitWire.Answer(expected)).Reply.Circuit;
            Assert.Equal(CircuitPath.Text(full), CircuitPath.Text(SteppedRedis.Full(CircuitWire.Answer(answered), full, now).Circuit));

            async Task<string[]> AskAsync(string script)
            {
                await redis.ForgetAsync();
                await Redis.HashSetAsync(BreakerScripts.Keys[0], state);
                if (failedAt is { } at)
                {
                    await Redis.SortedSetAddAsync(BreakerScripts.Keys[1], """{"id":"c1","worker":"w","words":"503"}""", at);
                }

                return await redis.EvaluateAsync(script, new CircuitCall.Check("t", "w", "mark") { Seen = seen }, now);
            }
        }
    }

    [Fact]
    [Trait("Requirement", "C2")]
    [Trait("Requirement", "C6")]
    public async Task WaysOfTheModelCheck_AnswerAsTheDecisionCodeDoes()
    {
        CircuitExplorer explorer = new();
        explorer.Explore(20_000);
        AnyClock clock = new();
        SteppedRedis redis = new(Redis, CircuitCrew.Rules);
        CircuitReply? expected = null;
        CircuitReply? answered = null;
        CircuitCrew decided = new(new MemoryRedis(clock, Circuit.EntriesKept), clock, (_, _, _, _, reply) => expected = reply);
        CircuitCrew real = new(redis.At(clock), clock, (_, _, _, _, reply) => answered = reply);
        foreach (IReadOnlyList<ExploredStep> path in explorer.Sample(Ways))
        {
            await redis.ForgetAsync();
            ExploredState state = CircuitExplorer.Begin(clock.Now);
            ExploredState there = state;
            for (int number = 0; number < path.Count; number++)
            {
                string where = string.Join(", ", path.Take(number + 1));
                state = await decided.StepAsync(state, path[number]);
                if (path[number].Deed == ExploredDeed.Lose)
                {
                    await redis.ForgetAsync();
                }

                there = await real.StepAsync(there, path[number]);
                Assert.True(expected?.Answer == answered?.Answer, $"{answered?.Answer} instead of {expected?.Answer} after {where}");
                CircuitReply read = CircuitMachine.Apply(state.Shared, new CircuitCall.Read(Circuit.EntriesKept), state.Now, CircuitCrew.Rules);
                state = state with { Shared = read.Circuit };
                CircuitReply seen = await redis.CallAsync(new CircuitCall.Read(Circuit.EntriesKept), state.Now);
                (string right, string found) = (CircuitPath.Text(read.Circuit), CircuitPath.Text(seen.Circuit));
                Assert.True(right == found, $"{found} instead of {right} after {where}");
                Assert.Equal(state.Workers.Select(worker => CircuitPath.Text(worker.View.Circuit)), there.Workers.Select(worker => CircuitPath.Text(worker.View.Circuit)));
            }
        }
    }

    [Fact]
    [Trait("Requirement", "C6")]
    public async Task Restore_OfAnEmptyServer_GivesBackEverythingAndAddsNothing()
    {
        SteppedRedis redis = new(Redis, Rules);
        DateTimeOffset now = DateTimeOffset.UnixEpoch.AddYears(56);
        Circuit known = Circuit.Fresh;
        for (int number = 1; number <= 3 * Circuit.EntriesKept; number++)
        {
            known = CircuitMachine.Apply(known, Failure(number) with { Permit = new BreakerPermit(known.Generation, "t", false) }, now, Rules).Circuit;
            if (known.IsOpen)
            {
                now += Rules.OpenFor;
                known = CircuitMachine.Apply(known, Check("probe"), now, Rules).Circuit;
                CircuitCall.Success success = new(new BreakerPermit(known.Generation, "probe", true), "w");
                known = number == 3 * Circuit.EntriesKept ? known : CircuitMachine.Apply(known, success, now, Rules).Circuit;
            }
        }

        now += TimeSpan.FromSeconds(30);
        CircuitReply restored = await redis.CallAsync(new CircuitCall.Restore("w", known, now), now);
        CircuitReply read = await redis.CallAsync(new CircuitCall.Read(Circuit.EntriesKept), now);
        Assert.Equal((CircuitAnswers.Restored, Circuit.EntriesKept), (restored.Answer, read.Circuit.History.Count));
        Assert.Equal(CircuitPath.Text(known), CircuitPath.Text(read.Circuit));
        Assert.Equal(CircuitAnswers.Probing, (await redis.CallAsync(Check("another"), now)).Answer);
        Assert.Equal(CircuitAnswers.Closed, (await redis.CallAsync(new CircuitCall.Success(new BreakerPermit(known.Generation, "probe", true), "w"), now)).Answer);
    }

    [Theory]
    [InlineData("""{"id":17,"worker":"python-1","words":"HTTP 503"}""")]
    [InlineData("""{"id":"c1","worker":"python-1"}""")]
    [InlineData("""{"id":"c2","worker":"python-1","words":"HTTP 503"}""")]
    [InlineData("\"c1\"")]
    [InlineData("{")]
    public async Task Failure_ThatOthersCouldNotRead_IsRefused(string json)
    {
        RedisCircuitStore store = await StoreAsync(Rules);
        await Assert.ThrowsAsync<RedisServerException>(() => SendAsync(json));
        await SendAsync("""{"id":"c1","worker":"python-1","words":"HTTP 503","more":[17]}""");

        CircuitFailure failure = Assert.Single((await CallAsync(store, new CircuitCall.Read(1))).Circuit.Failures);
        Assert.Equal(("c1", "python-1", "HTTP 503"), (failure.Id, failure.Worker, failure.Words));

        Task<RedisResult> SendAsync(string text) => Redis.ScriptEvaluateAsync(
            BreakerScripts.Failure.Text,
            [.. BreakerScripts.Keys.Select(key => (RedisKey)key)],
            ["3 600000 1800000 0 300000", "", "0", "try-1", "c1", text, "counted", "python-1", ""]);
    }

    [Theory]
    [InlineData("3 600000.0 1800000.0 0.0 300000.0", "", "counted")]
    [InlineData("3 600000 1800000", "", "counted")]
    [InlineData("3 600000 0 0 300000", "", "counted")]
    [InlineData("3 600000 1800000 0 300000", "b'1790000000000' b'7' b'4'", "counted")]
    [InlineData("3 600000 1800000 0 300000", "1790000000000 7", "counted")]
    [InlineData("3 600000 1800000 0 300000", "", "ignore")]
    public async Task Failure_WithArgumentsThatMeanNothing_IsRefusedAndNothingIsWritten(string rules, string seen, string effect)
    {
        RedisServerException refused = await Assert.ThrowsAsync<RedisServerException>(() => Redis.ScriptEvaluateAsync(
            BreakerScripts.Failure.Text,
            [.. BreakerScripts.Keys.Select(key => (RedisKey)key)],
            [rules, seen, "0", "try-1", "c1", """{"id":"c1","worker":"python-1","words":"HTTP 503"}""", effect, "python-1", ""]));

        Assert.Contains("must be", refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, await Redis.KeyExistsAsync([.. BreakerScripts.Keys.Select(key => (RedisKey)key)]));
    }

    [Fact]
    public async Task Failure_ThatSomebodyWroteByHand_HidesNoOther()
    {
        RedisCircuitStore store = await StoreAsync(Rules);
        await CallAsync(store, Failure(1));
        await Redis.SortedSetAddAsync(BreakerScripts.Keys[1], """{"id":17,"words":["HTTP 503"]}""", TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());
        await Redis.ListLeftPushAsync(
            BreakerScripts.Keys[3], """{"number":1,"at":1790000000000,"kind":"opened","generation":1,"by":"w","reason":"","failures":[{"at":1790000000000,"failure":17}]}""");
        CircuitReply read = await CallAsync(store, new CircuitCall.Read(1));

        Assert.Equal(["17", "c1"], read.Circuit.Failures.Select(failure => failure.Id).Order(StringComparer.Ordinal));
        Assert.Equal("17", Assert.Single(Assert.Single(read.Circuit.History).Failures).Words);
    }

    [Theory]
    [Trait("Requirement", "C1")]
    [InlineData(-1, CircuitAnswers.Opened)]
    [InlineData(0, CircuitAnswers.Counted)]
    public async Task Window_IsExactToTheMillisecond(int millisecondsPastTheWindow, string third)
    {
        SteppedRedis redis = new(Redis, Rules);
        DateTimeOffset now = DateTimeOffset.UnixEpoch.AddYears(56);
        Assert.Equal(CircuitAnswers.Counted, (await redis.CallAsync(Failure(1), now)).Answer);
        Assert.Equal(CircuitAnswers.Counted, (await redis.CallAsync(Failure(2), now)).Answer);

        Assert.Equal(third, (await redis.CallAsync(Failure(3), now + Rules.Window + TimeSpan.FromMilliseconds(millisecondsPastTheWindow))).Answer);
    }

    [Fact]
    [Trait("Requirement", "C2")]
    [Trait("Requirement", "C4")]
    public async Task Store_OnTheServersOwnClock_GoesTheWholeRound()
    {
        RedisCircuitStore store = await StoreAsync(Rules with { OpenFor = TimeSpan.FromMilliseconds(300) });
        Assert.Equal(CircuitAnswers.Go, (await CallAsync(store, Check("a"))).Answer);
        await CallAsync(store, Failure(1));
        await CallAsync(store, Failure(2));
        CircuitReply opened = await CallAsync(store, Failure(3));
        Assert.Equal((CircuitAnswers.Opened, 1), (opened.Answer, opened.Circuit.Trips));
        Assert.InRange(opened.Now, TimeProvider.System.GetUtcNow().AddMinutes(-1), TimeProvider.System.GetUtcNow().AddMinutes(1));

        CircuitReply? probe = null;
        await Eventually.TrueAsync(async () => (probe = await CallAsync(store, Check("b"))).Answer == CircuitAnswers.Probe, "the probe");
        Assert.Equal(CircuitAnswers.Probing, (await CallAsync(store, Check("c"))).Answer);
        Assert.Equal(CircuitAnswers.Closed, (await CallAsync(store, new CircuitCall.Success(new BreakerPermit(probe!.Circuit.Generation, "b", true), "w"))).Answer);
        CircuitReply read = await CallAsync(store, new CircuitCall.Read(10));
        Assert.Equal([CircuitEntryKinds.Closed, CircuitEntryKinds.Opened], read.Circuit.History.Select(entry => entry.Kind));
        Assert.Equal(["503 of 1", "503 of 2", "503 of 3"], read.Circuit.History[1].Failures.Select(failure => failure.Words));
    }

    [Fact]
    public async Task Server_ThatForgotTheScripts_GetsThemAgain()
    {
        RedisCircuitStore store = await StoreAsync(Rules);
        await CallAsync(store, Check("a"));
        await Redis.ExecuteAsync("SCRIPT", "FLUSH");

        Assert.Equal(CircuitAnswers.Go, (await CallAsync(store, Check("b"))).Answer);
    }

    [Fact]
    public async Task Keys_HoldSomethingElse_IsAwayAndNoException()
    {
        RedisCircuitStore store = await StoreAsync(Rules);
        await Redis.KeyDeleteAsync(BreakerScripts.Keys[0]);
        await Redis.StringSetAsync(BreakerScripts.Keys[0], "something else");

        Assert.StartsWith("Redis refuses", Assert.IsType<StoreAnswer.Away>(await store.CallAsync(Check("a"), CancellationToken.None)).Why, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("generation")]
    [InlineData("closed_at")]
    [InlineData("entries")]
    [InlineData("isolated_at")]
    public async Task State_WithANumberThatIsNone_IsAwayAndNoException(string field)
    {
        RedisCircuitStore store = await StoreAsync(Rules);
        await CallAsync(store, Failure(1));
        await CallAsync(store, new CircuitCall.Success(new BreakerPermit(0, "t", false), "w"));
        await Redis.HashSetAsync(BreakerScripts.Keys[0], field, "something else");

        Assert.IsType<StoreAnswer.Away>(await store.CallAsync(Check("a"), CancellationToken.None));
    }

    protected static CircuitCall.Check Check(string token) => new(token, "w", "");

    protected static CircuitCall.Failure Failure(int number) => new(new BreakerPermit(0, "t", false), $"c{number}", "w", $"503 of {number}", FailureEffect.Counted, "");

    private protected static async Task<CircuitReply> CallAsync(RedisCircuitStore store, CircuitCall call) =>
        SteppedRedis.Full(await store.CallAsync(call, TestContext.Current.CancellationToken), Circuit.Fresh, TimeProvider.System.GetUtcNow());

    private protected async Task<RedisCircuitStore> StoreAsync(BreakerRules rules)
    {
        RedisConnection own = new(ConnectionString, new SeededIds(1));
        connections.Add(own);
        await own.ConnectAsync();
        return new RedisCircuitStore(own, rules, TimeSpan.FromMinutes(2), TimeProvider.System);
    }
}

public sealed class BreakerOnRedis : BreakerScriptContract
{
    protected override async Task<(IAsyncDisposable Server, string ConnectionString)> StartAsync()
    {
        RedisServer server = await RedisServer.StartAsync();
        return (server, $"{server.Configuration},allowAdmin=true");
    }

    [Fact]
    public async Task Verb_IsOneEvalSha()
    {
        RedisCircuitStore store = await StoreAsync(Rules);
        await CallAsync(store, Check("a"));
        await CallAsync(store, Failure(1));
        await Redis.ExecuteAsync("CONFIG", "RESETSTAT");
        await CallAsync(store, Check("b"));
        await CallAsync(store, Failure(2));

        string counts = (string)(await Redis.ExecuteAsync("INFO", "commandstats"))!;
        Assert.Contains("cmdstat_evalsha:calls=2,", counts, StringComparison.Ordinal);
        Assert.DoesNotContain("cmdstat_eval:", counts, StringComparison.Ordinal);
        Assert.DoesNotContain("cmdstat_script", counts, StringComparison.Ordinal);
    }
}

public sealed class BreakerOnEmbeddedGarnet : BreakerScriptContract
{
    protected override Task<(IAsyncDisposable Server, string ConnectionString)> StartAsync()
    {
        EmbeddedRedis server = EmbeddedRedis.Start(new SeededIds(Environment.CurrentManagedThreadId));
        return Task.FromResult<(IAsyncDisposable, string)>((new Ending(server), server.ConnectionString));
    }

    private sealed class Ending(IDisposable server) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            server.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
