using System.Buffers;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Platform.Files;

namespace LoraAdmin.Storage;

/// <summary>
/// The buckets as folders below <c>{Data:Path}/objects</c>, readable by this user only. Every object is a plain file with exactly its bytes.
/// A key's folders carry a trailing <c>#</c> on disk, a character that no key may hold, so that <c>a</c> and <c>a/b</c> can both exist.
/// Files have no place for a content type: an image is recognised by its own first bytes, which also means that nothing else is ever
/// served as an image.
/// </summary>
public sealed partial class FileObjectStore : IObjectStore
{
    private const int ChunkBytes = 128 * 1024;
    private const int MaxSegmentBytes = 250;
    private const int MoveTries = 10;
    private static readonly TimeSpan DraftsAbandonedAfter = TimeSpan.FromDays(1);

    private readonly string root;
    private readonly string drafts;
    private readonly DiskReserve reserve;
    private readonly IIds ids;

    /// <param name="root">Folder of the buckets; created when missing. Drafts that a crash left there a day ago are removed.</param>
    /// <param name="minimumFreeBytes">A put fails when less would be free on the disk; 0 asks nothing.</param>
    /// <exception cref="IOException">The folder can't be created.</exception>
    public FileObjectStore(string root, IIds ids, TimeProvider clock, long minimumFreeBytes = 0)
    {
        ArgumentNullException.ThrowIfNull(clock);
        this.root = Path.GetFullPath(root);
        this.ids = ids;
        drafts = Path.Combine(this.root, ".tmp");
        reserve = new DiskReserve(this.root, minimumFreeBytes, "Storage:MinimumFreeBytes");
        DurableFiles.CreateFolder(drafts);
        foreach (string draft in Directory.EnumerateFiles(drafts))
        {
            if (clock.GetUtcNow() - File.GetLastWriteTimeUtc(draft) > DraftsAbandonedAfter)
            {
                File.Delete(draft);
            }
        }
    }

    public async Task<PutOutcome> PutAsync(ObjectRef target, Stream content, string contentType, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(content);
        if (Problem(target) is { } problem)
        {
            return new PutOutcome.Refused(problem);
        }

        string draft = Path.Combine(drafts, ids.Next().ToString("N"));
        try
        {
            if (reserve.Problem(content.CanSeek ? content.Length - content.Position : 0) is { } full)
            {
                return new PutOutcome.Failed(full);
            }

            (long size, string sha256) = await WriteDraftAsync(draft, content, cancellationToken);
            MoveToKey(draft, PathOf(target));
            return new PutOutcome.Stored(size, sha256);
        }
        catch (IOException failure)
        {
            return new PutOutcome.Failed(failure.Message);
        }
        catch (UnauthorizedAccessException failure)
        {
            return new PutOutcome.Refused(failure.Message);
        }
        finally
        {
            RemoveDraft(draft);
        }
    }

    public async Task<ObjectReading> OpenAsync(ObjectRef target, CancellationToken cancellationToken)
    {
        if (Problem(target) is not null)
        {
            return new ObjectReading.NotFound();
        }

        FileStream? file = null;
        try
        {
            file = DurableFiles.OpenRead(PathOf(target));
            byte[] start = new byte[ImageSignatures.Length];
            int read = await file.ReadAtLeastAsync(start, start.Length, throwOnEndOfStream: false, cancellationToken);
            file.Position = 0;
            DateTimeOffset modified = new(File.GetLastWriteTimeUtc(file.SafeFileHandle));
            ObjectInfo info = new(target, file.Length, ImageSignatures.ContentType(start.AsSpan(0, read)), modified);
            ObjectReading.Found found = new(info, file);
            file = null;
            return found;
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            // A root that went away (an unmounted disk) says nothing about the object.
            return Directory.Exists(drafts) ? new ObjectReading.NotFound() : new ObjectReading.Unavailable($"The folder {root} is gone.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return new ObjectReading.Unavailable(failure.Message);
        }
        finally
        {
            if (file is not null)
            {
                await file.DisposeAsync();
            }
        }
    }

    public Task<bool> DeleteAsync(ObjectRef target, CancellationToken cancellationToken)
    {
        if (Problem(target) is not null)
        {
            return Task.FromResult(true);
        }

        string path = PathOf(target);
        try
        {
            if (File.Exists(path))
            {
                File.Delete(path);
                DurableFiles.FlushFolder(Path.GetDirectoryName(path)!);
                PruneEmptyFolders(path, Path.Combine(root, target.Bucket));
            }

            return Task.FromResult(Directory.Exists(drafts));
        }
        catch (DirectoryNotFoundException)
        {
            return Task.FromResult(Directory.Exists(drafts));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return Task.FromResult(false);
        }
    }

    private async Task<(long Size, string Sha256)> WriteDraftAsync(string draft, Stream content, CancellationToken cancellationToken)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            long size = 0;
            long looked = 0;
            await using FileStream file = DurableFiles.OpenWrite(draft, FileMode.CreateNew);
            int read;
            while ((read = await content.ReadAsync(buffer.AsMemory(0, ChunkBytes), cancellationToken)) > 0)
            {
                hash.AppendData(buffer.AsSpan(0, read));
                await file.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
                size += read;
                looked += read;
                if (looked >= DiskReserve.LookEvery)
                {
                    looked = 0;
                    if (reserve.Problem() is { } full)
                    {
                        throw new IOException(full);
                    }
                }
            }

            file.Flush(flushToDisk: true);
            return (size, Convert.ToHexStringLower(hash.GetCurrentHash()));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // A delete of the folder's last other object may prune the folder at any point in here.
    private static void MoveToKey(string draft, string path)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                DurableFiles.CreateFolder(Path.GetDirectoryName(path)!);
                DurableFiles.MoveInto(draft, path);
                return;
            }
            catch (Exception failure) when (failure is DirectoryNotFoundException or FileNotFoundException && attempt < MoveTries)
            {
                if (!File.Exists(draft))
                {
                    // It was stored, and deleted again before its folder could be flushed.
                    return;
                }
            }
        }
    }

    private static void RemoveDraft(string draft)
    {
        try
        {
            File.Delete(draft);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // The next start removes it; the outcome of the put is already known.
        }
    }

    private static void PruneEmptyFolders(string path, string bucket)
    {
        string? folder = Path.GetDirectoryName(path);
        try
        {
            while (folder is not null && folder.Length > bucket.Length && !Directory.EnumerateFileSystemEntries(folder).Any())
            {
                Directory.Delete(folder, recursive: false);
                folder = Path.GetDirectoryName(folder);
            }
        }
        catch (IOException)
        {
            // Somebody stored a neighbour meanwhile, so the folder is needed.
        }
    }

    private static string? Problem(ObjectRef target)
    {
        ArgumentNullException.ThrowIfNull(target);
        if (!BucketName().IsMatch(target.Bucket))
        {
            return $"\"{target.Bucket}\" is no bucket name: 3 to 63 lower-case letters, digits and hyphens.";
        }

        if (!ObjectKeys.IsValid(target.Key))
        {
            return "The key holds characters or segments that are not accepted, or is empty or longer than 512.";
        }

        return target.Key.Split('/').Any(segment => segment.Length > MaxSegmentBytes)
            ? $"A part of the key between two slashes is longer than {MaxSegmentBytes} characters."
            : null;
    }

    private string PathOf(ObjectRef target) =>
        Path.Combine(root, target.Bucket, target.Key.Replace("/", "#/", StringComparison.Ordinal));

    [GeneratedRegex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]\\z")]
    private static partial Regex BucketName();
}
