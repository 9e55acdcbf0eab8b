using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Platform.Files;

namespace LoraAdmin.Storage;

/// <summary>
/// Trained files below <c>Spool:Path</c>: <c>{name}.part</c> while one grows, <c>{name}</c> once it is sealed. What an append has answered, and what
/// <see cref="FindAsync"/> reports, survives a power cut. One writer at a time has a part, and whoever gives it its name: on a shared folder a stalled
/// instance may still write what another one goes on with.
/// </summary>
/// <param name="path"><c>Spool:Path</c>; made by the first append.</param>
/// <param name="instance">
/// See <see cref="ReadInstance"/>; becomes the id of a folder that has none. Lazy, because it is made on first use: a command that only tries the disk
/// leaves none behind.
/// </param>
/// <param name="minimumFreeBytes">An append is refused, or ends, when less is free on the disk; 0 asks nothing.</param>
/// <param name="note">Where it is remembered which folder holds files (<see cref="SpoolFolder"/>).</param>
public sealed partial class FileSpool(string path, Lazy<string> instance, long minimumFreeBytes = 0, string? note = null) : ISpool
{
    private const int ChunkBytes = 256 * 1024;
    private const string PartSuffix = ".part";

    private readonly string folder = Path.GetFullPath(path);
    private readonly DiskReserve reserve = new(Path.GetFullPath(path), minimumFreeBytes, "Spool:MinimumFreeBytes");
    private readonly SpoolFolder spoolFolder = new(Path.GetFullPath(path), note);

    /// <summary>ENOSPC and EDQUOT, and what Windows says instead.</summary>
    private static readonly HashSet<int> DiskFull = OperatingSystem.IsWindows() ? [unchecked((int)0x80070070), unchecked((int)0x80070027)] : [28, 122];

    public string Id => spoolFolder.ReadId(instance);

    /// <summary>This instance's lasting name, made on first use and kept in the file <paramref name="path"/>.</summary>
    /// <exception cref="InvalidDataException">The file does not hold an id.</exception>
    public static string ReadInstance(string path, IIds ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        string text = Encoding.UTF8.GetString(DurableFiles.ReadOrCreate(path, () => Encoding.UTF8.GetBytes($"{ids.Next():D}\n"))).Trim();
        return Guid.TryParse(text, out Guid id)
            ? id.ToString("D")
            : throw new InvalidDataException(
                $"The file {path} does not hold this instance's id. Restore it from a backup; or delete it, and files in the spool that belong to "
                + "the old id must be uploaded by hand.");
    }

    public async Task<SpoolReading<SpoolFile>> FindAsync(string name, CancellationToken cancellationToken)
    {
        string sealedPath = PathOf(name);
        try
        {
            if (File.Exists(sealedPath))
            {
                return new SpoolReading<SpoolFile>.Found(new SpoolFile(name, new FileInfo(sealedPath).Length));
            }

            string part = sealedPath + PartSuffix;
            if (!File.Exists(part))
            {
                return Nothing<SpoolFile>();
            }

            return new SpoolReading<SpoolFile>.Found(new SpoolFile(name + PartSuffix, await FlushedLengthAsync(part)));
        }
        catch (Exception failure) when (IsDiskFailure(failure))
        {
            return new SpoolReading<SpoolFile>.Unreadable(failure.Message);
        }
    }

    public async Task<SpoolOutcome> AppendAsync(string name, long offset, Stream content, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentNullException.ThrowIfNull(content);
        string sealedPath = PathOf(name);
        string part = sealedPath + PartSuffix;
        try
        {
            if ((spoolFolder.Away() ?? Refusal(File.Exists(part) ? new FileInfo(part).Length : 0)) is { } refused)
            {
                return new SpoolOutcome.Failed(refused);
            }

            DurableFiles.CreateFolder(Path.GetDirectoryName(part)!);
            if (reserve.Problem() is { } full)
            {
                return new SpoolOutcome.NoRoom(full);
            }

            bool isNew = !File.Exists(part);
            await using FileStream file = DurableFiles.OpenWrite(part, FileMode.OpenOrCreate, DurableFiles.Alone);

            // Only now nobody else can write it or give it its name.
            if (Refusal(file.Length) is { } late)
            {
                if (file.Length == 0)
                {
                    File.Delete(part);
                }

                return new SpoolOutcome.Failed(late);
            }

            if (isNew)
            {
                DurableFiles.FlushFolder(Path.GetDirectoryName(part)!);
            }

            file.SetLength(offset);
            file.Position = offset;
            return await CopyAsync(name, file, offset, content, cancellationToken);
        }
        catch (Exception failure) when (IsDiskFailure(failure))
        {
            return OutcomeOf(failure);
        }

        string? Refusal(long length) => File.Exists(sealedPath) ? $"{name} is sealed: nothing can be appended to it."
            : length < offset ? $"{name} holds {length} bytes, so it can't go on at {offset}: go on from what is there."
            : null;
    }

    public async Task<SpoolReading<SpoolDigest>> DigestAsync(string name, CancellationToken cancellationToken)
    {
        switch (await OpenAsync(name, cancellationToken))
        {
            case SpoolReading<Stream>.Found found:
                await using (found.Value)
                {
                    return await DigestAsync(found.Value, cancellationToken);
                }

            case SpoolReading<Stream>.Unreadable unreadable:
                return new SpoolReading<SpoolDigest>.Unreadable(unreadable.Reason);
            default:
                return new SpoolReading<SpoolDigest>.Absent();
        }
    }

    public async Task<SpoolOutcome> SealAsync(string name, CancellationToken cancellationToken)
    {
        string sealedPath = PathOf(name);
        string part = sealedPath + PartSuffix;
        try
        {
            if (File.Exists(sealedPath))
            {
                // The process may have died between rename and flush.
                DurableFiles.FlushFolder(Path.GetDirectoryName(sealedPath)!);
                return new SpoolOutcome.Done(new SpoolFile(name, new FileInfo(sealedPath).Length));
            }

            if (!File.Exists(part))
            {
                return new SpoolOutcome.Failed(spoolFolder.Away() ?? $"There is no {name} in the spool to seal.");
            }

            // Held until it has its name: an append that began in between would cut the proven file.
            await using FileStream file = DurableFiles.OpenWrite(part, FileMode.Open, DurableFiles.Alone);
            file.Flush(flushToDisk: true);

            // From its first whole file on the folder is known by its mark: without it, its disk is away.
            _ = Id;
            DurableFiles.MoveInto(part, sealedPath);
            return new SpoolOutcome.Done(new SpoolFile(name, file.Length));
        }
        catch (Exception failure) when (IsDiskFailure(failure))
        {
            return OutcomeOf(failure);
        }
    }

    public Task<SpoolReading<Stream>> OpenAsync(string name, CancellationToken cancellationToken)
    {
        string sealedPath = PathOf(name);
        try
        {
            foreach (string path in (string[])[sealedPath, sealedPath + PartSuffix, sealedPath])
            {
                try
                {
                    return Task.FromResult<SpoolReading<Stream>>(
                        new SpoolReading<Stream>.Found(DurableFiles.OpenRead(path, FileShare.ReadWrite | FileShare.Delete)));
                }
                catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
                {
                    // Looked for under the other name; the third look catches a seal between the first two.
                }
            }

            return Task.FromResult(Nothing<Stream>());
        }
        catch (Exception failure) when (IsDiskFailure(failure))
        {
            return Task.FromResult<SpoolReading<Stream>>(new SpoolReading<Stream>.Unreadable(failure.Message));
        }
    }

    public Task<bool> DeleteAsync(string name, CancellationToken cancellationToken)
    {
        string sealedPath = PathOf(name);
        string parent = Path.GetDirectoryName(sealedPath)!;
        try
        {
            if (spoolFolder.Away() is not null)
            {
                return Task.FromResult(false);
            }

            if (Directory.Exists(parent))
            {
                File.Delete(sealedPath + PartSuffix);
                File.Delete(sealedPath);
                DurableFiles.FlushFolder(parent);
            }

            return Task.FromResult(spoolFolder.Away() is null);
        }
        catch (Exception failure) when (IsDiskFailure(failure))
        {
            return Task.FromResult(false);
        }
    }

    public Task<long?> ReadRoomAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (spoolFolder.Away() is not null)
            {
                return Task.FromResult<long?>(null);
            }

            DurableFiles.CreateFolder(folder);
            return Task.FromResult<long?>(reserve.RoomBytes());
        }
        catch (Exception failure) when (IsDiskFailure(failure))
        {
            return Task.FromResult<long?>(null);
        }
    }

    public Task<SpoolReading<IReadOnlyList<SpoolListed>>> ListAsync(CancellationToken cancellationToken)
    {
        try
        {
            List<SpoolListed> files = [];
            if (Directory.Exists(folder))
            {
                foreach (FileInfo file in new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories))
                {
                    string below = Path.GetRelativePath(folder, file.FullName).Replace('\\', '/');
                    bool part = below.EndsWith(PartSuffix, StringComparison.Ordinal);
                    string name = part ? below[..^PartSuffix.Length] : below;
                    if (Name().IsMatch(name))
                    {
                        files.Add(new SpoolListed(name, file.Length, !part));
                    }
                }
            }

            // Asked after the look: a disk that went away meanwhile has shown nothing.
            return Task.FromResult<SpoolReading<IReadOnlyList<SpoolListed>>>(spoolFolder.Away() is { } away
                ? new SpoolReading<IReadOnlyList<SpoolListed>>.Unreadable(away)
                : new SpoolReading<IReadOnlyList<SpoolListed>>.Found([.. files.OrderBy(file => file.Name, StringComparer.Ordinal)]));
        }
        catch (Exception failure) when (IsDiskFailure(failure))
        {
            return Task.FromResult<SpoolReading<IReadOnlyList<SpoolListed>>>(new SpoolReading<IReadOnlyList<SpoolListed>>.Unreadable(failure.Message));
        }
    }

    private static SpoolOutcome OutcomeOf(Exception failure) =>
        failure is IOException && DiskFull.Contains(failure.HResult) ? new SpoolOutcome.NoRoom(failure.Message) : new SpoolOutcome.Failed(failure.Message);

    private static bool IsDiskFailure(Exception failure) => failure is IOException or UnauthorizedAccessException;

    private static async Task<SpoolReading<SpoolDigest>> DigestAsync(Stream content, CancellationToken cancellationToken)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            long length = 0;
            int read;
            while ((read = await content.ReadAsync(buffer.AsMemory(0, ChunkBytes), cancellationToken)) > 0)
            {
                hash.AppendData(buffer.AsSpan(0, read));
                length += read;
            }

            return new SpoolReading<SpoolDigest>.Found(new SpoolDigest(length, Convert.ToHexStringLower(hash.GetCurrentHash())));
        }
        catch (Exception failure) when (IsDiskFailure(failure))
        {
            return new SpoolReading<SpoolDigest>.Unreadable(failure.Message);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>A process that died within an append left bytes that were written but not flushed. They are good bytes: make them last.</summary>
    private static async Task<long> FlushedLengthAsync(string part)
    {
        try
        {
            await using FileStream file = DurableFiles.OpenWrite(part, FileMode.Open);
            file.Flush(flushToDisk: true);
            return file.Length;
        }
        catch (IOException inUse) when (DurableFiles.IsInUse(inUse))
        {
            // Somebody writes it just now, and flushes by itself; nobody else can go on from here before that.
            return new FileInfo(part).Length;
        }
    }

    private async Task<SpoolOutcome> CopyAsync(
        string name, FileStream file, long offset, Stream content, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            long looked = 0;
            while (true)
            {
                int read;
                try
                {
                    read = await content.ReadAsync(buffer.AsMemory(0, ChunkBytes), cancellationToken);
                }
                catch (IOException broken)
                {
                    // What arrived before the connection broke need not be fetched again.
                    file.Flush(flushToDisk: true);
                    return new SpoolOutcome.Broken(
                        new SpoolFile(name + PartSuffix, file.Length), $"The content broke off after {file.Length - offset} bytes, which are kept: {broken.Message}");
                }

                if (read == 0)
                {
                    file.Flush(flushToDisk: true);
                    return new SpoolOutcome.Done(new SpoolFile(name + PartSuffix, file.Length));
                }

                await file.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
                looked += read;
                if (looked >= DiskReserve.LookEvery)
                {
                    looked = 0;
                    if (reserve.Problem() is { } full)
                    {
                        file.Flush(flushToDisk: true);
                        return new SpoolOutcome.NoRoom(full);
                    }
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The portal stops: what arrived before need not be fetched again.
            file.Flush(flushToDisk: true);
            throw;
        }
        catch (IOException)
        {
            // A full disk is nobody's good: what this append took of it is given back.
            file.SetLength(offset);
            file.Flush(flushToDisk: true);
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Asked only after the file was not found: the disk may go between two looks.</summary>
    private SpoolReading<T> Nothing<T>()
        where T : class => spoolFolder.Away() is { } away ? new SpoolReading<T>.Unreadable(away) : new SpoolReading<T>.Absent();

    private string PathOf(string name) =>
        Name().IsMatch(name) && !name.Split('/').Any(segment => segment.EndsWith(PartSuffix, StringComparison.Ordinal))
            ? Path.Combine(folder, name)
            : throw new ArgumentException(
                $"\"{name}\" is no spool name: up to four parts of letters, digits, dot, hyphen and underscore, not ending in {PartSuffix}.",
                nameof(name));

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]{0,120}(/[A-Za-z0-9][A-Za-z0-9._-]{0,120}){0,3}\\z")]
    private static partial Regex Name();
}
