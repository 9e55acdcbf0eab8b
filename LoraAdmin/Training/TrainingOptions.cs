using LoraAdmin.Domain.Training;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Training;

/// <summary>Section <c>Training</c>.</summary>
public sealed class TrainingOptions
{
    public const string Section = "Training";

    public TimeSpan MaxDuration { get; set; } = TimeSpan.FromHours(2);

    /// <summary>Waits before the second, third, … create call of one pod. Empty in code: the binder appends to lists.</summary>
    public IList<TimeSpan> CreateRetries { get; } = [];

    public int ImageRetries { get; set; } = 3;

    public int UploadRetries { get; set; } = 3;

    public TimeSpan RetrieveWithin { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>How long a job may wait for a provider; zero fails it at once.</summary>
    public TimeSpan QueueWait { get; set; } = TimeSpan.FromHours(1);

    public TimeSpan PollEvery { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Without a step or an answer for this long a training is shown as stuck, and told.</summary>
    public TimeSpan StuckAfter { get; set; } = TimeSpan.FromMinutes(10);

    public int MinImages { get; set; } = 1;

    public int MaxImages { get; set; } = 100;

    public long MaxImageBytes { get; set; } = 20_000_000;

    public long MaxImagePixels { get; set; } = 40_000_000;

    public long MaxArtifactBytes { get; set; } = 2_000_000_000;

    public int MaxConcurrentPods { get; set; } = 10;

    /// <summary>How long one put into storage, or one reading of an object to its end, may take.</summary>
    public TimeSpan StoreTimeout { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>How long the training images of an ended job are kept.</summary>
    public TimeSpan ImageRetention { get; set; } = TimeSpan.FromDays(7);
}

/// <summary>Section <c>Validation</c>: what makes a trained LoRA good enough.</summary>
public sealed class ValidationOptions
{
    public const string Section = "Validation";

    public int Images { get; set; } = 3;

    public int MustPass { get; set; } = 2;

    public double MinimumScore { get; set; } = 0.6;
}

internal sealed class TrainingOptionsValidator : IValidateOptions<TrainingOptions>
{
    public ValidateOptionsResult Validate(string? name, TrainingOptions options)
    {
        List<string> problems = [];
        void Positive(string key, TimeSpan value, bool zeroAllowed = false)
        {
            if (value < TimeSpan.Zero || (value == TimeSpan.Zero && !zeroAllowed))
            {
                problems.Add($"{TrainingOptions.Section}:{key} is {value}; give a duration above zero, such as 00:30:00.");
            }
        }

        void Within(string key, long value, long least, long most)
        {
            if (value < least || value > most)
            {
                problems.Add($"{TrainingOptions.Section}:{key} is {value}; give a number from {least} to {most}.");
            }
        }

        Positive("MaxDuration", options.MaxDuration);
        if (options.MaxDuration > PodAgentLimits.Duration)
        {
            problems.Add($"Training:MaxDuration is {options.MaxDuration}; give at most {PodAgentLimits.Duration}, the longest that a pod agent takes.");
        }

        Positive("RetrieveWithin", options.RetrieveWithin);
        Positive("QueueWait", options.QueueWait, zeroAllowed: true);
        Positive("PollEvery", options.PollEvery);
        Positive("StuckAfter", options.StuckAfter);
        Positive("StoreTimeout", options.StoreTimeout);
        Positive("ImageRetention", options.ImageRetention, zeroAllowed: true);
        if (options.StuckAfter <= options.PollEvery)
        {
            problems.Add(
                $"Training:StuckAfter is {options.StuckAfter}, not longer than Training:PollEvery ({options.PollEvery}): every training would look stuck; "
                + "give a longer duration, such as 00:10:00.");
        }

        if (options.CreateRetries.Any(wait => wait < TimeSpan.Zero))
        {
            problems.Add("Training:CreateRetries holds a negative wait; give durations such as 00:00:02.");
        }

        Within("ImageRetries", options.ImageRetries, 0, 20);
        Within("UploadRetries", options.UploadRetries, 0, 20);
        Within("MinImages", options.MinImages, 1, PodAgentLimits.Images);
        Within("MaxImages", options.MaxImages, Math.Min(options.MinImages, PodAgentLimits.Images), PodAgentLimits.Images);
        Within("MaxImageBytes", options.MaxImageBytes, 1_000, PodAgentLimits.ImageBytes);
        Within("MaxImagePixels", options.MaxImagePixels, 1_000, 200_000_000);
        Within("MaxArtifactBytes", options.MaxArtifactBytes, 1_000, PodAgentLimits.ArtifactBytes);
        Within("MaxConcurrentPods", options.MaxConcurrentPods, 1, 1000);
        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }
}

internal sealed class ValidationOptionsValidator : IValidateOptions<ValidationOptions>
{
    public ValidateOptionsResult Validate(string? name, ValidationOptions options)
    {
        List<string> problems = [];
        if (options.Images is < 0 or > PodAgentLimits.ValidationImages)
        {
            problems.Add($"Validation:Images is {options.Images}; give a number from 0 to {PodAgentLimits.ValidationImages}.");
        }

        if (options.MustPass < 0 || options.MustPass > options.Images)
        {
            problems.Add($"Validation:MustPass is {options.MustPass}; give a number from 0 to Validation:Images ({options.Images}).");
        }

        if (options.MinimumScore is < 0 or > 1 or double.NaN)
        {
            problems.Add($"Validation:MinimumScore is {options.MinimumScore}; give a number from 0 to 1, such as 0.6.");
        }

        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }
}
