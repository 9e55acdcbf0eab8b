namespace LoraAdmin.Domain.Shared;

/// <summary>When a difference between clocks is told and what it stops (<c>Clocks:TellAt</c>, <c>Clocks:HoldAt</c>, <c>Clocks:MeasureEvery</c>).</summary>
/// <param name="TellAt">A larger difference is an incident.</param>
/// <param name="HoldAt">A larger difference holds what ends or deletes something.</param>
/// <param name="MeasureEvery">How often clocks are compared.</param>
public sealed record ClockRules(TimeSpan TellAt, TimeSpan HoldAt, TimeSpan MeasureEvery);

public enum ClockGrade
{
    Right,

    /// <summary>People are told.</summary>
    Off,

    /// <summary>Destructive work is held.</summary>
    FarOff,
}

/// <summary>What a process knows of its clock beside one other.</summary>
/// <param name="Subject">The other clock: <see cref="ClockStandings.Database"/> or <see cref="ClockStandings.Provider"/>.</param>
/// <param name="Reading">The newest; null: the other clock could not be read yet.</param>
/// <param name="Since">When the difference was noticed; null while there is none.</param>
/// <param name="UnreadWhy">Why the newest look gave no reading; null when it did.</param>
public sealed record ClockStanding(string Subject, ClockGrade Grade, ClockReading.Read? Reading, DateTimeOffset? Since, string? UnreadWhy)
{
    /// <summary>A difference about the size of a limit must not cross it with every reading: it is over below this part of the limit.</summary>
    private const double OverBelow = 0.75;

    public static ClockStanding Unknown(string subject) => new(subject, ClockGrade.Right, null, null, null);

    /// <summary>
    /// Takes a reading in. What it leaves open by its margin changes nothing: the grade rises on what is certain, and falls on what can be ruled out. A
    /// clock that can't be read stays what it was.
    /// </summary>
    public ClockStanding After(ClockReading heard, ClockRules rules, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(heard);
        ArgumentNullException.ThrowIfNull(rules);
        if (heard is not ClockReading.Read read)
        {
            return this with { UnreadWhy = ((ClockReading.Unread)heard).Why };
        }

        ClockGrade least = GradeOf(read.AtLeast, rules.TellAt, rules.HoldAt);
        ClockGrade most = GradeOf(read.AtMost, rules.TellAt * OverBelow, rules.HoldAt * OverBelow);
        ClockGrade grade = least > Grade ? least : most < Grade ? most : Grade;
        return new ClockStanding(Subject, grade, read, grade == ClockGrade.Right ? null : Since ?? now, null);
    }

    private static ClockGrade GradeOf(TimeSpan difference, TimeSpan off, TimeSpan farOff) =>
        difference > farOff ? ClockGrade.FarOff : difference > off ? ClockGrade.Off : ClockGrade.Right;
}

/// <summary>
/// How far this process's clock is off, as far as the clocks around it say so. Whoever hears of another clock notes it here, and whoever is about to end or
/// delete something by age asks here. Safe for any number of threads.
/// </summary>
public sealed class ClockStandings(TimeProvider clock, Func<ClockRules> rules)
{
    /// <summary>Who it is that holds something by it.</summary>
    public const string Name = "clocks";

    /// <summary>The machine's clock beside the database's.</summary>
    public const string Database = "database";

    /// <summary>The clock that the portal decides by beside the GPU provider's.</summary>
    public const string Provider = "runpod";

    /// <summary>
    /// For so long after its start, or after its clock was set, a process waits for the provider's word; where the provider can't be reached it goes on without.
    /// </summary>
    public static readonly TimeSpan WordWithin = TimeSpan.FromMinutes(5);

    private readonly Lock gate = new();
    private readonly SortedDictionary<string, Known> known = new(StringComparer.Ordinal);

    /// <summary>Where the clock stood at the start, when it was vouched for, or when it was found to have been set: from there it goes on as time does.</summary>
    private (DateTimeOffset On, long At) stood = (clock.GetUtcNow(), clock.GetTimestamp());

    /// <summary>Since when the provider's word is waited for.</summary>
    private long waitsSince = clock.GetTimestamp();
    private bool wasSet;

    /// <summary>In order of their subjects.</summary>
    public IReadOnlyList<ClockStanding> All
    {
        get
        {
            lock (gate)
            {
                return [.. known.Values.Select(static one => one.Standing)];
            }
        }
    }

    /// <summary>
    /// By how much an age that is counted across clocks may be wrong at most, once a clock is so far off that destructive work is held; zero before that.
    /// </summary>
    public TimeSpan Doubt => All.Where(static one => one.Grade == ClockGrade.FarOff).Select(static one => one.Reading!.AtMost).DefaultIfEmpty().Max();

    /// <summary>Each clock that differs, as people are told of it.</summary>
    /// <param name="host">This process's machine.</param>
    public IReadOnlyList<string> Problems(string host)
    {
        IReadOnlyList<ClockStanding> all = All;
        return [.. all.Where(static one => one.Grade != ClockGrade.Right).Select(one => ClockWords.Of(one, host, all))];
    }

    public void Note(string subject, ClockReading heard)
    {
        DateTimeOffset now = clock.GetUtcNow();
        lock (gate)
        {
            Known before = known.TryGetValue(subject, out Known? found) ? found : new Known(ClockStanding.Unknown(subject), 0, null, default, null);
            long stamp = clock.GetTimestamp();
            ClockStanding standing = before.Standing.After(heard, rules(), now);
            if (heard is ClockReading.Read near && near.Margin < rules().TellAt)
            {
                before = before with { Said = (now - near.Ahead, stamp) };
            }

            NoticeIfSet(now);

            // An answer that took so long that it leaves hours open says nothing of the clock, and takes back nothing that was said of it.
            if (heard is not ClockReading.Read read || read.AtMost >= rules().HoldAt)
            {
                known[subject] = before with { Standing = standing, NotedAt = stamp };
                return;
            }

            known[subject] = new Known(standing, stamp, stamp, now, before.Said);
            if (subject == Provider)
            {
                stood = (now, stamp);
            }
        }
    }

    /// <summary>Whether nothing was noted of a clock for so long.</summary>
    public bool IsSilent(string subject, TimeSpan length)
    {
        lock (gate)
        {
            return !known.TryGetValue(subject, out Known? found) || clock.GetElapsedTime(found.NotedAt) >= length;
        }
    }

    /// <summary>
    /// Whether the provider's clock vouches for this process's as it stands now: it was read since this one was last set, and no clock differs so far that
    /// destructive work is held. That nobody contradicts it is not enough: a process that has just begun has read no other. The database's word does not
    /// count: it may run on the same machine, or be the very clock that the process goes by.
    /// </summary>
    public bool IsConfirmed()
    {
        lock (gate)
        {
            return IsConfirmedNow();
        }
    }

    /// <summary>Why this process must not by itself do what a wrong clock would make wrong; null: its clock may be relied on.</summary>
    public string? WhyHeld() => All.Where(static one => one.Grade == ClockGrade.FarOff).MaxBy(static one => one.Reading!.AtMost) is { } worst
        ? $"This portal's clock can't be relied on: {ClockWords.Difference(worst)}. Until they agree it {ClockWords.NotDone}"
        : null;

    /// <summary>
    /// Why this process must not yet begin by itself what a wrong clock would make wrong: it has just started or its clock was set, and nobody has said whether the
    /// clock is right; null: it may.
    /// </summary>
    public string? WhyUnvouched()
    {
        lock (gate)
        {
            return IsConfirmedNow() || clock.GetElapsedTime(waitsSince) >= WordWithin ? null
                : wasSet ? "This portal's clock was set, and RunPod has not yet said whether it is right"
                : "This portal has just started, and RunPod has not yet said whether its clock is right";
        }
    }

    /// <summary>Whether this process may do by itself what rests on the present instant alone: its clock is neither contradicted nor still to be vouched for.</summary>
    public bool MayGoByIt() => WhyHeld() is null && WhyUnvouched() is null;

    /// <summary>
    /// What this process's clock has just said, as the provider's clock has it while this one is known to be far off that; otherwise, and as long as the
    /// provider's is not known, the very same instant. By this goes what is paid by the hour, and in which month: the provider bills by its clock, and portals
    /// that differ from one another write the same rows.
    /// </summary>
    /// <param name="own">Of this process's clock as it runs now: of the present, or of a call that has just been answered.</param>
    public DateTimeOffset ByProvider(DateTimeOffset own)
    {
        lock (gate)
        {
            return known.TryGetValue(Provider, out Known? provider) && provider is { Standing.Grade: ClockGrade.FarOff, Said: { } said }
                ? own - (clock.GetUtcNow() - (said.On + clock.GetElapsedTime(said.At)))
                : own;
        }
    }

    /// <summary>
    /// Whether <see cref="ByProvider"/> may be relied on to say what day it is: the provider's clock vouches for this process's, or is known in its place. Where
    /// the provider has said nothing for <see cref="WordWithin"/> and nobody contradicts it, this process's own has to do.
    /// </summary>
    public bool IsPresentKnown()
    {
        lock (gate)
        {
            DateTimeOffset now = clock.GetUtcNow();
            NoticeIfSet(now);
            if (known.TryGetValue(Provider, out Known? provider) && provider.Standing.Grade == ClockGrade.FarOff)
            {
                return provider.Said is not null;
            }

            return provider?.IsOf(now, clock, rules().HoldAt) == true
                || (clock.GetElapsedTime(waitsSince) >= WordWithin && known.Values.All(static one => one.Standing.Grade != ClockGrade.FarOff));
        }
    }

    private bool IsConfirmedNow()
    {
        DateTimeOffset now = clock.GetUtcNow();
        NoticeIfSet(now);
        return known.Values.All(static one => one.Standing.Grade != ClockGrade.FarOff)
            && known.TryGetValue(Provider, out Known? provider) && provider.IsOf(now, clock, rules().HoldAt);
    }

    /// <summary>Small steps add up: where it stood is kept until it is found to have been set.</summary>
    private void NoticeIfSet(DateTimeOffset now)
    {
        if ((now - stood.On - clock.GetElapsedTime(stood.At)).Duration() > rules().HoldAt)
        {
            waitsSince = clock.GetTimestamp();
            stood = (now, waitsSince);
            wasSet = true;
        }
    }

    /// <param name="NotedAt">When something was last heard, a failure too, as a timestamp of the process.</param>
    /// <param name="ReadAt">The same of the newest reading that says something; null: none yet.</param>
    /// <param name="ReadOn">What this process's clock said then.</param>
    /// <param name="Said">What the other clock said when it was last read closely, and when that was: it goes on from there as time does, whatever is set here; null: never.</param>
    private sealed record Known(ClockStanding Standing, long NotedAt, long? ReadAt, DateTimeOffset ReadOn, (DateTimeOffset On, long At)? Said)
    {
        /// <summary>The reading is of the clock as it runs now: since then it has gone on as time does.</summary>
        public bool IsOf(DateTimeOffset now, TimeProvider clock, TimeSpan tolerance) =>
            ReadAt is { } stamp && now >= ReadOn && (now - ReadOn - clock.GetElapsedTime(stamp)).Duration() <= tolerance;
    }
}
