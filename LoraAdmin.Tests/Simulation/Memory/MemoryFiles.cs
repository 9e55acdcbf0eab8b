using System.Security.Cryptography;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;

namespace LoraAdmin.Tests.Simulation.Memory;

/// <summary>Buckets in memory.</summary>
public sealed class MemoryObjectStore(TimeProvider clock) : IObjectStore, IObjectListing
{
    private readonly Dictionary<ObjectRef, (byte[] Bytes, string ContentType)> objects = [];
    private readonly Dictionary<ObjectRef, DateTimeOffset> stored = [];

    /// <summary>Answers instead of listing; null lets the listing pass.</summary>
    public Func<string, string?, ObjectPage?>? OnList { get; set; }

    /// <summary>Called for what was put or deleted.</summary>
    public event Action<ObjectRef>? Changed;

    /// <summary>Until then a portal finds the store away (<see cref="UnsteadyObjectStore"/>).</summary>
    public DateTimeOffset? AwayUntil { get; set; }

    /// <summary>How often something was put or deleted.</summary>
    public int Changes { get; private set; }

    public IReadOnlyCollection<ObjectRef> All => objects.Keys;

    public byte[]? Find(ObjectRef target) => objects.TryGetValue(target, out (byte[] Bytes, string) found) ? found.Bytes : null;

    public void Set(ObjectRef target, byte[] bytes, string contentType)
    {
        objects[target] = (bytes, contentType);
        stored[target] = clock.GetUtcNow();
        Changed?.Invoke(target);
    }

    public async Task<PutOutcome> PutAsync(ObjectRef target, Stream content, string contentType, CancellationToken cancellationToken)
    {
        Changes++;
        using MemoryStream copy = new();
        await content.CopyToAsync(copy, cancellationToken);
        byte[] bytes = copy.ToArray();
        Set(target, bytes, contentType);
        return new PutOutcome.Stored(bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes)));
    }

    public Task<ObjectReading> OpenAsync(ObjectRef target, CancellationToken cancellationToken) => Task.FromResult<ObjectReading>(
        objects.TryGetValue(target, out (byte[] Bytes, string ContentType) found)
            ? new ObjectReading.Found(new ObjectInfo(target, found.Bytes.Length, found.ContentType, clock.GetUtcNow()), new MemoryStream(found.Bytes, writable: false))
            : new ObjectReading.NotFound());

    public Task<ObjectPage> ListAsync(string bucket, string? after, int most, CancellationToken cancellationToken)
    {
        if (OnList?.Invoke(bucket, after) is { } instead)
        {
            return Task.FromResult(instead);
        }

        ListedObject[] found =
        [
            .. objects.Where(one => one.Key.Bucket == bucket && (after is null || string.CompareOrdinal(one.Key.Key, after) > 0))
                .OrderBy(one => one.Key.Key, StringComparer.Ordinal)
                .Take(most + 1)
                .Select(one => new ListedObject(one.Key.Key, one.Value.Bytes.Length, stored[one.Key])),
        ];
        return Task.FromResult<ObjectPage>(found.Length > most ? new ObjectPage.Listed(found[..most], found[most - 1].Key) : new ObjectPage.Listed(found, null));
    }

    public Task<bool> DeleteAsync(ObjectRef target, CancellationToken cancellationToken)
    {
        Changes++;
        objects.Remove(target);
        Changed?.Invoke(target);
        return Task.FromResult(true);
    }
}

/// <summary>One instance's disk in memory.</summary>
public sealed class MemorySpool(string id) : ISpool
{
    private const string NotMounted = "the disk is not mounted.";
    private readonly Dictionary<string, (byte[] Bytes, bool Sealed)> files = [];

    public string Id => id;

    /// <summary>Called for what is no sealed file any more.</summary>
    public event Action<string>? Removed;

    /// <summary>How many bytes the disk still takes; null: it does not say, and takes all.</summary>
    public long? Room { get; set; }

    /// <summary>Answers instead of appending; null lets the range pass.</summary>
    public Func<string, SpoolOutcome?>? OnAppend { get; set; }

    /// <summary>Runs while the caller waits for a delete.</summary>
    public Action<string>? OnDelete { get; set; }

    /// <summary>Called for every file that is looked at, digested or removed; may throw what no disk should.</summary>
    public Action<string>? OnTouch { get; set; }

    /// <summary>What is read instead of the file's bytes; null lets the reading pass.</summary>
    public Func<string, Stream?>? OnOpen { get; set; }

    public IReadOnlyCollection<string> Names => files.Keys;

    /// <summary>How often something was written, sealed or removed.</summary>
    public int Changes { get; private set; }

    public void Set(string name, byte[] bytes, bool isSealed)
    {
        files[name] = (bytes, isSealed);
        Removed?.Invoke(name);
    }

    /// <summary>Nothing can be read or written, and nothing is lost.</summary>
    public bool IsAway { get; set; }

    public byte[]? FindSealed(string name) => files.TryGetValue(name, out (byte[] Bytes, bool Sealed) found) && found.Sealed ? found.Bytes : null;

    public Task<SpoolReading<SpoolFile>> FindAsync(string name, CancellationToken cancellationToken) => Task.FromResult(Read(name, _ => FileOf(name)));

    public async Task<SpoolOutcome> AppendAsync(string name, long offset, Stream content, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        Changes++;
        if (OnAppend?.Invoke(name) is { } refused)
        {
            return refused;
        }

        byte[] present = files.TryGetValue(name, out (byte[] Bytes, bool Sealed) found) ? found.Bytes : [];
        if (IsAway || found.Sealed)
        {
            return new SpoolOutcome.Failed(IsAway ? NotMounted : $"{name} is sealed");
        }

        if (present.Length < offset)
        {
            return new SpoolOutcome.Failed($"{name} holds {present.Length} bytes, so it can't go on at {offset}");
        }

        using MemoryStream grown = new();
        grown.Write(present.AsSpan(0, (int)offset));
        string? broken;
        try
        {
            broken = await CopyAsync(content, grown, cancellationToken);
        }
        finally
        {
            files[name] = (grown.ToArray(), false);
            Room -= grown.Length - offset;
        }

        return broken is null ? new SpoolOutcome.Done(FileOf(name)) : new SpoolOutcome.Broken(FileOf(name), $"The content broke off: {broken}");
    }

    public Task<SpoolReading<SpoolDigest>> DigestAsync(string name, CancellationToken cancellationToken) => Task.FromResult(
        Read(name, static bytes => new SpoolDigest(bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes)))));

    public Task<SpoolOutcome> SealAsync(string name, CancellationToken cancellationToken)
    {
        Changes++;
        if (IsAway || !files.TryGetValue(name, out (byte[] Bytes, bool Sealed) found))
        {
            return Task.FromResult<SpoolOutcome>(new SpoolOutcome.Failed(IsAway ? NotMounted : $"There is no {name}"));
        }

        files[name] = found with { Sealed = true };
        return Task.FromResult<SpoolOutcome>(new SpoolOutcome.Done(FileOf(name)));
    }

    public Task<SpoolReading<Stream>> OpenAsync(string name, CancellationToken cancellationToken) =>
        Task.FromResult(Read<Stream>(name, bytes => OnOpen?.Invoke(name) ?? new MemoryStream(bytes, writable: false)));

    public Task<bool> DeleteAsync(string name, CancellationToken cancellationToken)
    {
        Changes++;
        OnDelete?.Invoke(name);
        OnTouch?.Invoke(name);
        if (!IsAway)
        {
            files.Remove(name);
            Removed?.Invoke(name);
        }

        return Task.FromResult(!IsAway);
    }

    public Task<long?> ReadRoomAsync(CancellationToken cancellationToken) => Task.FromResult(IsAway ? null : Room);

    public Task<SpoolReading<IReadOnlyList<SpoolListed>>> ListAsync(CancellationToken cancellationToken) =>
        Task.FromResult<SpoolReading<IReadOnlyList<SpoolListed>>>(IsAway
            ? new SpoolReading<IReadOnlyList<SpoolListed>>.Unreadable(NotMounted)
            : new SpoolReading<IReadOnlyList<SpoolListed>>.Found(
                [.. files.OrderBy(file => file.Key, StringComparer.Ordinal).Select(file => new SpoolListed(file.Key, file.Value.Bytes.Length, file.Value.Sealed))]));

    private static async Task<string?> CopyAsync(Stream content, MemoryStream target, CancellationToken cancellationToken)
    {
        try
        {
            await content.CopyToAsync(target, cancellationToken);
            return null;
        }
        catch (IOException broken)
        {
            return broken.Message;
        }
    }

    private SpoolFile FileOf(string name) => new(files[name].Sealed ? name : name + ".part", files[name].Bytes.Length);

    private SpoolReading<T> Read<T>(string name, Func<byte[], T> make)
        where T : class
    {
        OnTouch?.Invoke(name);
        return IsAway ? new SpoolReading<T>.Unreadable(NotMounted)
            : files.TryGetValue(name, out (byte[] Bytes, bool Sealed) found) ? new SpoolReading<T>.Found(make(found.Bytes))
            : new SpoolReading<T>.Absent();
    }
}

/// <summary>
/// Knows the simulation's images by their first byte, a plain character, which no spoiled one has any more; the real decoder has tests of its own and
/// would only slow the simulated years down.
/// </summary>
/// <summary>Looks at a JPEG's first and last bytes and decodes none: LocalCloud makes whole ones.</summary>
public sealed class JpegEndsInspector : IImageInspector
{
    public async Task<ImageVerdict> InspectAsync(Stream content, long maxBytes, long maxPixels, CancellationToken cancellationToken)
    {
        using MemoryStream copy = new();
        await content.CopyToAsync(copy, cancellationToken);
        return copy.ToArray() is [0xFF, 0xD8, .., 0xFF, 0xD9] jpeg
            ? new ImageVerdict.Good("jpeg", 8, 8, jpeg.Length, Convert.ToHexStringLower(SHA256.HashData(jpeg)))
            : new ImageVerdict.Bad("It is no JPEG");
    }
}

public sealed class FirstByteInspector : IImageInspector
{
    private const byte LastPlain = 0x7F;

    public async Task<ImageVerdict> InspectAsync(Stream content, long maxBytes, long maxPixels, CancellationToken cancellationToken)
    {
        using MemoryStream copy = new();
        await content.CopyToAsync(copy, cancellationToken);
        return copy.Length == 0 ? new ImageVerdict.Bad("it is empty")
            : copy.GetBuffer()[0] > LastPlain ? new ImageVerdict.Bad("it is no image")
            : new ImageVerdict.Good("jpeg", 8, 8, copy.Length, Convert.ToHexStringLower(SHA256.HashData(copy.ToArray())));
    }
}
