using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation.Memory;

namespace LoraAdmin.Tests.Simulation;

/// <summary>
/// The vendor's pods as its own records have them, and which of the terminated ones to look at again: just ended, or something of what is known of their
/// file was written.
/// </summary>
internal sealed class VendorPods
{
    private readonly SimulatedWorld world;
    private readonly List<PodRecord> living = [];
    private readonly Dictionary<string, PodRecord> byId = [];
    private readonly Dictionary<string, string> files = [];
    private readonly Dictionary<string, List<PodRecord>> endedOf = [];
    private readonly HashSet<string> touched = [];
    private int known;

    public VendorPods(SimulatedWorld world)
    {
        this.world = world;
        world.Database.Pods.Written += (_, before, after) => touched.Add(NameOf((after ?? before)!));
        world.Objects.Changed += target => touched.Add(target.Key);
        foreach (MemorySpool disk in world.Disks)
        {
            disk.Removed += name => touched.Add(name);
        }

        world.DiskAdded += disk => disk.Removed += name => touched.Add(name);
    }

    public PodRecord? Find(string id) => byId.GetValueOrDefault(id);

    /// <summary>SHA-256 of what the pod's training has made, as its agent knows it; null: it has made nothing.</summary>
    public string? FileOf(PodRecord pod)
    {
        if (!pod.Agent.HasArtifact)
        {
            return null;
        }

        if (!files.TryGetValue(pod.Id, out string? sha256))
        {
            LocalCloudWorld cloud = world.Cloud.World;
            files[pod.Id] = sha256 = cloud.Layout.Sha256(cloud.SeedOf(pod), !pod.Agent.MakesNoSafetensors);
        }

        return sha256;
    }

    public IReadOnlyList<PodRecord> TakeTouched()
    {
        List<PodRecord> again = Note();
        if (touched.Count > 0)
        {
            foreach (string name in touched)
            {
                again.AddRange(endedOf.GetValueOrDefault(name) ?? []);
            }

            touched.Clear();
        }

        return again;
    }

    /// <summary>Takes note of the pods that were made or ended since the last call, and answers the ended ones.</summary>
    public List<PodRecord> Note()
    {
        IReadOnlyList<PodRecord> pods = world.Cloud.World.Pods;
        for (; known < pods.Count; known++)
        {
            living.Add(pods[known]);
            byId[pods[known].Id] = pods[known];
        }

        List<PodRecord> fresh = [];
        for (int index = living.Count - 1; index >= 0; index--)
        {
            if (living[index] is { Status: PodStatus.Terminated } over)
            {
                living.RemoveAt(index);
                fresh.Add(over);
                Register(over);
            }
        }

        return fresh;
    }

    private static string NameOf(LedgerPod pod) => pod.PodId ?? pod.Name;

    /// <summary>Under every name by which a write may touch what is known of its file.</summary>
    private void Register(PodRecord pod)
    {
        List<string> names = [pod.Id, pod.Name];
        if (world.RowOf(pod) is { } row && world.Database.Jobs.Find(row.Job) is { } job)
        {
            names.Add(SpoolNames.File(job.Id, row.Attempt));
            names.Add(ObjectKeys.Model(job.UserId, job.LoraId).Key);
        }

        foreach (string name in names)
        {
            if (!endedOf.TryGetValue(name, out List<PodRecord>? all))
            {
                endedOf[name] = all = [];
            }

            all.Add(pod);
        }
    }
}
