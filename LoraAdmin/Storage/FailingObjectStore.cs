using System.Security.Cryptography;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Platform.LocalCloud;

namespace LoraAdmin.Storage;

/// <summary>Buckets that fail when LocalCloud is told so; registered with LocalCloud alone (docs/decisions/0011).</summary>
public sealed class FailingObjectStore(IObjectStore inner, StoreFaults faults, TimeProvider clock) : IObjectStore
{
    private const double TimeoutSeconds = 60;

    /// <summary>Enough that no image format is recognised any more.</summary>
    private const int SpoiledBytes = 16;

    private static readonly string[] OfPuts = [FaultKind.StorePutTimeout, FaultKind.StorePutFails, FaultKind.StoreFull, FaultKind.StoreStoresOther];
    private static readonly string[] OfImages = [FaultKind.ImageCorrupt, FaultKind.ImageCorruptOnce];

    public async Task<PutOutcome> PutAsync(ObjectRef target, Stream content, string contentType, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(target);
        StoreFault? fault = await faults.TakeAsync(OfPuts, target.ToString(), cancellationToken);
        switch (fault?.Kind)
        {
            case null:
                return await inner.PutAsync(target, content, contentType, cancellationToken);
            case FaultKind.StorePutTimeout:
                await Task.Delay(fault.Length(TimeoutSeconds), clock, cancellationToken);
                return new PutOutcome.Failed("The store did not answer in time.");
            case FaultKind.StorePutFails:
                return new PutOutcome.Failed("The store answered 503 Service Unavailable.");
            case FaultKind.StoreFull:
                return new PutOutcome.Failed("The store has no room left.");
            case FaultKind.StoreStoresOther:
                return await PutOtherAsync(target, content, contentType, cancellationToken);
            default:
                throw new NotSupportedException($"The fault {fault.Kind} hits no put.");
        }
    }

    public async Task<ObjectReading> OpenAsync(ObjectRef target, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(target);
        ObjectReading reading = await inner.OpenAsync(target, cancellationToken);
        return target.Bucket == Buckets.TrainingImages && reading is ObjectReading.Found found
            && await faults.TakeAsync(OfImages, target.ToString(), cancellationToken) is not null
            ? found with { Content = new AlteredStream(found.Content, 0, SpoiledBytes) }
            : reading;
    }

    public Task<bool> DeleteAsync(ObjectRef target, CancellationToken cancellationToken) => inner.DeleteAsync(target, cancellationToken);

    private async Task<PutOutcome> PutOtherAsync(ObjectRef target, Stream content, string contentType, CancellationToken cancellationToken)
    {
        using IncrementalHash sent = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        AlteredStream other = new(new SentStream(content, sent), 0, 1);
        return await inner.PutAsync(target, other, contentType, cancellationToken) is PutOutcome.Stored stored
            ? stored with { Sha256 = Convert.ToHexStringLower(sent.GetHashAndReset()) }
            : new PutOutcome.Failed("The store answered 503 Service Unavailable.");
    }

    /// <summary>Hashes what a caller sends, before it is altered. The content stays the caller's.</summary>
    private sealed class SentStream(Stream content, IncrementalHash hash) : FaultyStream(content)
    {
        protected override void Change(long position, Span<byte> bytes) => hash.AppendData(bytes);
    }
}
