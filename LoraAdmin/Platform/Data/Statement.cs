namespace LoraAdmin.Platform.Data;

/// <summary>
/// One statement written by hand, for both databases, for a path that is walked so often that EF's work above it counts (docs/decisions/0006).
/// </summary>
/// <param name="Sql">The same text every time, so that PostgreSQL prepares it once; takes the values as <c>$1</c>, <c>$2</c>, ….</param>
/// <param name="Values">In order, none null. Ids, instants and days as they are; enums as their words.</param>
internal sealed record Statement(string Sql, IReadOnlyList<object> Values)
{
    /// <summary>It is a SELECT, or has RETURNING: its answer has rows, if there are any.</summary>
    public bool Returns { get; init; }

    /// <summary>How long it may take on PostgreSQL where that is more than any command may (30 s, unless the connection says otherwise).</summary>
    public TimeSpan? Within { get; init; }
}

/// <summary>What a <see cref="Statement"/> did.</summary>
/// <param name="Written">How many rows it wrote.</param>
/// <param name="Rows">What it returned.</param>
internal sealed record Answer(int Written, IReadOnlyList<IReadOnlyList<object>> Rows)
{
    /// <summary>The first row it returned; null where it returned none.</summary>
    public IReadOnlyList<object>? Row => Rows.Count > 0 ? Rows[0] : null;

    /// <exception cref="InvalidOperationException">There is no row, or no number in that column.</exception>
    public long Number(int column) =>
        NumberOrNull(column) ?? throw new InvalidOperationException($"Column {column} of the answer holds no number.");

    public long? NumberOrNull(int column) => Row?[column] switch
    {
        null or DBNull => null,
        // SQLite keeps every integer in 64 bits.
        IConvertible number => number.ToInt64(null),
        { } other => throw new InvalidOperationException($"Column {column} of the answer holds {other}, which is no number."),
    };
}
