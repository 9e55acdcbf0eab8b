using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Pods;

/// <summary>
/// Lets go, in the database alone, of every pod that a copied database knows: they are the original's. Afterwards nothing in it says of any of them
/// that it is ours, so that the pod loop takes each for foreign.
/// </summary>
internal static class PodCopyStore
{
    private const string Reason = "This database is a copy; the pod is the original's";

    /// <returns>How many pods were let go of.</returns>
    public static async Task<int> DisownAsync(LoraDb db, DateTimeOffset now, CancellationToken cancellationToken)
    {
        long at = now.ToMillis();
        int rows = await db.Set<PodLedgerRow>()
            .Where(row => row.Saw != PodSaw.Gone)
            .ExecuteUpdateAsync(
                set => set
                    .SetProperty(row => row.Want, PodWant.Released)
                    .SetProperty(row => row.Saw, PodSaw.Gone)
                    .SetProperty(row => row.GoneAt, (long?)at)
                    .SetProperty(row => row.LastError, Reason)
                    .SetProperty(row => row.Version, row => row.Version + 1),
                cancellationToken);

        // What people said was said of the original's account by the original's people.
        await db.Set<PodClaimRow>()
            .Where(row => row.Verdict == ClaimVerdict.Ours)
            .ExecuteUpdateAsync(
                set => set
                    .SetProperty(row => row.Verdict, ClaimVerdict.NotOurs)
                    .SetProperty(row => row.ByKind, ActorKind.Portal)
                    .SetProperty(row => row.ByName, "installation.copied")
                    .SetProperty(row => row.Reason, Reason),
                cancellationToken);

        // Ids that only the shared table holds would be taken over by the import as ours.
        await db.Database.ExecuteSqlAsync(
            $"""
            UPDATE lora_training_jobs SET runpod_pod_id = NULL
            WHERE runpod_pod_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM training_progress own WHERE own.job_id = lora_training_jobs.id)
            """,
            cancellationToken);
        return rows;
    }
}
