using System.Globalization;
using System.Text.RegularExpressions;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <summary>Whose file a name in the spool belongs to.</summary>
/// <param name="Job">Null: a pod's that no job knows.</param>
/// <param name="Image">Number of the validation image; null: the trained file itself.</param>
public sealed record SpoolName(JobId? Job, int Attempt, int? Image);

/// <summary>Names of files in the spool: <c>{job}-{attempt}.safetensors</c>, <c>{job}-{attempt}.validation-{n}.jpg</c>, <c>pod-{id}.safetensors</c>.</summary>
public static partial class SpoolNames
{
    public static string File(JobId job, int attempt) => string.Create(CultureInfo.InvariantCulture, $"{job.Value:N}-{attempt}.safetensors");

    public static string ValidationImage(JobId job, int attempt, int index) =>
        string.Create(CultureInfo.InvariantCulture, $"{job.Value:N}-{attempt}.validation-{index}.jpg");

    public static string OfPod(string podId) => $"pod-{podId}.safetensors";

    /// <summary>The provider's id of the pod whose file bears this name; null: it is a job's.</summary>
    public static string? PodOf(string name) => Pod().Match(name) is { Success: true } match ? match.Groups["pod"].Value : null;

    /// <summary>Null: not a name of ours.</summary>
    public static SpoolName? Parse(string name)
    {
        if (Pod().IsMatch(name))
        {
            return new SpoolName(null, 0, null);
        }

        Match match = Job().Match(name);
        return match.Success
            ? new SpoolName(
                new JobId(Guid.ParseExact(match.Groups["job"].Value, "N")),
                int.Parse(match.Groups["attempt"].Value, CultureInfo.InvariantCulture),
                match.Groups["image"].Success ? int.Parse(match.Groups["image"].Value, CultureInfo.InvariantCulture) : null)
            : null;
    }

    [GeneratedRegex(@"^(?<job>[0-9a-f]{32})-(?<attempt>[0-9]{1,6})\.(?:safetensors|validation-(?<image>[0-9]{1,4})\.jpg)\z")]
    private static partial Regex Job();

    [GeneratedRegex(@"^pod-(?<pod>[a-z0-9]{4,64})\.safetensors\z")]
    private static partial Regex Pod();
}
