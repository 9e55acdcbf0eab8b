using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <summary>What is known of one pod's money.</summary>
/// <param name="Rows">The ledger's rows of the provider's id; empty: the ledger never had it.</param>
/// <param name="Kept">Bills that are kept, in order of their days.</param>
/// <param name="Records">The same with what was just read in their place.</param>
/// <param name="Booked">What it cost by our own clock, as far as it is booked without corrections.</param>
/// <param name="Corrected">Sum of the corrections that were booked for it.</param>
/// <param name="Corrections">How many there were.</param>
/// <param name="Reservations">Those of its attempts; none where it was taken over, or nobody knew it.</param>
/// <param name="Unbooked">
/// What it cost when its attempt had been settled, and is in no entry yet, or, negative, what was booked too much: the settlement's loop puts it right.
/// </param>
public sealed record PodMoney(
    string PodId,
    IReadOnlyList<LedgerPod> Rows,
    IReadOnlyList<BillRecord> Kept,
    IReadOnlyList<BillRecord> Records,
    Usd Booked,
    Usd Corrected,
    int Corrections,
    IReadOnlyList<Reservation> Reservations,
    Usd Unbooked)
{
    /// <summary>Why what it was billed is not known, in one sentence: nothing of it is corrected; null: nothing is held back.</summary>
    public string? Hold { get; init; }

    public bool IsSettled => Reservations.All(static one => one.SettledAt is not null);

    public Usd? Billed => Records.Count == 0 ? null : Records.Aggregate(Usd.Zero, (sum, record) => sum + record.Total);

    /// <summary>The row that corrections are booked under: the newest one that is kept of the id.</summary>
    public LedgerPod? Row => Rows.Count == 0 ? null : Rows[^1];
}

/// <summary>
/// Holds the provider's bills against what was booked. A pod is corrected when everything about it is over: it is verified gone, its last day is closed for
/// <see cref="ClosedAfter"/>, its attempt is settled, no day of its life lacks its bill, and no bill of it is held back. Everything else is only shown.
/// </summary>
public static class PodBills
{
    /// <summary>
    /// How long after a day's end its bills are taken for complete. The provider charges about every five minutes and promises nothing about how late a
    /// record may come.
    /// </summary>
    public static readonly TimeSpan ClosedAfter = TimeSpan.FromHours(6);

    public static PodDrift Judge(PodMoney money, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(money);
        if (money.Row is not { } row)
        {
            const string others = "The ledger never had this pod: it is another's on the same account";
            return new PodDrift(money.PodId, null, null, null, Usd.Zero, Usd.Zero, money.Billed, DriftState.NotOurs, others, null);
        }

        if (row.IsLetOut)
        {
            return new PodDrift(
                money.PodId, row.Name, null, null, Usd.Zero, Usd.Zero, money.Billed, DriftState.NotOurs, "A person said that it is not ours", null);
        }

        (DriftState state, string why) = StateOf(money, now);
        DateTimeOffset? goneAt = money.Rows.All(one => one.Saw == PodSaw.Gone) ? money.Rows.Max(one => one.GoneAt) : null;
        return new PodDrift(
            money.PodId, row.Name, row.IsStray ? null : row.Job, row.IsStray ? null : row.Attempt, money.Booked, money.Corrected, money.Billed, state, why, goneAt);
    }

    /// <summary>What a person should know of the pod's bills besides: it is never booked for itself.</summary>
    public static IEnumerable<BillOddity> Oddities(PodMoney money, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(money);
        if (money.Row is null)
        {
            yield return new BillOddity(
                BillOddityKind.UnknownPod,
                money.PodId,
                null,
                $"Pod {money.PodId} is billed at {(money.Billed ?? Usd.Zero).ToExact()}, and the ledger never had it: "
                + "another's on this account, or one that nobody knows");
            yield break;
        }

        if (money.Row.IsLetOut || !IsClosed(money, now, out DateTimeOffset goneAt))
        {
            yield break;
        }

        if (BillGaps.First(money) is { } gap)
        {
            yield return new BillOddity(
                BillOddityKind.Gap,
                money.PodId,
                gap,
                $"The day {gap:yyyy-MM-dd} of pod {money.PodId} has no bill although the pod was there: it is not corrected until the bill comes");
        }

        if (money.Records.FirstOrDefault(record => record.BucketStart > goneAt) is { } late)
        {
            yield return new BillOddity(
                BillOddityKind.AfterGone,
                money.PodId,
                late.BucketStart,
                $"Pod {money.PodId} is billed for {late.BucketStart:yyyy-MM-dd}, and was verified gone at {goneAt:yyyy-MM-dd HH:mm}: "
                + "look at it in RunPod's console");
        }
    }

    private static (DriftState State, string Why) StateOf(PodMoney money, DateTimeOffset now)
    {
        if (money.Rows.Any(row => row.Saw != PodSaw.Gone))
        {
            return (DriftState.Alive, "The pod is not verified gone: its bill still grows");
        }

        if (!IsClosed(money, now, out DateTimeOffset goneAt))
        {
            return (DriftState.Waiting, $"The bill of its last day is taken for complete from {ClosedAt(goneAt):yyyy-MM-dd HH:mm} UTC on");
        }

        if (money.Hold is { } hold)
        {
            return (DriftState.HeldBack, BillHolds.WordsOf(hold));
        }

        if (BillGaps.First(money) is { } gap)
        {
            return (DriftState.Incomplete, money.Records.Count == 0 ? "No bill of it can be counted" : $"The day {gap:yyyy-MM-dd} has no bill that can be counted");
        }

        if (money.Unbooked != Usd.Zero)
        {
            return (DriftState.Unsettled, money.Unbooked > Usd.Zero
                ? $"{money.Unbooked.ToExact()} that it cost when its attempt had been settled is not booked yet"
                : $"{(Usd.Zero - money.Unbooked).ToExact()} that it did not cost when its attempt had been settled is not taken back yet");
        }

        if (money.Billed is not { } billed)
        {
            return (DriftState.Agrees, "It cost less than a cent a day, for which a bill may be lacking");
        }

        Usd uncorrected = billed - money.Booked - money.Corrected;
        return uncorrected == Usd.Zero ? (DriftState.Agrees, "What is booked is what was billed")
            : !money.IsSettled ? (DriftState.Unsettled, "Its attempt is not settled yet")
            : (DriftState.Differs, $"The next run of the reconciliation books {uncorrected.ToExact()}");
    }

    private static bool IsClosed(PodMoney money, DateTimeOffset now, out DateTimeOffset goneAt)
    {
        goneAt = money.Rows.Max(row => row.GoneAt) ?? DateTimeOffset.MinValue;
        return money.Rows.All(row => row is { Saw: PodSaw.Gone, GoneAt: not null }) && now >= ClosedAt(goneAt);
    }

    private static DateTimeOffset ClosedAt(DateTimeOffset goneAt) => BillRecord.BucketOf(goneAt) + BillRecord.Bucket + ClosedAfter;
}
