using LoraAdmin.Domain.Storage;
using LoraAdmin.Platform.LocalCloud;

namespace LoraAdmin.Storage;

/// <summary>A spool that fails when LocalCloud is told so; registered with LocalCloud alone (docs/decisions/0011).</summary>
public sealed class FailingSpool(ISpool inner, StoreFaults faults) : ISpool
{
    private static readonly string[] OfAppends = [FaultKind.SpoolFull];

    public string Id => inner.Id;

    public Task<SpoolReading<SpoolFile>> FindAsync(string name, CancellationToken cancellationToken) => inner.FindAsync(name, cancellationToken);

    public async Task<SpoolOutcome> AppendAsync(string name, long offset, Stream content, CancellationToken cancellationToken) =>
        await faults.TakeAsync(OfAppends, name, cancellationToken) is null
            ? await inner.AppendAsync(name, offset, content, cancellationToken)
            : new SpoolOutcome.NoRoom("The spool's disk has no room left. Make room on it.");

    public Task<SpoolReading<SpoolDigest>> DigestAsync(string name, CancellationToken cancellationToken) => inner.DigestAsync(name, cancellationToken);

    public Task<SpoolOutcome> SealAsync(string name, CancellationToken cancellationToken) => inner.SealAsync(name, cancellationToken);

    public Task<SpoolReading<Stream>> OpenAsync(string name, CancellationToken cancellationToken) => inner.OpenAsync(name, cancellationToken);

    public Task<bool> DeleteAsync(string name, CancellationToken cancellationToken) => inner.DeleteAsync(name, cancellationToken);

    public Task<long?> ReadRoomAsync(CancellationToken cancellationToken) => inner.ReadRoomAsync(cancellationToken);

    public Task<SpoolReading<IReadOnlyList<SpoolListed>>> ListAsync(CancellationToken cancellationToken) => inner.ListAsync(cancellationToken);
}
