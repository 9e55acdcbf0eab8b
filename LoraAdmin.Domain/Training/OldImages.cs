using System.Globalization;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// Lets the training images of ended jobs go <c>Training:ImageRetention</c> after the end. An image that another job still needs stays for that job's
/// own time; a job that is opened again keeps its images. Running it twice is harmless.
/// </summary>
/// <param name="permission">What a person needs to run it.</param>
public sealed class OldImages(IUnitOfWork work, IObjectStore objects, TimeProvider clock, Func<TrainingRules> rules, string permission) : IItemOperation
{
    public const string Key = "training.old_images";

    public OperationInfo Info { get; } = new(
        Key,
        "Old training images",
        "Deletes the training images of jobs that ended longer ago than Training:ImageRetention. An image that another job still needs stays.",
        "0 20 * * * ?",
        permission)
    {
        IsDestructive = true,
    };

    public async Task<Planning> PlanAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        DateTimeOffset before = now - rules().ImageRetention;
        List<PlanItem> items = await work.ReadAsync(
            async (unit, token) =>
            {
                ITrainingStore store = unit.Store<ITrainingStore>();
                List<PlanItem> found = [];
                foreach (JobId id in await store.ListWithOldImagesAsync(before, PlanDraft.MostItems, token))
                {
                    TrainingJob? job = await store.FindAsync(id, token);
                    int images = (await store.ListImagesAsync(id, token)).Count;
                    found.Add(new PlanItem(id.ToString(), "delete", $"{images} images of a job that ended {job?.CompletedAt:yyyy-MM-dd}")
                    {
                        Label = job?.Name,
                        Detail = before.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture),
                    });
                }

                return found;
            },
            cancellationToken);
        return new Planning.Planned(PlanDraft.OfItems(now, items));
    }

    public async Task ApplyAsync(PlanItem item, IItemTurn turn, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(item);
        ArgumentNullException.ThrowIfNull(turn);
        DateTimeOffset before = DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(item.Detail!, CultureInfo.InvariantCulture));
        JobId job = new(Guid.Parse(item.Target));
        (Removal removal, int removed) = await DeleteAsync(job, before, cancellationToken);
        await turn.EndAsync(
            async (unit, token) => removal switch
            {
                Removal.Opened => ItemOutcome.Ineligible("The job was opened again"),
                Removal.Refused => ItemOutcome.Failed("Storage did not delete one of its images; what is left is tried at the next run"),
                _ => await NoteAsync(unit, job, removed, turn.Actor, token) ? new ItemOutcome(ItemEnd.Done, $"{removed} images") : ItemOutcome.Ineligible("They were gone already"),
            },
            cancellationToken);
    }

    public Task<IReadOnlyList<Figure>> MeasureAsync(IUnit unit, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<Figure>>([]);

    public Task<string?> CheckAsync(IUnit unit, CancellationToken cancellationToken) => Task.FromResult<string?>(null);

    private enum Removal
    {
        Gone,

        /// <summary>Somebody opened the job again: the rest of its images stays.</summary>
        Opened,
        Refused,
    }

    private async Task<(Removal, int Removed)> DeleteAsync(JobId id, DateTimeOffset before, CancellationToken cancellationToken)
    {
        IReadOnlyList<TrainingImage> images = await work.ReadAsync((unit, token) => unit.Store<ITrainingStore>().ListImagesAsync(id, token), cancellationToken);
        int removed = 0;
        foreach (TrainingImage image in images)
        {
            // Right before each one: somebody may open the job again at any moment.
            switch (await work.ReadAsync((unit, token) => JudgeAsync(unit, id, image.Key, before, token), cancellationToken))
            {
                case null:
                    return (Removal.Opened, removed);
                case true:
                    continue;
            }

            if (!await objects.DeleteAsync(new ObjectRef(Buckets.TrainingImages, image.Key), cancellationToken))
            {
                return (Removal.Refused, removed);
            }

            removed++;
        }

        return (Removal.Gone, removed);
    }

    /// <summary>Whether another job needs the image; null: this one does, it is open again.</summary>
    private static async Task<bool?> JudgeAsync(IUnit unit, JobId id, string key, DateTimeOffset before, CancellationToken cancellationToken)
    {
        ITrainingStore store = unit.Store<ITrainingStore>();
        return await store.FindAsync(id, cancellationToken) is { } job && job.State.IsFinal() && job.CompletedAt < before
            ? await store.IsImageUsedElsewhereAsync(key, id, before, cancellationToken)
            : null;
    }

    private async Task<bool> NoteAsync(IUnit unit, JobId id, int removed, Actor actor, CancellationToken cancellationToken)
    {
        ITrainingStore store = unit.Store<ITrainingStore>();
        if (!await store.SetImagesGoneAsync(id, clock.GetUtcNow(), cancellationToken) || await store.FindAsync(id, cancellationToken) is not { } job)
        {
            return false;
        }

        ITrainingUploadStore uploads = unit.Store<ITrainingUploadStore>();
        foreach (Guid upload in await uploads.ListClaimedByAsync(id, cancellationToken))
        {
            await uploads.DeleteAsync(upload, cancellationToken);
        }

        await unit.Events.AppendAsync(
            TrainingFacts.Of(job, TrainingEvents.ImagesRemoved, FormattableString.Invariant($"{removed} training images were removed {rules().ImageRetention.TotalDays:0.#} days after the job's end"), actor), cancellationToken);
        return true;
    }
}
