using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Pods;

/// <summary>
/// Puts the newest ledger over the loop's last look: a wish or a claim shows at once, although the account is listed only once a minute. A pure
/// function, so that every state of the page can be proven without a database.
/// </summary>
public static class PodQueriesBoard
{
    public static PodsBoard Of(
        AccountLook look, IReadOnlyList<LedgerPod> open, IReadOnlyList<PodClaim> claims, Lister? lister, string installation, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(look);
        ArgumentNullException.ThrowIfNull(open);
        IEnumerable<BoardPod> pods = look.ListedAt is { } listedAt
            ? Listed(look, listedAt, open, claims, installation, now)
            : open.Where(row => row.PodId is not null).Select(row => FromLedger(row, now));
        return new PodsBoard(
            [
                .. pods.Concat(open.Where(row => row.PodId is null).Select(row => Nameless(row, now)))
                    .OrderBy(Rank).ThenByDescending(pod => pod.CostSoFar).ThenBy(pod => pod.Key, StringComparer.Ordinal),
            ],
            look,
            lister,
            now);
    }

    private static IEnumerable<BoardPod> Listed(
        AccountLook look, DateTimeOffset listedAt, IReadOnlyList<LedgerPod> open, IReadOnlyList<PodClaim> claims, string installation, DateTimeOffset now)
    {
        // A pod whose row has been closed since the listing is gone; only who was a stranger then may be one now.
        HashSet<string> known = [.. open.Select(row => row.PodId).OfType<string>()];
        HashSet<string> names = [.. open.Where(row => row.PodId is null).Select(row => row.Name)];
        List<ProviderPod> pods =
        [
            .. look.Pods
                .Where(listed => !listed.IsKnown || known.Contains(listed.Pod.Id) || names.Contains(listed.Pod.Name))
                .Select(listed => listed.Pod),
        ];
        foreach (CountedPod pod in PodCensus.Count(new PodListing.Complete(pods, listedAt), open, claims, installation, now))
        {
            // A row that is younger than the listing can't be in it.
            yield return pod is { Class: PodClass.Vanished, Row: { } row } && row.RequestedAt >= listedAt
                ? FromLedger(row, now)
                : Board(pod.Class, pod.Pod, pod.Row, pod.Reason, pod.Why, listedAt, now);
        }
    }

    private static BoardPod FromLedger(LedgerPod row, DateTimeOffset now)
    {
        (PodClass found, string why) = row.Want switch
        {
            PodWant.Released => (PodClass.Orphan, "Its job is over; it is being ended"),
            PodWant.Held => (PodClass.Held, PodCensus.WhyKept(row, row.Saw == PodSaw.Exited, now)),
            _ when row.LiveUntil < now => (PodClass.Orphan, "It outlived boot, training and retrieval together"),
            _ => (PodClass.Needed, "Its job works with it"),
        };
        return Board(found, null, row, row.WantReason, why, null, now);
    }

    /// <summary>Asked for, and the provider has given no id: waited for, or watched in case it turns up after all.</summary>
    private static BoardPod Nameless(LedgerPod row, DateTimeOffset now) => row.Want == PodWant.Released
        ? Board(PodClass.Vanished, null, row, row.WantReason, "Its create call was never clearly answered: watched in case it turns up", null, now)
        : Board(PodClass.Needed, null, row, row.WantReason, "Asked for; the provider has not given it an id yet", null, now);

    private static BoardPod Board(PodClass found, ProviderPod? pod, LedgerPod? row, string? reason, string why, DateTimeOffset? listedAt, DateTimeOffset now)
    {
        DateTimeOffset? since = row?.CreatedAt ?? pod?.CreatedAt ?? row?.RequestedAt;

        // The account's list says nothing of a stopped pod's mount; the row goes on by what it costs, as the budget does.
        Usd? rate = row?.HourlyRate ?? pod?.HourlyRate;
        Usd cost = row?.CostUntil(now) ?? (pod is { CostsSince: { } from } ? pod.HourlyRate.PerHourFor(now - from) : Usd.Zero);
        BoardPod board = new(
            found,
            pod?.Id ?? row?.PodId,
            pod?.Name ?? row!.Name,
            row is { IsStray: false } ? row.Job : PodNames.Parse(pod?.Name ?? row!.Name)?.Job,
            row?.GpuType is { Length: > 0 } type ? type : pod?.GpuType,
            pod?.StatusText,
            since,
            row is { PodId: null } && pod is null ? null : rate,
            cost,
            Usd.Zero,
            reason,
            why,
            pod is not null ? listedAt : row?.LastSeenAt,
            row);
        return board.IsWaste ? board with { Burned = BurnedBy(board, pod?.CostsSince ?? since, now) } : board;
    }

    /// <summary>Counts from the moment since which nothing needs the pod.</summary>
    /// <param name="costsSince">Of one that nothing ever needed: since when it costs its price.</param>
    private static Usd BurnedBy(BoardPod pod, DateTimeOffset? costsSince, DateTimeOffset now)
    {
        DateTimeOffset? from = pod.Row switch
        {
            { Want: not PodWant.Needed, WantSince: { } since } => since,
            { LiveUntil: { } until } => until,
            _ => costsSince,
        };
        Usd burned = (from, pod) switch
        {
            ({ } start, { Row: { PodId: not null } row }) => row.CostUntil(now) - CostBefore(row, start),
            ({ } start, { HourlyRate: { } rate }) => rate.PerHourFor(now - start),
            _ => Usd.Zero,
        };
        return burned < pod.CostSoFar ? burned : pod.CostSoFar;
    }

    /// <summary>The row knows what was billed before its price changed as one sum: before that moment an even pace is taken.</summary>
    private static Usd CostBefore(LedgerPod row, DateTimeOffset moment)
    {
        DateTimeOffset made = row.CreatedAt ?? row.RequestedAt;
        return row.BilledUntil is { } billed && moment < billed && made < billed
            ? new Usd((long)(row.Billed.Micros * Math.Max(0, (moment - made) / (billed - made))))
            : row.CostUntil(moment);
    }

    /// <summary>What a person should see first.</summary>
    private static int Rank(BoardPod pod) => pod switch
    {
        { IsLeaking: true } => 0,
        { Class: PodClass.Orphan } => 1,
        { Class: PodClass.Unknown } => 2,
        { Class: PodClass.Held } => 3,
        { Class: PodClass.Vanished, IsInDoubt: false } => 4,
        { Class: PodClass.Needed } => 5,
        { IsInDoubt: true } => 6,
        _ => 7,
    };
}
