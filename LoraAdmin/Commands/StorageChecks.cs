using System.Text;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Commands;

/// <summary>Puts, reads and deletes a small file in every bucket, and in the spool.</summary>
internal static class StorageChecks
{
    private static readonly byte[] Content = Encoding.UTF8.GetBytes("LoraAdmin check");

    public static CheckedPart OfStore(IObjectStore store, IIds ids) => new(
        "storage", "Check the rights and the room below Data:Path.", async token =>
        {
            foreach (string bucket in new[] { Buckets.Models, Buckets.ValidationImages, Buckets.TrainingImages })
            {
                if (await BucketAsync(store, new ObjectRef(bucket, $"check/{ids.Next():D}"), token) is { } problem)
                {
                    return $"{bucket}: {problem}";
                }
            }

            return null;
        });

    public static CheckedPart OfSpool(ISpool spool, IIds ids) => new(
        "spool", "Check Spool:Path and the rights and the room on its disk.", async token =>
        {
            string name = $"check-{ids.Next():N}";
            using MemoryStream stream = new([1, 2, 3], writable: false);
            SpoolOutcome outcome = await spool.AppendAsync(name, 0, stream, token);
            await spool.DeleteAsync(name, CancellationToken.None);
            return outcome switch
            {
                SpoolOutcome.Done => null,
                SpoolOutcome.NoRoom full => $"{full.Reason} Make room on the disk of Spool:Path.",
                SpoolOutcome.Failed failed => $"{failed.Reason} Check Spool:Path and the rights on it.",
                _ => "The spool took only a part. Check Spool:Path and its disk.",
            };
        });

    private static async Task<string?> BucketAsync(IObjectStore store, ObjectRef target, CancellationToken cancellationToken)
    {
        using MemoryStream stream = new(Content, writable: false);
        string? problem = await store.PutAsync(target, stream, "text/plain", cancellationToken) switch
        {
            PutOutcome.Stored stored => await store.ReadBackSha256Async(target, cancellationToken) is ReadBack.Read read && read.Sha256 == stored.Sha256
                ? null
                : "a stored file did not read back as it was sent. Check the disk below Data:Path.",
            PutOutcome.Failed failed => $"a file could not be stored: {failed.Reason} Check the rights and the room below Data:Path.",
            PutOutcome.Refused refused => $"a file could not be stored: {refused.Reason} Check the rights below Data:Path.",
            _ => "a file could not be stored. Check the rights and the room below Data:Path.",
        };
        return await store.DeleteAsync(target, CancellationToken.None)
            ? problem
            : problem ?? $"a stored file could not be deleted. Give the portal's user that right, and remove {target}.";
    }
}
