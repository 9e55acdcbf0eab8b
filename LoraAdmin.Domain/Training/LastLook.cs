using LoraAdmin.Domain.Pods;

namespace LoraAdmin.Domain.Training;

/// <summary>What the last look before the end of a training found.</summary>
/// <param name="Ended">Set: training has ended and there is, or will be, a file to take instead.</param>
/// <param name="Proof">What is known about the file when it is not taken.</param>
internal sealed record LastLook(AgentStatus? Ended, FileProof Proof)
{
    /// <summary>
    /// Right before a training is ended the agent is read, told to stop, and read again: between any two of its steps the training may have finished.
    /// Only an agent that has stopped says for good that there is no file; one that took the stop and goes on training may still finish.
    /// </summary>
    /// <param name="known">What the job knows of its training (<see cref="AgentWord.Known"/>).</param>
    public static async Task<LastLook> StopAsync(IPodAgent agent, AgentAddress address, KnownTraining known, CancellationToken cancellationToken)
    {
        AgentReply<AgentStatus> before = await agent.ReadStatusAsync(address, cancellationToken);
        if (before.Value is not { } running)
        {
            return new LastLook(null, FileProof.None);
        }

        if (AgentWord.HasFile(running))
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
            { } ended when AgentWord.HasFile(ended) => new LastLook(ended, FileProof.None),

            // A start whose answer was lost may have been taken before the stop: its word is good for two minutes, and not for ever.
            { } stopped => new LastLook(
                null,
                AgentWord.Of(stopped, known == KnownTraining.Nothing && running.TrainingStartedAt is not null ? KnownTraining.Started : known) == FileProof.None
                    ? FileProof.None
                    : FileProof.AgentHasNone),
        };
    }
}
