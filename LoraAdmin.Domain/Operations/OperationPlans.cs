using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Operations;

public enum PlanShape
{
    /// <summary>A list of items, each applied by itself.</summary>
    Items,

    /// <summary>A frozen predicate; its items are samples.</summary>
    Set,
}

/// <summary>One thing that a plan does, or for a set a sample of it.</summary>
/// <param name="Target">What it is done to: an id that stays the same from plan to plan.</param>
/// <param name="Action">A few words: <c>end</c>, <c>stop and hold</c>, <c>upload</c>.</param>
/// <param name="Reason">Why, in one sentence.</param>
public sealed record PlanItem(string Target, string Action, string Reason)
{
    /// <summary>What a person recognises the target by; null: the target itself.</summary>
    public string? Label { get; init; }

    /// <summary>Effect in bytes: freed, moved or deleted.</summary>
    public long? Bytes { get; init; }

    /// <summary>Effect in money: what is saved or spent.</summary>
    public Usd? Money { get; init; }

    /// <summary>What the operation itself needs to apply the item; no person reads it.</summary>
    public string? Detail { get; init; }
}

public enum ItemEnd
{
    Done,

    /// <summary>It must not be done any more: what the plan saw has changed.</summary>
    Ineligible,
    Failed,
}

/// <param name="Why">Null for what was simply done.</param>
public sealed record ItemOutcome(ItemEnd End, string? Why)
{
    public static readonly ItemOutcome Done = new(ItemEnd.Done, null);

    public static ItemOutcome Ineligible(string why) => new(ItemEnd.Ineligible, why);

    public static ItemOutcome Failed(string why) => new(ItemEnd.Failed, why);
}

/// <summary>What an operation would do, frozen.</summary>
/// <param name="AsOf">The instant of the look that it rests on.</param>
/// <param name="Items">In the order in which they are applied; samples for a set.</param>
/// <param name="Count">How many things the plan is about; more than there are items when only the first are planned, or when they are samples.</param>
public sealed record PlanDraft(DateTimeOffset AsOf, PlanShape Shape, IReadOnlyList<PlanItem> Items, long Count)
{
    /// <summary>Items of one plan; what lies beyond waits for the next run.</summary>
    public const int MostItems = 10_000;

    /// <summary>Samples of a set.</summary>
    public const int MostSamples = 100;

    /// <summary>For a set: which rows, in words.</summary>
    public string? Predicate { get; init; }

    /// <summary>For a set: the predicate's values, as the operation reads them.</summary>
    public string? Parameters { get; init; }

    public IReadOnlyList<Figure> Totals { get; init; } = [];

    /// <summary>How many items, from the first on, may be applied without a person; null: all of them.</summary>
    public int? WithinCaps { get; init; }

    /// <summary>What the caps say, in one sentence; null when they let everything through.</summary>
    public string? CapWords { get; init; }

    public bool IsEmpty => Count == 0;

    /// <summary>A clock that was ahead has looked: what it took for old enough may not be.</summary>
    public bool IsAheadOf(DateTimeOffset now) => AsOf > now;

    public static PlanDraft OfItems(DateTimeOffset asOf, IReadOnlyList<PlanItem> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        return new PlanDraft(asOf, PlanShape.Items, items.Count > MostItems ? [.. items.Take(MostItems)] : items, items.Count);
    }

    public static PlanDraft OfSet(DateTimeOffset asOf, string predicate, string parameters, long count, IReadOnlyList<PlanItem> samples)
    {
        ArgumentNullException.ThrowIfNull(samples);
        return new PlanDraft(asOf, PlanShape.Set, [.. samples.Take(MostSamples)], count) { Predicate = predicate, Parameters = parameters };
    }

    /// <summary>SHA-256 over everything that decides what is done: an altered plan has another one.</summary>
    public string Hash()
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"{Shape} {AsOf.ToUnixTimeMilliseconds()} {Count} {Predicate} {Parameters}");
        if (WithinCaps is { } within)
        {
            text.Append(CultureInfo.InvariantCulture, $" {within} within caps");
        }

        text.Append('\n');
        foreach (PlanItem item in Items)
        {
            text.Append(CultureInfo.InvariantCulture, $"{item.Target}\t{item.Action}\t{item.Reason}\t{item.Bytes}\t{item.Money?.Micros}\t{item.Detail}\n");
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }
}

/// <summary>What a look for things to do gave.</summary>
public abstract record Planning
{
    private Planning()
    {
    }

    public sealed record Planned(PlanDraft Plan) : Planning;

    /// <summary>Something that must be known could not be read, so nothing may be done.</summary>
    /// <param name="Why">In the failing side's words.</param>
    /// <param name="Remedy">What a person can do.</param>
    public sealed record CouldNotRead(string Why, string Remedy) : Planning;
}

public enum PlanState
{
    /// <summary>A preview, which may be applied.</summary>
    Open,

    /// <summary>What the caps held back: a person may approve exactly this.</summary>
    AwaitsApproval,

    /// <summary>A run has taken it.</summary>
    Taken,

    /// <summary>A newer look has taken its place.</summary>
    Superseded,
}

/// <summary>A plan as it is kept. Its items are read apart.</summary>
/// <param name="Installation">Which installation made it: a copy of a database must not apply the original's plans.</param>
public sealed record OperationPlan(
    Guid Id, string Operation, string Installation, PlanDraft Draft, string Hash, Actor MadeBy, DateTimeOffset MadeAt, PlanState State, Guid? Run)
{
    /// <summary>It was there before any run, so that whoever applied it could read it. A plan that a run made for itself nobody has read.</summary>
    public bool IsReadable { get; init; }

    /// <summary>Whether who applies it could read it before: its caps are for what nobody has read.</summary>
    public bool IsReadBy(Actor actor) => actor is { Kind: not ActorKind.Portal } && IsReadable;

    /// <summary>Why it must not be applied; null: it may.</summary>
    /// <param name="operation">Null: this version does not know it.</param>
    /// <param name="installation">The one that would apply it.</param>
    /// <param name="validFor">How old its look may be.</param>
    public FieldProblem? WhyNotApplied(IOperation? operation, string installation, DateTimeOffset now, TimeSpan validFor)
    {
        const string again = "Preview again, and apply the new plan";
        string? problem = State == PlanState.Taken ? "A run has applied it already"
            : State == PlanState.Superseded ? "A newer look has taken its place"
            : Installation != installation ? $"It was made by installation {Installation}, of which this database is a copy with a world of its own"
            : Draft.IsAheadOf(now) ? $"It shows the world of {Shown}, which is still to come: the clock that it was made by was ahead"
            : now - Draft.AsOf > validFor
                ? FormattableString.Invariant($"It shows the world of {Shown}; a plan is applied within {validFor.TotalMinutes:0.#} {(validFor == TimeSpan.FromMinutes(1) ? "minute" : "minutes")} of its look")
            : operation?.WhyStale(Draft, now);
        return problem is null ? null : new FieldProblem("plan", problem, again);
    }

    /// <summary>When it looked, for a person.</summary>
    private string Shown => Draft.AsOf.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);
}

/// <param name="Number">From 1, in the plan's order.</param>
/// <param name="Outcome">Null: not applied (yet).</param>
public sealed record PlannedItem(int Number, PlanItem Item, ItemOutcome? Outcome, DateTimeOffset? EndedAt);
