using System.Security.Cryptography;

namespace LoraAdmin.Domain.Storage;

/// <summary>What the store really holds, read to its last byte.</summary>
public abstract record ReadBack
{
    private ReadBack()
    {
    }

    /// <param name="Sha256">64 lower-case hex digits.</param>
    public sealed record Read(long SizeBytes, string Sha256) : ReadBack;

    public sealed record NotFound : ReadBack;

    public sealed record Unavailable(string Reason) : ReadBack;
}

public static class ObjectStoreExtensions
{
    /// <summary>Reads the object back through SHA-256 in bounded memory: the only proof that storage has the file.</summary>
    public static async Task<ReadBack> ReadBackSha256Async(this IObjectStore store, ObjectRef target, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(store);
        switch (await store.OpenAsync(target, cancellationToken))
        {
            case ObjectReading.Found found:
                await using (found.Content)
                {
                    using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
                    byte[] buffer = new byte[128 * 1024];
                    long size = 0;
                    try
                    {
                        int read;
                        while ((read = await found.Content.ReadAsync(buffer, cancellationToken)) > 0)
                        {
                            hash.AppendData(buffer.AsSpan(0, read));
                            size += read;
                        }
                    }
                    catch (IOException failure)
                    {
                        return new ReadBack.Unavailable(failure.Message);
                    }

                    return new ReadBack.Read(size, Convert.ToHexStringLower(hash.GetCurrentHash()));
                }

            case ObjectReading.NotFound:
                return new ReadBack.NotFound();
            case ObjectReading.Unavailable unavailable:
                return new ReadBack.Unavailable(unavailable.Reason);
            default:
                throw new NotSupportedException("An object reading is found, not found or unavailable.");
        }
    }
}
