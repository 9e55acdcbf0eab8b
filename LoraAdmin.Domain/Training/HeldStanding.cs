using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training;

/// <summary>What the database knows of a held pod's file at one moment.</summary>
/// <param name="Job">Null: our database does not know whose pod it is.</param>
/// <param name="IsWorkedOn">The pod's job is open and at this attempt: its step uses the pod.</param>
/// <param name="IsSpooled">The file lies on a disk that some living instance has.</param>
/// <param name="Files">The proven files of the pod's attempt on all disks.</param>
/// <param name="Mine">The one on the disk of whoever asks.</param>
/// <param name="Images">The job's validation images.</param>
/// <param name="Known">What is known of the training on the pod.</param>
internal sealed record HeldStanding(
    TrainingJob? Job,
    bool IsWorkedOn,
    bool IsSpooled,
    IReadOnlyList<SpoolEntry> Files,
    SpoolEntry? Mine,
    IReadOnlyList<ValidationImage> Images,
    KnownTraining Known)
{
    public static async Task<HeldStanding> ReadAsync(IUnit unit, LedgerPod pod, string spool, DateTimeOffset now, CancellationToken cancellationToken)
    {
        TrainingJob? job = await unit.Store<ITrainingStore>().FindAsync(pod.Job, cancellationToken);
        IReadOnlyList<SpoolInstance> instances = await unit.Store<ISpoolStore>().ListInstancesAsync(cancellationToken);
        IReadOnlyList<SpoolEntry> files = await FileProofs.FilesAsync(unit, job, pod.Attempt, pod.PodId!, cancellationToken);
        return new HeldStanding(
            job,
            job is not null && WorksWith(job, pod),
            files.Any(entry => SpoolStanding.IsReachable(entry.Spool, instances, spool, now)),
            files,
            files.FirstOrDefault(entry => entry.Spool == spool),
            job is null ? [] : await unit.Store<ILoraStore>().ListValidationImagesAsync(job.LoraId, cancellationToken),
            await AgentWord.KnownAsync(unit, job, pod.Attempt, pod.PodId!, cancellationToken));
    }

    /// <summary>Whether the pod's job, opened again perhaps, is at work with it now.</summary>
    public static async Task<bool> IsWorkedOnNowAsync(IUnit unit, LedgerPod pod, CancellationToken cancellationToken) =>
        await unit.Store<ITrainingStore>().FindAsync(pod.Job, cancellationToken) is { } job && WorksWith(job, pod);

    private static bool WorksWith(TrainingJob job, LedgerPod pod) => !job.State.IsFinal() && job.Attempt == pod.Attempt;
}
