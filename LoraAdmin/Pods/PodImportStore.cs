using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Pods;

/// <param name="Over">Whether the job is final.</param>
internal sealed record JobPod(Guid JobId, string PodId, bool Over);

/// <summary>What the shared table says about pods of jobs that the portal did not make. Reads only.</summary>
internal sealed class PodImportStore(LoraDbFactory contexts)
{
    // The shared table belongs to the training feature; here it is read as any other service reads it. A status that is missing or unknown counts as
    // "goes on": such a pod is shown and not swept.
    public async Task<List<JobPod>> CandidatesAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using LoraDb db = contexts.CreateDbContext();
            return await db.Database.SqlQuery<JobPod>(
                $"""
                SELECT job.id AS job_id, job.runpod_pod_id AS pod_id, COALESCE(job.status, '') IN ('completed', 'failed', 'cancelled') AS over
                FROM lora_training_jobs job
                WHERE job.runpod_pod_id IS NOT NULL
                    AND NOT EXISTS (SELECT 1 FROM training_progress own WHERE own.job_id = job.id)
                    AND NOT EXISTS (SELECT 1 FROM pod_ledger pod WHERE pod.pod_id = job.runpod_pod_id)
                """).ToListAsync(cancellationToken);
        }
        catch (Exception exception) when (DatabaseFailures.Classify(exception) is DatabaseFailure.Unavailable or DatabaseFailure.Contention)
        {
            throw new StoreUnavailableException("The database could not be reached.", exception);
        }
    }

    public async Task<HashSet<Guid>> OverAsync(Guid[] jobs, CancellationToken cancellationToken)
    {
        try
        {
            await using LoraDb db = contexts.CreateDbContext();
            HashSet<Guid> over = [];
            foreach (Guid job in jobs)
            {
                string? status = await db.Database
                    .SqlQuery<string>($"SELECT COALESCE(status, '') AS \"Value\" FROM lora_training_jobs WHERE id = {db.SqlId(job)}")
                    .SingleOrDefaultAsync(cancellationToken);
                if (status is "completed" or "failed" or "cancelled")
                {
                    over.Add(job);
                }
            }

            return over;
        }
        catch (Exception exception) when (DatabaseFailures.Classify(exception) is DatabaseFailure.Unavailable or DatabaseFailure.Contention)
        {
            throw new StoreUnavailableException("The database could not be reached.", exception);
        }
    }
}
