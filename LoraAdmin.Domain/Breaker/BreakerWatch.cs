using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Breaker;

/// <summary>
/// Looks at the breaker and tells what happened to it, whichever worker in whatever language did it: each entry of the shared history becomes one fact,
/// exactly once among all portals. Also tells what this portal's own breaker does while Redis is away, and that it is away and back.
/// </summary>
/// <param name="subject">Whose breaker it is; of Redis itself RunPod's watch tells, for all.</param>
public sealed class BreakerWatch(IUnitOfWork work, SharedBreaker breaker, TimeProvider clock, BreakerSubject subject)
{
    public const string Name = "breaker.watch";

    public static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    /// <summary>One call that took too long is no outage.</summary>
    private static readonly TimeSpan Blip = TimeSpan.FromSeconds(2);

    /// <summary>While Redis stays away its incident is told again, so that another portal's end of it does not hide ours.</summary>
    private static readonly TimeSpan AwayAgain = TimeSpan.FromMinutes(10);

    private static readonly Actor Self = Actor.Portal(Name);

    private BreakerTold? last;
    private bool begun;
    private DateTimeOffset? awayToldAt;
    private DateTimeOffset? awaySince;
    private long localEntriesTold;
    private bool isLocalTold;

    /// <summary>
    /// The breaker goes on from what was last told of it, should the store have lost it meanwhile. Before anybody asks it: a portal that begins would
    /// otherwise let creations through that were held.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The database is away; the next look tries again.</exception>
    public async Task RememberAsync(CancellationToken cancellationToken)
    {
        if (begun)
        {
            return;
        }

        last = await work.ReadAsync((unit, token) => unit.Store<IBreakerToldStore>().FindAsync(subject.Provider, token), cancellationToken);
        if (last is not null)
        {
            breaker.Remember(last.Circuit);
        }

        begun = true;
    }

    /// <exception cref="StoreUnavailableException">The database is away; what there is to tell is told next time.</exception>
    public async Task LookAsync(CancellationToken cancellationToken)
    {
        await RememberAsync(cancellationToken);
        CircuitReply reply = await breaker.CallAsync(new CircuitCall.Read(Circuit.EntriesKept), cancellationToken);
        BreakerView view = breaker.View;
        if (view.IsAway)
        {
            await TellAwayAsync(view, cancellationToken);
            return;
        }

        await TellBackAsync(reply, cancellationToken);
        await TellEntriesAsync(reply.Circuit, cancellationToken);
    }

    private bool TellsOfRedis => subject == BreakerSubject.RunPod;

    private async Task TellAwayAsync(BreakerView view, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        if (awaySince is null && now - view.AwaySince < Blip)
        {
            return;
        }

        if (awaySince is null || !(now - awayToldAt < AwayAgain))
        {
            string words = $"Redis does not answer: each portal guards creations by itself meanwhile. {view.AwayWhy}";
            await AppendAsync(
                TellsOfRedis
                    ? [Fact(BreakerEvents.RedisAway, words, EventSeverity.Error, new IncidentSignal(BreakerIncidents.RedisAway, BreakerIncidents.RedisSubject, words))]
                    : [],
                cancellationToken);
            localEntriesTold = awaySince is null ? view.Seed!.Entries : localEntriesTold;
            awaySince ??= view.AwaySince;
            awayToldAt = now;
        }

        CircuitEntry[] news = [.. view.Local!.History.Where(entry => entry.Number > localEntriesTold).Reverse()];
        OperationalEvent[] facts = [.. news.Select(entry => FactOf(entry, view.Local)).OfType<OperationalEvent>()];
        await AppendAsync(facts, cancellationToken);
        isLocalTold |= facts.Length > 0;
        localEntriesTold = view.Local.Entries;
    }

    private async Task TellBackAsync(CircuitReply reply, CancellationToken cancellationToken)
    {
        if (awaySince is not { } since)
        {
            return;
        }

        string whose = TellsOfRedis ? "the" : $"{subject.Name}'s";
        string words = $"Redis answers again, after {(clock.GetUtcNow() - since).TotalSeconds:0} s; {whose} breaker is {reply.Status switch
        {
            CircuitStatus.Closed => "closed",
            CircuitStatus.Isolated => "held open",
            _ => "open",
        }}";

        // The portal's own breaker may have told of an end that the shared one did not have.
        bool isOpen = reply.Circuit.IsOpen;
        Isolation? held = reply.Circuit.Isolation;
        IncidentSignal[] levels =
        [
            Level(BreakerIncidents.Open, isOpen ? $"{subject.Name}'s breaker is open" : $"{subject.Name}'s breaker is closed", isOpen),
            Level(BreakerIncidents.Isolated, held is null ? $"{subject.Name}'s breaker is not held open" : HeldBy(held.By, held.Reason), held is not null),
        ];
        IncidentSignal[] signals = TellsOfRedis ? [new IncidentSignal(BreakerIncidents.RedisAway, BreakerIncidents.RedisSubject, words, Over: true), .. levels] : levels;
        await AppendAsync(
            TellsOfRedis || isLocalTold ? [Fact(BreakerEvents.RedisBack, words, isOpen || held is not null ? EventSeverity.Error : EventSeverity.Info, signals)] : [],
            cancellationToken);
        isLocalTold = false;
        awaySince = null;
        awayToldAt = null;

        IncidentSignal Level(string rule, string text, bool lasts) => new(rule, subject.Provider, text, Over: !lasts);
    }

    private async Task TellEntriesAsync(Circuit circuit, CancellationToken cancellationToken)
    {
        if (last is { } same && same.Born == circuit.Born && same.Entries == circuit.Entries && same.Circuit.Probe == circuit.Probe
            && same.Circuit.Failures.SequenceEqual(circuit.Failures))
        {
            return;
        }

        BreakerTold next = new(circuit.Born, circuit.Entries, circuit);
        last = await work.RunAsync(
            async (unit, token) =>
            {
                IBreakerToldStore store = unit.Store<IBreakerToldStore>();
                BreakerTold? told = await store.FindAsync(subject.Provider, token);
                if (told?.Born == next.Born && told.Entries > next.Entries)
                {
                    return told;
                }

                if (!await store.SaveAsync(subject.Provider, told, next, token))
                {
                    throw new ConcurrentWriteException("What is told of the breaker was written meanwhile.");
                }

                foreach (CircuitEntry entry in circuit.History.Where(entry => told?.Born != next.Born || entry.Number > told.Entries).Reverse())
                {
                    if (FactOf(entry, circuit) is { } fact)
                    {
                        await unit.Events.AppendAsync(fact, token);
                    }
                }

                return next;
            },
            cancellationToken);
    }

    /// <summary>Null: the history alone keeps it.</summary>
    private OperationalEvent? FactOf(CircuitEntry entry, Circuit circuit)
    {
        string words = WordsOf(entry.Failures);
        return entry.Kind switch
        {
            CircuitEntryKinds.Opened => Opened(BreakerEvents.Opened, $"{subject.Name}'s breaker opened{UntilOf(entry, circuit)}: {words}"),
            CircuitEntryKinds.Reopened => Opened(BreakerEvents.Reopened, $"The creation that tried {subject.Name} out failed, its breaker stays open{UntilOf(entry, circuit)}: {words}"),
            CircuitEntryKinds.Prolonged => Opened(
                BreakerEvents.Prolonged, $"{subject.Name}'s breaker stays open longer{UntilOf(entry, circuit)}, as a portal found while Redis was away: {words}"),
            CircuitEntryKinds.Closed => Over(BreakerEvents.Closed, $"{subject.Name}'s breaker closed: {subject.Made}", BreakerIncidents.Open),
            CircuitEntryKinds.Isolated => Fact(
                BreakerEvents.Isolated,
                HeldBy(entry.By, entry.Reason),
                EventSeverity.Error,
                new IncidentSignal(BreakerIncidents.Isolated, subject.Provider, HeldBy(entry.By, entry.Reason))),
            CircuitEntryKinds.IsolationOver => Over(BreakerEvents.IsolationOver, $"{subject.Name}'s breaker is not held open any more: the time is over", BreakerIncidents.Isolated),
            CircuitEntryKinds.Reset => Over(
                BreakerEvents.Reset, $"{subject.Name}'s breaker was reset by {entry.By}: {entry.Reason}", BreakerIncidents.Open, BreakerIncidents.Isolated),
            _ => null,
        };

        OperationalEvent Opened(string kind, string text) =>
            Fact(kind, text, EventSeverity.Error, new IncidentSignal(BreakerIncidents.Open, subject.Provider, text));
    }

    private string HeldBy(string by, string reason) => $"{subject.Name}'s breaker is held open by {by}: {reason}";

    /// <summary>The provider mostly says the same to everybody: each text once, and how often.</summary>
    private static string WordsOf(IReadOnlyList<CircuitFailure> failures) => string.Join(
        "; ",
        failures.GroupBy(failure => failure.Words, StringComparer.Ordinal)
            .Select(group => group.Count() == 1 ? $"“{group.Key}”" : $"{group.Count()} × “{group.Key}”"));

    /// <summary>Only the newest of them says until when: an older one's time is over.</summary>
    private static string UntilOf(CircuitEntry entry, Circuit circuit) =>
        circuit is { IsOpen: true, OpenUntil: { } until } && circuit.History.FirstOrDefault(Opens)?.Number == entry.Number ? $" until {until:HH:mm} UTC" : "";

    private static bool Opens(CircuitEntry entry) => entry.Kind is CircuitEntryKinds.Opened or CircuitEntryKinds.Reopened or CircuitEntryKinds.Prolonged;

    private OperationalEvent Over(string kind, string text, params string[] rules) =>
        Fact(kind, text, EventSeverity.Info, [.. rules.Select(rule => new IncidentSignal(rule, subject.Provider, text, Over: true))]);

    private static OperationalEvent Fact(string kind, string message, EventSeverity severity, params IncidentSignal[] signals) => new()
    {
        Kind = kind,
        Message = message,
        Severity = severity,
        Actor = Self,
        Signals = signals,
    };

    private Task AppendAsync(OperationalEvent[] facts, CancellationToken cancellationToken) => facts.Length == 0
        ? Task.CompletedTask
        : work.RunAsync(
            async (unit, token) =>
            {
                foreach (OperationalEvent fact in facts)
                {
                    await unit.Events.AppendAsync(fact, token);
                }
            },
            cancellationToken);
}
