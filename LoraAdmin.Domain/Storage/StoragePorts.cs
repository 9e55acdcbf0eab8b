namespace LoraAdmin.Domain.Storage;

/// <summary>The private buckets (requirement S3).</summary>
public static class Buckets
{
    public const string Models = "lora-models";
    public const string ValidationImages = "lora-validation-images";
    public const string TrainingImages = "lora-training-images";

    public static IReadOnlyList<string> All { get; } = [Models, ValidationImages, TrainingImages];
}

/// <param name="Bucket">One of <see cref="Buckets"/>.</param>
/// <param name="Key">Only characters that Supabase Storage takes (<see cref="ObjectKeys.IsValid"/>); no leading slash.</param>
public sealed record ObjectRef(string Bucket, string Key)
{
    public override string ToString() => $"{Bucket}/{Key}";
}

public sealed record ObjectInfo(ObjectRef Ref, long SizeBytes, string ContentType, DateTimeOffset LastModified);

/// <summary>Reading outcome of one object. "Could not read" is never "not found".</summary>
public abstract record ObjectReading
{
    private ObjectReading()
    {
    }

    /// <param name="Content">Caller disposes it.</param>
    public sealed record Found(ObjectInfo Info, Stream Content) : ObjectReading;

    /// <summary>The store said definitely that there is no such object.</summary>
    public sealed record NotFound : ObjectReading;

    public sealed record Unavailable(string Reason) : ObjectReading;
}

public abstract record PutOutcome
{
    private PutOutcome()
    {
    }

    public sealed record Stored(long SizeBytes, string Sha256) : PutOutcome;

    /// <summary>Trying again may help: time-out, 5xx (544 and unknown ones too), connection lost, no room.</summary>
    public sealed record Failed(string Reason) : PutOutcome;

    /// <summary>Trying again won't help: key or size not accepted, no permission.</summary>
    public sealed record Refused(string Reason) : PutOutcome;
}

/// <summary>Files of the service. Implementations: folders below <c>Data:Path</c>; S3 later. No exception for an outside failure.</summary>
public interface IObjectStore
{
    /// <summary>
    /// Stores the object, replacing an older one whole or not at all. <see cref="PutOutcome.Stored"/> tells the hash of the bytes that were
    /// <i>sent</i>: whoever must be sure reads the object back (<see cref="ObjectStoreExtensions.ReadBackSha256Async"/>).
    /// </summary>
    Task<PutOutcome> PutAsync(ObjectRef target, Stream content, string contentType, CancellationToken cancellationToken);

    /// <summary>Opens the object for reading from its start.</summary>
    Task<ObjectReading> OpenAsync(ObjectRef target, CancellationToken cancellationToken);

    /// <summary>Deletes the object; deleting an absent one succeeds. False: could not be deleted now.</summary>
    Task<bool> DeleteAsync(ObjectRef target, CancellationToken cancellationToken);
}

/// <summary>A link that a person may open without signing in, for one object, one hour at most (S3).</summary>
public sealed record SignedLink(string Url, DateTimeOffset ExpiresAt);

/// <summary>Keys of the signers that are registered beside the one for people.</summary>
public static class LinkSigners
{
    /// <summary>For providers that fetch something when a machine is free: an hour, however short the links of people are made.</summary>
    public const string OfAnHour = "links.hour";
}

/// <summary>Makes links that open one stored object for a while. Caller: pages and the API. Nothing is looked up: the object may be gone.</summary>
public interface ILinkSigner
{
    /// <summary>How long each link works.</summary>
    TimeSpan Lifetime { get; }

    SignedLink Sign(ObjectRef target);
}
