namespace LoraAdmin.Domain.Pods;

/// <summary>The dead-man switch of a pod's agent, as far as the portal counts on it: a second line, never a proof (docs/pod-agent.md).</summary>
public static class AgentContact
{
    /// <summary>How long an agent waits for us after each call; then, once its training has ended or passed its deadline, it stops its own pod.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromMinutes(20);
}
