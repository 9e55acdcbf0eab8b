using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Platform.Data;

/// <summary>
/// One batch of SELECTs in one snapshot and one round trip, on connections that prepare. For the same few texts whatever is asked: what people filter freely
/// goes through <see cref="IUnitOfWork.ReadAsync"/>, which prepares nothing (docs/decisions/0006).
/// </summary>
internal interface IFixedReads
{
    /// <exception cref="StoreUnavailableException">The database is away.</exception>
    Task<IReadOnlyList<Answer>> ReadAsync(IReadOnlyList<Statement> statements, CancellationToken cancellationToken);
}
