using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Platform.Data;

internal static class LoraDbSaving
{
    /// <summary>Sends what was added and forgets it: later statements of the unit go past the tracker, which would hold stale rows.</summary>
    public static async Task SaveAndForgetAsync(this LoraDb db, CancellationToken cancellationToken)
    {
        if (!await PostgresInserts.TrySendAsync(db, cancellationToken))
        {
            await db.SaveChangesAsync(cancellationToken);
        }

        db.ChangeTracker.Clear();
    }

    /// <summary>
    /// Keeps a new row back until the unit's next save, so that several stores' rows travel together. A store that adds this way calls
    /// <see cref="SendAsync"/> before it reads or updates its own tables.
    /// </summary>
    public static void AddForNextSave(this LoraDb db, object row) => db.Add(row);

    /// <summary>Sends what waits for the next save, if anything does.</summary>
    public static Task SendAsync(this LoraDb db, CancellationToken cancellationToken) =>
        db.ChangeTracker.HasChanges() ? db.SaveAndForgetAsync(cancellationToken) : Task.CompletedTask;

    /// <inheritdoc cref="SaveAndForgetAsync"/>
    /// <exception cref="InvalidOperationException">A row with the same key is there already; the unit can't be committed any more.</exception>
    public static async Task SaveNewAsync(this LoraDb db, string whenTaken, CancellationToken cancellationToken)
    {
        try
        {
            await db.SaveAndForgetAsync(cancellationToken);
        }
        catch (Exception exception) when (DatabaseFailures.IsUniqueViolation(exception))
        {
            throw new InvalidOperationException(whenTaken, exception);
        }
    }
}
