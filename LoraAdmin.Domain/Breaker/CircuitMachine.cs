using System.Globalization;

namespace LoraAdmin.Domain.Breaker;

/// <summary>
/// The breaker's decisions, step by step: what each verb does to a circuit. The scripts that run on Redis do the same (LoraAdmin/Breaker/Scripts), and
/// a test replays paths on both; a worker whose Redis is away decides by this alone.
/// </summary>
public static class CircuitMachine
{
    /// <summary>
    /// Two openings whose ends differ by less are one: several workers met the same outage, or one worker counted for itself what the server had
    /// counted without being heard.
    /// </summary>
    public static readonly TimeSpan SameTrip = TimeSpan.FromMinutes(1);

    private const string WhileAway = "So it was while Redis was away";

    /// <param name="now">In whole milliseconds.</param>
    public static CircuitReply Apply(Circuit circuit, CircuitCall call, DateTimeOffset now, BreakerRules rules)
    {
        ArgumentNullException.ThrowIfNull(circuit);
        ArgumentNullException.ThrowIfNull(rules);
        Circuit settled = Settle(circuit, now, rules);
        if (settled.IsBehind(call?.Seen ?? CircuitMark.None))
        {
            return new CircuitReply(CircuitAnswers.Lost, settled, now);
        }

        (string answer, Circuit next) = call switch
        {
            CircuitCall.Check check => Check(settled, check, now, rules),
            CircuitCall.Failure failure => Fail(settled, failure, now, rules),
            CircuitCall.Success success => Succeed(settled, success, now),
            CircuitCall.Isolate isolate => (CircuitAnswers.Isolated, Isolate(settled, isolate.For, isolate.By, isolate.Reason, isolate.KeyMark, now)),
            CircuitCall.Reset reset => (CircuitAnswers.Reset, Reset(settled, reset.By, reset.Reason, now)),
            CircuitCall.Merge merge => (CircuitAnswers.Merged, Merge(settled, merge, now, rules)),
            CircuitCall.Restore restore => (CircuitAnswers.Restored, Restore(settled, restore, now, rules)),
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
        if (call.Effect == FailureEffect.Isolated && circuit.Isolation is null && call.Permit.Generation >= circuit.Generation)
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
        CircuitFindings found = call.Found;
        TimeSpan shift = now - call.At;
        Circuit merged = circuit;
        Circuit raised = circuit with { Generation = Math.Max(circuit.Generation, found.Generation), Trips = Math.Max(circuit.Trips, found.Trips) };
        DateTimeOffset? until = found.Trip?.Until + shift;

        // Its opening stands if it also would without what it did not hear: that the breaker was closed here meanwhile.
        CircuitFailure[] causes = [.. Shifted(found.Trip?.Causes ?? [], shift).Where(failure => circuit.IsOpen || !(failure.At < circuit.ClosedAt))];
        if (circuit.IsOpen)
        {
            // Whoever tries a creation now goes on: its result decides, and nobody else tries meanwhile.
            merged = until > now && until > circuit.OpenUntil + SameTrip
                ? Note(circuit with { OpenUntil = until }, CircuitEntryKinds.Prolonged, causes, call.Worker, WhileAway, now)
                : circuit;
        }
        else if (causes.Length >= rules.Failures)
        {
            // What is left of its open time: none when it is over, and then one creation is tried.
            TimeSpan left = until > now ? until.Value - now : TimeSpan.Zero;
            merged = OpenFor(raised, left, CircuitEntryKinds.Opened, causes, call.Worker, WhileAway, now);
        }
        else
        {
            merged = WithFailures(circuit, raised, Shifted(found.Failures, shift), call.Worker, now, rules);
        }

        return found.Isolation is { } isolation && merged.Isolation is null && !(isolation.Until + shift <= now + SameTrip) && !(circuit.ClosedAt > isolation.At + shift)
            ? Isolate(
                merged with { Generation = Math.Max(merged.Generation, found.Generation) },
                isolation.Until + shift - now,
                isolation.By,
                isolation.Reason,
                isolation.KeyMark,
                now)
            : merged;
    }

    /// <summary>
    /// What was known before the loss, and what has happened since: of two decisions the later one holds, and without any the stricter one. The life
    /// that was lost goes on, so that everybody who has seen it finds it again.
    /// </summary>
    private static Circuit Restore(Circuit circuit, CircuitCall.Restore call, DateTimeOffset now, BreakerRules rules)
    {
        if (!circuit.IsBehind(call.Known.Mark))
        {
            return circuit;
        }

        Circuit known = call.Known.ByClock(now - call.At);
        DateTimeOffset? closedAt = known.ClosedAt is null || circuit.ClosedAt > known.ClosedAt ? circuit.ClosedAt : known.ClosedAt;
        (Circuit open, Circuit other) = known.IsOpen && !(circuit.IsOpen && circuit.OpenUntil > known.OpenUntil) ? (known, circuit) : (circuit, known);
        bool isOpen = open.IsOpen && (other.IsOpen || !(other.ClosedAt > open.OpenedAt));
        (IReadOnlyList<CircuitEntry> history, long entries) = Joined(known, circuit);
        Circuit restored = circuit with
        {
            Born = known.Born,
            Generation = Math.Max(circuit.Generation, known.Generation),
            Trips = Math.Max(circuit.Trips, known.Trips),
            IsOpen = isOpen,
            OpenedAt = isOpen ? open.OpenedAt : null,
            OpenUntil = isOpen ? open.OpenUntil : null,
            ClosedAt = closedAt,
            Probe = isOpen ? circuit.Probe ?? known.Probe : null,
            Isolation = Standing(circuit.Isolation, known.ClosedAt) ?? Standing(known.Isolation, circuit.ClosedAt),
            Failures = isOpen ? [] : [.. circuit.Failures.Where(failure => !(failure.At < closedAt))],
            Entries = entries,
            History = history,
        };
        return isOpen ? restored : WithFailures(restored, restored, known.Failures, call.Worker, now, rules);

        static Isolation? Standing(Isolation? isolation, DateTimeOffset? closedAt) => closedAt > isolation?.At ? null : isolation;
    }

    /// <summary>One history of both: what the older one has at a place stays there, and what else happened follows it.</summary>
    private static (IReadOnlyList<CircuitEntry> History, long Entries) Joined(Circuit known, Circuit since)
    {
        Dictionary<long, CircuitEntry> joined = known.History.ToDictionary(entry => entry.Number);
        long entries = known.Entries;
        foreach (CircuitEntry entry in since.History.Reverse())
        {
            CircuitEntry? there = joined.GetValueOrDefault(entry.Number);
            bool same = there is not null && (there.Kind, there.Generation, there.By, there.Reason) == (entry.Kind, entry.Generation, entry.By, entry.Reason);
            if (since.Born == known.Born && there is null && entry.Number <= known.Entries)
            {
                joined[entry.Number] = entry;
            }
            else if (since.Born != known.Born || !same)
            {
                entries++;
                joined[entries] = entry with { Number = entries };
            }
        }

        return ([.. joined.Values.OrderByDescending(entry => entry.Number).Take(Circuit.EntriesKept)], entries);
    }

    /// <summary>Failures that somebody else counted, as far as they count here.</summary>
    /// <param name="raised">From which it opens, when they are too many together.</param>
    private static Circuit WithFailures(
        Circuit circuit, Circuit raised, IReadOnlyList<CircuitFailure> brought, string worker, DateTimeOffset now, BreakerRules rules)
    {
        CircuitFailure[] news =
        [
            .. brought.Where(failure => failure.At > now - rules.Window && !(failure.At < circuit.ClosedAt) && circuit.Failures.All(known => known.Id != failure.Id)),
        ];
        Circuit counted = Saved(circuit with { Failures = [.. circuit.Failures.Concat(news).OrderBy(failure => failure.At)] }, now);
        return news.Length == 0 ? circuit
            : counted.Failures.Count < rules.Failures ? counted
            : Trip(raised with { Born = counted.Born }, CircuitEntryKinds.Opened, counted.Failures, worker, WhileAway, now, rules);
    }

    private static CircuitFailure[] Shifted(IReadOnlyList<CircuitFailure> failures, TimeSpan shift) =>
        [.. failures.Select(failure => failure with { At = failure.At + shift })];

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
