namespace LoraAdmin.Domain.Breaker;

/// <summary>What one worker knows of the breaker.</summary>
/// <param name="Known">The shared state when it last answered, by this worker's clock.</param>
/// <param name="Local">Set while the store is away: what this worker goes by.</param>
/// <param name="Seed">What <paramref name="Local"/> began as: the difference is this worker's own finding.</param>
/// <param name="AwayWhy">For a person.</param>
/// <param name="AskAgainAt">Before this the store is not asked: nobody waits for it twice.</param>
public sealed record BreakerView(Circuit Known, Circuit? Local, Circuit? Seed, DateTimeOffset? AwaySince, string? AwayWhy, DateTimeOffset AskAgainAt)
{
    public static readonly BreakerView Begin = new(Circuit.Fresh, null, null, null, null, DateTimeOffset.MinValue);

    public Circuit Circuit => Local ?? Known;

    public bool IsAway => Local is not null;
}

/// <summary>
/// The breaker that every worker shares, and a breaker of this worker's own by the same rules while the store is away: seeded with the last known
/// state, and brought to the store when it is back, where the stricter of both holds (C6). The same way a store that has lost its data gets it back.
/// </summary>
public sealed class SharedBreaker(ICircuitStore store, string worker, Func<BreakerRules> rules, TimeProvider clock, BreakerView? begin = null) : IBreaker
{
    /// <summary>How long the store is left alone after it did not answer.</summary>
    public static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(1);

    /// <summary>Clocks that differ by less count as one: instants that people see then don't waver with the network.</summary>
    private static readonly TimeSpan SameClock = TimeSpan.FromSeconds(2);

    private readonly Lock gate = new();
    private BreakerView view = begin ?? BreakerView.Begin;

    public BreakerView View
    {
        get
        {
            lock (gate)
            {
                return view;
            }
        }
    }

    /// <summary>What the breaker was when the portal last looked: a store that has lost it since gets it back.</summary>
    public void Remember(Circuit circuit)
    {
        lock (gate)
        {
            if (view is { Known.Born.Length: 0, Local: null })
            {
                view = view with { Known = circuit };
            }
        }
    }

    public async Task<CircuitReply> CallAsync(CircuitCall call, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(call);
        BreakerView before = View;
        if (before.IsAway)
        {
            if (Now() < before.AskAgainAt)
            {
                return Locally(call);
            }

            if (FindingsOf(before) is { } findings)
            {
                if (!await BringAsync(findings, cancellationToken))
                {
                    return Locally(call);
                }

                before = View;
            }
        }

        StoreAnswer answer = await store.CallAsync(call, cancellationToken);
        if (answer is StoreAnswer.Answered { Reply: var first } && HasLost(before.Known, first.Circuit))
        {
            if (!await BringAsync(before.Known, cancellationToken))
            {
                return Locally(call);
            }

            // It was answered without what the store had forgotten. A result stands; a check and a reset have to see what was brought.
            bool again = call is CircuitCall.Check or CircuitCall.Read or CircuitCall.Reset;
            answer = await store.CallAsync(again ? call : new CircuitCall.Read(0), cancellationToken);
            answer = !again && answer is StoreAnswer.Answered { Reply: var now } ? new StoreAnswer.Answered(now with { Answer = first.Answer }) : answer;
        }

        switch (answer)
        {
            case StoreAnswer.Answered { Reply: var reply }:
                return Know(reply);
            case StoreAnswer.Away away:
                GoAway(away.Why);
                return Locally(call);
            default:
                throw new NotSupportedException($"Unknown answer {answer.GetType().Name}.");
        }
    }

    /// <summary>The store's data is another life's: it was restarted empty.</summary>
    private static bool HasLost(Circuit known, Circuit answered) => known.Born.Length > 0 && known.Born != answered.Born;

    /// <summary>What this worker found out by itself; null: nothing that the store could not know.</summary>
    private static Circuit? FindingsOf(BreakerView view)
    {
        Circuit local = view.Local!;
        HashSet<string> seeded = [.. view.Seed!.Failures.Select(failure => failure.Id)];
        return local.Generation != view.Seed.Generation || local.Failures.Any(failure => !seeded.Contains(failure.Id)) ? local : null;
    }

    private async Task<bool> BringAsync(Circuit findings, CancellationToken cancellationToken)
    {
        switch (await store.CallAsync(new CircuitCall.Merge(worker, findings, Now()), cancellationToken))
        {
            case StoreAnswer.Answered { Reply: var merged }:
                Know(merged);
                return true;
            case StoreAnswer.Away away:
                GoAway(away.Why);
                return false;
            default:
                return false;
        }
    }

    private CircuitReply Know(CircuitReply reply)
    {
        DateTimeOffset now = Now();
        TimeSpan ahead = now - reply.Now;
        ahead = ahead.Duration() < SameClock ? TimeSpan.Zero : ahead;
        CircuitReply ours = new(reply.Answer, reply.Circuit.ByClock(ahead), reply.Now + ahead);
        lock (gate)
        {
            // Most verbs don't ask for the history: what was last read of it is still what happened.
            bool unasked = ours.Circuit.History.Count == 0 && view.Known.Born == ours.Circuit.Born;
            view = BreakerView.Begin with { Known = unasked ? ours.Circuit with { History = view.Known.History } : ours.Circuit };
        }

        return ours;
    }

    private void GoAway(string why)
    {
        DateTimeOffset now = Now();
        lock (gate)
        {
            view = view.IsAway
                ? view with { AwayWhy = why, AskAgainAt = now + AskAgainAfter }
                : new BreakerView(view.Known, view.Known, view.Known, now, why, now + AskAgainAfter);
        }
    }

    private CircuitReply Locally(CircuitCall call)
    {
        DateTimeOffset now = Now();
        lock (gate)
        {
            CircuitReply reply = CircuitMachine.Apply(view.Circuit, call, now, rules());
            view = view.IsAway ? view with { Local = reply.Circuit } : view;
            return reply;
        }
    }

    /// <summary>The scripts count in whole milliseconds, and so does this.</summary>
    private DateTimeOffset Now() => DateTimeOffset.FromUnixTimeMilliseconds(clock.GetUtcNow().ToUnixTimeMilliseconds());
}
