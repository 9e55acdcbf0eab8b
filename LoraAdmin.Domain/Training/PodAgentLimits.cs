namespace LoraAdmin.Domain.Training;

/// <summary>What the pod agent's contract allows at most (docs/pod-agent.openapi.json): no option may ask an agent for more.</summary>
public static class PodAgentLimits
{
    /// <summary>Training images of one job.</summary>
    public const int Images = 100;

    public const int ValidationImages = 10;

    public const long ImageBytes = 20 * 1024 * 1024;

    public const long ValidationImageBytes = 10 * 1024 * 1024;

    public const long ArtifactBytes = 2L * 1024 * 1024 * 1024;

    /// <summary>Longest training, and longest lease, that an agent takes.</summary>
    public static readonly TimeSpan Duration = TimeSpan.FromDays(7);
}
