namespace LoraAdmin.Domain.Pods;

/// <summary>What the status of a GPU provider's answer says of the call: RunPod's REST v2 and Replicate use the same ones.</summary>
public static class ProviderStatus
{
    /// <summary>408 and everything that is no 4xx says nothing about whether the call was done.</summary>
    public static ProviderFailure FailureOf(int status) => status switch
    {
        401 => ProviderFailure.Unauthorized,
        402 => ProviderFailure.InsufficientBalance,
        403 => ProviderFailure.Forbidden,
        408 => ProviderFailure.Ambiguous,
        409 => ProviderFailure.Conflict,
        429 => ProviderFailure.RateLimited,
        >= 400 and < 500 => ProviderFailure.Rejected,
        _ => ProviderFailure.Ambiguous,
    };
}
