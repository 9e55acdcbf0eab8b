using System.Globalization;
using System.Text.Json;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <summary>J1 as an operation: the hourly, recorded run of <see cref="PodSweep"/>, which the pod loop also lets run every minute.</summary>
/// <param name="permission">What a person needs to run it and to approve what the caps hold back.</param>
public sealed class PodSweepOperation(PodSweep sweep, TimeProvider clock, string permission) : IItemOperation
{
    public const string Key = PodSweep.OperationKey;

    public OperationInfo Info { get; } = new(
        Key,
        "Sweep of orphaned pods",
        "Ends pods that cost money and that nothing needs, or stops and keeps them when their trained file may be nowhere else. The same policy runs every minute; this run is the recorded one.",
        "0 0 * * * ?",
        permission)
    {
        IsDestructive = true,
        Actions = new Dictionary<string, string>
        {
            [SweepAction.Terminate.ToWords()] = "the pod is ended, and with it all that lies on it",
            [SweepAction.Hold.ToWords()] = "the pod is stopped and kept, since a trained file may lie on it alone. The portal starts it every hour, for a quarter of an hour at its full price, to fetch that file, and ends it then; after 7 days a person decides",
            [SweepAction.Prolong.ToWords()] = "the pod is given time once, since its job still wants its file",
            [SweepAction.Undecided.ToWords()] = "the pod is beyond the caps, and nobody has asked for its file yet; that is done when its turn comes",
        },
        Money = new MoneyMeaning("/h", "what the pod costs per hour now"),
        DoneMeans = new DoneMeaning(
            string.Create(
                CultureInfo.InvariantCulture,
                $"What is to become of each pod is written down. The pod loop then asks RunPod for it, at most {PodWatch.EndsPerListing} ends at a time, and stays with each pod until it is stopped or verified gone."),
            "Pods",
            "/pods"),
        PausesToo = "The loop that sweeps every minute stops too: pods that nothing needs run on and cost money until the sweep is resumed, or a person ends them on the page Pods.",
    };

    public async Task<Planning> PlanAsync(CancellationToken cancellationToken)
    {
        switch (await sweep.PlanAsync(cancellationToken))
        {
            case SweepPlanning.CouldNotRead unread:
                return new Planning.CouldNotRead($"RunPod's account can't be listed: {unread.Error.Words}", "See its words and the remedy on the pods page");
            case SweepPlanning.Planned planned:
                SweepRoom room = planned.Plan.Room!;
                PlanDraft plan = PlanDraft.OfItems(planned.Plan.AsOf, [.. planned.Plan.Items.Select(ToItem)]) with
                {
                    Totals =
                    [
                        Cap("Ended by the sweep in the last hour", room.Ended.Kills, room.Ended.HourlyPrice),
                        Cap("Left of its caps, which count only what is ended", room.KillsLeft, room.HourlyPriceLeft),
                    ],
                };
                return new Planning.Planned(planned.Plan.WithinCaps < planned.Plan.Items.Count
                    ? plan with { WithinCaps = planned.Plan.WithinCaps, CapWords = room.Words }
                    : plan);
            default:
                throw new NotSupportedException("A planning is planned or could not read.");
        }
    }

    public Task ApplyAsync(PlanItem item, IItemTurn turn, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(item);
        ArgumentNullException.ThrowIfNull(turn);
        SweepItem swept = JsonSerializer.Deserialize<SweepItem>(item.Detail!)!;
        return turn.EndAsync(
            async (unit, token) => await sweep.ApplyAsync(unit, swept, turn.Actor, turn.IsApproved, token) is { } why ? ItemOutcome.Ineligible(why) : ItemOutcome.Done, cancellationToken);
    }

    public async Task<IReadOnlyList<Figure>> MeasureAsync(IUnit unit, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        DateTimeOffset now = clock.GetUtcNow();
        IReadOnlyList<LedgerPod> alive = await unit.Store<IPodLedger>().ListAliveAsync(cancellationToken);
        return
        [
            Count("Pods in the ledger that a job is said to need", alive.Where(pod => pod.Want == PodWant.Needed)),
            Count("Of these, past their lifetime", alive.Where(pod => pod.Want == PodWant.Needed && pod.LiveUntil < now)),
            Count("Pods that are to end and are not verified gone yet", alive.Where(pod => pod.Want == PodWant.Released)),
            Count("Pods kept for their file", alive.Where(pod => pod.Want == PodWant.Held)),
        ];
    }

    public Task<string?> CheckAsync(IUnit unit, CancellationToken cancellationToken) => Task.FromResult<string?>(null);

    private static Figure Cap(string name, int pods, Usd hourly) =>
        new(name, FormattableString.Invariant($"{pods} {(pods == 1 ? "pod" : "pods")}, {hourly}/h"));

    private static Figure Count(string name, IEnumerable<LedgerPod> pods) => new(name, pods.Count().ToString(CultureInfo.InvariantCulture));

    private static PlanItem ToItem(SweepItem item) => new(item.PodId, item.Action.ToWords(), $"{item.Why}. Proof about its file: {item.Proof.Words()}")
    {
        Label = item.Name,
        Money = item.HourlyRate,
        Detail = JsonSerializer.Serialize(item),
    };
}
