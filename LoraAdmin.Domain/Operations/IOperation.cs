using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Operations;

/// <summary>What becomes of instants that passed while nobody was there to run them.</summary>
public enum CatchUp
{
    /// <summary>One run makes up for all of them, as soon as the portal is back.</summary>
    Once,

    /// <summary>They stay missed; the next instant runs as always.</summary>
    Never,
}

/// <summary>What a person and the scheduler know of an operation before it runs.</summary>
/// <param name="Key">Dotted and stable: rows, links and schedules are kept under it, e.g. <c>pods.sweep</c>.</param>
/// <param name="Title">What it is called on pages.</param>
/// <param name="Description">One or two sentences: what it does to the world, and why.</param>
/// <param name="DefaultCron">Quartz form, six or seven fields, in UTC. A schedule that nobody edited follows it.</param>
/// <param name="Permission">What a person needs to run it and to apply its plans.</param>
public sealed record OperationInfo(string Key, string Title, string Description, string DefaultCron, string Permission)
{
    /// <summary>It ends or deletes something: the kill switch holds it when it runs by itself.</summary>
    public bool IsDestructive { get; init; }

    /// <summary>What it does rests on what day or month it is, so that a clock that is far off would make it do the wrong thing.</summary>
    public bool JudgesByTime { get; init; }

    /// <summary>A clock that is far off holds it. What ends or deletes something does so by age.</summary>
    public bool NeedsRightClock => IsDestructive || JudgesByTime;

    public CatchUp CatchUp { get; init; } = CatchUp.Once;

    /// <summary>What each word of <see cref="PlanItem.Action"/> means, where a person may wonder.</summary>
    public IReadOnlyDictionary<string, string> Actions { get; init; } = new Dictionary<string, string>();

    /// <summary>What the money of an item is; null: its items have none.</summary>
    public MoneyMeaning? Money { get; init; }

    /// <summary>What it means that an item is done, where that is less than it sounds; null: it is done.</summary>
    public DoneMeaning? DoneMeans { get; init; }

    /// <summary>What else stops while it is paused and what that costs, in whole sentences for who is about to pause it; null: nothing does.</summary>
    public string? PausesToo { get; init; }
}

/// <param name="Suffix">Behind each amount, e.g. <c>/h</c>.</param>
/// <param name="Means">What the amount is, in words that follow a colon.</param>
public sealed record MoneyMeaning(string Suffix, string Means);

/// <param name="Words">In whole sentences.</param>
/// <param name="Page">What the page is called that shows how far it is.</param>
/// <param name="Address">Of that page, below the portal's.</param>
public sealed record DoneMeaning(string Words, string Page, string Address);

/// <summary>A name and a value as a person reads them, e.g. before and after a run.</summary>
public sealed record Figure(string Name, string Value);

/// <summary>
/// Something that the portal does to the world on a schedule or when a person presses a button. It plans, reading only; then it applies exactly that
/// plan, less what became ineligible. Implemented as <see cref="IItemOperation"/> or <see cref="ISetOperation"/>.
/// </summary>
public interface IOperation
{
    OperationInfo Info { get; }

    /// <summary>Says what there is to do. Reads only: no row, no file and no vendor's object is changed by it.</summary>
    /// <exception cref="StoreUnavailableException">The database is away.</exception>
    Task<Planning> PlanAsync(CancellationToken cancellationToken);

    /// <summary>Whether a plan that was made before is of another time than now, however young it is; null: it is not.</summary>
    /// <returns>In one sentence, why it must not be applied any more.</returns>
    string? WhyStale(PlanDraft plan, DateTimeOffset now) => null;

    /// <summary>The figures that the operation is there to change, read from the database alone: shown before and after a run.</summary>
    Task<IReadOnlyList<Figure>> MeasureAsync(IUnit unit, CancellationToken cancellationToken);

    /// <summary>What must hold after each run. Null: it does; else one sentence, and the run counts as failed.</summary>
    Task<string?> CheckAsync(IUnit unit, CancellationToken cancellationToken);

    /// <summary>What a run that went well proves to be right again.</summary>
    /// <param name="plan">The whole of it, also where the run went on from an interrupted one and had less left to do.</param>
    IReadOnlyList<IncidentSignal> EndedBy(PlanDraft plan) => [];
}

/// <summary>An operation whose plan is a list of items, each applied by itself.</summary>
public interface IItemOperation : IOperation
{
    /// <summary>
    /// Applies one item. It ends with one call of <see cref="IItemTurn.EndAsync"/>; what the item changes in the database is written there, so that no
    /// item is done twice and none is skipped, whatever dies in between. An exception ends this item as failed and leaves the others their turn.
    /// </summary>
    Task ApplyAsync(PlanItem item, IItemTurn turn, CancellationToken cancellationToken);
}

/// <summary>An operation whose plan is a frozen predicate, applied by one statement.</summary>
public interface ISetOperation : IOperation
{
    /// <summary>
    /// Applies the plan in the caller's transaction, in which the run's end is written too. Applying twice changes nothing more.
    /// </summary>
    Task<SetOutcome> ApplyAsync(IUnit unit, PlanDraft plan, Actor actor, CancellationToken cancellationToken);
}

/// <param name="Changed">Rows that were changed.</param>
/// <param name="Words">What was done, in one sentence, for the run's log.</param>
public sealed record SetOutcome(long Changed, string Words);

/// <summary>One item's turn within a run. Every transaction proves first that the run still has its fence.</summary>
public interface IItemTurn
{
    /// <summary>Who the run acts for.</summary>
    Actor Actor { get; }

    /// <summary>A person has read this very plan and asked for it: caps do not bound it, and it does not count against them.</summary>
    bool IsApproved { get; }

    /// <summary>A part of an item that is too large for one transaction.</summary>
    /// <exception cref="FenceLostException">Another instance has taken the run over: nothing was written.</exception>
    Task<T> RunAsync<T>(Func<IUnit, CancellationToken, Task<T>> work, CancellationToken cancellationToken);

    /// <summary>The item's last transaction: its effect and its outcome are committed together.</summary>
    /// <exception cref="FenceLostException">Another instance has taken the run over: nothing was written.</exception>
    Task EndAsync(Func<IUnit, CancellationToken, Task<ItemOutcome>> work, CancellationToken cancellationToken);
}

/// <summary>Another instance has taken the run over; the write was rejected and nothing was changed.</summary>
public sealed class FenceLostException : Exception
{
    public FenceLostException()
    {
    }

    public FenceLostException(string message)
        : base(message)
    {
    }

    public FenceLostException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>A run failed; the run's row has the reason. Thrown so that whoever started it notices too.</summary>
public sealed class OperationFailedException : Exception
{
    public OperationFailedException()
    {
    }

    public OperationFailedException(string message)
        : base(message)
    {
    }

    public OperationFailedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>Every operation of the portal by its key.</summary>
public sealed class OperationRegistry
{
    private readonly Dictionary<string, IOperation> byKey = new(StringComparer.Ordinal);

    public OperationRegistry(IEnumerable<IOperation> operations)
    {
        ArgumentNullException.ThrowIfNull(operations);
        foreach (IOperation operation in operations.OrderBy(one => one.Info.Key, StringComparer.Ordinal))
        {
            if (operation is not (IItemOperation or ISetOperation))
            {
                throw new ArgumentException($"{operation.Info.Key} can only plan: it needs items or a set.", nameof(operations));
            }

            byKey.Add(operation.Info.Key, operation);
        }
    }

    /// <summary>In order of their keys.</summary>
    public IReadOnlyCollection<IOperation> All => byKey.Values;

    public IOperation? Find(string key) => byKey.GetValueOrDefault(key);
}
