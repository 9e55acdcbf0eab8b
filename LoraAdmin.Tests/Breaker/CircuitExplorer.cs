using System.Globalization;
using System.Text;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Tests.Simulation.Memory;

namespace LoraAdmin.Tests.Breaker;

/// <summary>One worker as the explorer sees it.</summary>
/// <param name="Permit">Of the creation that it is about; null: none.</param>
/// <param name="FromRedis">Whether Redis gave it, and has not lost its data since.</param>
internal sealed record ExploredWorker(BreakerView View, BreakerPermit? Permit, DateTimeOffset PermitUntil, bool FromRedis, int Creations);

/// <summary>Everything that decides what can happen next.</summary>
internal sealed record ExploredState(Circuit Shared, bool IsUp, DateTimeOffset Now, ExploredWorker[] Workers);

/// <summary>
/// Enumerates what three workers can do to one breaker in any order: ask, fail, succeed, give back, die, be isolated and reset by a person, while time
/// passes, Redis goes away, comes back, or comes back empty. It drives the very code that the portal runs, and checks each step.
/// </summary>
internal sealed class CircuitExplorer
{
    public static readonly BreakerRules Rules = new(3, TimeSpan.FromSeconds(100), TimeSpan.FromSeconds(300), TimeSpan.FromSeconds(50), null);

    private const int Workers = 3;

    private static readonly TimeSpan IsolatedFor = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan[] Steps =
        [SharedBreaker.AskAgainAfter, Rules.ProbeLease, Rules.Window - TimeSpan.FromMilliseconds(1), Rules.OpenFor - TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(1)];

    private static readonly string[] Verbs = ["check", "fail", "succeed", "ignore", "die"];

    private readonly AnyClock clock = new();
    private readonly MemoryCircuitStore redis;
    private readonly HashSet<string> seen = [];
    private readonly SortedDictionary<string, int> reached = new(StringComparer.Ordinal);

    public CircuitExplorer() => redis = new MemoryCircuitStore(clock, () => Rules);

    /// <summary>How many different states were reached and checked.</summary>
    public int States => seen.Count;

    public int Transitions { get; private set; }

    /// <summary>How often each answer of each verb was met: a verb that was never met proves nothing.</summary>
    public IReadOnlyDictionary<string, int> Reached => reached;

    /// <summary>Goes breadth first from several beginnings, so that deep states are reached as well as all that is near them.</summary>
    /// <exception cref="InvalidOperationException">A property does not hold; the message says how it came to that.</exception>
    public void Explore(int states)
    {
        Queue<ExploredState>[] frontiers = [.. Roots().Select(root => new Queue<ExploredState>([root]))];
        while (seen.Count < states && frontiers.Any(frontier => frontier.Count > 0))
        {
            // In turns: what one beginning has reached is not gone through again from another.
            foreach (Queue<ExploredState> frontier in frontiers)
            {
                if (frontier.TryDequeue(out ExploredState? state))
                {
                    Expand(state, frontier);
                }
            }
        }
    }

    private void Expand(ExploredState state, Queue<ExploredState> frontier)
    {
        foreach (ExploredState next in Next(state))
        {
            if (seen.Add(KeyOf(next)))
            {
                CheckNotStuck(next);
                frontier.Enqueue(next);
            }
        }
    }

    private IEnumerable<ExploredState> Roots()
    {
        ExploredWorker fresh = new(BreakerView.Begin, null, DateTimeOffset.MinValue, false, 0);
        ExploredState begin = new(Circuit.Fresh, true, clock.GetUtcNow(), [fresh, fresh, fresh]);
        ExploredState oneFailure = Verb(Verb(begin, 0, "check"), 0, "fail");
        ExploredState twoFailures = Verb(Verb(oneFailure, 1, "check"), 1, "fail");
        ExploredState open = Verb(Verb(twoFailures, 2, "check"), 2, "fail");
        ExploredState halfOpen = open with { Now = open.Now + Rules.OpenFor };
        ExploredState probing = Verb(halfOpen, 0, "check");
        return
        [
            begin,
            twoFailures,
            twoFailures with { IsUp = false },
            open,
            halfOpen,
            probing,
            probing with { IsUp = false },
            Person(probing, "isolate"),
            Verb(Verb(probing, 0, "succeed"), 1, "check"),
        ];
    }

    private IEnumerable<ExploredState> Next(ExploredState state)
    {
        foreach (TimeSpan step in Steps)
        {
            yield return state with { Now = state.Now + step };
        }

        yield return state with { IsUp = !state.IsUp };
        yield return state with { Shared = Circuit.Fresh, Workers = [.. state.Workers.Select(worker => worker with { FromRedis = false })] };
        yield return Person(state, "isolate");
        yield return Person(state, "reset");
        for (int worker = 0; worker < Workers; worker++)
        {
            foreach (string verb in Verbs.Where(verb => verb is "check" or "die" || state.Workers[worker].Permit is not null))
            {
                yield return Verb(state, worker, verb);
            }
        }
    }

    private ExploredState Person(ExploredState state, string what) =>
        Call(state, 0, what == "isolate" ? new CircuitCall.Isolate("ada", "why", IsolatedFor, "") : new CircuitCall.Reset("ada", "why")).State;

    private ExploredState Verb(ExploredState state, int index, string verb)
    {
        ExploredWorker worker = state.Workers[index];
        string name = $"w{index}";
        string token = $"{name}-{worker.Creations % 2}";
        switch (verb)
        {
            case "die":
                // Whoever comes after it knows nothing, and the permit dies with it.
                return With(state, index, new ExploredWorker(BreakerView.Begin, null, DateTimeOffset.MinValue, false, worker.Creations));

            case "check":
            {
                (ExploredState after, CircuitReply reply) = Call(state, index, new CircuitCall.Check(token, name, ""));
                if (reply.Answer is not (CircuitAnswers.Go or CircuitAnswers.Probe))
                {
                    return after;
                }

                bool probe = reply.Answer == CircuitAnswers.Probe;
                ExploredWorker allowed = after.Workers[index];
                ExploredState next = With(after, index, allowed with
                {
                    Permit = new BreakerPermit(reply.Circuit.Generation, token, probe),
                    PermitUntil = after.Now + Rules.ProbeLease,
                    FromRedis = !allowed.View.IsAway,
                    Creations = worker.Creations + 1,
                });
                CheckOneProbe(next);
                return next;
            }

            default:
            {
                FailureEffect effect = verb == "ignore" ? FailureEffect.Ignored : FailureEffect.Counted;
                CircuitCall call = verb == "succeed"
                    ? new CircuitCall.Success(worker.Permit!, name)
                    : new CircuitCall.Failure(worker.Permit!, $"{name}-{worker.Creations}", name, "503", effect, "");
                ExploredState after = Call(state, index, call).State;
                return With(after, index, after.Workers[index] with { Permit = null, PermitUntil = DateTimeOffset.MinValue, FromRedis = false });
            }
        }
    }

    private (ExploredState State, CircuitReply Reply) Call(ExploredState state, int index, CircuitCall call)
    {
        clock.Now = state.Now;
        redis.State = state.Shared;
        redis.AwayUntil = state.IsUp ? null : DateTimeOffset.MaxValue;
        ExploredWorker worker = state.Workers[index];
        SharedBreaker breaker = new(redis, $"w{index}", () => Rules, clock, worker.View);
        CircuitReply reply = breaker.CallAsync(call, CancellationToken.None).GetAwaiter().GetResult();
        ExploredState after = With(state with { Shared = redis.State with { History = [] } }, index, worker with { View = breaker.View });
        Transitions++;
        string what = $"{call.GetType().Name} {reply.Answer}";
        reached[what] = reached.GetValueOrDefault(what) + 1;
        CheckStep(state, after, worker, call, reply);
        return (after, reply);
    }

    private static ExploredState With(ExploredState state, int index, ExploredWorker worker)
    {
        ExploredWorker[] workers = [.. state.Workers];
        workers[index] = worker with { View = Bare(worker.View) };
        return state with { Workers = workers };
    }

    private static BreakerView Bare(BreakerView view) => view with
    {
        Known = view.Known with { History = [] },
        Local = view.Local is null ? null : view.Local with { History = [] },
        Seed = view.Seed is null ? null : view.Seed with { History = [] },
    };

    /// <summary>
    /// Of all permits to try that Redis gave for this generation, at most one is in its time. One of an older generation is none any more: a person has
    /// reset the breaker meanwhile, and its result changes nothing.
    /// </summary>
    private static void CheckOneProbe(ExploredState state)
    {
        ExploredWorker[] probes = 
        [
            .. state.Workers.Where(worker => worker is { FromRedis: true, Permit.IsProbe: true }
                && worker.Permit.Generation == state.Shared.Generation && state.Now < worker.PermitUntil),
        ];
        Require(probes.Length <= 1, state, $"{probes.Length} probes at once");
    }

    /// <summary>Whatever happened: with Redis there and time passing, a creation goes through again.</summary>
    private void CheckNotStuck(ExploredState state)
    {
        ExploredState later = state with { IsUp = true, Now = state.Now + Rules.OpenFor + Rules.ProbeLease + IsolatedFor };
        string answer = Call(later, 0, new CircuitCall.Check("patient", "w0", "")).Reply.Answer;
        if (answer == CircuitAnswers.Open)
        {
            // What a worker brought back may begin its open time only now.
            answer = Call(later with { Shared = redis.State, Now = later.Now + Rules.OpenFor + Rules.ProbeLease }, 0, new CircuitCall.Check("patient", "w0", "")).Reply.Answer;
        }

        Require(answer is CircuitAnswers.Go or CircuitAnswers.Probe, state, $"stuck: {answer}");
    }

    private static void CheckStep(ExploredState before, ExploredState after, ExploredWorker worker, CircuitCall call, CircuitReply reply)
    {
        DateTimeOffset now = before.Now;
        Circuit decided = worker.View.IsAway || !before.IsUp ? worker.View.Circuit : before.Shared;
        bool shared = before.IsUp && !worker.View.IsAway && worker.View.Known.Born is var born && (born.Length == 0 || born == before.Shared.Born);
        if (!shared)
        {
            return;
        }

        Circuit next = after.Shared;
        if (decided.IsIsolatedAt(now) && call is not CircuitCall.Reset)
        {
            Require(next.IsIsolatedAt(now), after, $"{call.GetType().Name} ended an isolation");
            Require(call is not CircuitCall.Check || reply.Answer == CircuitAnswers.Isolated, after, $"an isolated breaker answered {reply.Answer}");
        }

        switch (call)
        {
            case CircuitCall.Failure { Effect: FailureEffect.Counted } failure when decided.StatusAt(now) == CircuitStatus.Closed && failure.Permit.Generation >= decided.Generation:
                int counted = decided.Failures.Count(known => now - known.At < Rules.Window && known.Id != failure.Id) + 1;
                Require(next.IsOpen == (counted >= Rules.Failures), after, $"open is {next.IsOpen} on failure {counted}");
                Require(counted <= Rules.Failures, after, $"{counted} failures counted");
                break;

            case CircuitCall.Failure failure when failure.Permit.Generation < decided.Generation:
                RequireSame(decided, next, now, after);
                break;

            case CircuitCall.Success success when success.Permit.Generation < decided.Generation:
                RequireSame(decided, next, now, after);
                break;
        }
    }

    /// <summary>But for the history and what time alone has ended.</summary>
    private static void RequireSame(Circuit before, Circuit after, DateTimeOffset now, ExploredState state) => Require(
        (before.Generation, before.IsOpen, before.OpenUntil, before.IsIsolatedAt(now), before.Probe) == (after.Generation, after.IsOpen, after.OpenUntil, after.IsIsolatedAt(now), after.Probe)
            && before.Failures.Where(failure => now - failure.At < Rules.Window).SequenceEqual(after.Failures),
        state,
        "a result of an older generation changed something");

    private static void Require(bool holds, ExploredState state, string what)
    {
        if (!holds)
        {
            throw new InvalidOperationException($"{what}: {KeyOf(state)}");
        }
    }

    /// <summary>The state with everything relative: two states that behave alike have one key.</summary>
    private static string KeyOf(ExploredState state)
    {
        StringBuilder key = new();
        long zero = state.Shared.Generation;
        Write(key, state.Shared, state.Now, zero, state.Shared.Born);
        key.Append(state.IsUp ? " up" : " down");
        foreach (ExploredWorker worker in state.Workers)
        {
            key.Append(" | ");
            Write(key, worker.View.Known, state.Now, zero, state.Shared.Born);
            if (worker.View is { Local: { } local, Seed: { } seed })
            {
                key.Append(" local ");
                Write(key, local, state.Now, zero, state.Shared.Born);
                key.Append(" seed ");
                Write(key, seed, state.Now, zero, state.Shared.Born);
                key.Append(worker.View.AskAgainAt > state.Now ? " resting" : "");
            }

            if (worker.Permit is { } permit)
            {
                key.Append(CultureInfo.InvariantCulture, $" permit {permit.Generation - zero} {permit.Token} {permit.IsProbe} {worker.FromRedis} {Left(worker.PermitUntil, state.Now)}");
            }
        }

        return key.ToString();
    }

    private static void Write(StringBuilder key, Circuit circuit, DateTimeOffset now, long zero, string born)
    {
        key.Append(CultureInfo.InvariantCulture, $"{(circuit.Born.Length == 0 ? "fresh" : circuit.Born == born ? "same" : "other")} {circuit.Generation - zero}");
        if (circuit.IsOpen)
        {
            key.Append(CultureInfo.InvariantCulture, $" open {Left(circuit.OpenUntil!.Value, now)}");
        }

        if (circuit.Isolation is { } isolation)
        {
            key.Append(CultureInfo.InvariantCulture, $" isolated {Left(isolation.Until!.Value, now)}");
        }

        if (circuit.ProbeAt(now) is { } probe)
        {
            key.Append(CultureInfo.InvariantCulture, $" probe {probe.Token} {Left(probe.Until, now)}");
        }

        foreach (CircuitFailure failure in circuit.Failures.Where(failure => now - failure.At < Rules.Window))
        {
            key.Append(CultureInfo.InvariantCulture, $" f{failure.Id[..2]} {(now - failure.At).TotalMilliseconds:0}");
        }
    }

    private static string Left(DateTimeOffset until, DateTimeOffset now) =>
        until <= now ? "over" : (until - now).TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture);

    /// <summary>The explorer goes back to states that it has left: no clock of a real world does.</summary>
    private sealed class AnyClock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = DateTimeOffset.UnixEpoch.AddYears(56);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
