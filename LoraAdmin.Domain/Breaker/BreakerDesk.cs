using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Breaker;

/// <param name="Shared">False: Redis is away, and only this portal's own breaker has it until Redis is back.</param>
public sealed record BreakerCommandOutcome(CircuitReply Reply, bool Shared);

/// <summary>The commands that people give about the breaker. Who gave them and why is kept as a fact.</summary>
public interface IBreakerDesk
{
    /// <summary>Holds it open.</summary>
    /// <param name="length">Null: until a reset.</param>
    /// <exception cref="StoreUnavailableException">The database is away: the command could not be noted, and nothing was changed.</exception>
    Task<BreakerCommandOutcome> IsolateAsync(string reason, TimeSpan? length, Actor actor, CancellationToken cancellationToken);

    /// <summary>Closes it and forgets its failures.</summary>
    /// <exception cref="StoreUnavailableException">The database is away: the command could not be noted, and nothing was changed.</exception>
    Task<BreakerCommandOutcome> ResetAsync(string reason, Actor actor, CancellationToken cancellationToken);
}

/// <inheritdoc cref="IBreakerDesk"/>
public sealed class BreakerDesk(IUnitOfWork work, IBreaker breaker) : IBreakerDesk
{
    public Task<BreakerCommandOutcome> IsolateAsync(string reason, TimeSpan? length, Actor actor, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(actor);
        string until = length is { } time ? $"for {time.TotalMinutes:0} minutes" : "until it is reset";
        return DoAsync(
            new CircuitCall.Isolate(actor.Name, reason, length, ""), BreakerEvents.IsolateRequested, $"{actor.Name} holds the breaker open {until}: {reason}", actor, cancellationToken);
    }

    public Task<BreakerCommandOutcome> ResetAsync(string reason, Actor actor, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(actor);
        return DoAsync(new CircuitCall.Reset(actor.Name, reason), BreakerEvents.ResetRequested, $"{actor.Name} resets the breaker: {reason}", actor, cancellationToken);
    }

    /// <summary>The fact first: a command that nobody could trace is worse than one that has to be given again.</summary>
    private async Task<BreakerCommandOutcome> DoAsync(CircuitCall call, string kind, string message, Actor actor, CancellationToken cancellationToken)
    {
        await work.RunAsync(
            (unit, token) => unit.Events.AppendAsync(new OperationalEvent { Kind = kind, Message = message, Severity = EventSeverity.Warning, Actor = actor }, token),
            cancellationToken);
        CircuitReply reply = await breaker.CallAsync(call, cancellationToken);
        return new BreakerCommandOutcome(reply, !breaker.View.IsAway);
    }
}
