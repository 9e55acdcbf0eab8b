using LoraAdmin.Domain.Training;

namespace LoraAdmin.Training;

internal static partial class HttpPodAgentLog
{
    [LoggerMessage(Level = LogLevel.Debug, Message = "Agent of {Pod} did not do {Call}: {Failure}, {Detail}")]
    public static partial void Failed(ILogger logger, string pod, string call, AgentFailure failure, string detail);
}
