using System.Globalization;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Domain.Training.Steps;

/// <summary>
/// Judges the validation images of the present attempt by our thresholds and the scores that came with them, from the agent or from the provider's model (E5).
/// The spool's file is let go later, by whoever has the disk (<see cref="SpoolSweep"/>).
/// </summary>
public sealed class ValidatingStep(IUnitOfWork work, Func<TrainingRules> rules) : ITrainingStep
{
    public TrainingState State => TrainingState.Validating;

    public async Task<StepResult> RunAsync(TrainingJob job, JobLease lease, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        IReadOnlyList<ValidationImage> images = await work.ReadAsync(
            (unit, token) => unit.Store<ILoraStore>().ListValidationImagesAsync(job.LoraId, token), cancellationToken);
        TrainingRules figures = rules();
        List<ValidationImage> judged = [.. images.Where(image => image.Attempt == job.Attempt).Select(image => Judge(image, figures.ValidationMinimumScore))];
        Task Save(IUnit unit, CancellationToken token) => unit.Store<ILoraStore>().SaveValidationImagesAsync(job.LoraId, judged, token);
        int passed = judged.Count(image => image.Passed == true);
        if (HostedLedger.IsHosted(job) && IsUndecided(judged.Count, passed, figures))
        {
            string why = await WhyUndecidedAsync(job, judged.Count, cancellationToken);
            return new StepResult.Advance(TrainingState.Completed, job with { NotValidated = why }, $"Not validated: {char.ToLowerInvariant(why[0])}{why[1..]}", Save);
        }

        if (judged.Count == 0 && figures.ValidationImages > 0)
        {
            return Bad(
                job,
                $"No validation images of this file: {figures.ValidationImages} are asked for and none was fetched from its pod. The file itself lies in storage, read back and compared");
        }

        if (passed >= figures.ValidationMustPass)
        {
            return new StepResult.Advance(TrainingState.Completed, job, $"{passed} of {judged.Count} validation images passed", Save);
        }

        string detail = string.Create(
            CultureInfo.InvariantCulture,
            $"{passed} of {judged.Count} validation images passed, {figures.ValidationMustPass} must. {string.Join("; ", judged.Where(image => image.Passed == false).Select(image => $"Image {image.Index}: {image.Reason}"))}");
        return Bad(job, detail, Save);
    }

    /// <summary>The images that are not there would decide.</summary>
    private static bool IsUndecided(int judged, int passed, TrainingRules figures) => figures.ValidationImages > 0
        && (judged == 0 || (passed < figures.ValidationMustPass && passed + figures.ValidationImages - judged >= figures.ValidationMustPass));

    private async Task<string> WhyUndecidedAsync(TrainingJob job, int judged, CancellationToken cancellationToken) =>
        (await HostedLedger.ListAsync(work, job, cancellationToken)).LastOrDefault(static one => one.Kind == HostedKind.Prediction) is { } prediction
            ? $"Replicate could not make {(judged == 0 ? "the" : "all")} validation images, so nobody judged the LoRA: {prediction.LastError ?? "it gave no reason"}"
            : "Replicate makes no validation images, so nobody judged the LoRA";

    private static StepResult.Fail Bad(TrainingJob job, string detail, Alongside? save = null) => new(
        job,
        new JobFailure(FailureCode.QualityValidationFailed, detail),
        FileProof.InStorage,
        new ErrorDetail("quality_validation_failed", "training.validate", detail, null),
        save);

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
