using LoraAdmin.Platform.Data;
using LoraAdmin.Training;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin;

/// <summary>
/// On SQLite the data folder's lock proves that no other process works on this database: leases that stand in it belong to a process that was killed.
/// They end at start, so that jobs and pods don't wait minutes for the dead. On PostgreSQL another instance may be alive: there they run out.
/// </summary>
internal static class StaleLeases
{
    /// <summary>After <see cref="DatabaseStartup"/>, which takes the lock, and before any loop runs.</summary>
    public static async Task EndAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        await using LoraDb db = services.GetRequiredService<LoraDbFactory>().CreateDbContext();
        if (db.IsPostgres)
        {
            return;
        }

        // The fence stays: the next owner raises it.
        await db.Set<TrainingProgressRow>()
            .Where(row => row.IsOpen && row.LeaseOwner != null)
            .ExecuteUpdateAsync(
                set => set.SetProperty(row => row.LeaseOwner, (string?)null).SetProperty(row => row.LeaseUntil, (long?)null), cancellationToken);
        await db.Set<LoopLeaseRow>().ExecuteDeleteAsync(cancellationToken);
    }
}
