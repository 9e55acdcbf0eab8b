using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Training;

/// <summary>The unique key makes the second of two requests wait for the first one's end; then it finds the first one's record, or takes the key itself.</summary>
internal sealed class IdempotencyStore(LoraDb db) : IIdempotencyStore
{
    public async Task<IdempotencyRecord> ClaimAsync(IdempotencyRecord record, DateTimeOffset notBefore, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(record);
        int written = await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO idempotency_keys (token_id, idempotency_key, body_hash, job_id, lora_id, created_at)
            VALUES ({db.SqlId(record.TokenId)}, {record.Key}, {record.BodyHash}, {db.SqlId(record.Job.Value)}, {db.SqlId(record.Lora.Value)},
                {record.CreatedAt.ToMillis()})
            ON CONFLICT (token_id, idempotency_key) DO UPDATE SET
                body_hash = excluded.body_hash, job_id = excluded.job_id, lora_id = excluded.lora_id, created_at = excluded.created_at
            WHERE idempotency_keys.created_at < {notBefore.ToMillis()}
            """,
            cancellationToken);
        if (written == 1)
        {
            return record;
        }

        IdempotencyRow holder = await db.Set<IdempotencyRow>().AsNoTracking()
            .SingleAsync(found => found.TokenId == record.TokenId && found.Key == record.Key, cancellationToken);
        return new IdempotencyRecord(
            holder.TokenId, holder.Key, holder.BodyHash, new JobId(holder.JobId), new LoraId(holder.LoraId), Instants.FromMillis(holder.CreatedAt));
    }
}
