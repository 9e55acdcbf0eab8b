using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// Lets the training images of ended jobs go <c>Training:ImageRetention</c> after the end. An image that another job still needs stays for that job's
/// own time; a job that is opened again keeps its images. Running it twice is harmless.
/// </summary>
public sealed class OldImages(IUnitOfWork work, IObjectStore objects, TimeProvider clock, Func<TrainingRules> rules)
{
    public const string Name = "training.old_images";

    private const int AtOnce = 100;

    private static readonly Actor Self = Actor.Portal(Name);

    /// <returns>How many jobs' images were let go.</returns>
    /// <exception cref="AggregateException">Something unexpected befell some of them; all others had their turn.</exception>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset before = clock.GetUtcNow() - rules().ImageRetention;
        IReadOnlyList<JobId> due = await work.ReadAsync(
            (unit, token) => unit.Store<ITrainingStore>().ListWithOldImagesAsync(before, AtOnce, token), cancellationToken);
        int gone = 0;
        await Each.InTurnAsync(due, async (job, token) => gone += await RemoveAsync(job, before, token) ? 1 : 0, cancellationToken);
        return gone;
    }

    private async Task<bool> RemoveAsync(JobId id, DateTimeOffset before, CancellationToken cancellationToken)
    {
        IReadOnlyList<TrainingImage> images = await work.ReadAsync((unit, token) => unit.Store<ITrainingStore>().ListImagesAsync(id, token), cancellationToken);
        int removed = 0;
        foreach (TrainingImage image in images)
        {
            // Right before each one: somebody may open the job again at any moment.
            switch (await work.ReadAsync((unit, token) => JudgeAsync(unit, id, image.Key, before, token), cancellationToken))
            {
                case null:
                    return false;
                case true:
                    continue;
            }

            if (!await objects.DeleteAsync(new ObjectRef(Buckets.TrainingImages, image.Key), cancellationToken))
            {
                return false;
            }

            removed++;
        }

        return await work.RunAsync((unit, token) => NoteAsync(unit, id, removed, token), cancellationToken);
    }

    /// <summary>Whether another job needs the image; null: this one does, it is open again.</summary>
    private static async Task<bool?> JudgeAsync(IUnit unit, JobId id, string key, DateTimeOffset before, CancellationToken cancellationToken)
    {
        ITrainingStore store = unit.Store<ITrainingStore>();
        return await store.FindAsync(id, cancellationToken) is { } job && job.State.IsFinal() && job.CompletedAt < before
            ? await store.IsImageUsedElsewhereAsync(key, id, before, cancellationToken)
            : null;
    }

    private async Task<bool> NoteAsync(IUnit unit, JobId id, int removed, CancellationToken cancellationToken)
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
            TrainingFacts.Of(job, TrainingEvents.ImagesRemoved, FormattableString.Invariant($"{removed} training images were removed {rules().ImageRetention.TotalDays:0.#} days after the job's end"), Self), cancellationToken);
        return true;
    }
}
