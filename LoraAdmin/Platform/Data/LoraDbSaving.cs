using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Platform.Data;

internal static class LoraDbSaving
{
    /// <summary>Sends what was added and forgets it: later statements of the unit go past the tracker, which would hold stale rows.</summary>
    public static async Task SaveAndForgetAsync(this LoraDb db, CancellationToken cancellationToken)
    {
        await db.SaveChangesAsync(cancellationToken);
        db.ChangeTracker.Clear();
    }

    /// <inheritdoc cref="SaveAndForgetAsync"/>
    /// <exception cref="InvalidOperationException">A row with the same key is there already; the unit can't be committed any more.</exception>
    public static async Task SaveNewAsync(this LoraDb db, string whenTaken, CancellationToken cancellationToken)
    {
        try
        {
            await db.SaveAndForgetAsync(cancellationToken);
        }
        catch (DbUpdateException exception) when (DatabaseFailures.IsUniqueViolation(exception))
        {
            throw new InvalidOperationException(whenTaken, exception);
        }
    }
}
