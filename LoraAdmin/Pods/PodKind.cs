using LoraAdmin.Domain.Pods;

namespace LoraAdmin.Pods;

/// <summary>What a pod is called on pages: its <see cref="PodClass"/>, or what says more about it. Every pod is of exactly one, the worst first.</summary>
public enum PodKind
{
    /// <summary>Asked to end three times and still there.</summary>
    Leaking,
    Orphan,
    Unknown,
    Held,
    Vanished,

    /// <summary>Its create call was never clearly answered: nobody knows whether it exists.</summary>
    InDoubt,
    Needed,
    Foreign,
}
