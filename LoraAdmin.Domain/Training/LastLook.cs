using LoraAdmin.Domain.Pods;

namespace LoraAdmin.Domain.Training;

/// <summary>What the last look before the end of a training found.</summary>
/// <param name="Ended">Set: training has ended and there is, or will be, a file to take instead.</param>
/// <param name="Proof">What is known about the file when it is not taken.</param>
internal sealed record LastLook(AgentStatus? Ended, FileProof Proof)
{
    /// <summary>Whether training is over and its file is there or certain to come.</summary>
    public static bool HasFile(AgentStatus status) => status.Artifact is not null || status.Phase is AgentPhase.Validating or AgentPhase.Done;

    /// <summary>
    /// Right before a training is ended the agent is read, told to stop, and read again: between any two of its steps the training may have finished.
    /// Only an agent that has stopped says for good that there is no file.
    /// </summary>
    public static async Task<LastLook> StopAsync(IPodAgent agent, AgentAddress address, CancellationToken cancellationToken)
    {
        AgentReply<AgentStatus> before = await agent.ReadStatusAsync(address, cancellationToken);
        if (before.Value is not { } running)
        {
            return new LastLook(null, FileProof.None);
        }

        if (HasFile(running))
        {
            return new LastLook(running, FileProof.None);
        }

        if ((await agent.StopAsync(address, cancellationToken)).Value is null)
        {
            return new LastLook(null, FileProof.None);
        }

        AgentReply<AgentStatus> after = await agent.ReadStatusAsync(address, cancellationToken);
        return after.Value switch
        {
            null => new LastLook(null, FileProof.None),
            { } stopped when HasFile(stopped) => new LastLook(stopped, FileProof.None),
            _ => new LastLook(null, FileProof.AgentHasNone),
        };
    }
}
