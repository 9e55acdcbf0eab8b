using LoraAdmin.Domain.Pods;
using Polly;

namespace LoraAdmin.Pods;

/// <summary>
/// The outermost strategy around a create call: looks once more, right before the call is sent, whether its permit holds. Between the question and the
/// call the process may have stood still, and a person may have stopped everything. The tries and their waits are the pod ledger's, because they must
/// survive a crash; the time-out per try is the wire's, because only the wire can tell whether the call was sent (docs/decisions/0025).
/// </summary>
internal sealed class CreationGateStrategy(ICreationGate gate) : ResilienceStrategy<CreateOutcome>
{
    public static readonly ResiliencePropertyKey<CreationPermit?> Permit = new("runpod.create.permit");

    public static ResiliencePipeline<CreateOutcome> Pipeline(ICreationGate gate, TimeProvider clock)
    {
        ResiliencePipelineBuilder<CreateOutcome> builder = new() { Name = "runpod.create", TimeProvider = clock };
        return builder.AddStrategy(_ => new CreationGateStrategy(gate), new GateOptions()).Build();
    }

    protected override async ValueTask<Outcome<CreateOutcome>> ExecuteCore<TState>(
        Func<ResilienceContext, TState, ValueTask<Outcome<CreateOutcome>>> callback, ResilienceContext context, TState state)
    {
        CreationPermit? permit = context.Properties.GetValue(Permit, null);
        return permit is not null && await gate.WhyWithdrawnAsync(permit, context.CancellationToken) is { } reason
            ? Outcome.FromResult<CreateOutcome>(new CreateOutcome.NotSent(reason))
            : await callback(context, state);
    }

    private sealed class GateOptions : ResilienceStrategyOptions
    {
        public GateOptions() => Name = "creation gate";
    }
}
