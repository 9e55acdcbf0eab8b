using System.Globalization;
using System.Text;
using LoraAdmin.Domain.Breaker;

namespace LoraAdmin.Tests.Breaker;

/// <summary>
/// Enumerates what three workers can do to one breaker in any order: ask, fail, succeed, give back, have their key refused, die, be isolated and reset
/// by a person, while time passes, Redis goes away, comes back, comes back empty, or does what it is asked without being heard. Checks each step.
/// </summary>
internal sealed class CircuitExplorer
{
    private static readonly BreakerRules Rules = CircuitCrew.Rules;

    private static readonly TimeSpan[] Times =
    [
        SharedBreaker.AskAgainAfter, Rules.ProbeLease, Rules.Window - TimeSpan.FromMilliseconds(1), Rules.OpenFor - TimeSpan.FromMilliseconds(1),
        TimeSpan.FromMilliseconds(1),
    ];

    private static readonly ExploredDeed[] OfAPermit = [ExploredDeed.Fail, ExploredDeed.Succeed, ExploredDeed.Ignore, ExploredDeed.Refuse];

    private readonly AnyClock clock = new();
    private readonly CircuitCrew crew;
    private readonly HashSet<string> seen = [];
    private readonly List<(int Before, ExploredStep[] Steps)> ways = [];
    private readonly SortedDictionary<string, int> reached = new(StringComparer.Ordinal);

    public CircuitExplorer() => crew = new CircuitCrew(new MemoryRedis(clock, keep: 3), clock, Called);

    /// <summary>How many different states were reached and checked.</summary>
    public int States => seen.Count;

    public int Transitions { get; private set; }

    /// <summary>How often each answer of each verb was met: a verb that was never met proves nothing.</summary>
    public IReadOnlyDictionary<string, int> Reached => reached;

    public static ExploredState Begin(DateTimeOffset now) => new(Circuit.Fresh, true, now, [ExploredWorker.Fresh, ExploredWorker.Fresh, ExploredWorker.Fresh]);

    /// <summary>Goes breadth first from several beginnings, so that deep states are reached as well as all that is near them.</summary>
    /// <exception cref="InvalidOperationException">A property does not hold; the message says how it came to that.</exception>
    public void Explore(int states)
    {
        List<Queue<(ExploredState State, int Way)>> frontiers = [];
        foreach (ExploredStep[] root in Roots())
        {
            ExploredState state = Begin(clock.Now);
            foreach (ExploredStep step in root)
            {
                state = Do(state, step);
            }

            ways.Add((-1, root));
            frontiers.Add(new([(state, ways.Count - 1)]));
        }

        while (seen.Count < states && frontiers.Any(frontier => frontier.Count > 0))
        {
            // In turns: what one beginning has reached is not gone through again from another.
            foreach (Queue<(ExploredState State, int Way)> frontier in frontiers)
            {
                if (frontier.TryDequeue(out (ExploredState State, int Way) next))
                {
                    Expand(next.State, next.Way, frontier);
                }
            }
        }
    }

    /// <summary>The steps from the beginning to some of the states that were reached, evenly taken.</summary>
    public IEnumerable<IReadOnlyList<ExploredStep>> Sample(int paths)
    {
        for (int path = 1; path <= paths; path++)
        {
            List<ExploredStep> steps = [];
            for (int way = (int)((long)(ways.Count - 1) * path / paths); way >= 0; way = ways[way].Before)
            {
                steps.InsertRange(0, ways[way].Steps);
            }

            yield return steps;
        }
    }

    private void Expand(ExploredState state, int way, Queue<(ExploredState State, int Way)> frontier)
    {
        foreach (ExploredStep step in StepsFrom(state))
        {
            ExploredState next = Do(state, step);
            if (seen.Add(KeyOf(next)))
            {
                ways.Add((way, [step]));
                CheckNotStuck(next);
                frontier.Enqueue((next, ways.Count - 1));
            }
        }
    }

    private static IEnumerable<ExploredStep[]> Roots()
    {
        ExploredStep[] twoFailures = [Step(ExploredDeed.Check, 0), Step(ExploredDeed.Fail, 0), Step(ExploredDeed.Check, 1), Step(ExploredDeed.Fail, 1)];
        ExploredStep[] open = [.. twoFailures, Step(ExploredDeed.Check, 2), Step(ExploredDeed.Fail, 2)];
        ExploredStep[] halfOpen = [.. open, new ExploredStep(ExploredDeed.Pass, Time: Rules.OpenFor)];
        ExploredStep[] probing = [.. halfOpen, Step(ExploredDeed.Check, 0)];
        return
        [
            [],
            twoFailures,
            [.. twoFailures, Step(ExploredDeed.Toggle)],
            [.. twoFailures, Step(ExploredDeed.Check, 2), Step(ExploredDeed.Fail, 2) with { Unheard = true }],
            open,
            halfOpen,
            probing,
            [.. probing, Step(ExploredDeed.Toggle)],
            [.. probing, Step(ExploredDeed.Lose)],
            [.. probing, Step(ExploredDeed.Isolate)],
            [.. probing, Step(ExploredDeed.IsolateForEver)],
            [.. probing, Step(ExploredDeed.Refuse, 0)],
            [.. probing, Step(ExploredDeed.Succeed, 0), Step(ExploredDeed.Check, 1)],
        ];
    }

    private static ExploredStep Step(ExploredDeed deed, int worker = 0) => new(deed, worker);

    private static IEnumerable<ExploredStep> StepsFrom(ExploredState state)
    {
        foreach (TimeSpan time in Times)
        {
            yield return new ExploredStep(ExploredDeed.Pass, Time: time);
        }

        yield return Step(ExploredDeed.Toggle);
        yield return Step(ExploredDeed.Lose);
        yield return Step(ExploredDeed.Isolate);
        yield return Step(ExploredDeed.IsolateForEver);
        yield return Step(ExploredDeed.Reset);
        for (int worker = 0; worker < CircuitCrew.Workers; worker++)
        {
            yield return Step(ExploredDeed.Die, worker);
            foreach (ExploredDeed deed in state.Workers[worker].Permit is null ? [ExploredDeed.Check] : OfAPermit.Prepend(ExploredDeed.Check))
            {
                yield return Step(deed, worker);
                if (state.IsUp)
                {
                    yield return Step(deed, worker) with { Unheard = true };
                }
            }
        }
    }

    private ExploredState Do(ExploredState state, ExploredStep step)
    {
        ExploredState after = crew.StepAsync(state, step).GetAwaiter().GetResult();
        CheckOneProbe(after);
        return after;
    }

    private void Called(ExploredStep step, ExploredState before, ExploredState after, CircuitCall call, CircuitReply reply)
    {
        Transitions++;
        string what = $"{call.GetType().Name} {reply.Answer}{(step.Unheard ? " unheard" : "")}";
        reached[what] = reached.GetValueOrDefault(what) + 1;
        CheckOpening(before, after);
        CheckStep(step, before, after, call, reply);
    }

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

    /// <summary>Whatever happened: with Redis there, time passing and a person who ends what only a person ends, a creation goes through again.</summary>
    private void CheckNotStuck(ExploredState state)
    {
        ExploredStep patient = Step(ExploredDeed.Check);
        ExploredState later = state with { IsUp = true, Now = state.Now + Rules.OpenFor + Rules.ProbeLease + CircuitCrew.IsolatedFor };
        string answer = "";
        for (int times = 0; times < 3 && answer is not (CircuitAnswers.Go or CircuitAnswers.Probe); times++)
        {
            // What a worker brought back may begin its open time only now.
            later = answer switch
            {
                CircuitAnswers.Open => later with { Now = later.Now + Rules.OpenFor + Rules.ProbeLease },
                CircuitAnswers.Isolated when later.Shared.Isolation is { Until: null } => crew.StepAsync(later, Step(ExploredDeed.Reset)).GetAwaiter().GetResult(),
                _ => later,
            };
            (later, CircuitReply reply) = crew.CallAsync(later, patient, new CircuitCall.Check("patient", "w0", "key a")).GetAwaiter().GetResult();
            answer = reply.Answer;
        }

        Require(answer is CircuitAnswers.Go or CircuitAnswers.Probe, state, $"stuck: {answer}");
    }

    /// <summary>Whoever opens it, and whoever brings it that: a closed breaker opens for three failures that its last closing did not come after.</summary>
    private static void CheckOpening(ExploredState before, ExploredState after)
    {
        CircuitEntry? opened = after.Shared.History.FirstOrDefault(entry => entry.Kind == CircuitEntryKinds.Opened);
        if (opened is null || (after.Shared.Born == before.Shared.Born && before.Shared.Entries >= opened.Number) || opened.Generation != after.Shared.Generation)
        {
            return;
        }

        Require(opened.Failures.Select(failure => failure.Id).Distinct().Count() >= Rules.Failures, after, $"opened for {opened.Failures.Count} failures");
        Require(opened.Failures.All(failure => !(failure.At < after.Shared.ClosedAt)), after, "opened for a failure from before it was closed");
    }

    private static void CheckStep(ExploredStep step, ExploredState before, ExploredState after, CircuitCall call, CircuitReply reply)
    {
        DateTimeOffset now = before.Now;
        ExploredWorker worker = before.Workers[step.Worker];
        Circuit decided = before.Shared;
        if (!before.IsUp || worker.View.IsAway || decided.IsBehind(worker.View.Known.Mark))
        {
            return;
        }

        Circuit next = after.Shared;
        bool changesKey = call is CircuitCall.Check { KeyMark: var mine } && decided.Isolation is { IsOfTheKey: true, KeyMark: var refused } && mine != refused;
        if (decided.IsIsolatedAt(now) && call is not CircuitCall.Reset && !changesKey)
        {
            Require(next.IsIsolatedAt(now), after, $"{call.GetType().Name} ended an isolation");
            Require(step.Unheard || call is not CircuitCall.Check || reply.Answer == CircuitAnswers.Isolated, after, $"an isolated breaker answered {reply.Answer}");
        }

        switch (call)
        {
            case CircuitCall.Failure { Effect: FailureEffect.Isolated } refusal when refusal.Permit.Generation >= decided.Generation:
                Require(next.IsIsolatedAt(now), after, "a refused key did not isolate");
                break;

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
        Write(key, state.Shared, state, zero);
        key.Append(state.IsUp ? " up" : " down");
        foreach (ExploredWorker worker in state.Workers)
        {
            key.Append(" | ");
            Write(key, worker.View.Known, state, zero);
            if (worker.View is { Local: { } local, Seed: { } seed })
            {
                key.Append(" local ");
                Write(key, local, state, zero);
                key.Append(" seed ");
                Write(key, seed, state, zero);
                key.Append(CircuitFindings.Of(seed, local)?.Trip is null ? "" : " trip").Append(worker.View.AskAgainAt > state.Now ? " resting" : "");
            }

            if (worker.Permit is { } permit)
            {
                key.Append(CultureInfo.InvariantCulture, $" permit {permit.Generation - zero} {permit.Token} {permit.IsProbe} {worker.FromRedis} {Left(worker.PermitUntil, state.Now)}");
            }
        }

        return key.ToString();
    }

    private static void Write(StringBuilder key, Circuit circuit, ExploredState state, long zero)
    {
        DateTimeOffset now = state.Now;
        Circuit shared = state.Shared;
        string life = circuit.Born.Length == 0 ? "fresh" : string.CompareOrdinal(circuit.Born, shared.Born) switch { 0 => "same", < 0 => "older", _ => "younger" };
        key.Append(CultureInfo.InvariantCulture, $"{life} {circuit.Generation - zero} {Math.Clamp(circuit.Entries - shared.Entries, -2, 2)}");
        if (circuit.IsOpen)
        {
            key.Append(CultureInfo.InvariantCulture, $" open {Left(circuit.OpenUntil!.Value, now)}");
        }

        if (circuit.Isolation is { } isolation)
        {
            key.Append(CultureInfo.InvariantCulture, $" isolated {(isolation.Until is { } until ? Left(until, now) : "for ever")} {isolation.KeyMark}");
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
}
