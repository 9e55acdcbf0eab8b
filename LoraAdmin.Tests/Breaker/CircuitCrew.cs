using LoraAdmin.Domain.Breaker;

namespace LoraAdmin.Tests.Breaker;

/// <summary>One worker as the explorer sees it.</summary>
/// <param name="Permit">Of the creation that it is about; null: none.</param>
/// <param name="FromRedis">Whether Redis gave it, and has not lost its data since.</param>
internal sealed record ExploredWorker(BreakerView View, BreakerPermit? Permit, DateTimeOffset PermitUntil, bool FromRedis, int Creations)
{
    public static readonly ExploredWorker Fresh = new(BreakerView.Begin, null, DateTimeOffset.MinValue, false, 0);
}

/// <summary>Everything that decides what can happen next.</summary>
/// <param name="Shared">What Redis has; a real one keeps it itself.</param>
internal sealed record ExploredState(Circuit Shared, bool IsUp, DateTimeOffset Now, ExploredWorker[] Workers)
{
    public ExploredState With(int index, ExploredWorker worker)
    {
        ExploredWorker[] workers = [.. Workers];
        workers[index] = worker;
        return this with { Workers = workers };
    }
}

internal enum ExploredDeed
{
    Pass,
    Toggle,
    Lose,
    Isolate,
    IsolateForEver,
    Reset,
    Check,
    Fail,
    Succeed,
    Ignore,

    /// <summary>The provider does not accept the worker's key.</summary>
    Refuse,
    Die,
}

/// <param name="Unheard">Redis does what it is asked, and its answers are lost.</param>
internal sealed record ExploredStep(ExploredDeed Deed, int Worker = 0, TimeSpan Time = default, bool Unheard = false)
{
    public override string ToString() => Deed == ExploredDeed.Pass ? $"{Time.TotalMilliseconds:0} ms pass" : $"{Deed} by w{Worker}{(Unheard ? " unheard" : "")}";
}

/// <summary>A world whose clock shows what it is told: the explorer goes back to states that it has left.</summary>
internal sealed class AnyClock : TimeProvider
{
    public DateTimeOffset Now { get; set; } = DateTimeOffset.UnixEpoch.AddYears(56);

    public override DateTimeOffset GetUtcNow() => Now;
}

/// <summary>
/// Three workers, a person and a Redis that comes and goes: does one step after the other with the very code that the portal runs. Workers 0 and 1 have
/// one key of the provider, worker 2 has another.
/// </summary>
/// <param name="called">Told of each verb: the state before, the state after, the worker as it was, and what it heard.</param>
internal sealed class CircuitCrew(ICircuitStore redis, AnyClock clock, Action<ExploredStep, ExploredState, ExploredState, CircuitCall, CircuitReply>? called = null)
{
    public const int Workers = 3;

    public static readonly BreakerRules Rules = new(3, TimeSpan.FromSeconds(100), TimeSpan.FromSeconds(300), TimeSpan.FromSeconds(50), null);
    public static readonly TimeSpan IsolatedFor = TimeSpan.FromSeconds(150);

    private readonly UnsteadyStore store = new(redis);

    public async Task<ExploredState> StepAsync(ExploredState state, ExploredStep step)
    {
        ExploredWorker worker = state.Workers[step.Worker];
        string name = $"w{step.Worker}";
        string key = step.Worker == 2 ? "key b" : "key a";
        switch (step.Deed)
        {
            case ExploredDeed.Pass:
                return state with { Now = state.Now + step.Time };

            case ExploredDeed.Toggle:
                return state with { IsUp = !state.IsUp };

            case ExploredDeed.Lose:
                return state with { Shared = Circuit.Fresh, Workers = [.. state.Workers.Select(one => one with { FromRedis = false })] };

            case ExploredDeed.Isolate or ExploredDeed.IsolateForEver:
                return (await CallAsync(state, step, new CircuitCall.Isolate("ada", "why", step.Deed == ExploredDeed.Isolate ? IsolatedFor : null, ""))).State;

            case ExploredDeed.Reset:
                return (await CallAsync(state, step, new CircuitCall.Reset("ada", "why"))).State;

            case ExploredDeed.Die:
                // Whoever comes after it knows nothing, and the permit dies with it.
                return state.With(step.Worker, ExploredWorker.Fresh with { Creations = worker.Creations });

            case ExploredDeed.Check:
            {
                string token = $"{name}-{worker.Creations % 2}";
                (ExploredState after, CircuitReply reply) = await CallAsync(state, step, new CircuitCall.Check(token, name, key));
                if (reply.Answer is not (CircuitAnswers.Go or CircuitAnswers.Probe))
                {
                    return after;
                }

                ExploredWorker allowed = after.Workers[step.Worker];
                return after.With(step.Worker, allowed with
                {
                    Permit = new BreakerPermit(reply.Circuit.Generation, token, reply.Answer == CircuitAnswers.Probe),
                    PermitUntil = after.Now + Rules.ProbeLease,
                    FromRedis = !allowed.View.IsAway,
                    Creations = worker.Creations + 1,
                });
            }

            default:
            {
                FailureEffect effect = step.Deed switch
                {
                    ExploredDeed.Ignore => FailureEffect.Ignored, ExploredDeed.Refuse => FailureEffect.Isolated, _ => FailureEffect.Counted,
                };
                CircuitCall call = step.Deed == ExploredDeed.Succeed
                    ? new CircuitCall.Success(worker.Permit!, name)
                    : new CircuitCall.Failure(worker.Permit!, $"{name}-{worker.Creations}", name, "503", effect, key);
                ExploredState after = (await CallAsync(state, step, call)).State;
                return after.With(step.Worker, after.Workers[step.Worker] with { Permit = null, PermitUntil = DateTimeOffset.MinValue, FromRedis = false });
            }
        }
    }

    public async Task<(ExploredState State, CircuitReply Reply)> CallAsync(ExploredState state, ExploredStep step, CircuitCall call)
    {
        clock.Now = state.Now;
        store.IsUp = state.IsUp;
        store.Unheard = step.Unheard;
        MemoryRedis? memory = redis as MemoryRedis;
        memory?.Put(state.Shared);
        ExploredWorker worker = state.Workers[step.Worker];
        SharedBreaker breaker = new(store, $"w{step.Worker}", () => Rules, clock, worker.View);
        CircuitReply reply = await breaker.CallAsync(call, CancellationToken.None);
        ExploredState after = (state with { Shared = memory?.Take() ?? state.Shared }).With(step.Worker, worker with { View = memory?.Trim(breaker.View) ?? breaker.View });
        called?.Invoke(step, state, after, call, reply);
        return (after, reply);
    }
}

/// <summary>A Redis that is away, or that does what it is asked without being heard.</summary>
internal sealed class UnsteadyStore(ICircuitStore redis) : ICircuitStore
{
    public bool IsUp { get; set; } = true;

    public bool Unheard { get; set; }

    public async Task<StoreAnswer> CallAsync(CircuitCall call, CancellationToken cancellationToken)
    {
        if (!IsUp)
        {
            return new StoreAnswer.Away("away");
        }

        StoreAnswer answer = await redis.CallAsync(call, cancellationToken);
        return Unheard ? new StoreAnswer.Away("unheard") : answer;
    }
}

/// <summary>A Redis in memory that can be put back to any state.</summary>
/// <param name="keep">So many entries of each history are kept: what happened long ago decides nothing.</param>
internal sealed class MemoryRedis(AnyClock clock, int keep) : ICircuitStore
{
    private readonly Simulation.Memory.MemoryCircuitStore store = new(clock, () => CircuitCrew.Rules);

    public Task<StoreAnswer> CallAsync(CircuitCall call, CancellationToken cancellationToken) => store.CallAsync(call, cancellationToken);

    public void Put(Circuit shared) => store.State = shared;

    public Circuit Take() => Trim(store.State);

    public BreakerView Trim(BreakerView view) => view with
    {
        Known = Trim(view.Known),
        Local = view.Local is null ? null : Trim(view.Local),
        Seed = view.Seed is null ? null : Trim(view.Seed),
    };

    private Circuit Trim(Circuit circuit) => circuit.History.Count <= keep ? circuit : circuit with { History = [.. circuit.History.Take(keep)] };
}
