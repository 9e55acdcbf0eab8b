using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Training;

/// <summary>
/// Two requests with the same key at the same moment: the second one writes nothing, its unit runs again and finds the first one's record.
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
        int written = await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO idempotency_keys (token_id, idempotency_key, body_hash, job_id, lora_id, created_at)
            VALUES ({db.SqlId(record.TokenId)}, {record.Key}, {record.BodyHash}, {db.SqlId(record.Job.Value)}, {db.SqlId(record.Lora.Value)},
                {record.CreatedAt.ToMillis()})
            ON CONFLICT (token_id, idempotency_key) DO UPDATE SET
                body_hash = excluded.body_hash, job_id = excluded.job_id, lora_id = excluded.lora_id, created_at = excluded.created_at
            WHERE idempotency_keys.created_at < {old}
            """,
            cancellationToken);
        if (written == 0)
        {
            throw new ConcurrentWriteException("Another request with the same idempotency key was accepted at the same moment.");
        }
    }
}
