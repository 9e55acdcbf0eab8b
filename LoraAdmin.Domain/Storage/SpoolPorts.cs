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

    /// <summary>The disk is full or not writable; what was there before is untouched.</summary>
    public sealed record Failed(string Reason) : SpoolOutcome;
}

/// <summary>What a finished spool file turned out to be.</summary>
public sealed record SpoolDigest(long LengthBytes, string Sha256);

/// <summary>
/// Local disk for trained files. A file grows as a <c>.part</c>, is fsynced after each range, and gets its final name only by
/// <see cref="SealAsync"/>. The host's implementation adds fsync of file and folder; nobody but the conductor of the owning instance calls it.
/// </summary>
public interface ISpool
{
    /// <summary>The instance whose disk this is; stored in spool rows, because only that instance can upload them.</summary>
    string Instance { get; }

    /// <summary>What lies on disk for the name (sealed or part), or null.</summary>
    Task<SpoolFile?> FindAsync(string name, CancellationToken cancellationToken);

    /// <summary>
    /// Appends <paramref name="content"/> at <paramref name="offset"/>, which must be the present length (a longer part is cut to it first),
    /// and fsyncs.
    /// </summary>
    Task<SpoolOutcome> AppendAsync(string name, long offset, Stream content, CancellationToken cancellationToken);

    /// <summary>SHA-256 over the whole file; null when there is none.</summary>
    Task<SpoolDigest?> DigestAsync(string name, CancellationToken cancellationToken);

    /// <summary>Gives the part its final name and fsyncs the folder. Sealing a sealed file succeeds.</summary>
    Task<SpoolOutcome> SealAsync(string name, CancellationToken cancellationToken);

    /// <summary>Opens the sealed (or growing) file for reading; null when there is none.</summary>
    Task<Stream?> OpenAsync(string name, CancellationToken cancellationToken);

    /// <summary>Removes the file; removing an absent one succeeds.</summary>
    /// <exception cref="IOException">It could not be removed now.</exception>
    /// <exception cref="UnauthorizedAccessException">This process may not remove it.</exception>
    Task DeleteAsync(string name, CancellationToken cancellationToken);
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
