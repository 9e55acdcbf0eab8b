using System.Globalization;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>A total that is kept of entries: of one day, kind and purpose, or of a whole month.</summary>
/// <param name="Month">The month that the entries count in.</param>
/// <param name="Of">Null: the month's own row.</param>
public sealed record KeptTotal(Month Month, DayOfTotal? Of)
{
    /// <summary><c>2026-11</c>, or <c>2026-11 2026-11-24 Settle Training</c>.</summary>
    public override string ToString() =>
        Of is null ? $"{Month}" : string.Create(CultureInfo.InvariantCulture, $"{Month} {Of.Day:yyyy-MM-dd} {Of.Kind}{(Of.Purpose is { } purpose ? $" {purpose}" : "")}");

    /// <param name="text">As <see cref="ToString"/> writes it.</param>
    public static KeptTotal Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] parts = text.Split(' ');
        return new KeptTotal(
            Month.Parse(parts[0]),
            parts.Length == 1
                ? null
                : new DayOfTotal(
                    DateOnly.ParseExact(parts[1], "yyyy-MM-dd", CultureInfo.InvariantCulture),
                    Enum.Parse<EntryKind>(parts[2]),
                    parts.Length > 3 ? Enum.Parse<CostPurpose>(parts[3]) : null));
    }
}

/// <param name="Day">Of the entries' instants, in UTC.</param>
public sealed record DayOfTotal(DateOnly Day, EntryKind Kind, CostPurpose? Purpose);

/// <param name="Entries">How many; 0 of a month, whose row does not count them.</param>
public readonly record struct EntrySums(long Entries, Usd Spent, Usd Reserved);

/// <summary>A total that is not what its entries come to.</summary>
/// <param name="Kept">What the total says.</param>
/// <param name="Right">What the entries come to.</param>
public sealed record WrongTotal(KeptTotal Which, EntrySums Kept, EntrySums Right);

/// <summary>The totals that are kept beside the ledger's entries. Bound to a unit of work.</summary>
public interface IKeptTotalsStore
{
    /// <summary>Wrong totals of days and then of months, each in order. Reads every entry there is.</summary>
    Task<IReadOnlyList<WrongTotal>> FindWrongAsync(int max, CancellationToken cancellationToken);

    /// <summary>How many entries the totals of all days count, and what the months' rows hold together.</summary>
    Task<EntrySums> SumAsync(CancellationToken cancellationToken);

    /// <summary>Makes a total what its entries come to; whoever writes to it meanwhile waits, and is counted after.</summary>
    /// <returns>As it was found; null: it was right, and nothing was written.</returns>
    Task<WrongTotal?> MendAsync(KeptTotal which, CancellationToken cancellationToken);
}
