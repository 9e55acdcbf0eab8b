using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Storage;

/// <summary>One trained file on this instance's local disk, between the pod and the store.</summary>
/// <param name="Path">Relative to <c>Spool:Path</c>.</param>
/// <param name="LengthBytes">How many bytes lie on disk, fsynced.</param>
public sealed record SpoolFile(string Path, long LengthBytes);

/// <summary>One file as a listing of the folder shows it.</summary>
/// <param name="Name">Without the ending of a part.</param>
/// <param name="IsSealed">False: it still grows, or its fetching was given up.</param>
public sealed record SpoolListed(string Name, long LengthBytes, bool IsSealed);

public abstract record SpoolOutcome
{
    private SpoolOutcome()
    {
    }

    public sealed record Done(SpoolFile File) : SpoolOutcome;

    /// <summary>The content ended before its end; what arrived before that is kept and fsynced.</summary>
    public sealed record Broken(SpoolFile File, string Reason) : SpoolOutcome;

    /// <summary>The disk is full; what was there before is untouched.</summary>
    public sealed record NoRoom(string Reason) : SpoolOutcome;

    /// <summary>The disk is not writable or away; what was there before is untouched.</summary>
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

    /// <summary>What was found; null both for absent and for unreadable: only for callers to whom these are the same.</summary>
    public T? OrNull() => (this as Found)?.Value;
}

/// <summary>
/// Local disk for trained files. A file grows as a <c>.part</c>, is fsynced after each range, and gets its final name only by
/// <see cref="SealAsync"/>. The host's implementation adds fsync of file and folder; only loops of an instance that has the disk call it.
/// </summary>
public interface ISpool
{
    /// <summary>
    /// The disk's own id, kept on the disk itself: instances that share one folder see the same id. Stored in spool rows, because only an instance
    /// that has the disk can read the file.
    /// </summary>
    string Id { get; }

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

    /// <summary>How many bytes may still be written; null: the disk does not say.</summary>
    Task<long?> ReadRoomAsync(CancellationToken cancellationToken);

    /// <summary>Every file of the spool, in order of name.</summary>
    Task<SpoolReading<IReadOnlyList<SpoolListed>>> ListAsync(CancellationToken cancellationToken);
}

/// <summary>A person let a file go.</summary>
/// <param name="Reason">1 to 500 characters.</param>
public sealed record SpoolDiscard(Actor By, string Reason, DateTimeOffset At);

/// <summary>A row per trained file that has been proven in a spool: size and SHA-256 as its agent announced, a whole safetensors file, fsynced.</summary>
/// <param name="Job">Whose file it is; null: of a pod that no job knows, until a person says.</param>
/// <param name="Attempt">From 1; 0 when no job knows the file.</param>
/// <param name="Spool">On which disk it lies (<see cref="ISpool.Id"/>).</param>
/// <param name="Name">Unique on that disk.</param>
/// <param name="Sha256">64 lower-case hex digits.</param>
public sealed record SpoolEntry(JobId? Job, int Attempt, string Spool, string Name, long SizeBytes, string Sha256, DateTimeOffset VerifiedAt)
{
    /// <summary>The ledger's name of the pod it came from; null for files of the ordinary way.</summary>
    public string? Pod { get; init; }

    /// <summary>When its upload is tried next after the job's own tries failed (J2); null: at the next run.</summary>
    public DateTimeOffset? DueAt { get; init; }

    /// <summary>Runs of J2 in a row that failed.</summary>
    public int FailedRuns { get; init; }

    public string? LastError { get; init; }
    public DateTimeOffset? LastTriedAt { get; init; }

    /// <summary>Set: the instance that has the disk removes the file.</summary>
    public SpoolDiscard? Discard { get; init; }
}

/// <summary>One portal instance with the disk that it has, or had, as the others see it.</summary>
/// <param name="Instance">Lasting id of the installation on its machine, not of the process.</param>
/// <param name="Spool">Id of its disk.</param>
/// <param name="Host">Its machine, for a person.</param>
public sealed record SpoolInstance(string Instance, string Spool, string Host, DateTimeOffset LastSeenAt)
{
    /// <summary>People were told that it is silent and that files lie on its disk.</summary>
    public bool IsSilenceTold { get; init; }

    /// <summary>People were told that this instance can't read its own disk.</summary>
    public bool IsAwayTold { get; init; }
}

/// <summary>Bound to a unit of work.</summary>
public interface ISpoolStore
{
    /// <summary>Writes the row, replacing the one of the same disk and name.</summary>
    Task SaveAsync(SpoolEntry entry, CancellationToken cancellationToken);

    Task<SpoolEntry?> FindAsync(string spool, string name, CancellationToken cancellationToken);

    /// <summary>Every proven file of the job on whatever disk, newest attempt first, of one attempt the newest first. Discarded ones are left out.</summary>
    Task<IReadOnlyList<SpoolEntry>> ListForJobAsync(JobId job, CancellationToken cancellationToken);

    /// <summary>Every proven file of this name on whatever disk, the newest first. Discarded ones are left out.</summary>
    Task<IReadOnlyList<SpoolEntry>> ListNamedAsync(string name, CancellationToken cancellationToken);

    /// <summary>Every file on the disk, oldest first, discarded ones too.</summary>
    Task<IReadOnlyList<SpoolEntry>> ListAsync(string spool, CancellationToken cancellationToken);

    /// <summary>Files on all disks, oldest first, at most <paramref name="max"/>.</summary>
    Task<IReadOnlyList<SpoolEntry>> ListAllAsync(int max, CancellationToken cancellationToken);

    Task DeleteAsync(string spool, string name, CancellationToken cancellationToken);

    /// <summary>Writes <see cref="SpoolEntry.LastError"/> and nothing else; a row that is gone stays gone.</summary>
    Task NoteErrorAsync(string spool, string name, string error, CancellationToken cancellationToken);

    /// <summary>Notes that the instance is alive with the disk; leaves alone what people were told, and what is known of its earlier disks.</summary>
    Task BeatAsync(SpoolInstance instance, CancellationToken cancellationToken);

    Task<IReadOnlyList<SpoolInstance>> ListInstancesAsync(CancellationToken cancellationToken);

    /// <summary>Notes it for every instance that has, or had, the disk.</summary>
    Task SetSilenceToldAsync(string spool, bool told, CancellationToken cancellationToken);

    Task SetAwayToldAsync(string instance, string spool, bool told, CancellationToken cancellationToken);

    /// <summary>Forgets who had the disk and was last heard of before the instant.</summary>
    Task ForgetInstancesAsync(string spool, DateTimeOffset seenBefore, CancellationToken cancellationToken);
}
