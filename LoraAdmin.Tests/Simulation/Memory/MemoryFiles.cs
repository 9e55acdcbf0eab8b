using System.Security.Cryptography;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;

namespace LoraAdmin.Tests.Simulation.Memory;

/// <summary>Buckets in memory.</summary>
public sealed class MemoryObjectStore(TimeProvider clock) : IObjectStore
{
    private readonly Dictionary<ObjectRef, (byte[] Bytes, string ContentType)> objects = [];

    /// <summary>Until then a portal finds the store away (<see cref="UnsteadyObjectStore"/>).</summary>
    public DateTimeOffset? AwayUntil { get; set; }

    public byte[]? Find(ObjectRef target) => objects.TryGetValue(target, out (byte[] Bytes, string) found) ? found.Bytes : null;

    public void Set(ObjectRef target, byte[] bytes, string contentType) => objects[target] = (bytes, contentType);

    public async Task<PutOutcome> PutAsync(ObjectRef target, Stream content, string contentType, CancellationToken cancellationToken)
    {
        using MemoryStream copy = new();
        await content.CopyToAsync(copy, cancellationToken);
        byte[] bytes = copy.ToArray();
        objects[target] = (bytes, contentType);
        return new PutOutcome.Stored(bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes)));
    }

    public Task<ObjectReading> OpenAsync(ObjectRef target, CancellationToken cancellationToken) => Task.FromResult<ObjectReading>(
        objects.TryGetValue(target, out (byte[] Bytes, string ContentType) found)
            ? new ObjectReading.Found(new ObjectInfo(target, found.Bytes.Length, found.ContentType, clock.GetUtcNow()), new MemoryStream(found.Bytes, writable: false))
            : new ObjectReading.NotFound());

    public Task<bool> DeleteAsync(ObjectRef target, CancellationToken cancellationToken)
    {
        objects.Remove(target);
        return Task.FromResult(true);
    }
}

/// <summary>One instance's disk in memory.</summary>
public sealed class MemorySpool(string id) : ISpool
{
    private readonly Dictionary<string, (byte[] Bytes, bool Sealed)> files = [];

    public string Id => id;

    /// <summary>How many bytes the disk still takes; null: it does not say, and takes all.</summary>
    public long? Room { get; set; }

    /// <summary>Answers instead of appending; null lets the range pass.</summary>
    public Func<string, SpoolOutcome?>? OnAppend { get; set; }

    public IReadOnlyCollection<string> Names => files.Keys;

    public void Set(string name, byte[] bytes, bool isSealed) => files[name] = (bytes, isSealed);

    public byte[]? FindSealed(string name) => files.TryGetValue(name, out (byte[] Bytes, bool Sealed) found) && found.Sealed ? found.Bytes : null;

    public Task<SpoolFile?> FindAsync(string name, CancellationToken cancellationToken) =>
        Task.FromResult(files.TryGetValue(name, out (byte[] Bytes, bool) found) ? new SpoolFile(name, found.Bytes.Length) : null);

    public async Task<SpoolOutcome> AppendAsync(string name, long offset, Stream content, CancellationToken cancellationToken)
    {
        if (OnAppend?.Invoke(name) is { } refused)
        {
            return refused;
        }

        using MemoryStream grown = new();
        if (files.TryGetValue(name, out (byte[] Bytes, bool) found))
        {
            grown.Write(found.Bytes.AsSpan(0, (int)offset));
        }

        try
        {
            await content.CopyToAsync(grown, cancellationToken);
        }
        catch (IOException broken)
        {
            files[name] = (grown.ToArray(), false);
            return new SpoolOutcome.Broken(new SpoolFile(name, grown.Length), broken.Message);
        }

        Room -= grown.Length - offset;
        files[name] = (grown.ToArray(), false);
        return new SpoolOutcome.Done(new SpoolFile(name, grown.Length));
    }

    public Task<SpoolDigest?> DigestAsync(string name, CancellationToken cancellationToken) => Task.FromResult(
        files.TryGetValue(name, out (byte[] Bytes, bool) found)
            ? new SpoolDigest(found.Bytes.Length, Convert.ToHexStringLower(SHA256.HashData(found.Bytes)))
            : null);

    public Task<SpoolOutcome> SealAsync(string name, CancellationToken cancellationToken)
    {
        files[name] = (files[name].Bytes, true);
        return Task.FromResult<SpoolOutcome>(new SpoolOutcome.Done(new SpoolFile(name, files[name].Bytes.Length)));
    }

    public Task<Stream?> OpenAsync(string name, CancellationToken cancellationToken) =>
        Task.FromResult<Stream?>(files.TryGetValue(name, out (byte[] Bytes, bool) found) ? new MemoryStream(found.Bytes, writable: false) : null);

    public Task DeleteAsync(string name, CancellationToken cancellationToken)
    {
        files.Remove(name);
        return Task.CompletedTask;
    }

    public Task<long?> ReadRoomAsync(CancellationToken cancellationToken) => Task.FromResult(Room);

    public Task<IReadOnlyList<SpoolListed>> ListAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<SpoolListed>>(
        [.. files.OrderBy(file => file.Key, StringComparer.Ordinal).Select(file => new SpoolListed(file.Key, file.Value.Bytes.Length, file.Value.Sealed))]);
}

/// <summary>Takes every non-empty image; the real decoder has tests of its own and would only slow the simulated years down.</summary>
public sealed class TrustingInspector : IImageInspector
{
    public async Task<ImageVerdict> InspectAsync(Stream content, long maxBytes, long maxPixels, CancellationToken cancellationToken)
    {
        using MemoryStream copy = new();
        await content.CopyToAsync(copy, cancellationToken);
        return copy.Length == 0
            ? new ImageVerdict.Bad("it is empty")
            : new ImageVerdict.Good("jpeg", 8, 8, copy.Length, Convert.ToHexStringLower(SHA256.HashData(copy.ToArray())));
    }
}
