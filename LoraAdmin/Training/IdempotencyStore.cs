using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Training;

/// <inheritdoc cref="IIdempotencyStore"/>
internal sealed class IdempotencyStore(LoraDb db) : IIdempotencyStore
{
    public static Task<int> DeleteExpiredAsync(LoraDb db, DateTimeOffset now, CancellationToken cancellationToken)
    {
        long expired = (now - TrainingDesk.IdempotencyKeptFor).ToMillis();
        return db.Set<IdempotencyRow>().Where(row => row.CreatedAt < expired).ExecuteDeleteAsync(cancellationToken);
    }

    public async Task<IdempotencyRecord?> ClaimAsync(IdempotencyRecord record, DateTimeOffset notBefore, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(record);

        // The lock ends with the transaction. Without it the second of two requests would wait at the unique key for as long as the first takes. SQLite
        // has one writer, so that there nobody else is under way; it wants a condition between SELECT and ON CONFLICT.
        string free = db.IsPostgres ? "pg_try_advisory_xact_lock(hashtextextended($8, 0))" : "$8 <> ''";
        string sql = $"""
            INSERT INTO idempotency_keys (token_id, idempotency_key, body_hash, job_id, lora_id, created_at)
            SELECT $1, $2, $3, $4, $5, $6 WHERE {free}
            ON CONFLICT (token_id, idempotency_key) DO UPDATE SET
                body_hash = excluded.body_hash, job_id = excluded.job_id, lora_id = excluded.lora_id, created_at = excluded.created_at
            WHERE idempotency_keys.created_at < $7
            """;
        Statement claim = new(
            sql,
            [
                record.TokenId, record.Key, record.BodyHash, record.Job.Value, record.Lora.Value, record.CreatedAt.ToMillis(), notBefore.ToMillis(),
                $"{record.TokenId:N}{record.Key}",
            ]);
        if ((await db.RunAsync([claim], cancellationToken))[0].Written == 1)
        {
            return record;
        }

        long counts = notBefore.ToMillis();
        IdempotencyRow? holder = await db.Set<IdempotencyRow>().AsNoTracking()
            .SingleOrDefaultAsync(found => found.TokenId == record.TokenId && found.Key == record.Key && found.CreatedAt >= counts, cancellationToken);
        return holder is null
            ? null
            : new IdempotencyRecord(
                holder.TokenId, holder.Key, holder.BodyHash, new JobId(holder.JobId), new LoraId(holder.LoraId), Instants.FromMillis(holder.CreatedAt));
    }
}
