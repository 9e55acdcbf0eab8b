using LoraAdmin.Domain.Breaker;

namespace LoraAdmin.Tests.Simulation.Memory;

/// <summary>What Redis is to the breaker: one state for all workers, atomic steps, a clock of its own, and bad moments.</summary>
public sealed class MemoryCircuitStore(TimeProvider clock, Func<BreakerRules> rules) : ICircuitStore
{
    public Circuit State { get; set; } = Circuit.Fresh;

    /// <summary>Until then it does not answer.</summary>
    public DateTimeOffset? AwayUntil { get; set; }

    public int Calls { get; private set; }

    /// <summary>It was restarted and has nothing any more.</summary>
    public void Lose() => State = Circuit.Fresh;

    public Task<StoreAnswer> CallAsync(CircuitCall call, CancellationToken cancellationToken)
    {
        Calls++;
        DateTimeOffset now = DateTimeOffset.FromUnixTimeMilliseconds(clock.GetUtcNow().ToUnixTimeMilliseconds());
        if (now < AwayUntil)
        {
            return Task.FromResult<StoreAnswer>(new StoreAnswer.Away("Redis can't be reached."));
        }

        if (call is CircuitCall.Check && State is { IsOpen: false, Isolation: null, Failures.Count: 0 } && State.Mark == call.Seen)
        {
            return Task.FromResult<StoreAnswer>(new StoreAnswer.Unchanged());
        }

        CircuitReply reply = CircuitMachine.Apply(State, call, now, rules());
        State = reply.Circuit;
        int wanted = call is CircuitCall.Read read ? read.Entries : 0;
        return Task.FromResult<StoreAnswer>(new StoreAnswer.Answered(reply with { Circuit = reply.Circuit with { History = [.. reply.Circuit.History.Take(wanted)] } }));
    }
}

internal sealed class MemoryBreakerToldStore(MemoryDatabase database) : IBreakerToldStore
{
    public Task<BreakerTold?> FindAsync(CancellationToken cancellationToken) => Task.FromResult(database.BreakerTold.Find(1));

    public Task<bool> SaveAsync(BreakerTold? before, BreakerTold next, CancellationToken cancellationToken)
    {
        BreakerTold? present = database.BreakerTold.Find(1);
        if ((present?.Born, present?.Entries) != (before?.Born, before?.Entries))
        {
            return Task.FromResult(false);
        }

        database.BreakerTold.Set(1, next);
        return Task.FromResult(true);
    }
}
