namespace LoraAdmin.Domain.Operations;

/// <summary>What is known when an operation's instants are accounted for.</summary>
/// <param name="Instants">Those after the mark and up to now, oldest first.</param>
/// <param name="IsWhole">False: there are more instants up to now than these.</param>
/// <param name="Known">Rows of instants after the mark.</param>
/// <param name="Silence">When nobody was awake; null: somebody was all the time.</param>
/// <param name="DoubtedFrom">From here on somebody was awake, but by no clock that could be relied on; null: there was no doubt.</param>
/// <param name="Held">Why the operation does not run by itself at an instant; null: it does.</param>
public sealed record AccountingInput(
    IReadOnlyList<DateTimeOffset> Instants,
    bool IsWhole,
    IReadOnlyDictionary<DateTimeOffset, Occurrence> Known,
    DateTimeOffset Now,
    Silence? Silence,
    DateTimeOffset? DoubtedFrom,
    TimeSpan Grace,
    CatchUp CatchUp,
    Func<DateTimeOffset, string?> Held);

/// <summary>Nobody was awake in it, so that nobody will fire its instants any more.</summary>
/// <param name="From">An instant at which somebody was awake still.</param>
/// <param name="Until">The first instant at which somebody was again.</param>
public sealed record Silence(DateTimeOffset From, DateTimeOffset Until)
{
    public bool Holds(DateTimeOffset instant) => From < instant && instant <= Until;
}

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
            else if (input.Silence?.Holds(instant) == true || input.Now - instant > input.Grace)
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
        // One that was fired, and is owed until the clock is vouched for, is as good as one that ran.
        DateTimeOffset? newest = input.Known.Values
            .Where(one => one.State is OccurrenceState.Owed or OccurrenceState.Claimed or OccurrenceState.Ran or OccurrenceState.Late)
            .Select(one => (DateTimeOffset?)one.Instant)
            .Max();
        DateTimeOffset? owed = input.CatchUp == CatchUp.Once && overdue.Count > 0 && !(newest > overdue[^1]) ? overdue[^1] : null;
        foreach (DateTimeOffset instant in overdue)
        {
            verdicts.Add(instant == owed
                ? new Verdict(instant, OccurrenceState.Owed, null)
                : new Verdict(instant, OccurrenceState.Missed, WhyMissed(input, instant)));
        }

        DateTimeOffset[] outdated =
        [
            .. input.Known.Values.Where(one => one.State == OccurrenceState.Owed && (one.Instant < owed || one.Instant < newest)).Select(one => one.Instant),
        ];
        return new Accounting([.. verdicts.OrderBy(one => one.Instant)], outdated, until);
    }

    private static string WhyMissed(AccountingInput input, DateTimeOffset instant) =>
        input.Silence?.Holds(instant) == true ? "No portal was running"
        : instant >= input.DoubtedFrom ? "The portal's clock could not be relied on"
        : "Nothing began within the grace";

    /// <summary>The mark stays before an instant that is waited for.</summary>
    private static DateTimeOffset Before(DateTimeOffset instant, DateTimeOffset until)
    {
        DateTimeOffset mark = instant.AddMilliseconds(-1);
        return mark < until ? mark : until;
    }
}
