using System.Security.Cryptography;
using System.Text;

namespace LoraAdmin.Domain.Pods;

/// <summary>The secret between the portal and one pod's agent: HMAC-SHA256 over the ledger name, so that it need not be stored.</summary>
public static class AgentToken
{
    /// <summary>Environment variable of the pod that carries it.</summary>
    public const string Variable = "LORA_AGENT_TOKEN";

    /// <returns>64 lower-case hex digits.</returns>
    public static string For(ReadOnlySpan<byte> agentKey, string podName) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(agentKey, Encoding.UTF8.GetBytes(podName)));
}
