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
/// state, and brought to the store when it is back, where the stricter of both holds (C6). A store that has lost its data gets back what is known of it.
/// </summary>
/// <param name="within">A call waits for the store no longer than this, whatever has to be brought to it first; null: as long as the store takes.</param>
public sealed class SharedBreaker(
    ICircuitStore store, string worker, Func<BreakerRules> rules, TimeProvider clock, BreakerView? begin = null, TimeSpan? within = null) : IBreaker
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
        if (before.IsAway && Now() < before.AskAgainAt)
        {
            return Locally(call);
        }

        long began = clock.GetTimestamp();
        CircuitFindings? found = before is { Seed: { } seed, Local: { } local } ? CircuitFindings.Of(seed, local) : null;
        StoreAnswer answer = found is null ? await AskAsync(call, began, cancellationToken)
            : await AskAsync(new CircuitCall.Merge(worker, found, Now()), began, cancellationToken) is StoreAnswer.Away silent ? silent
            : await AskAsync(call, began, cancellationToken);
        switch (answer)
        {
            case StoreAnswer.Answered { Reply: var reply }:
                return Know(reply, before.Local);
            case StoreAnswer.Away away:
                GoAway(away.Why);
                return Locally(call);
            default:
                throw new NotSupportedException($"Unknown answer {answer.GetType().Name}.");
        }
    }

    /// <summary>Asks as somebody who has seen the store before: one that has less gets it back, and is asked again.</summary>
    private async Task<StoreAnswer> AskAsync(CircuitCall call, long began, CancellationToken cancellationToken)
    {
        StoreAnswer answer = await SendAsync(call, began, cancellationToken);
        if (IsLost(answer))
        {
            StoreAnswer restored = await SendAsync(new CircuitCall.Restore(worker, View.Known, Now()), began, cancellationToken);
            answer = restored is StoreAnswer.Away ? restored : await SendAsync(call, began, cancellationToken);
        }

        return IsLost(answer) ? new StoreAnswer.Away("Redis loses what it is given.") : answer;
    }

    private static bool IsLost(StoreAnswer answer) => answer is StoreAnswer.Answered { Reply.Answer: CircuitAnswers.Lost };

    private async Task<StoreAnswer> SendAsync(CircuitCall call, long began, CancellationToken cancellationToken)
    {
        Circuit known = View.Known;
        StoreAnswer answer = await CallAsync(call is CircuitCall.Restore ? call : call with { Seen = known.Mark }, began, cancellationToken);
        if (answer is not StoreAnswer.Unchanged)
        {
            return answer;
        }

        if (StoreAnswer.Unchanged.Of(known, Now()) is { } reply)
        {
            return new StoreAnswer.Answered(reply);
        }

        answer = await CallAsync(call with { Seen = CircuitMark.None }, began, cancellationToken);
        return answer is StoreAnswer.Unchanged ? new StoreAnswer.Answered(StoreAnswer.Unchanged.Of(Circuit.Fresh, Now())!) : answer;
    }

    private async Task<StoreAnswer> CallAsync(CircuitCall knowing, long began, CancellationToken cancellationToken)
    {
        if (within is not { } limit)
        {
            return await store.CallAsync(knowing, cancellationToken);
        }

        TimeSpan left = limit - clock.GetElapsedTime(began);
        try
        {
            return left > TimeSpan.Zero ? await store.CallAsync(knowing, cancellationToken).WaitAsync(left, clock, cancellationToken) : TooSlow(limit);
        }
        catch (TimeoutException)
        {
            return TooSlow(limit);
        }
    }

    private static StoreAnswer.Away TooSlow(TimeSpan limit) => new($"Redis did not answer within {limit.TotalMilliseconds:0} ms.");

    /// <param name="brought">The worker's own breaker whose findings the store has got; null: it had none.</param>
    private CircuitReply Know(CircuitReply reply, Circuit? brought)
    {
        DateTimeOffset now = Now();
        TimeSpan ahead = now - reply.Now;
        ahead = ahead.Duration() < SameClock ? TimeSpan.Zero : ahead;
        CircuitReply ours = new(reply.Answer, reply.Circuit.ByClock(ahead), reply.Now + ahead);
        lock (gate)
        {
            if (view is { Seed: { } seed, Local: { } local } && CircuitFindings.Of(seed, local) is not null
                && (local.Generation, local.Entries, local.Failures.Count) != (brought?.Generation, brought?.Entries, brought?.Failures.Count))
            {
                // Another call was not answered meanwhile, and what was found then is not brought yet: the next call does.
                return ours;
            }

            // Answers may be heard in another order than they were given: what the worker has seen is not unseen by an earlier one.
            if (ours.Circuit.IsBehind(view.Known.Mark))
            {
                view = BreakerView.Begin with { Known = view.Known };
                return ours;
            }

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
