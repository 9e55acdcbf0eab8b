using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training.Steps;

/// <summary>Fetches every training image and decodes it to its last pixel before money is spent on a pod (E2).</summary>
public sealed class PreparingStep(IUnitOfWork work, IObjectStore objects, IImageInspector inspector, Func<TrainingRules> rules) : ITrainingStep
{
    public TrainingState State => TrainingState.Preparing;

    public async Task<StepResult> RunAsync(TrainingJob job, JobLease lease, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        TrainingRules limits = rules();
        List<TrainingImage> images = [.. await work.ReadAsync((unit, token) => unit.Store<ITrainingStore>().ListImagesAsync(job.Id, token), cancellationToken)];
        List<string> bad = [];
        string? unread = null;
        for (int index = 0; index < images.Count; index++)
        {
            TrainingImage image = images[index];
            if (image.Sha256 is not null)
            {
                continue;
            }

            switch (await InspectAsync(image, limits, cancellationToken))
            {
                case (ImageVerdict.Good good, _):
                    images[index] = image with { Sha256 = good.Sha256, SizeBytes = good.SizeBytes, Width = good.Width, Height = good.Height, Format = good.Format };
                    break;
                case (ImageVerdict.Bad wrong, _):
                    bad.Add($"image {image.Number + 1}: {wrong.Reason}");
                    break;
                case (null, { } reason):
                    unread = reason;
                    break;
            }
        }

        Task Save(IUnit unit, CancellationToken token) => unit.Store<ITrainingStore>().SaveImagesAsync(job.Id, images, token);
        if (unread is not null)
        {
            // Not a try, whatever the others read as: else a bad image's tries would be spent for one that had none yet.
            return new StepResult.Again(TimeSpan.FromSeconds(15), job, $"Storage could not be read: {unread}", Save);
        }

        if (bad.Count > 0)
        {
            string detail = string.Join("; ", bad);
            ErrorDetail error = new("invalid_training_images", "training.images", detail, null);

            // What was sound is not read again: a later bad reading of it must not end the job.
            return job.StepTries < limits.ImageRetries
                ? new StepResult.TryAgain(StepBackoff.After(job.StepTries), job, $"Training images will be fetched again: {detail}", error, Save)
                : new StepResult.Fail(job, new JobFailure(FailureCode.InvalidTrainingImages, detail), FileProof.TrainingNeverStarted, error);
        }

        return new StepResult.Advance(TrainingState.Provisioning, job, $"{(images.Count == 1 ? "The training image is" : $"All {images.Count} training images are")} sound; looking for a GPU", Save);
    }

    private async Task<(ImageVerdict? Verdict, string? Unread)> InspectAsync(TrainingImage image, TrainingRules limits, CancellationToken cancellationToken)
    {
        switch (await objects.OpenAsync(new ObjectRef(Buckets.TrainingImages, image.Key), cancellationToken))
        {
            case ObjectReading.Found found:
                await using (found.Content)
                {
                    try
                    {
                        return (await inspector.InspectAsync(found.Content, limits.MaxImageBytes, limits.MaxImagePixels, cancellationToken), null);
                    }
                    catch (IOException failure)
                    {
                        return (null, failure.Message);
                    }
                }

            case ObjectReading.NotFound:
                return (new ImageVerdict.Bad("it is not in storage"), null);
            case ObjectReading.Unavailable unavailable:
                return (null, unavailable.Reason);
            default:
                throw new NotSupportedException("An object reading is found, not found or unavailable.");
        }
    }
}
