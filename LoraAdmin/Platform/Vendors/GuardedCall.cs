using Polly;

namespace LoraAdmin.Platform.Vendors;

/// <summary>
/// The pipeline around a call that makes something which costs money: looks once more, right before the call is sent, whether its permit holds. Between the
/// question and the call the process may have stood still, and a person may have stopped everything. The tries and their waits are the ledger's, because they must
/// survive a crash; the time-out per try is the wire's, because only the wire can tell whether the call was sent (docs/decisions/0025).
/// </summary>
/// <param name="name">Of the call, for telemetry.</param>
/// <param name="look">The outcome in place of a call whose permit was withdrawn; null: it holds.</param>
internal sealed class GuardedCall<TPermit, TOutcome>(string name, Func<TPermit, CancellationToken, Task<TOutcome?>> look, TimeProvider clock)
    where TPermit : class
    where TOutcome : class
{
    private static readonly ResiliencePropertyKey<TPermit?> Permit = new("permit");

    private readonly ResiliencePipeline<TOutcome> pipeline = new ResiliencePipelineBuilder<TOutcome> { Name = name, TimeProvider = clock }
        .AddStrategy(_ => new Strategy(look), new StrategyOptions())
        .Build();

    /// <param name="permit">Null: the call needs none.</param>
    public async Task<TOutcome> SendAsync<TCall>(TPermit? permit, TCall call, Func<TCall, CancellationToken, Task<TOutcome>> send, CancellationToken cancellationToken)
    {
        ResilienceContext context = ResilienceContextPool.Shared.Get(cancellationToken);
        context.Properties.Set(Permit, permit);
        try
        {
            return await pipeline.ExecuteAsync(static async (running, state) => await state.Send(state.Call, running.CancellationToken), context, (Send: send, Call: call));
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    private sealed class Strategy(Func<TPermit, CancellationToken, Task<TOutcome?>> look) : ResilienceStrategy<TOutcome>
    {
        protected override async ValueTask<Outcome<TOutcome>> ExecuteCore<TState>(
            Func<ResilienceContext, TState, ValueTask<Outcome<TOutcome>>> callback, ResilienceContext context, TState state) =>
            context.Properties.GetValue(Permit, null) is { } permit && await look(permit, context.CancellationToken) is { } withdrawn
                ? Outcome.FromResult(withdrawn)
                : await callback(context, state);
    }

    private sealed class StrategyOptions : ResilienceStrategyOptions
    {
        public StrategyOptions() => Name = "last look at the permit";
    }
}
