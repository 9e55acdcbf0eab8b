using System.Globalization;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// J2 as an operation: the hourly, recorded run over all files that wait for their upload. Files of this instance's disk are uploaded within the run;
/// those of another disk are made due, and the instance that has it uploads them within a minute.
/// </summary>
/// <param name="permission">What a person needs to run it.</param>
public sealed class SpoolUploadOperation(IUnitOfWork work, SpoolUploads uploads, ISpool spool, TimeProvider clock, string permission) : IItemOperation
{
    public const string Key = "training.spool_uploads";

    private const char Between = '/';

    public OperationInfo Info { get; } = new(
        Key,
        "Uploads of kept files",
        "Uploads trained files again whose upload failed and that are kept in a spool; after a success the job goes on with its validation. Three failed runs of a file raise an incident; the file is never given up.",
        "0 0 * * * ?",
        permission)
    {
        PausesToo = "Each portal's own hourly tries stop too: a trained file whose upload failed stays on that portal's disk alone, and its job stays failed, until it is resumed or a person has the file uploaded.",
    };

    public async Task<Planning> PlanAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        List<PlanItem> items = await work.ReadAsync(
            async (unit, token) =>
            {
                List<PlanItem> waiting = [];
                foreach (SpoolEntry entry in await unit.Store<ISpoolStore>().ListAllAsync(PlanDraft.MostItems, token))
                {
                    if (await SpoolWaiting.JudgeAsync(unit, entry, now, token) == SpoolCommandOutcome.Noted)
                    {
                        TrainingJob? job = await unit.Store<ITrainingStore>().FindAsync(entry.Job!.Value, token);
                        waiting.Add(ToItem(entry, job!));
                    }
                }

                return waiting;
            },
            cancellationToken);
        return new Planning.Planned(PlanDraft.OfItems(now, items));
    }

    public async Task ApplyAsync(PlanItem item, IItemTurn turn, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(item);
        ArgumentNullException.ThrowIfNull(turn);
        string[] parts = item.Target.Split(Between, 2);
        if (parts[0] != spool.Id)
        {
            await turn.EndAsync(
                async (unit, token) => await SpoolWaiting.MakeDueAsync(unit, parts[0], parts[1], clock.GetUtcNow(), token) is null
                    ? ItemOutcome.Ineligible("It does not wait for its upload any more")
                    : new ItemOutcome(ItemEnd.Done, "made due: the portal that has the disk uploads it"),
                cancellationToken);
            return;
        }

        SpoolUploads.UploadTry? tried = await uploads.TryNowAsync(parts[1], cancellationToken);
        ItemOutcome outcome = tried switch
        {
            null => ItemOutcome.Ineligible("It does not wait for its upload any more, or is being uploaded"),
            { Stored: true } => new ItemOutcome(ItemEnd.Done, "storage has it, read back and compared"),
            { Problem: var problem } => ItemOutcome.Failed(problem!),
        };
        await turn.EndAsync((_, _) => Task.FromResult(outcome), cancellationToken);
    }

    public async Task<IReadOnlyList<Figure>> MeasureAsync(IUnit unit, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        IReadOnlyList<SpoolEntry> all = await unit.Store<ISpoolStore>().ListAllAsync(PlanDraft.MostItems, cancellationToken);
        return
        [
            new Figure("Files in spools", all.Count.ToString(CultureInfo.InvariantCulture)),
            new Figure("Bytes in spools", all.Sum(entry => entry.SizeBytes).ToString("N0", CultureInfo.InvariantCulture)),
        ];
    }

    public Task<string?> CheckAsync(IUnit unit, CancellationToken cancellationToken) => Task.FromResult<string?>(null);

    private static PlanItem ToItem(SpoolEntry entry, TrainingJob job)
    {
        string before = entry.FailedRuns switch
        {
            0 => "its upload failed",
            1 => $"one upload since then failed: {entry.LastError}",
            _ => string.Create(CultureInfo.InvariantCulture, $"{entry.FailedRuns} uploads in a row failed: {entry.LastError}"),
        };
        return new PlanItem($"{entry.Spool}{Between}{entry.Name}", "upload", $"The trained file of \"{job.Name}\" is kept since {entry.VerifiedAt:u}; {before}")
        {
            Label = job.Name,
            Bytes = entry.SizeBytes,
        };
    }
}
