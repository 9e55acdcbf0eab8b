using System.Text.Json;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <summary>Keeps why a pod's bills can't be counted: what is not corrected today is shown as that until a reading has bills that can, or none at all.</summary>
internal static class BillHolds
{
    public const string Hold = "hold";
    public const string Free = "free";

    /// <summary>What a person reads of a pod whose bills are held back: why, and what helps.</summary>
    public static string WordsOf(string hold) =>
        $"{hold}: nothing is corrected while RunPod says so. It is read anew every day; if it stays, show it to RunPod's support, who can put the bill right";

    /// <summary>What changes of the hold of a pod; null: nothing, or its bills are kept or booked now, which ends it.</summary>
    /// <param name="isTaken">Its bills are kept or booked by another item.</param>
    public static PlanItem? ItemOf(PodMoney money, bool isTaken, DateTimeOffset readAt)
    {
        if (isTaken || money.Row is not { IsLetOut: false } pod || money.Rows.All(row => row.BillHold == money.Hold))
        {
            return null;
        }

        (string action, string reason) = money.Hold is { } why ? (Hold, $"{why}: nothing of it is kept or booked") : (Free, "What held its bills back is over");
        return new PlanItem(money.PodId, action, reason) { Label = pod.Name, Detail = JsonSerializer.Serialize(new Noted(money.Hold, readAt)) };
    }

    public static async Task<ItemOutcome> NoteAsync(IUnit unit, PlanItem item, CancellationToken cancellationToken)
    {
        Noted noted = JsonSerializer.Deserialize<Noted>(item.Detail!)!;
        IPodLedger ledger = unit.Store<IPodLedger>();
        await ledger.NoteBillHoldAsync(item.Target, noted.Why, noted.ReadAt, cancellationToken);
        IReadOnlyList<LedgerPod> rows = await ledger.ListByPodIdsAsync([item.Target], cancellationToken);
        return rows.All(row => row.BillHold == noted.Why) ? ItemOutcome.Done : ItemOutcome.Ineligible("A later look has found otherwise");
    }

    private sealed record Noted(string? Why, DateTimeOffset ReadAt);
}
