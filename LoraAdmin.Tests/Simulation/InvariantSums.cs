using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation.Memory;

namespace LoraAdmin.Tests.Simulation;

/// <summary>What reservations and charges sum up to, kept with each write, and whose sums were touched since they were last asked for.</summary>
internal sealed class MoneySums
{
    private readonly Dictionary<Month, (long Reserved, long Spent)> months = [];
    private readonly Dictionary<(UserId, Month), int> charged = [];
    private readonly HashSet<Month> touchedMonths = [];
    private readonly HashSet<UserId> touchedUsers = [];

    public MoneySums(MemoryDatabase database)
    {
        Follow(database.Reservations, (one, sign) => Add(one, sign));
        Follow(database.Charges, (one, sign) => Add(one, sign));
        Follow(database.Months, (one, _) => touchedMonths.Add(one.Month));
        database.Users.Written += (user, _, _) => touchedUsers.Add(user);
    }

    public long Reserved(Month month) => months.GetValueOrDefault(month).Reserved;

    public long Spent(Month month) => months.GetValueOrDefault(month).Spent;

    public int Charged(UserId user, Month period) => charged.GetValueOrDefault((user, period));

    public IReadOnlyList<Month> TakeMonths() => Take(touchedMonths);

    public IReadOnlyList<UserId> TakeUsers() => Take(touchedUsers);

    private static T[] Take<T>(HashSet<T> touched)
    {
        if (touched.Count == 0)
        {
            return [];
        }

        T[] taken = [.. touched];
        touched.Clear();
        return taken;
    }

    private static void Follow<TKey, TRow>(MemoryTable<TKey, TRow> table, Action<TRow, int> add)
        where TKey : notnull
        where TRow : class
    {
        foreach (TRow row in table.Rows)
        {
            add(row, 1);
        }

        table.Written += (_, before, after) =>
        {
            if (before is not null)
            {
                add(before, -1);
            }

            if (after is not null)
            {
                add(after, 1);
            }
        };
    }

    private void Add(Reservation one, int sign)
    {
        (long reserved, long spent) = months.GetValueOrDefault(one.Month);
        months[one.Month] = one.SettledAt is null ? (reserved + (sign * one.Amount.Micros), spent) : (reserved, spent + (sign * one.Actual!.Value.Micros));
        touchedMonths.Add(one.Month);
    }

    private void Add(ChargeRow one, int sign)
    {
        charged[(one.User, one.Period)] = charged.GetValueOrDefault((one.User, one.Period)) + (one.Refunded ? 0 : sign);
        touchedUsers.Add(one.User);
    }
}

/// <summary>The vendor's terminated pods, and which of them to look at again: just ended, or something of what is known of their file was written.</summary>
internal sealed class EndedPods
{
    private readonly SimulatedWorld world;
    private readonly List<PodRecord> living = [];
    private readonly Dictionary<string, List<PodRecord>> endedOf = [];
    private readonly HashSet<string> touched = [];
    private int known;

    public EndedPods(SimulatedWorld world)
    {
        this.world = world;
        world.Database.Pods.Written += (_, before, after) => touched.Add(NameOf((after ?? before)!));
        world.Objects.Removed += target => touched.Add(target.Key);
        foreach (MemorySpool disk in world.Disks)
        {
            disk.Removed += name => touched.Add(name);
        }

        world.DiskAdded += disk => disk.Removed += name => touched.Add(name);
    }

    public IReadOnlyList<PodRecord> TakeTouched()
    {
        List<PodRecord> again = Note();
        foreach (string name in touched)
        {
            again.AddRange(endedOf.GetValueOrDefault(name) ?? []);
        }

        touched.Clear();
        return again;
    }

    /// <summary>Takes note of the pods that ended since the last call, and answers them.</summary>
    public List<PodRecord> Note()
    {
        IReadOnlyList<PodRecord> pods = world.Cloud.World.Pods;
        for (; known < pods.Count; known++)
        {
            living.Add(pods[known]);
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
