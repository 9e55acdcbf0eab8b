using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Tests.Doubles;

/// <summary>An operation without the engine around it, for tests that are about what the operation does.</summary>
internal static class ItemOperations
{
    /// <summary>Plans, and applies every item.</summary>
    /// <returns>The outcome of each item, in the plan's order.</returns>
    public static async Task<IReadOnlyList<ItemOutcome>> RunOnceAsync(this IItemOperation operation, IUnitOfWork work, CancellationToken cancellationToken)
    {
        Planning.Planned planned = (Planning.Planned)await operation.PlanAsync(cancellationToken);
        return await operation.ApplyAllAsync(planned.Plan, work, cancellationToken);
    }

    /// <summary>Applies every item of a plan that was made before.</summary>
    public static async Task<IReadOnlyList<ItemOutcome>> ApplyAllAsync(
        this IItemOperation operation, PlanDraft plan, IUnitOfWork work, CancellationToken cancellationToken)
    {
        List<ItemOutcome> outcomes = [];
        await Each.InTurnAsync(
            plan.Items,
            async (item, token) =>
            {
                Turn turn = new(work, Actor.Portal(operation.Info.Key));
                await operation.ApplyAsync(item, turn, token);
                outcomes.Add(turn.Outcome!);
            },
            cancellationToken);
        return outcomes;
    }

    private sealed class Turn(IUnitOfWork work, Actor actor) : IItemTurn
    {
        public ItemOutcome? Outcome { get; private set; }

        public Actor Actor => actor;

        public bool IsApproved => false;

        public Task<T> RunAsync<T>(Func<IUnit, CancellationToken, Task<T>> act, CancellationToken cancellationToken) => work.RunAsync(act, cancellationToken);

        public async Task EndAsync(Func<IUnit, CancellationToken, Task<ItemOutcome>> act, CancellationToken cancellationToken) =>
            Outcome = await work.RunAsync(act, cancellationToken);
    }
}
