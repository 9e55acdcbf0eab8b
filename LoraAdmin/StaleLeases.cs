using LoraAdmin.Operations;
using LoraAdmin.Platform.Data;
using LoraAdmin.Training;

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

        await TrainingStore.EndLeasesAsync(db, cancellationToken);
        await LeaseStore.EndAllAsync(db, cancellationToken);
        await OperationRunStore.EndLeasesAsync(db, cancellationToken);
    }
}
