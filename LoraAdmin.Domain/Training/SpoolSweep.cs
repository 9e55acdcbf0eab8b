using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// Removes files from this instance's spool that nobody needs any more: those that storage has, read back and compared, once their job has ended; and
/// those that a person let go. Only whoever has the disk can. Running it twice, or beside the conductor, is harmless.
/// </summary>
public sealed class SpoolSweep(IUnitOfWork work, ISpool spool, TimeProvider clock)
{
    /// <returns>How many files were let go.</returns>
    /// <exception cref="AggregateException">Something unexpected befell some of them; all others had their turn.</exception>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        int gone = 0;
        await Each.InTurnAsync(
            await work.ReadAsync(SettledAsync, cancellationToken), async (entry, token) => gone += await LetGoAsync(entry, token) ? 1 : 0, cancellationToken);
        return gone;
    }

    private async Task<bool> LetGoAsync(SpoolEntry entry, CancellationToken cancellationToken)
    {
        // The file first: a crash in between leaves a row that leads here again, never a file that nobody knows.
        bool removed = await spool.DeleteAsync(entry.Name, cancellationToken);
        await work.RunAsync(
            (unit, token) => removed
                ? ForgetAsync(unit, entry, token)
                : unit.Store<ISpoolStore>().NoteErrorAsync(entry.Spool, entry.Name, "The disk does not let it go", token),
            cancellationToken);
        return removed;
    }

    private async Task ForgetAsync(IUnit unit, SpoolEntry entry, CancellationToken cancellationToken)
    {
        await unit.Store<ISpoolStore>().DeleteAsync(entry.Spool, entry.Name, cancellationToken);
        if (entry is { Discard: null, Job: { } id } && await unit.Store<ITrainingStore>().FindAsync(id, cancellationToken) is { } job)
        {
            await FilePods.SettleAsync(unit, entry, job, clock.GetUtcNow(), cancellationToken);
        }
    }

    private async Task<IReadOnlyList<SpoolEntry>> SettledAsync(IUnit unit, CancellationToken cancellationToken)
    {
        List<SpoolEntry> settled = [];
        foreach (SpoolEntry entry in await unit.Store<ISpoolStore>().ListAsync(spool.Id, cancellationToken))
        {
            if (entry.Discard is not null || await IsSettledAsync(unit, entry, cancellationToken))
            {
                settled.Add(entry);
            }
        }

        return settled;
    }

    private static async Task<bool> IsSettledAsync(IUnit unit, SpoolEntry entry, CancellationToken cancellationToken)
    {
        if (entry.Job is not { } id || await unit.Store<ITrainingStore>().FindAsync(id, cancellationToken) is not { } job || !job.State.IsFinal())
        {
            return false;
        }

        // A completed job has its LoRA: what an earlier attempt left behind is not needed any more.
        return job.State == TrainingState.Completed
            || (await unit.Store<ILoraStore>().FindAsync(job.LoraId, cancellationToken) is { StoragePath: not null } lora
                && lora.FileSha256 == entry.Sha256
                && !(await unit.Store<ILoraStore>().ListValidationImagesAsync(job.LoraId, cancellationToken)).Any(image => image.IsPending && image.Attempt == entry.Attempt));
    }
}
