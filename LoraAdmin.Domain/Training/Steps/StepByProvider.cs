using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Domain.Training.Steps;

/// <summary>One state whose work depends on who does the attempt: a pod of ours, or a provider that runs the training whole.</summary>
public sealed class StepByProvider(ITrainingStep onPod, ITrainingStep hosted) : ITrainingStep
{
    public TrainingState State => onPod.State;

    public Task<StepResult> RunAsync(TrainingJob job, JobLease lease, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        return (HostedLedger.IsHosted(job) ? hosted : onPod).RunAsync(job, lease, cancellationToken);
    }
}
