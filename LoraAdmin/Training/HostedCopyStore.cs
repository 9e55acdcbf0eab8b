using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Training;

/// <summary>
/// Lets go, in the database alone, of every training at Replicate that a copied database knows: it is the original's, and so are the images that it reads.
/// Afterwards nothing in it is left to be cancelled, looked for or removed.
/// </summary>
internal static class HostedCopyStore
{
    private const string Reason = "This database is a copy; the training is the original's";

    /// <returns>How many trainings that are not known to be over were let go of.</returns>
    public static async Task<int> DisownAsync(LoraDb db, DateTimeOffset now, CancellationToken cancellationToken)
    {
        long at = now.ToMillis();
        int rows = await db.Set<HostedTrainingRow>()
            .Where(row => row.Saw != HostedSaw.Over && row.Saw != HostedSaw.Lost && row.Saw != HostedSaw.NeverMade)
            .ExecuteUpdateAsync(
                set => set
                    .SetProperty(row => row.IsNeeded, false)
                    .SetProperty(row => row.Saw, HostedSaw.NeverMade)
                    .SetProperty(row => row.EndedAt, (long?)at)
                    .SetProperty(row => row.LastError, Reason),
                cancellationToken);
        await db.Set<HostedTrainingRow>()
            .Where(row => !row.IsSettled)
            .ExecuteUpdateAsync(
                set => set
                    .SetProperty(row => row.ImagesGone, true)
                    .SetProperty(row => row.IsSettled, true)
                    .SetProperty(row => row.Version, row => row.Version + 1),
                cancellationToken);
        return rows;
    }
}
