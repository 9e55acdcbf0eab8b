using System.Globalization;

namespace LoraAdmin.Domain.Breaker;

/// <summary>
/// The breaker's decisions, step by step: what each verb does to a circuit. The scripts that run on Redis do the same (LoraAdmin/Breaker/Scripts), and
/// a test replays paths on both; a worker whose Redis is away decides by this alone.
/// </summary>
public static class CircuitMachine
{
    /// <param name="now">In whole milliseconds.</param>
    public static CircuitReply Apply(Circuit circuit, CircuitCall call, DateTimeOffset now, BreakerRules rules)
    {
        ArgumentNullException.ThrowIfNull(circuit);
        ArgumentNullException.ThrowIfNull(rules);
        Circuit settled = Settle(circuit, now, rules);
        (string answer, Circuit next) = call switch
        {
            CircuitCall.Check check => Check(settled, check, now, rules),
            CircuitCall.Failure failure => Fail(settled, failure, now, rules),
            CircuitCall.Success success => Succeed(settled, success, now),
            CircuitCall.Isolate isolate => (CircuitAnswers.Isolated, Isolate(settled, isolate.For, isolate.By, isolate.Reason, isolate.KeyMark, now)),
            CircuitCall.Reset reset => (CircuitAnswers.Reset, Reset(settled, reset.By, reset.Reason, now)),
            CircuitCall.Merge merge => (CircuitAnswers.Merged, Merge(settled, merge, now, rules)),
            CircuitCall.Read => (CircuitAnswers.Read, settled),
            _ => throw new NotSupportedException($"Unknown verb {call?.GetType().Name}."),
        };
        return new CircuitReply(answer, next, now);
    }

    /// <summary>What time alone has changed.</summary>
    private static Circuit Settle(Circuit circuit, DateTimeOffset now, BreakerRules rules)
    {
        Circuit trimmed = circuit with { Failures = [.. circuit.Failures.Where(failure => failure.At > now - rules.Window)] };
        return trimmed.Isolation is { } over && !trimmed.IsIsolatedAt(now)
            ? Note(trimmed with { Isolation = null }, CircuitEntryKinds.IsolationOver, [], over.By, over.Reason, now)
            : trimmed;
    }

    private static (string, Circuit) Check(Circuit circuit, CircuitCall.Check call, DateTimeOffset now, BreakerRules rules)
    {
        if (circuit.Isolation is { IsOfTheKey: true } refused && call.KeyMark.Length > 0 && call.KeyMark != refused.KeyMark)
        {
            circuit = Reset(circuit, call.Worker, "The key was changed", now);
        }

        if (circuit.Isolation is not null)
        {
            return (CircuitAnswers.Isolated, circuit);
        }

        if (!circuit.IsOpen)
        {
            return (CircuitAnswers.Go, circuit);
        }

        if (now < circuit.OpenUntil)
        {
            return (CircuitAnswers.Open, circuit);
        }

        return circuit.ProbeAt(now) is { } held && held.Token != call.Token
            ? (CircuitAnswers.Probing, circuit)
            : (CircuitAnswers.Probe, circuit with { Probe = new Probe(call.Token, call.Worker, now + rules.ProbeLease) });
    }

    private static (string, Circuit) Fail(Circuit circuit, CircuitCall.Failure call, DateTimeOffset now, BreakerRules rules)
    {
        CircuitFailure failure = new(call.Id, now, call.Worker, call.Words);
        if (call.Effect == FailureEffect.Isolated && circuit.Isolation is null)
        {
            return (CircuitAnswers.Isolated, Isolate(circuit, null, call.Worker, call.Words, call.KeyMark, now));
        }

        bool ignored = call.Effect == FailureEffect.Ignored;
        if (circuit is { Isolation: null, IsOpen: true })
        {
            bool isProbe = circuit.Probe?.Token == call.Permit.Token && call.Permit.Generation == circuit.Generation;
            return (isProbe, ignored) switch
            {
                (true, true) => (CircuitAnswers.Ignored, circuit with { Probe = null }),
                (true, false) => (CircuitAnswers.Reopened, Trip(circuit, CircuitEntryKinds.Reopened, [failure], call.Worker, call.Words, now, rules)),
                (false, true) => (CircuitAnswers.Ignored, circuit),
                (false, false) => (CircuitAnswers.Late, Late(circuit, failure, now)),
            };
        }

        if (circuit.Isolation is not null)
        {
            return (CircuitAnswers.Late, Late(circuit, failure, now));
        }

        if (ignored)
        {
            return (CircuitAnswers.Ignored, circuit);
        }

        if (call.Permit.Generation < circuit.Generation)
        {
            return (CircuitAnswers.Late, Late(circuit, failure, now));
        }

        if (circuit.Failures.Any(known => known.Id == call.Id))
        {
            return (CircuitAnswers.Repeated, circuit);
        }

        Circuit counted = Saved(circuit with { Failures = [.. circuit.Failures, failure] }, now);
        return counted.Failures.Count < rules.Failures
            ? (CircuitAnswers.Counted, counted)
            : (CircuitAnswers.Opened, Trip(counted, CircuitEntryKinds.Opened, counted.Failures, call.Worker, call.Words, now, rules));
    }

    private static (string, Circuit) Succeed(Circuit circuit, CircuitCall.Success call, DateTimeOffset now)
    {
        const string words = "A pod was created";
        if (circuit is { Isolation: null, IsOpen: true } && circuit.Probe?.Token == call.Permit.Token && call.Permit.Generation == circuit.Generation)
        {
            return (CircuitAnswers.Closed, Note(Closed(circuit, now), CircuitEntryKinds.Closed, [], call.Worker, words, now));
        }

        return circuit.Isolation is not null || circuit.IsOpen || call.Permit.Generation < circuit.Generation
            ? (CircuitAnswers.Late, Note(circuit, CircuitEntryKinds.LateSuccess, [], call.Worker, words, now))
            : (CircuitAnswers.Noted, circuit with { Failures = [] });
    }

    private static Circuit Merge(Circuit circuit, CircuitCall.Merge call, DateTimeOffset now, BreakerRules rules)
    {
        const string words = "So it was while Redis was away";
        Circuit found = call.Findings;
        TimeSpan shift = now - call.At;
        List<CircuitFailure> brought = [.. found.Failures.Select(failure => failure with { At = failure.At + shift })];
        Circuit merged = circuit with
        {
            Entries = Math.Max(circuit.Entries, found.Entries),
            Trips = Math.Max(circuit.Trips, found.Trips),
        };
        if (!circuit.IsOpen)
        {
            IEnumerable<CircuitFailure> news = brought.Where(failure => failure.At > now - rules.Window && circuit.Failures.All(known => known.Id != failure.Id));
            merged = merged with { Failures = [.. circuit.Failures.Concat(news).OrderBy(failure => failure.At)] };
        }

        // What is left of its open time: none when it is over, and then one creation is tried.
        TimeSpan left = found.OpenUntil is { } until && until > call.At ? until - call.At : TimeSpan.Zero;
        long newest = Math.Max(circuit.Generation, found.Generation);
        if (found.IsOpen && !circuit.IsOpen)
        {
            merged = OpenFor(merged with { Generation = newest }, left, CircuitEntryKinds.Opened, brought, call.Worker, words, now);
        }
        else if (found.IsOpen && left > TimeSpan.Zero && now + left > circuit.OpenUntil)
        {
            // Whoever tries a creation now goes on: its result decides, and nobody else tries meanwhile.
            merged = Note(merged with { OpenUntil = now + left }, CircuitEntryKinds.Reopened, brought, call.Worker, words, now);
        }
        else if (!found.IsOpen && !circuit.IsOpen && merged.Failures.Count >= rules.Failures)
        {
            merged = Trip(merged with { Generation = newest }, CircuitEntryKinds.Opened, merged.Failures, call.Worker, words, now, rules);
        }

        merged = Saved(merged, now);
        return found.Isolation is { } isolation && found.IsIsolatedAt(call.At) && merged.Isolation is null
            ? Isolate(merged with { Generation = Math.Max(merged.Generation, newest) }, isolation.Until - call.At, isolation.By, isolation.Reason, isolation.KeyMark, now)
            : merged;
    }

    private static Circuit Trip(
        Circuit circuit, string kind, IReadOnlyList<CircuitFailure> failures, string by, string reason, DateTimeOffset now, BreakerRules rules)
    {
        bool healthy = kind == CircuitEntryKinds.Opened && circuit.ClosedAt + BreakerRules.Healthy <= now;
        int trips = (healthy ? 0 : circuit.Trips) + 1;
        return OpenFor(circuit with { Trips = trips }, rules.OpenTimeOf(trips), kind, failures, by, reason, now);
    }

    private static Circuit OpenFor(
        Circuit circuit, TimeSpan length, string kind, IReadOnlyList<CircuitFailure> failures, string by, string reason, DateTimeOffset now) => Note(
        circuit with { IsOpen = true, OpenedAt = now, OpenUntil = now + length, Generation = circuit.Generation + 1, Failures = [], Probe = null },
        kind,
        failures,
        by,
        reason,
        now);

    private static Circuit Closed(Circuit circuit, DateTimeOffset now) => circuit with
    {
        IsOpen = false,
        OpenedAt = null,
        OpenUntil = null,
        ClosedAt = now,
        Generation = circuit.Generation + 1,
        Failures = [],
        Probe = null,
    };

    private static Circuit Reset(Circuit circuit, string by, string reason, DateTimeOffset now) => Note(
        Closed(circuit, now) with { Trips = 0, Isolation = null }, CircuitEntryKinds.Reset, [], by, reason, now);

    private static Circuit Isolate(Circuit circuit, TimeSpan? length, string by, string reason, string keyMark, DateTimeOffset now) => Note(
        circuit with { Isolation = new Isolation(by, reason, now, now + length, keyMark), Generation = circuit.Generation + 1, Probe = null },
        CircuitEntryKinds.Isolated,
        [],
        by,
        reason,
        now);

    private static Circuit Late(Circuit circuit, CircuitFailure failure, DateTimeOffset now) =>
        Note(circuit, CircuitEntryKinds.Late, [failure], failure.Worker, failure.Words, now);

    private static Circuit Note(
        Circuit circuit, string kind, IReadOnlyList<CircuitFailure> failures, string by, string reason, DateTimeOffset now)
    {
        CircuitEntry entry = new(circuit.Entries + 1, now, kind, circuit.Generation, by, reason, failures);
        return Saved(circuit with { Entries = entry.Number, History = [entry, .. circuit.History.Take(Circuit.EntriesKept - 1)] }, now);
    }

    private static Circuit Saved(Circuit circuit, DateTimeOffset now) =>
        circuit.Born.Length > 0 ? circuit : circuit with { Born = now.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture) };
}
