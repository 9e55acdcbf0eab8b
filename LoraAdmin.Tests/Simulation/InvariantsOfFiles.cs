using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;

namespace LoraAdmin.Tests.Simulation;

/// <summary>
/// Invariant 3. A file is the bytes that the vendor's agent made, known by the agent's SHA-256, or those that the fallback provider made: another file
/// under the same name is no file of that training.
/// </summary>
public sealed partial class Invariants
{
    private readonly ConditionalWeakTable<byte[], string> digests = [];
    private readonly HashSet<string> onceSafe = [];
    private readonly HashSet<JobId> justCompleted = [];

    private void FollowJobs() => world.Database.Jobs.Written += (_, before, after) =>
    {
        isDirty |= before?.State != after?.State || before?.Attempt != after?.Attempt || before?.PodId != after?.PodId;
        if (after is { State: TrainingState.Completed } && before?.State != TrainingState.Completed)
        {
            justCompleted.Add(after.Id);
        }
    };

    /// <summary>
    /// From the end of training on the file is on the pod's mount, in a spool, or in storage, or a person let it go. A pod that the vendor lost without
    /// having been asked is no fault of the portal's, unless its file had been safe before.
    /// </summary>
    private void CheckFile(PodRecord pod)
    {
        if (pod.Status != PodStatus.Terminated || !pod.Agent.HasArtifact || world.RowOf(pod) is not { } row || world.Database.Jobs.Find(row.Job) is not { } job)
        {
            return;
        }

        if (IsSafe(pod, row, job))
        {
            onceSafe.Add(pod.Id);
            return;
        }

        bool byUs = pod.TerminateRequests > 0 || onceSafe.Contains(pod.Id);
        Require(
            !byUs || world.EndedByPeople.Contains(pod.Id) || IsNeededNoMore(row, job),
            $"3: pod {pod.Id} was terminated and the file of job {job.Id} is nowhere ({row.Proof})");
    }

    private void CheckJustCompleted()
    {
        if (justCompleted.Count == 0)
        {
            return;
        }

        foreach (JobId id in justCompleted)
        {
            // One that was rolled back is not completed.
            if (world.Database.Jobs.Find(id) is { State: TrainingState.Completed } job)
            {
                CheckStored(job);
            }
        }

        justCompleted.Clear();
    }

    private void CheckStored(TrainingJob job) =>
        Require(IsTrained(world.Objects.Find(ObjectKeys.Model(job.UserId, job.LoraId)), job), $"3: the stored file of {job.Id} is not the trained one");

    /// <summary>Whether the pod's own file lies whole in a spool or in storage.</summary>
    private bool IsSafe(PodRecord pod, LedgerPod row, TrainingJob job)
    {
        if (pods.FileOf(pod) is not { } made)
        {
            return false;
        }

        string name = SpoolNames.File(job.Id, row.Attempt);
        foreach (Memory.MemorySpool disk in world.Disks)
        {
            if (HashOf(disk.FindSealed(name)) == made)
            {
                return true;
            }
        }

        return HashOf(world.Objects.Find(ObjectKeys.Model(job.UserId, job.LoraId))) == made;
    }

    /// <summary>Its job has the file of another attempt, or has judged this one to be no good (docs/decisions/0020).</summary>
    private bool IsNeededNoMore(LedgerPod row, TrainingJob job) => job.Attempt != row.Attempt
        && (job.State == TrainingState.Completed || world.Database.Attempts.Find((job.Id, row.Attempt)) is { Failure: FailureCode.QualityValidationFailed });

    /// <summary>Whether it is what was trained for the job's present attempt, on a pod or by the fallback provider.</summary>
    private bool IsTrained(byte[]? file, TrainingJob job) => HashOf(file) is { } hash
        && (world.Database.PodsOf[job.Id].Any(row => row.Attempt == job.Attempt && row.PodId is { } id && pods.Find(id) is { } pod && pods.FileOf(pod) == hash)
            || world.Database.HostedOf[job.Id].Any(row => row.Attempt == job.Attempt && row.TrainingId is { } id && WeightsOf(id) == hash));

    /// <summary>SHA-256 of the model that the provider's training has made; null: it has made none.</summary>
    private string? WeightsOf(string training)
    {
        LocalCloudWorld cloud = world.Cloud.World;
        return cloud.Replicate.Find(training) is { Status: ReplicateStatus.Succeeded } made ? cloud.Layout.Sha256(cloud.SeedOf(made)) : null;
    }

    private string? HashOf(byte[]? bytes) => bytes is null ? null : digests.GetValue(bytes, static present => Convert.ToHexStringLower(SHA256.HashData(present)));
}
