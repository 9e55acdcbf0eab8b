using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;

namespace LoraAdmin.Training;

/// <param name="Removed">Uploads of which nothing is left.</param>
/// <param name="Left">Uploads that storage could not remove now; the next run tries again.</param>
public sealed record UploadSweepResult(int Removed, int Left);

/// <summary>
/// Removes staged images that no training job claimed, unless the clock by which their age is told is far off, or nobody has vouched for it yet. Looks at what is there, so running it twice, at the same time or after a crash does no harm.
/// </summary>
public sealed class UploadSweep(IUnitOfWork unitOfWork, IObjectStore store, ClockStandings clocks)
{
    /// <summary>
    /// Staged images that nobody claimed go after an hour. By then none can be claimed any more (<see cref="TrainingUpload.ClaimableFor"/>), so
    /// that no admission meets their removal.
    /// </summary>
    public static readonly TimeSpan UnclaimedAfter = TimeSpan.FromHours(1);

    private const int AtOnce = 100;

    /// <exception cref="StoreUnavailableException">The database is away; the next run goes on.</exception>
    /// <exception cref="AggregateException">Some failed unexpectedly; all others had their turn.</exception>
    public async Task<UploadSweepResult> RunAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (!clocks.MayGoByIt())
        {
            return new UploadSweepResult(0, 0);
        }

        IReadOnlyList<TrainingUpload> unclaimed = await unitOfWork.ReadAsync(
            (unit, token) => unit.Store<ITrainingUploadStore>().ListUnclaimedAsync(now - UnclaimedAfter, AtOnce, token), cancellationToken);
        int removed = 0;
        await Each.InTurnAsync(
            unclaimed,
            async (upload, token) =>
            {
                int? stored = await CountAsync(upload, token);
                if (stored is { } count && await RemoveAsync(unitOfWork, store, upload.User, upload.Id, count, token))
                {
                    removed++;
                }
            },
            cancellationToken);

        return new UploadSweepResult(removed, unclaimed.Count - removed);
    }

    /// <summary>
    /// Removes the objects from the last to the first and then the row. Objects of an upload thus are always numbered from 0 without a gap, whatever
    /// dies in between, and can be counted without a listing.
    /// </summary>
    /// <returns>False: something could not be removed now, and the row is kept.</returns>
    internal static async Task<bool> RemoveAsync(
        IUnitOfWork unitOfWork, IObjectStore store, UserId user, Guid upload, int stored, CancellationToken cancellationToken)
    {
        for (int number = stored - 1; number >= 0; number--)
        {
            if (!await store.DeleteAsync(ObjectKeys.TrainingImage(user, upload, number), cancellationToken))
            {
                return false;
            }
        }

        await unitOfWork.RunAsync((unit, token) => unit.Store<ITrainingUploadStore>().DeleteAsync(upload, token), cancellationToken);
        return true;
    }

    // Null: storage can't be read, so nothing is known about this upload.
    private async Task<int?> CountAsync(TrainingUpload upload, CancellationToken cancellationToken)
    {
        for (int number = 0; ; number++)
        {
            switch (await store.OpenAsync(ObjectKeys.TrainingImage(upload.User, upload.Id, number), cancellationToken))
            {
                case ObjectReading.Found found:
                    await found.Content.DisposeAsync();
                    break;
                case ObjectReading.NotFound:
                    return number;
                default:
                    return null;
            }
        }
    }
}
