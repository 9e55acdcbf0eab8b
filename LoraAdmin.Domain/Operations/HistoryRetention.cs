using System.Globalization;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Operations;

/// <summary>
/// Deletes old runs, each operation by itself: the newest of each stay however old they are, so that the history of a monthly operation is not
/// displaced by a minutely one. Instants older than the year's picture and plans that nobody applied go with it.
/// </summary>
/// <param name="permission">Domain's word for who may run it.</param>
public sealed class HistoryRetention(IUnitOfWork work, TimeProvider clock, Func<OperationRules> rules, string permission) : IItemOperation
{
    public const string Key = "operations.history";

    /// <summary>So that no transaction holds the database for long.</summary>
    private const int RowsAtOnce = 200;

    /// <summary>The item beside those of the operations: instants and plans.</summary>
    private const string Leftovers = "instants and plans";

    private static readonly TimeSpan KeepPlansFor = TimeSpan.FromDays(7);

    public OperationInfo Info { get; } = new(
        Key,
        "Clean up history",
        "Deletes runs that are both old and beyond the newest of their own operation, with their log lines and plans, and scheduled instants of more than a year ago.",
        "0 40 4 * * ?",
        permission)
    {
        IsDestructive = true,
    };

    public async Task<Planning> PlanAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        DateTimeOffset before = now - rules().KeepRunsFor;
        int keep = rules().KeepRuns;
        (IReadOnlyList<OldRuns> old, bool anyLeftovers) = await work.ReadAsync(
            async (unit, token) => (await unit.Store<IOperationRunStore>().CountOldAsync(before, keep, token), await AnyLeftoversAsync(unit, now, token)), cancellationToken);
        List<PlanItem> items =
        [
            .. old.Select(one => new PlanItem(
                one.Operation, "delete", $"{one.Count} runs since {one.Oldest:yyyy-MM-dd} are older than {before:yyyy-MM-dd} and beyond the newest {keep}")
            {
                // The rank is taken once: what becomes old while the plan waits is not in it.
                Detail = Millis(one.Newest.AddMilliseconds(1)),
            }),
        ];
        if (anyLeftovers)
        {
            string reason = $"Instants before {now - OperationRules.KeepOccurrencesFor:yyyy-MM-dd} and plans that nobody applied within {KeepPlansFor.Days} days";
            items.Add(new PlanItem(Leftovers, "delete", reason) { Detail = Millis(now) });
        }

        return new Planning.Planned(PlanDraft.OfItems(now, items));
    }

    public async Task ApplyAsync(PlanItem item, IItemTurn turn, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(item);
        ArgumentNullException.ThrowIfNull(turn);
        if (item.Target == Leftovers)
        {
            await LeftoversAsync(ReadMillis(item), turn, cancellationToken);
            return;
        }

        DateTimeOffset before = ReadMillis(item);
        int keep = rules().KeepRuns;
        IReadOnlyList<OldRuns> old = await work.ReadAsync((unit, token) => unit.Store<IOperationRunStore>().CountOldAsync(before, keep, token), cancellationToken);
        long left = old.FirstOrDefault(one => one.Operation == item.Target)?.Count ?? 0;
        int gone = 0;
        for (; left > RowsAtOnce; left -= RowsAtOnce)
        {
            gone += await turn.RunAsync(
                (unit, token) => unit.Store<IOperationRunStore>().DeleteOldAsync(item.Target, before, keep, RowsAtOnce, token), cancellationToken);
        }

        // The last of them together with the item's end: whoever goes on after a crash finds either both or neither.
        await turn.EndAsync(
            async (unit, token) =>
            {
                int all = gone + await unit.Store<IOperationRunStore>().DeleteOldAsync(item.Target, before, keep, RowsAtOnce, token);
                return all > 0 ? new ItemOutcome(ItemEnd.Done, $"{all} runs") : ItemOutcome.Ineligible("Nothing of it was left");
            },
            cancellationToken);
    }

    public Task<IReadOnlyList<Figure>> MeasureAsync(IUnit unit, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<Figure>>([]);

    public Task<string?> CheckAsync(IUnit unit, CancellationToken cancellationToken) => Task.FromResult<string?>(null);

    private static string Millis(DateTimeOffset instant) => instant.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);

    private static DateTimeOffset ReadMillis(PlanItem item) => DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(item.Detail!, CultureInfo.InvariantCulture));

    private static async Task<bool> AnyLeftoversAsync(IUnit unit, DateTimeOffset asOf, CancellationToken cancellationToken) =>
        await unit.Store<IOccurrenceStore>().AnyBeforeAsync(asOf - OperationRules.KeepOccurrencesFor, cancellationToken)
        || await unit.Store<IOperationPlanStore>().AnyUntakenAsync(asOf - KeepPlansFor, cancellationToken);

    /// <param name="asOf">The instant of the look.</param>
    private static async Task LeftoversAsync(DateTimeOffset asOf, IItemTurn turn, CancellationToken cancellationToken)
    {
        int last;
        do
        {
            last = await turn.RunAsync(
                (unit, token) => unit.Store<IOccurrenceStore>().DeleteBeforeAsync(asOf - OperationRules.KeepOccurrencesFor, RowsAtOnce, token), cancellationToken);
        }
        while (last == RowsAtOnce);
        do
        {
            last = await turn.RunAsync((unit, token) => unit.Store<IOperationPlanStore>().DeleteUntakenAsync(asOf - KeepPlansFor, RowsAtOnce, token), cancellationToken);
        }
        while (last == RowsAtOnce);
        await turn.EndAsync(static (_, _) => Task.FromResult(ItemOutcome.Done), cancellationToken);
    }
}
