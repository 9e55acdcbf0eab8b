using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Training;

/// <summary>
/// Two requests with the same key at the same moment: the second one's insert fails, its unit runs again and finds the first one's record.
/// </summary>
internal sealed class IdempotencyStore(LoraDb db) : IIdempotencyStore
{
    private static readonly TimeSpan Kept = TimeSpan.FromDays(7);

    private DbSet<IdempotencyRow> Keys => db.Set<IdempotencyRow>();

    public async Task<IdempotencyRecord?> FindAsync(Guid tokenId, string key, DateTimeOffset notBefore, CancellationToken cancellationToken)
    {
        long limit = notBefore.ToMillis();
        IdempotencyRow? row = await Keys.AsNoTracking()
            .SingleOrDefaultAsync(found => found.TokenId == tokenId && found.Key == key && found.CreatedAt >= limit, cancellationToken);
        return row is null
            ? null
            : new IdempotencyRecord(row.TokenId, row.Key, row.BodyHash, new JobId(row.JobId), new LoraId(row.LoraId), Instants.FromMillis(row.CreatedAt));
    }

    public async Task AddAsync(IdempotencyRecord record, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(record);
        long old = (record.CreatedAt - Kept).ToMillis();
        await Keys.Where(row => row.TokenId == record.TokenId && row.Key == record.Key && row.CreatedAt < old).ExecuteDeleteAsync(cancellationToken);
        db.Add(new IdempotencyRow
        {
            TokenId = record.TokenId,
            Key = record.Key,
            BodyHash = record.BodyHash,
            JobId = record.Job.Value,
            LoraId = record.Lora.Value,
            CreatedAt = record.CreatedAt.ToMillis(),
        });
        await db.SaveAndForgetAsync(cancellationToken);
    }
}
