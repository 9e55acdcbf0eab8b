using System.Collections.Concurrent;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Storage;

/// <content>
/// Listing in the order of keys. A folder's own entries are sorted once per listing; nothing but the names in the folders above the present place is held,
/// and they are held from one part to the next.
/// </content>
public sealed partial class FileObjectStore : IObjectListing
{
    private const char FolderMark = '#';

    /// <summary>By bucket, where the last part of a listing ended: whoever asks for what comes after it goes on from there.</summary>
    private readonly ConcurrentDictionary<string, BucketWalk> paused = new(StringComparer.Ordinal);

    public Task<ObjectPage> ListAsync(string bucket, string? after, int most, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(most);
        BucketWalk walk = after is not null && paused.TryRemove(bucket, out BucketWalk? before) && before.Last == after
            ? before
            : new BucketWalk(Path.Combine(root, bucket), after);
        List<ListedObject> found;
        try
        {
            found = walk.Take(most, cancellationToken);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return Task.FromResult<ObjectPage>(new ObjectPage.Unavailable(failure.Message));
        }

        // A root that went away (an unmounted disk) is no empty bucket.
        if (!Directory.Exists(drafts))
        {
            return Task.FromResult<ObjectPage>(new ObjectPage.Unavailable($"The folder {root} is gone."));
        }

        if (walk.IsOver)
        {
            return Task.FromResult<ObjectPage>(new ObjectPage.Listed(found, null));
        }

        paused[bucket] = walk;
        return Task.FromResult<ObjectPage>(new ObjectPage.Listed(found, walk.Last));
    }

    /// <summary>One listing of a bucket, which stands still between two parts.</summary>
    private sealed class BucketWalk(string bucket, string? after)
    {
        private readonly IEnumerator<ListedObject> objects = Walk(bucket, "", after).GetEnumerator();

        // The first object of the next part: that there is one says that there is a next part.
        private ListedObject? next;
        private bool hasBegun;

        /// <summary>The last key that was given.</summary>
        public string? Last { get; private set; }

        public bool IsOver => next is null;

        public List<ListedObject> Take(int most, CancellationToken cancellationToken)
        {
            List<ListedObject> taken = [];
            if (!hasBegun)
            {
                hasBegun = true;
                Move();
            }

            for (; next is { } one && taken.Count < most; Move())
            {
                cancellationToken.ThrowIfCancellationRequested();
                taken.Add(one);
                Last = one.Key;
            }

            return taken;
        }

        private void Move() => next = objects.MoveNext() ? objects.Current : null;

        private static IEnumerable<ListedObject> Walk(string folder, string prefix, string? after)
        {
            foreach ((string key, string path) in Entries(folder, prefix, after))
            {
                if (key.EndsWith('/'))
                {
                    foreach (ListedObject below in Walk(path, key, after))
                    {
                        yield return below;
                    }
                }
                else if (TryRead(path, key) is { } listed)
                {
                    yield return listed;
                }
            }
        }

        /// <summary>What lies in the folder and does not come whole before the key, in the order of keys; a folder's key ends with a slash.</summary>
        private static List<(string Key, string Path)> Entries(string folder, string prefix, string? after)
        {
            List<(string Key, string Path)> entries = [];
            try
            {
                foreach (FileSystemInfo entry in new DirectoryInfo(folder).EnumerateFileSystemInfos())
                {
                    string? key = entry is not DirectoryInfo ? prefix + entry.Name
                        : entry.Name.EndsWith(FolderMark) ? $"{prefix}{entry.Name[..^1]}/"
                        : null;
                    if (key is not null
                        && (after is null || string.CompareOrdinal(key, after) > 0 || (entry is DirectoryInfo && after.StartsWith(key, StringComparison.Ordinal))))
                    {
                        entries.Add((key, entry.FullName));
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
        private static ListedObject? TryRead(string path, string key)
        {
            try
            {
                FileInfo file = new(path);
                return new ListedObject(key, file.Length, new DateTimeOffset(file.LastWriteTimeUtc));
            }
            catch (FileNotFoundException)
            {
                return null;
            }
        }
    }
}
