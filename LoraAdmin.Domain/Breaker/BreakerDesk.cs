using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Breaker;

/// <param name="Shared">False: Redis is away, and only this portal's own breaker has it until Redis is back.</param>
public sealed record BreakerCommandOutcome(CircuitReply Reply, bool Shared);

/// <summary>The commands that people give about a provider's breaker. Who gave them and why is kept as a fact.</summary>
public interface IBreakerDesk
{
    /// <summary>Holds it open.</summary>
    /// <param name="length">Null: until a reset.</param>
    /// <exception cref="StoreUnavailableException">The database is away: the command could not be noted, and nothing was changed.</exception>
    Task<BreakerCommandOutcome> IsolateAsync(BreakerSubject subject, string reason, TimeSpan? length, Actor actor, CancellationToken cancellationToken);

    /// <summary>Closes it and forgets its failures.</summary>
    /// <exception cref="StoreUnavailableException">The database is away: the command could not be noted, and nothing was changed.</exception>
    Task<BreakerCommandOutcome> ResetAsync(BreakerSubject subject, string reason, Actor actor, CancellationToken cancellationToken);
}

/// <inheritdoc cref="IBreakerDesk"/>
/// <param name="breakerOf">Each provider's breaker.</param>
public sealed class BreakerDesk(IUnitOfWork work, Func<BreakerSubject, IBreaker> breakerOf) : IBreakerDesk
{
    public Task<BreakerCommandOutcome> IsolateAsync(BreakerSubject subject, string reason, TimeSpan? length, Actor actor, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(subject);
        ArgumentNullException.ThrowIfNull(actor);
        string until = length is { } time ? $"for {time.TotalMinutes:0} minutes" : "until it is reset";
        string message = $"{actor.Name} holds {subject.Name}'s breaker open {until}: {reason}";
        return DoAsync(subject, new CircuitCall.Isolate(actor.Name, reason, length, ""), BreakerEvents.IsolateRequested, message, actor, cancellationToken);
    }

    public Task<BreakerCommandOutcome> ResetAsync(BreakerSubject subject, string reason, Actor actor, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(subject);
        ArgumentNullException.ThrowIfNull(actor);
        string message = $"{actor.Name} resets {subject.Name}'s breaker: {reason}";
        return DoAsync(subject, new CircuitCall.Reset(actor.Name, reason), BreakerEvents.ResetRequested, message, actor, cancellationToken);
    }

    /// <summary>The fact first: a command that nobody could trace is worse than one that has to be given again.</summary>
    private async Task<BreakerCommandOutcome> DoAsync(
        BreakerSubject subject, CircuitCall call, string kind, string message, Actor actor, CancellationToken cancellationToken)
    {
        await work.RunAsync(
            (unit, token) => unit.Events.AppendAsync(new OperationalEvent { Kind = kind, Message = message, Severity = EventSeverity.Warning, Actor = actor }, token),
            cancellationToken);
        IBreaker breaker = breakerOf(subject);
        CircuitReply reply = await breaker.CallAsync(call, cancellationToken);
        return new BreakerCommandOutcome(reply, !breaker.View.IsAway);
    }
}
