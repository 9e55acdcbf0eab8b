using System.Globalization;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training.Steps;

/// <summary>Judges the validation images by the agent's scores and our thresholds (E5), and lets the spool file go.</summary>
public sealed class ValidatingStep(IUnitOfWork work, ISpool spool, Func<TrainingRules> rules) : ITrainingStep
{
    public TrainingState State => TrainingState.Validating;

    public async Task<StepResult> RunAsync(TrainingJob job, JobLease lease, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        (IReadOnlyList<ValidationImage> images, SpoolEntry? entry) = await work.ReadAsync(
            async (unit, token) => (
                await unit.Store<ILoraStore>().ListValidationImagesAsync(job.LoraId, token),
                await unit.Store<ISpoolStore>().FindAsync(job.Id, token)),
            cancellationToken);

        // Storage was read back and compared before this state began. A file that can't be removed now keeps its row: the spool's sweep finds it by that.
        bool letGo = entry is not null && entry.Instance == spool.Instance && await spool.DeleteAsync(entry.Name, cancellationToken);

        TrainingRules figures = rules();
        List<ValidationImage> judged = [.. images.Select(image => Judge(image, figures.ValidationMinimumScore))];
        async Task Save(IUnit unit, CancellationToken token)
        {
            await unit.Store<ILoraStore>().SaveValidationImagesAsync(job.LoraId, judged, token);
            if (letGo)
            {
                await unit.Store<ISpoolStore>().DeleteAsync(job.Id, token);
            }
        }

        int passed = judged.Count(image => image.Passed == true);
        if (passed >= figures.ValidationMustPass)
        {
            return new StepResult.Advance(TrainingState.Completed, job, $"{passed} of {judged.Count} validation images passed", Save);
        }

        string detail = string.Create(
            CultureInfo.InvariantCulture,
            $"{passed} of {judged.Count} validation images passed, {figures.ValidationMustPass} must. {string.Join("; ", judged.Where(image => image.Passed == false).Select(image => $"Image {image.Index}: {image.Reason}"))}");
        return new StepResult.Fail(
            job,
            new JobFailure(FailureCode.QualityValidationFailed, detail),
            FileProof.InStorage,
            new ErrorDetail("quality_validation_failed", "training.validate", detail, null),
            Save);
    }

    private static ValidationImage Judge(ValidationImage image, double minimum)
    {
        bool passed = image.Score >= minimum;
        string comparison = passed ? "reaches" : "is below";
        return image with
        {
            Passed = passed,
            Reason = string.Create(CultureInfo.InvariantCulture, $"score {image.Score:0.00} {comparison} {minimum:0.00}"),
        };
    }
}
