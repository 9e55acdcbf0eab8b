using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>How money is booked that an attempt costs beyond what was reserved for it.</summary>
/// <param name="Kind"><see cref="EntryKind.Leak"/> or <see cref="EntryKind.PriceChange"/>.</param>
/// <param name="Pod">Name in the pod ledger of the pod that took it.</param>
public sealed record Excess(EntryKind Kind, CostPurpose Purpose, string? Pod, string Note);

/// <summary>What becomes of a reservation, and what the ledger says of it. Pure: a store writes it as it is, or not at all.</summary>
public static class ReservationBooks
{
    public static BudgetEntry Reserve(Reservation reservation)
    {
        ArgumentNullException.ThrowIfNull(reservation);
        return Entry(reservation, "reserve", EntryKind.Reserve, reservation.CreatedAt) with { Reserved = reservation.Amount };
    }

    /// <summary>Of the entry by which the attempt reserved.</summary>
    public static string KeyOfReserve(JobId job, int attempt) => KeyOf("reserve", job, attempt, null);

    /// <param name="more">By how much the reservation is raised.</param>
    public static ReservationChange TopUp(Reservation open, Usd more, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(open);
        Reservation after = open with { Amount = open.Amount + more };
        return new ReservationChange(open, after, [Entry(open, "topup", EntryKind.TopUp, now, after.Amount.Micros) with { Reserved = more }]);
    }

    /// <summary>
    /// Books what an attempt has cost by now and was not booked yet: out of its reservation while that lasts, which a settled one does not, and the rest in
    /// the calendar's month.
    /// </summary>
    /// <param name="cost">All that the attempt has cost.</param>
    /// <param name="excess">How the rest is booked.</param>
    /// <returns>Null: there is nothing new.</returns>
    public static ReservationChange? Accrue(Reservation reservation, Usd cost, Func<Excess> excess, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(reservation);
        ArgumentNullException.ThrowIfNull(excess);
        Usd more = cost - reservation.Accrued - reservation.Beyond;
        if (more <= Usd.Zero)
        {
            return null;
        }

        Usd within = Min(more, reservation.Rest);
        Usd beyond = more - within;
        Reservation after = reservation with
        {
            Accrued = reservation.Accrued + within,
            AccruedAt = now,
            Beyond = reservation.Beyond + beyond,
            Actual = reservation.Actual + beyond,
        };
        List<BudgetEntry> entries = [];
        if (within > Usd.Zero)
        {
            entries.Add(Entry(reservation, "accrue", EntryKind.Accrue, now, after.Accrued.Micros) with { Spent = within, Reserved = Usd.Zero - within });
        }

        if (beyond > Usd.Zero)
        {
            entries.Add(Outside(reservation, excess(), beyond, after.Beyond.Micros.ToString(System.Globalization.CultureInfo.InvariantCulture), now));
        }

        return new ReservationChange(reservation, after, entries);
    }

    /// <summary>
    /// Takes back what a settled attempt did not cost after all: first what was booked beyond its reservation, in the calendar's month, and then what was
    /// paid out of it, in the reservation's.
    /// </summary>
    /// <param name="cost">All that the attempt has cost.</param>
    /// <param name="booked">What the ledger has beyond the reservation.</param>
    /// <param name="pod">Name in the pod ledger of the pod that it is about.</param>
    /// <returns>Null: there is nothing to take back.</returns>
    public static ReservationChange? TakeBack(
        Reservation settled, Usd cost, IReadOnlyList<BudgetEntry> booked, string pod, string note, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(settled);
        ArgumentNullException.ThrowIfNull(booked);
        CostSplit paid = settled.Split ?? CostSplit.Nothing;
        Usd over = settled.Accrued + settled.Beyond - cost;
        Usd beyond = Min(over, settled.Beyond);
        Usd within = Min(over - beyond, paid.Sum);
        if (beyond + within <= Usd.Zero)
        {
            return null;
        }

        CostSplit left = paid.Without(within);
        Reservation after = settled with
        {
            Accrued = settled.Accrued - within,
            Beyond = settled.Beyond - beyond,
            Actual = settled.Actual - beyond - within,
            Split = settled.Split is null ? null : left,
        };
        string which = FormattableString.Invariant($"back:{now.ToUnixTimeMilliseconds()}");
        List<BudgetEntry> entries = [.. Back(settled, booked, beyond, pod, note, which, now)];
        entries.AddRange(paid.Parts.Zip(left.Parts, static (was, part) => (was.Purpose, Change: part.Amount - was.Amount))
            .Where(static part => part.Change != Usd.Zero)
            .Select(part => Entry(settled, "settle", EntryKind.Settle, now, $"{which}:{part.Purpose.ToString().ToLowerInvariant()}") with
            {
                Spent = part.Change,
                Pod = pod,
                Purpose = part.Purpose,
                Note = note,
            }));
        return new ReservationChange(settled, after, entries);
    }

    /// <summary>Turns an open reservation into what was really spent, in the reservation's month; what it does not cover, in the calendar's.</summary>
    /// <param name="split">All that the attempt cost.</param>
    /// <param name="excess">How more than is booked beyond it by now is booked.</param>
    /// <param name="booked">What the ledger has beyond the reservation; null: nothing.</param>
    public static ReservationChange Settle(
        Reservation open, CostSplit split, Func<Excess> excess, DateTimeOffset now, IReadOnlyList<BudgetEntry>? booked = null)
    {
        ArgumentNullException.ThrowIfNull(open);
        ArgumentNullException.ThrowIfNull(split);
        ArgumentNullException.ThrowIfNull(excess);
        Usd actual = split.Sum;
        Usd more = actual - open.Accrued - open.Beyond;

        // Less than was accrued: a guess at a running price was too high. What was booked beyond the reservation is taken back first.
        Usd beyond = more > open.Rest ? open.Beyond + more - open.Rest
            : more < Usd.Zero ? Max(open.Beyond + more, Usd.Zero)
            : open.Beyond;
        CostSplit within = split.UpTo(actual - beyond);
        Reservation after = open with { Accrued = within.Sum, Beyond = beyond, Actual = actual, SettledAt = now, Split = within };
        List<BudgetEntry> entries =
        [
            Entry(open, "settle", EntryKind.Settle, now) with { Spent = Usd.Zero - open.Accrued, Reserved = Usd.Zero - open.Rest },
            .. within.Parts.Where(static part => part.Amount > Usd.Zero).Select(part =>
                Entry(open, "settle", EntryKind.Settle, now, part.Purpose.ToString().ToLowerInvariant()) with { Spent = part.Amount, Purpose = part.Purpose }),
        ];
        if (beyond > open.Beyond)
        {
            entries.Add(Outside(open, excess(), beyond - open.Beyond, "settled", now));
        }
        else
        {
            string note = $"Attempt {open.Attempt} of job {open.Job} cost less beyond its reservation than had been booked";
            entries.AddRange(Back(open, booked ?? [], open.Beyond - beyond, null, note, "settled", now));
        }

        return new ReservationChange(open, after, entries);
    }

    private static Usd Max(Usd a, Usd b) => a > b ? a : b;

    private static Usd Min(Usd a, Usd b) => a < b ? a : b;

    /// <summary>
    /// Takes back in the kinds and for the purposes in which it was booked, so that these come to what was really paid: the pod's own first, then what was
    /// booked last.
    /// </summary>
    private static IEnumerable<BudgetEntry> Back(
        Reservation reservation, IReadOnlyList<BudgetEntry> booked, Usd less, string? pod, string note, string which, DateTimeOffset now)
    {
        IEnumerable<(Excess Of, Usd Sum)> parts = booked
            .GroupBy(static entry => (entry.Kind, Purpose: entry.Purpose ?? CostPurpose.Orphan, entry.Pod))
            .OrderByDescending(group => pod is not null && group.Key.Pod == pod)
            .ThenByDescending(static group => group.Max(static entry => entry.At))
            .ThenBy(static group => group.Key.Pod, StringComparer.Ordinal)
            .ThenBy(static group => (group.Key.Kind, group.Key.Purpose))
            .Select(group => (
                new Excess(group.Key.Kind, group.Key.Purpose, group.Key.Pod, note),
                group.Aggregate(Usd.Zero, static (sum, entry) => sum + entry.Spent)));
        int number = 0;

        // Whatever the entries say, all of it is taken back.
        foreach ((Excess of, Usd sum) in parts.Append((new Excess(EntryKind.Leak, CostPurpose.Orphan, pod, note), less)))
        {
            Usd part = Min(sum, less);
            if (part > Usd.Zero)
            {
                less -= part;
                yield return Outside(reservation, of, Usd.Zero - part, number == 0 ? which : FormattableString.Invariant($"{which}:{number}"), now);
                number++;
            }
        }
    }

    private static BudgetEntry Outside(Reservation reservation, Excess excess, Usd amount, string which, DateTimeOffset now) =>
        Entry(reservation, "beyond", excess.Kind, now, which) with
        {
            Month = Month.Of(now),
            Spent = amount,
            Pod = excess.Pod,
            Purpose = excess.Purpose,
            Note = excess.Note,
        };

    private static BudgetEntry Entry(Reservation reservation, string what, EntryKind kind, DateTimeOffset at, object? which = null) => new()
    {
        Key = KeyOf(what, reservation.Job, reservation.Attempt, which),
        Month = reservation.Month,
        At = at,
        Kind = kind,
        Job = reservation.Job,
        Attempt = reservation.Attempt,
    };

    private static string KeyOf(string what, JobId job, int attempt, object? which) =>
        FormattableString.Invariant($"{what}:{job}:{attempt}{(which is null ? "" : $":{which}")}");
}
