using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Storage;

/// <summary>One trained file on this instance's local disk, between the pod and the store. Identified by job and attempt.</summary>
/// <param name="Path">Relative to <c>Spool:Path</c>.</param>
/// <param name="LengthBytes">How many bytes lie on disk, fsynced.</param>
public sealed record SpoolFile(string Path, long LengthBytes);

public abstract record SpoolOutcome
{
    private SpoolOutcome()
    {
    }

    public sealed record Done(SpoolFile File) : SpoolOutcome;

    /// <summary>
    /// The disk is full, not writable or away, or the content broke off, of which the bytes that came are kept; what was there before is untouched.
    /// </summary>
    public sealed record Failed(string Reason) : SpoolOutcome;
}

/// <summary>What a finished spool file turned out to be.</summary>
public sealed record SpoolDigest(long LengthBytes, string Sha256);

/// <summary>What a look into the spool gave. "Could not read" is never "absent": a disk that is not mounted holds files that nobody sees.</summary>
public abstract record SpoolReading<T>
    where T : class
{
    private SpoolReading()
    {
    }

    public sealed record Found(T Value) : SpoolReading<T>;

    /// <summary>The spool is there and has no such file.</summary>
    public sealed record Absent : SpoolReading<T>;

    /// <summary>The spool is not there, or its disk can't be read: nothing is known about the file.</summary>
    public sealed record Unreadable(string Reason) : SpoolReading<T>;
}

/// <summary>
/// Local disk for trained files. A file grows as a <c>.part</c>, is fsynced after each range, and gets its final name only by
/// <see cref="SealAsync"/>. The host's implementation adds fsync of file and folder; nobody but the conductor of the owning instance calls it.
/// </summary>
public interface ISpool
{
    /// <summary>The instance whose disk this is; stored in spool rows, because only that instance can upload them.</summary>
    string Instance { get; }

    /// <summary>What lies on disk for the name (sealed or part).</summary>
    Task<SpoolReading<SpoolFile>> FindAsync(string name, CancellationToken cancellationToken);

    /// <summary>
    /// Appends <paramref name="content"/> at <paramref name="offset"/>, which must be the present length (a longer part is cut to it first),
    /// and fsyncs. An absent file begins at 0; a sealed one takes nothing.
    /// </summary>
    Task<SpoolOutcome> AppendAsync(string name, long offset, Stream content, CancellationToken cancellationToken);

    /// <summary>SHA-256 over the whole file.</summary>
    Task<SpoolReading<SpoolDigest>> DigestAsync(string name, CancellationToken cancellationToken);

    /// <summary>Gives the part its final name and fsyncs the folder. Sealing a sealed file succeeds; an absent one fails.</summary>
    Task<SpoolOutcome> SealAsync(string name, CancellationToken cancellationToken);

    /// <summary>Opens the sealed (or growing) file for reading; the caller disposes the stream.</summary>
    Task<SpoolReading<Stream>> OpenAsync(string name, CancellationToken cancellationToken);

    /// <summary>Removes the file; removing an absent one succeeds. False: it could not be removed now and may still be there.</summary>
    Task<bool> DeleteAsync(string name, CancellationToken cancellationToken);
}

/// <summary>A row per trained file that has been proven in the spool.</summary>
public sealed record SpoolEntry(JobId Job, int Attempt, string Instance, string Name, long SizeBytes, string Sha256, DateTimeOffset VerifiedAt);

/// <summary>Bound to a unit of work.</summary>
public interface ISpoolStore
{
    Task SaveAsync(SpoolEntry entry, CancellationToken cancellationToken);

    Task<SpoolEntry?> FindAsync(JobId job, CancellationToken cancellationToken);

    /// <summary>Every file on the instance's disk, oldest first.</summary>
    Task<IReadOnlyList<SpoolEntry>> ListAsync(string instance, CancellationToken cancellationToken);

    Task DeleteAsync(JobId job, CancellationToken cancellationToken);
}
