using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training.Hosted;

/// <summary>
/// Hints that a training has changed, from whoever may give them. A hint is never believed: it only makes the conductor read the training now. Given
/// twice, late or out of order it does nothing else; those that nobody needs are left to the loop that ends them.
/// </summary>
public sealed class HostedHints(IUnitOfWork work, TimeProvider clock)
{
    /// <returns>False: no training of ours has this id; nothing was written.</returns>
    public Task<bool> NoteAsync(string trainingId, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            if (await unit.Store<IHostedTrainingStore>().FindByTrainingIdAsync(trainingId, token) is not { } row)
            {
                return false;
            }

            if (row is { IsNeeded: true, IsFinal: false })
            {
                await unit.Store<ITrainingStore>().MakeDueAsync(row.Job, clock.GetUtcNow(), token);
            }

            return true;
        },
        cancellationToken);
}
