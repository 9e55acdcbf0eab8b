using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Storage;

/// <content>Listing in the order of keys: a folder's own entries are sorted, and nothing but the folders above it is held meanwhile.</content>
public sealed partial class FileObjectStore : IObjectListing
{
    private const char FolderMark = '#';

    public Task<ObjectPage> ListAsync(string bucket, string? after, int most, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(most);
        List<ListedObject> found = [];
        try
        {
            // One more than was asked for tells whether there are more.
            Walk(new DirectoryInfo(Path.Combine(root, bucket)), "", after, most + 1, found, cancellationToken);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return Task.FromResult<ObjectPage>(new ObjectPage.Unavailable(failure.Message));
        }

        // A root that went away (an unmounted disk) is no empty bucket.
        return Task.FromResult<ObjectPage>(
            !Directory.Exists(drafts) ? new ObjectPage.Unavailable($"The folder {root} is gone.")
            : found.Count > most ? new ObjectPage.Listed(found[..most], found[most - 1].Key)
            : new ObjectPage.Listed(found, null));
    }

    private static void Walk(DirectoryInfo folder, string prefix, string? after, int most, List<ListedObject> found, CancellationToken cancellationToken)
    {
        foreach ((string key, FileSystemInfo entry) in Entries(folder, prefix, after))
        {
            if (found.Count == most)
            {
                return;
            }

            cancellationToken.ThrowIfCancellationRequested();
            if (entry is DirectoryInfo below)
            {
                Walk(below, key, after, most, found, cancellationToken);
            }
            else if (TryRead((FileInfo)entry, key) is { } listed)
            {
                found.Add(listed);
            }
        }
    }

    /// <summary>What lies in the folder and does not come whole before the key, in the order of keys; a folder's key ends with a slash.</summary>
    private static List<(string Key, FileSystemInfo Entry)> Entries(DirectoryInfo folder, string prefix, string? after)
    {
        List<(string Key, FileSystemInfo Entry)> entries = [];
        try
        {
            foreach (FileSystemInfo entry in folder.EnumerateFileSystemInfos())
            {
                string? key = entry is not DirectoryInfo ? prefix + entry.Name
                    : entry.Name.EndsWith(FolderMark) ? $"{prefix}{entry.Name[..^1]}/"
                    : null;
                if (key is not null && (after is null || string.CompareOrdinal(key, after) > 0 || (entry is DirectoryInfo && after.StartsWith(key, StringComparison.Ordinal))))
                {
                    entries.Add((key, entry));
                }
            }
        }
        catch (DirectoryNotFoundException)
        {
            // Nothing was ever put there, or its last object was deleted meanwhile.
            return [];
        }

        entries.Sort(static (one, other) => string.CompareOrdinal(one.Key, other.Key));
        return entries;
    }

    /// <returns>Null: it was deleted meanwhile.</returns>
    private static ListedObject? TryRead(FileInfo file, string key)
    {
        try
        {
            return new ListedObject(key, file.Length, new DateTimeOffset(file.LastWriteTimeUtc));
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }
}
