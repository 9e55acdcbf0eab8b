namespace LoraAdmin.Domain.Breaker;

/// <summary>How a creation ended, as far as the breaker is concerned.</summary>
public enum CreationEnd
{
    /// <summary>A pod was made, or found and adopted.</summary>
    Made,
    ServerError,
    NoAnswer,
    Unreachable,
    NoCapacity,
    KeyRefused,
    BalanceUsedUp,
    NotAllowed,
    Rejected,
    RateLimited,
}

/// <param name="Answer">What the provider answered, for a person.</param>
/// <param name="Effect">Null: it is a success.</param>
/// <param name="Why">One sentence for a person.</param>
public sealed record CreationRule(CreationEnd End, string Answer, FailureEffect? Effect, string Why);

/// <summary>What counts in the breaker and what does not. The page shows this table; nothing else decides.</summary>
public static class CreationOutcomes
{
    public static IReadOnlyList<CreationRule> All { get; } =
    [
        new(CreationEnd.Made, "2xx, or the pod was found", null, "A pod was made: the count begins anew."),
        new(CreationEnd.ServerError, "5xx", FailureEffect.Counted, "RunPod itself fails."),
        new(CreationEnd.NoAnswer, "time-out, broken or unreadable answer", FailureEffect.Counted, "RunPod does not answer."),
        new(CreationEnd.Unreachable, "connection refused", FailureEffect.Counted, "RunPod can't be reached."),
        new(CreationEnd.NoCapacity, "400", FailureEffect.Ignored, "No GPU is free, or a rule was broken: RunPod works."),
        new(CreationEnd.KeyRefused, "401", FailureEffect.Isolated, "The key is not accepted; pods can't be stopped either. Held open until a reset or another key."),
        new(CreationEnd.BalanceUsedUp, "402", FailureEffect.Ignored, "The account has no money: RunPod works."),
        new(CreationEnd.NotAllowed, "403", FailureEffect.Ignored, "The key lacks a right: RunPod works."),
        new(CreationEnd.Rejected, "409, 422, other 4xx", FailureEffect.Ignored, "The request is wrong: RunPod works."),
        new(CreationEnd.RateLimited, "429", FailureEffect.Ignored, "Too many requests of ours: RunPod works."),
    ];

    public static CreationRule Of(CreationEnd end) => All.Single(rule => rule.End == end);
}
