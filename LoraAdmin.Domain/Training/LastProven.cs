using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training;

/// <summary>From what an ended job can go on without training again.</summary>
/// <param name="GoesOnAs">The job in the state in which it goes on; null: nothing of it is proven anywhere.</param>
/// <param name="Elsewhere">A proven file on a disk that no living instance has.</param>
internal sealed record LastProven(TrainingJob? GoesOnAs, SpoolEntry? Elsewhere)
{
    /// <summary>
    /// Storage before spool before pod; of several attempts the newest. A file that failed the validation is proven and no good; one that came damaged
    /// from its pod would come damaged again.
    /// </summary>
    /// <param name="wantedImages">How many validation images are asked for: a file whose pod still has some of them goes back there first.</param>
    public static async Task<LastProven> FindAsync(
        IUnit unit, TrainingJob job, JobFailure failure, string spool, int wantedImages, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (failure.Code == FailureCode.QualityValidationFailed)
        {
            return new LastProven(null, null);
        }

        ISpoolStore store = unit.Store<ISpoolStore>();
        ILoraStore loras = unit.Store<ILoraStore>();
        Lora? lora = await loras.FindAsync(job.LoraId, cancellationToken);
        IReadOnlyList<ValidationImage> images = await loras.ListValidationImagesAsync(job.LoraId, cancellationToken);
        if (lora is { StoragePath: not null } && job.Artifact is { } artifact && lora.FileSha256 == artifact.Sha256
            && images.Any(image => image.Attempt == job.Attempt) && !images.Any(image => image.IsPending && image.Attempt == job.Attempt))
        {
            return new LastProven(job with { State = TrainingState.Validating, Spool = null }, null);
        }

        IReadOnlyList<SpoolEntry> files = await store.ListForJobAsync(job.Id, cancellationToken);
        if (await store.FindNewestInReachAsync(job.Id, spool, now, cancellationToken) is { } spooled)
        {
            bool lacksImages = images.Count(image => image.Attempt == spooled.Attempt) < wantedImages
                && await IsOnHeldPodAsync(unit, job, spooled.Attempt, cancellationToken);
            TrainingState from = lacksImages ? TrainingState.Retrieving : TrainingState.Uploading;
            return new LastProven((await JobReopening.WithAsync(unit, job, spooled, cancellationToken)) with { State = from, Spool = spooled.Spool }, null);
        }

        bool onPod = failure.Code != FailureCode.ArtifactCorrupt
            && job.Artifact is not null
            && await IsOnHeldPodAsync(unit, job, job.Attempt, cancellationToken);
        return new LastProven(onPod ? job with { State = TrainingState.Retrieving, Spool = null } : null, files.Count > 0 ? files[0] : null);
    }

    private static async Task<bool> IsOnHeldPodAsync(IUnit unit, TrainingJob job, int attempt, CancellationToken cancellationToken) =>
        (await unit.Store<IPodLedger>().ListForAttemptAsync(job.Id, attempt, cancellationToken))
            .Any(pod => pod is { Want: PodWant.Held, PodId: not null } && pod.Saw != PodSaw.Gone);
}
