using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// Removes files from this instance's spool that storage has, read back and compared: those of jobs that another instance led to their end, because
/// only the instance whose disk it is can. Running it twice, or beside the conductor, is harmless.
/// </summary>
public sealed class SpoolSweep(IUnitOfWork work, ISpool spool)
{
    /// <returns>How many files were let go.</returns>
    /// <exception cref="AggregateException">Something unexpected befell some of them; all others had their turn.</exception>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<SpoolEntry> settled = await work.ReadAsync(SettledAsync, cancellationToken);
        int letGo = 0;
        await Each.InTurnAsync(settled, async (entry, token) => letGo += await LetGoAsync(entry, token) ? 1 : 0, cancellationToken);
        return letGo;
    }

    private async Task<bool> LetGoAsync(SpoolEntry entry, CancellationToken cancellationToken)
    {
        // The file first: a crash in between leaves a row that leads here again, never a file that nobody knows.
        if (!await spool.DeleteAsync(entry.Name, cancellationToken))
        {
            return false;
        }

        await work.RunAsync(
            async (unit, token) =>
            {
                ISpoolStore store = unit.Store<ISpoolStore>();
                if (await store.FindAsync(entry.Job, token) is { } row && row.Name == entry.Name && row.Instance == entry.Instance)
                {
                    await store.DeleteAsync(entry.Job, token);
                }
            },
            cancellationToken);
        return true;
    }

    private async Task<IReadOnlyList<SpoolEntry>> SettledAsync(IUnit unit, CancellationToken cancellationToken)
    {
        List<SpoolEntry> settled = [];
        foreach (SpoolEntry entry in await unit.Store<ISpoolStore>().ListAsync(spool.Instance, cancellationToken))
        {
            if (await unit.Store<ITrainingStore>().FindAsync(entry.Job, cancellationToken) is { } job
                && job.State.IsFinal()
                && await unit.Store<ILoraStore>().FindAsync(job.LoraId, cancellationToken) is { StoragePath: not null } lora
                && lora.FileSha256 == entry.Sha256)
            {
                settled.Add(entry);
            }
        }

        return settled;
    }
}
