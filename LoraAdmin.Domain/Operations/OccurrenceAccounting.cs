namespace LoraAdmin.Domain.Operations;

/// <summary>What is known when an operation's instants are accounted for.</summary>
/// <param name="Instants">Those after the mark and up to now, oldest first.</param>
/// <param name="IsWhole">False: there are more instants up to now than these.</param>
/// <param name="Known">Rows of instants after the mark.</param>
/// <param name="AsleepFrom">Nobody was awake from here until now; null: somebody was.</param>
/// <param name="Held">Why the operation does not run by itself at an instant; null: it does.</param>
public sealed record AccountingInput(
    IReadOnlyList<DateTimeOffset> Instants,
    bool IsWhole,
    IReadOnlyDictionary<DateTimeOffset, Occurrence> Known,
    DateTimeOffset Now,
    DateTimeOffset? AsleepFrom,
    TimeSpan Grace,
    CatchUp CatchUp,
    Func<DateTimeOffset, string?> Held);

/// <param name="State">Owed, skipped or missed.</param>
public sealed record Verdict(DateTimeOffset Instant, OccurrenceState State, string? Why);

/// <param name="Verdicts">Of instants that have no row yet.</param>
/// <param name="Outdated">Owed instants that a newer one takes the place of.</param>
/// <param name="Until">Every instant up to here is accounted for.</param>
public sealed record Accounting(IReadOnlyList<Verdict> Verdicts, IReadOnlyList<DateTimeOffset> Outdated, DateTimeOffset Until);

/// <summary>
/// Decides what becomes of instants that nothing has run for. An instant that may still be fired is waited for until its grace is over, unless nobody
/// was awake to fire it. The newest overdue one is made up for when nothing newer has run; all others are missed. Where instants are looked at piece by
/// piece, each piece owes its newest, and the next piece that owes or ran one takes its place.
/// </summary>
public static class OccurrenceAccounting
{
    public static Accounting Decide(AccountingInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        List<Verdict> verdicts = [];
        List<DateTimeOffset> overdue = [];
        DateTimeOffset until = input.IsWhole ? input.Now : input.Instants[^1];
        foreach (DateTimeOffset instant in input.Instants)
        {
            if (input.Known.ContainsKey(instant))
            {
                continue;
            }

            if (input.Held(instant) is { } why)
            {
                verdicts.Add(new Verdict(instant, OccurrenceState.Skipped, why));
            }
            else if (instant > input.AsleepFrom || input.Now - instant > input.Grace)
            {
                overdue.Add(instant);
            }
            else
            {
                until = Before(instant, until);
            }
        }

        return MakeUp(input, verdicts, overdue, until);
    }

    private static Accounting MakeUp(AccountingInput input, List<Verdict> verdicts, List<DateTimeOffset> overdue, DateTimeOffset until)
    {
        DateTimeOffset? newestRun = input.Known.Values
            .Where(one => one.State is OccurrenceState.Claimed or OccurrenceState.Ran or OccurrenceState.Late)
            .Select(one => (DateTimeOffset?)one.Instant)
            .Max();
        DateTimeOffset? owed = input.CatchUp == CatchUp.Once && overdue.Count > 0 && !(newestRun > overdue[^1]) ? overdue[^1] : null;
        foreach (DateTimeOffset instant in overdue)
        {
            verdicts.Add(instant == owed
                ? new Verdict(instant, OccurrenceState.Owed, null)
                : new Verdict(instant, OccurrenceState.Missed, instant > input.AsleepFrom ? "No portal was running" : "Nothing began within the grace"));
        }

        DateTimeOffset[] outdated =
        [
            .. input.Known.Values.Where(one => one.State == OccurrenceState.Owed && (one.Instant < owed || one.Instant < newestRun)).Select(one => one.Instant),
        ];
        return new Accounting([.. verdicts.OrderBy(one => one.Instant)], outdated, until);
    }

    /// <summary>The mark stays before an instant that is waited for.</summary>
    private static DateTimeOffset Before(DateTimeOffset instant, DateTimeOffset until)
    {
        DateTimeOffset mark = instant.AddMilliseconds(-1);
        return mark < until ? mark : until;
    }
}
