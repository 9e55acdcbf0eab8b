using LoraAdmin.Domain.Pods;

namespace LoraAdmin.Pods;

internal static partial class RunPodLog
{
    [LoggerMessage(Level = LogLevel.Debug, Message = "RunPod {Call} was answered by {Status} (request {RequestId})")]
    public static partial void Answered(ILogger logger, string call, int status, string? requestId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "RunPod {Call} failed as {Failure}, status {Status} (request {RequestId}): {Detail}")]
    public static partial void Failed(ILogger logger, string call, ProviderFailure failure, int? status, string? requestId, string detail);

    [LoggerMessage(Level = LogLevel.Information, Message = "RunPod {Call} was kept back for {Seconds:0} s by the rate limit")]
    public static partial void KeptBack(ILogger logger, string call, double seconds);

    [LoggerMessage(Level = LogLevel.Warning, Message = "RunPod's catalog has {Count} entries that can't be read; they are left out")]
    public static partial void OffersLeftOut(ILogger logger, int count);
}
