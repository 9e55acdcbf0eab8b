using System.Globalization;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>
/// Holds the totals of days and months against the ledger's entries. They are written with each entry and can't differ unless somebody wrote past the
/// portal or the portal has a bug: then the entries are right, the total is mended, and people are told.
/// </summary>
/// <param name="permission">What a person needs to run it.</param>
public sealed class TotalsCheck(IUnitOfWork work, TimeProvider clock, string permission) : IItemOperation
{
    public const string Key = "budget.totals";

    public OperationInfo Info { get; } = new(
        Key,
        "Check of the ledger's totals",
        "Adds up every entry of the ledger and holds the totals of days and months against it. A total that is not what its entries come to is mended, "
        + "and told as an error.",
        "0 50 5 * * ?",
        permission);

    public async Task<Planning> PlanAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        IReadOnlyList<WrongTotal> wrong = await work.ReadAsync(
            (unit, token) => unit.Store<IKeptTotalsStore>().FindWrongAsync(PlanDraft.MostItems, token), cancellationToken);
        return new Planning.Planned(PlanDraft.OfItems(now, [.. wrong.Select(static one => new PlanItem(one.Which.ToString(), "mend", Words(one)))]));
    }

    public Task ApplyAsync(PlanItem item, IItemTurn turn, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(item);
        ArgumentNullException.ThrowIfNull(turn);
        return turn.EndAsync(
            async (unit, token) =>
            {
                if (await unit.Store<IKeptTotalsStore>().MendAsync(KeptTotal.Parse(item.Target), token) is not { } mended)
                {
                    return ItemOutcome.Ineligible("It is what its entries come to");
                }

                if (await unit.Store<IKeptTotalsStore>().MendAsync(mended.Which, token) is { } still)
                {
                    throw new InvalidOperationException($"It is wrong still after it was mended, so nothing was changed: {Words(still)}");
                }

                string words = $"The total {mended.Which} was wrong and is mended: {Words(mended)}";
                IncidentSignal wrong = new(BudgetIncidents.TotalsWrong, mended.Which.ToString(), words);
                await unit.Events.AppendAsync(BudgetFacts.Of(BudgetEvents.TotalMended, words, turn.Actor, EventSeverity.Error, wrong), token);
                return new ItemOutcome(ItemEnd.Done, Words(mended));
            },
            cancellationToken);
    }

    public async Task<IReadOnlyList<Figure>> MeasureAsync(IUnit unit, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        EntrySums sums = await unit.Store<IKeptTotalsStore>().SumAsync(cancellationToken);
        return
        [
            new Figure("Entries in the totals of days", sums.Entries.ToString(CultureInfo.InvariantCulture)),
            new Figure("Spent, by the months' rows", sums.Spent.ToExact()),
            new Figure("Reserved, by the months' rows", sums.Reserved.ToExact()),
        ];
    }

    /// <summary>Each item has added its total up once more: a second look over the whole ledger would say no more.</summary>
    public Task<string?> CheckAsync(IUnit unit, CancellationToken cancellationToken) => Task.FromResult<string?>(null);

    /// <summary>What was mended is an incident until a whole look finds nothing to mend: one that comes back is not over.</summary>
    public IReadOnlyList<IncidentSignal> EndedBy(PlanDraft plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return plan.IsEmpty ? [IncidentSignal.OverExcept(BudgetIncidents.TotalsWrong, [], "Every total is what its entries come to")] : [];
    }

    private static string Words(WrongTotal one) => $"It says {Words(one.Kept, one.Which)}; its entries come to {Words(one.Right, one.Which)}";

    private static string Words(EntrySums sums, KeptTotal of)
    {
        string money = $"{sums.Spent.ToExact()} spent and {sums.Reserved.ToExact()} reserved";
        return of.Of is null ? money : string.Create(CultureInfo.InvariantCulture, $"{money} by {sums.Entries} entries");
    }
}
