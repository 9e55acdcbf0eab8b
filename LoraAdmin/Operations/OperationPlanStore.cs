using LoraAdmin.Domain.Operations;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Operations;

/// <inheritdoc cref="IOperationPlanStore"/>
internal sealed class OperationPlanStore(LoraDb db) : IOperationPlanStore
{
    private DbSet<OperationPlanRow> Rows => db.Set<OperationPlanRow>();

    private DbSet<OperationPlanItemRow> Items => db.Set<OperationPlanItemRow>();

    public static async Task DeleteAsync(LoraDb db, List<Guid> plans, CancellationToken cancellationToken)
    {
        await db.Set<OperationPlanItemRow>().Where(row => plans.Contains(row.PlanId)).ExecuteDeleteAsync(cancellationToken);
        await db.Set<OperationPlanRow>().Where(row => plans.Contains(row.Id)).ExecuteDeleteAsync(cancellationToken);
    }

    public Task AddAsync(OperationPlan plan, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(plan);
        db.AddNew([OperationPlanRow.From(plan), .. plan.Draft.Items.Select((item, index) => OperationPlanItemRow.From(plan.Id, index + 1, item))]);
        return db.SendNewAsync(cancellationToken);
    }

    public async Task<OperationPlan?> FindAsync(Guid id, CancellationToken cancellationToken) =>
        (await Rows.AsNoTracking().SingleOrDefaultAsync(row => row.Id == id, cancellationToken))?.ToPlan();

    public async Task<IReadOnlyList<OperationPlan>> ListAsync(IReadOnlyList<Guid> ids, CancellationToken cancellationToken)
    {
        List<Guid> wanted = [.. ids];
        return (await Rows.AsNoTracking().Where(row => wanted.Contains(row.Id)).ToListAsync(cancellationToken)).ConvertAll(row => row.ToPlan());
    }

    public async Task<IReadOnlyList<PlannedItem>> ListItemsAsync(Guid plan, int after, int most, CancellationToken cancellationToken) =>
        (await Items.AsNoTracking().Where(row => row.PlanId == plan && row.Number > after).OrderBy(row => row.Number).Take(most).ToListAsync(cancellationToken))
            .ConvertAll(row => row.ToItem());

    public async Task<bool> TryTakeAsync(Guid plan, Guid run, CancellationToken cancellationToken) =>
        await Rows.Where(row => row.Id == plan && (row.State == PlanState.Open || row.State == PlanState.AwaitsApproval)).ExecuteUpdateAsync(
            set => set.SetProperty(row => row.State, PlanState.Taken).SetProperty(row => row.RunId, (Guid?)run), cancellationToken) > 0;

    public Task HandOnAsync(Guid plan, Guid run, CancellationToken cancellationToken) =>
        Rows.Where(row => row.Id == plan).ExecuteUpdateAsync(set => set.SetProperty(row => row.RunId, (Guid?)run), cancellationToken);

    public async Task<bool> TryEndItemAsync(Guid plan, int number, ItemOutcome outcome, DateTimeOffset at, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(outcome);
        ItemEnd? end = outcome.End;
        long? ended = at.ToMillis();
        return await Items.Where(row => row.PlanId == plan && row.Number == number && row.Outcome == null).ExecuteUpdateAsync(
            set => set.SetProperty(row => row.Outcome, end).SetProperty(row => row.OutcomeWhy, outcome.Why).SetProperty(row => row.EndedAt, ended),
            cancellationToken) > 0;
    }

    public Task SupersedeAsync(string operation, DateTimeOffset asOf, DateTimeOffset now, CancellationToken cancellationToken)
    {
        long look = asOf.ToMillis();
        long present = now.ToMillis();
        return Rows
            .Where(row => row.RunId == null && row.Operation == operation && row.State == PlanState.AwaitsApproval && (row.AsOf <= look || row.AsOf > present))
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.State, PlanState.Superseded), cancellationToken);
    }

    public async Task<IReadOnlyList<OperationPlan>> ListAwaitingAsync(CancellationToken cancellationToken) =>
        (await Rows.AsNoTracking()
            .Where(row => row.RunId == null && row.State == PlanState.AwaitsApproval)
            .OrderBy(row => row.MadeAt).ThenBy(row => row.Id)
            .ToListAsync(cancellationToken)).ConvertAll(row => row.ToPlan());

    public Task<bool> AnyUntakenAsync(DateTimeOffset madeBefore, CancellationToken cancellationToken) => Untaken(madeBefore).AnyAsync(cancellationToken);

    public async Task<int> DeleteUntakenAsync(DateTimeOffset madeBefore, int most, CancellationToken cancellationToken)
    {
        List<Guid> old = await Untaken(madeBefore).OrderBy(row => row.MadeAt).Take(most).Select(row => row.Id).ToListAsync(cancellationToken);
        await DeleteAsync(db, old, cancellationToken);
        return old.Count;
    }

    private IQueryable<OperationPlanRow> Untaken(DateTimeOffset madeBefore)
    {
        long before = madeBefore.ToMillis();
        return Rows.Where(row => row.RunId == null && row.MadeAt < before && row.State != PlanState.AwaitsApproval);
    }
}
