namespace LoraAdmin.Domain.Storage;

/// <summary>An object as a listing names it.</summary>
/// <param name="LastModified">When it was stored.</param>
public sealed record ListedObject(string Key, long SizeBytes, DateTimeOffset LastModified);

/// <summary>A part of a bucket. "Could not read" is never an empty part.</summary>
public abstract record ObjectPage
{
    private ObjectPage()
    {
    }

    /// <param name="Objects">In ordinal order of their keys.</param>
    /// <param name="Next">The last key of this part, after which the next one begins; null: the bucket ends here.</param>
    public sealed record Listed(IReadOnlyList<ListedObject> Objects, string? Next) : ObjectPage;

    public sealed record Unavailable(string Reason) : ObjectPage;
}

/// <summary>
/// Lists what the buckets hold, apart from <see cref="IObjectStore"/>: nothing that trains or uploads needs it. Implementations: folders below
/// <c>Data:Path</c>; S3 later. No exception for an outside failure.
/// </summary>
public interface IObjectListing
{
    /// <summary>
    /// Up to <paramref name="most"/> objects whose keys come after <paramref name="after"/> in ordinal order. A bucket into which nothing was ever put is empty.
    /// What is stored or deleted meanwhile may be in the listing or not; all else is.
    /// </summary>
    /// <param name="bucket">One of <see cref="Buckets"/>.</param>
    /// <param name="after">Null: from the first.</param>
    /// <param name="most">1 to 1000.</param>
    Task<ObjectPage> ListAsync(string bucket, string? after, int most, CancellationToken cancellationToken);
}
