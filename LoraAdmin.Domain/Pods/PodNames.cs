using System.Globalization;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <summary>What a pod's name says.</summary>
public sealed record PodName(string Installation, JobId Job, int Attempt, int Try);

/// <summary>Names by which every pod of ours can be told from others, whatever the provider forgets.</summary>
public static class PodNames
{
    public const string Prefix = "lora-";

    private const string ImportedPrefix = "imported@";

    public static string For(string installation, JobId job, int attempt, int number) =>
        $"{Prefix}{installation}-{job.Value:N}-{attempt}-{number}";

    /// <summary>Ledger name of a pod that a job from before the portal has; at the provider it bears another.</summary>
    public static string Imported(string podId) => ImportedPrefix + podId;

    public static bool IsImported(string ledgerName)
    {
        ArgumentNullException.ThrowIfNull(ledgerName);
        return ledgerName.StartsWith(ImportedPrefix, StringComparison.Ordinal);
    }

    /// <summary>Whether the name says that this installation asked for the pod.</summary>
    public static bool IsOurs(string installation, string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.StartsWith($"{Prefix}{installation}-", StringComparison.Ordinal);
    }

    /// <summary>Reads a name of the portal's own form, of whatever installation; null for any other name.</summary>
    public static PodName? Parse(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        string[] parts = name.Split('-');
        return parts.Length == 5
            && parts[0] == Prefix.TrimEnd('-')
            && Guid.TryParseExact(parts[2], "N", out Guid job)
            && int.TryParse(parts[3], NumberStyles.None, CultureInfo.InvariantCulture, out int attempt)
            && int.TryParse(parts[4], NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? new PodName(parts[1], new JobId(job), attempt, number)
            : null;
    }
}
