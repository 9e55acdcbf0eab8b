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
/// <see cref="FindAsync"/> reports, survives a power cut. Reads let <see cref="IOException"/> through: a disk that can't be read is not an
/// absent file.
/// </summary>
/// <param name="folder"><c>Spool:Path</c>; created when missing.</param>
/// <param name="id">See <see cref="ReadId"/>. Lazy, because the id is made on first use: a command that only tries the disk leaves none behind.</param>
/// <param name="minimumFreeBytes">An append is refused when less would be free on the disk; 0 asks nothing.</param>
public sealed partial class FileSpool(string folder, Lazy<string> id, long minimumFreeBytes = 0) : ISpool
{
    private const int ChunkBytes = 256 * 1024;
    private const string PartSuffix = ".part";
    private const string IdFile = ".spool-id";

    /// <summary>ENOSPC and EDQUOT, and what Windows says instead.</summary>
    private static readonly HashSet<int> DiskFull = OperatingSystem.IsWindows() ? [unchecked((int)0x80070070), unchecked((int)0x80070027)] : [28, 122];

    private readonly string folder = Path.GetFullPath(folder);

    public string Id => id.Value;

    /// <summary>
    /// The folder's own id, kept in the folder: whoever has the folder has the id. An older portal knew its disk by the instance's id, so a folder without
    /// an id takes that one.
    /// </summary>
    /// <exception cref="IOException">The folder can't be written.</exception>
    /// <exception cref="InvalidDataException">The file does not hold an id.</exception>
    public static string ReadId(string folder, Func<string> instance)
    {
        string path = Path.Combine(Path.GetFullPath(folder), IdFile);
        string text = Encoding.UTF8.GetString(DurableFiles.ReadOrCreate(path, () => Encoding.UTF8.GetBytes($"{instance()}\n"))).Trim();
        return Guid.TryParse(text, out Guid id)
            ? id.ToString("D")
            : throw new InvalidDataException(
                $"The file {path} does not hold the spool's id. Restore it from a backup; or write into it the id that the column spool_id of the "
                + "table spool_files has for the files in this folder.");
    }

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

    public async Task<SpoolFile?> FindAsync(string name, CancellationToken cancellationToken)
    {
        string sealedPath = PathOf(name);
        if (File.Exists(sealedPath))
        {
            return new SpoolFile(name, new FileInfo(sealedPath).Length);
        }

        string part = sealedPath + PartSuffix;
        if (!File.Exists(part))
        {
            return null;
        }

        // A process that died within an append left bytes that were written but not flushed. They are good bytes: make them last.
        await using FileStream file = DurableFiles.OpenWrite(part, FileMode.Open);
        file.Flush(flushToDisk: true);
        return new SpoolFile(name + PartSuffix, file.Length);
    }

    public async Task<SpoolOutcome> AppendAsync(string name, long offset, Stream content, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentNullException.ThrowIfNull(content);
        string sealedPath = PathOf(name);
        string part = sealedPath + PartSuffix;
        try
        {
            if (File.Exists(sealedPath))
            {
                return new SpoolOutcome.Failed($"{name} is sealed: nothing can be appended to it.");
            }

            DurableFiles.CreateFolder(Path.GetDirectoryName(part)!);
            if (minimumFreeBytes > 0 && FreeBytes() is long free && free < minimumFreeBytes)
            {
                return new SpoolOutcome.NoRoom(
                    $"The spool's disk has {free} bytes free, less than Spool:MinimumFreeBytes ({minimumFreeBytes}). Make room on it.");
            }

            bool isNew = !File.Exists(part);
            await using FileStream file = DurableFiles.OpenWrite(part, FileMode.OpenOrCreate);
            if (isNew)
            {
                DurableFiles.FlushFolder(Path.GetDirectoryName(part)!);
            }

            if (file.Length < offset)
            {
                return new SpoolOutcome.Failed($"{name} holds {file.Length} bytes, so it can't go on at {offset}: go on from what is there.");
            }

            file.SetLength(offset);
            file.Position = offset;
            return await CopyAsync(name, file, offset, content, cancellationToken);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return OutcomeOf(failure);
        }
    }

    public async Task<SpoolDigest?> DigestAsync(string name, CancellationToken cancellationToken)
    {
        Stream? content = await OpenAsync(name, cancellationToken);
        if (content is null)
        {
            return null;
        }

        await using (content)
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

                return new SpoolDigest(length, Convert.ToHexStringLower(hash.GetCurrentHash()));
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
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
                return new SpoolOutcome.Failed($"There is no {name} in the spool to seal.");
            }

            long length;
            await using (FileStream file = DurableFiles.OpenWrite(part, FileMode.Open))
            {
                file.Flush(flushToDisk: true);
                length = file.Length;
            }

            DurableFiles.MoveInto(part, sealedPath);
            return new SpoolOutcome.Done(new SpoolFile(name, length));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return OutcomeOf(failure);
        }
    }

    public Task<Stream?> OpenAsync(string name, CancellationToken cancellationToken)
    {
        string sealedPath = PathOf(name);
        foreach (string path in (string[])[sealedPath, sealedPath + PartSuffix, sealedPath])
        {
            try
            {
                return Task.FromResult<Stream?>(DurableFiles.OpenRead(path, FileShare.ReadWrite | FileShare.Delete));
            }
            catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
            {
                // Looked for under the other name; the third look catches a seal between the first two.
            }
        }

        return Task.FromResult<Stream?>(null);
    }

    public Task DeleteAsync(string name, CancellationToken cancellationToken)
    {
        string sealedPath = PathOf(name);
        string parent = Path.GetDirectoryName(sealedPath)!;
        if (Directory.Exists(parent))
        {
            File.Delete(sealedPath + PartSuffix);
            File.Delete(sealedPath);
            DurableFiles.FlushFolder(parent);
        }

        return Task.CompletedTask;
    }

    public Task<long?> ReadRoomAsync(CancellationToken cancellationToken)
    {
        try
        {
            DurableFiles.CreateFolder(folder);
            return Task.FromResult<long?>(Math.Max(0, FreeBytes() - minimumFreeBytes));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return Task.FromResult<long?>(null);
        }
    }

    public Task<IReadOnlyList<SpoolListed>> ListAsync(CancellationToken cancellationToken)
    {
        List<SpoolListed> files = [];
        if (Directory.Exists(folder))
        {
            foreach (FileInfo file in new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories))
            {
                string path = Path.GetRelativePath(folder, file.FullName).Replace('\\', '/');
                bool part = path.EndsWith(PartSuffix, StringComparison.Ordinal);
                string name = part ? path[..^PartSuffix.Length] : path;
                if (Name().IsMatch(name))
                {
                    files.Add(new SpoolListed(name, file.Length, !part));
                }
            }
        }

        return Task.FromResult<IReadOnlyList<SpoolListed>>([.. files.OrderBy(file => file.Name, StringComparer.Ordinal)]);
    }

    private static async Task<SpoolOutcome> CopyAsync(
        string name, FileStream file, long offset, Stream content, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
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
            }
        }
        catch (Exception failure) when (failure is IOException or OperationCanceledException)
        {
            file.SetLength(offset);
            file.Flush(flushToDisk: true);
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static SpoolOutcome OutcomeOf(Exception failure) =>
        failure is IOException && DiskFull.Contains(failure.HResult) ? new SpoolOutcome.NoRoom(failure.Message) : new SpoolOutcome.Failed(failure.Message);

    private long FreeBytes() =>
        new DriveInfo(OperatingSystem.IsWindows() ? Path.GetPathRoot(folder)! : folder).AvailableFreeSpace;

    private string PathOf(string name) =>
        Name().IsMatch(name) && !name.Split('/').Any(segment => segment.EndsWith(PartSuffix, StringComparison.Ordinal))
            ? Path.Combine(folder, name)
            : throw new ArgumentException(
                $"\"{name}\" is no spool name: up to four parts of letters, digits, dot, hyphen and underscore, not ending in {PartSuffix}.",
                nameof(name));

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]{0,120}(/[A-Za-z0-9][A-Za-z0-9._-]{0,120}){0,3}\\z")]
    private static partial Regex Name();
}
