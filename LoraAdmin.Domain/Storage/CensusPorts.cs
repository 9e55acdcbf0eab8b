using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Storage;

/// <summary>Kinds of facts about what storage holds.</summary>
public static class StorageEvents
{
    public const string Counted = "storage.counted";
}

/// <summary>What is watched of storage; the subject is the bucket.</summary>
public static class StorageIncidents
{
    /// <summary>Completed LoRAs whose file storage does not have.</summary>
    public const string FilesMissing = "storage.files_missing";
}

/// <summary>One count of one bucket.</summary>
/// <param name="Strays">Objects that no row knows.</param>
/// <param name="Missing">Rows whose object is not there.</param>
/// <param name="Unread">Why the bucket could not be read to its end: the counts say nothing then; null: it was.</param>
public sealed record BucketCensus(string Bucket, DateTimeOffset At, long Objects, long Bytes, long Strays, long Missing, string? Unread)
{
    /// <summary>Enough to compare a month with the same one a year ago.</summary>
    public static readonly TimeSpan KeepFor = TimeSpan.FromDays(800);
}

public enum DifferenceKind
{
    /// <summary>An object that no row knows.</summary>
    Stray,

    /// <summary>A completed LoRA whose object is not there.</summary>
    Missing,
}

/// <summary>Where storage and tables don't agree.</summary>
/// <param name="At">The instant of the census that saw it.</param>
/// <param name="Lora">Whose file is missing.</param>
/// <param name="SizeBytes">Of a stray.</param>
public sealed record CensusDifference(string Bucket, string Key, DifferenceKind Kind, DateTimeOffset At, LoraId? Lora, long? SizeBytes);

/// <summary>Differences that were there still when they were looked at once more.</summary>
public sealed record ConfirmedDifferences(long Strays, long Missing);

/// <summary>A bucket as its censuses show it.</summary>
/// <param name="Newest">The last attempt to count.</param>
/// <param name="LastRead">The last one that read the bucket to its end; null: none did.</param>
/// <param name="Before">What growth is measured from: the last whole one before the month, else the first whole one; null: there is none but the last.</param>
public sealed record BucketStanding(BucketCensus Newest, BucketCensus? LastRead, BucketCensus? Before)
{
    /// <summary>Null: nothing is known of it yet.</summary>
    public long? GrowthBytes => LastRead is { } now && Before is { } then ? now.Bytes - then.Bytes : null;
}

/// <summary>What the censuses found. Bound to a unit of work.</summary>
public interface IStorageCensusStore
{
    /// <summary>
    /// Adds a count. With one that read the whole bucket the differences of earlier ones go. Counts of longer ago than <see cref="BucketCensus.KeepFor"/> go.
    /// </summary>
    /// <returns>False: the bucket has a count of the same instant or a later one, and nothing was written.</returns>
    Task<bool> TryNoteAsync(BucketCensus census, CancellationToken cancellationToken);

    /// <summary>Adds a difference that a census has confirmed, before its count is noted; one that is there is replaced.</summary>
    /// <returns>False: the bucket has a later whole count, and nothing was written.</returns>
    Task<bool> TryAddAsync(CensusDifference difference, CancellationToken cancellationToken);

    /// <summary>How many differences of the bucket the census of the given instant has confirmed.</summary>
    Task<ConfirmedDifferences> CountConfirmedAsync(string bucket, DateTimeOffset at, CancellationToken cancellationToken);

    /// <summary>Of each bucket that was ever counted, in order of names.</summary>
    /// <param name="month">Its beginning.</param>
    Task<IReadOnlyList<BucketStanding>> ReadAsync(DateTimeOffset month, CancellationToken cancellationToken);

    /// <summary>Missing ones first, then in order of bucket and key.</summary>
    Task<IReadOnlyList<CensusDifference>> ListAsync(int most, CancellationToken cancellationToken);
}
