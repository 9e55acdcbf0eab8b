using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;

namespace LoraAdmin.Tests.Simulation.Memory;

/// <summary>A table whose writes of an unfinished transaction can be taken back.</summary>
public sealed class MemoryTable<TKey, TRow>(MemoryDatabase database)
    where TKey : notnull
    where TRow : class
{
    private readonly Dictionary<TKey, TRow> rows = [];

    /// <summary>Called with the row as it was and as it is now, also for what is taken back; null: it was or is not there.</summary>
    public event Action<TKey, TRow?, TRow?>? Written;

    public IReadOnlyCollection<TRow> Rows => rows.Values;

    public IReadOnlyDictionary<TKey, TRow> All => rows;

    public TRow? Find(TKey key) => rows.GetValueOrDefault(key);

    public void Set(TKey key, TRow? row)
    {
        TRow? before = rows.GetValueOrDefault(key);
        database.OnRollback(() => Write(key, before));
        if (database.IsWatched)
        {
            database.NoteRow(typeof(TRow).Name, key, before, () => Find(key));
        }

        Write(key, row);
    }

    private void Write(TKey key, TRow? row)
    {
        TRow? before = rows.GetValueOrDefault(key);
        if (row is null)
        {
            rows.Remove(key);
        }
        else
        {
            rows[key] = row;
        }

        Written?.Invoke(key, before, row);
    }
}

/// <summary>The rows of a table in groups, kept with each write: what is asked for at each step must not cost more as history grows.</summary>
public sealed class MemoryIndex<TKey, TRow, TGroup>
    where TKey : notnull
    where TRow : class
    where TGroup : notnull
{
    private readonly Dictionary<TGroup, Dictionary<TKey, TRow>> groups = [];

    /// <param name="groupOf">False: the row belongs to no group.</param>
    public MemoryIndex(MemoryTable<TKey, TRow> table, Func<TRow, (bool Belongs, TGroup Group)> groupOf) => table.Written += (key, before, after) =>
    {
        if (before is not null && groupOf(before) is (true, { } old))
        {
            Dictionary<TKey, TRow> group = groups[old];
            group.Remove(key);
            if (group.Count == 0)
            {
                groups.Remove(old);
            }
        }

        if (after is not null && groupOf(after) is (true, { } now))
        {
            if (!groups.TryGetValue(now, out Dictionary<TKey, TRow>? group))
            {
                groups[now] = group = [];
            }

            group[key] = after;
        }
    };

    public IReadOnlyCollection<TRow> this[TGroup group] => groups.TryGetValue(group, out Dictionary<TKey, TRow>? rows) ? rows.Values : [];
}

/// <summary>The rows of a table that are still open.</summary>
public sealed class MemoryOpenRows<TKey, TRow>(MemoryTable<TKey, TRow> table, Func<TRow, bool> isOpen)
    where TKey : notnull
    where TRow : class
{
    private readonly MemoryIndex<TKey, TRow, bool> index = new(table, row => (isOpen(row), true));

    public IReadOnlyCollection<TRow> Rows => index[true];
}

/// <summary>Names of pods with a provider's id that are gone, in order of their end.</summary>
public sealed class MemoryGonePods
{
    private readonly SortedSet<(DateTimeOffset At, string Name)> gone = new(Comparer<(DateTimeOffset At, string Name)>.Create(
        static (a, b) => a.At != b.At ? a.At.CompareTo(b.At) : string.CompareOrdinal(a.Name, b.Name)));

    public MemoryGonePods(MemoryTable<string, LedgerPod> pods) => pods.Written += (_, before, after) =>
    {
        if (before is { PodId: not null, GoneAt: { } was })
        {
            gone.Remove((was, before.Name));
        }

        if (after is { PodId: not null, GoneAt: { } at })
        {
            gone.Add((at, after.Name));
        }
    };

    /// <summary>The last first.</summary>
    public IEnumerable<string> Between(DateTimeOffset from, DateTimeOffset until) =>
        from < until ? gone.GetViewBetween((from, ""), (until, "")).Reverse().Select(static one => one.Name) : [];
}

/// <summary>Ended jobs whose training images are still there, in order of their end.</summary>
public sealed class MemoryEndedJobs
{
    private readonly SortedSet<(DateTimeOffset At, Guid Id)> ended = [];
    private readonly MemoryTable<JobId, ImagesGoneRow> gone;

    public MemoryEndedJobs(MemoryTable<JobId, TrainingJob> jobs, MemoryTable<JobId, ImagesGoneRow> gone)
    {
        this.gone = gone;
        jobs.Written += (_, before, after) =>
        {
            if (before is { CompletedAt: { } was })
            {
                ended.Remove((was, before.Id.Value));
            }

            Note(after);
        };
        gone.Written += (key, _, _) =>
        {
            if (jobs.Find(key) is { CompletedAt: { } at })
            {
                ended.Remove((at, key.Value));
                Note(jobs.Find(key));
            }
        };
    }

    public IEnumerable<JobId> Before(DateTimeOffset instant) => ended.TakeWhile(one => one.At < instant).Select(one => new JobId(one.Id));

    private void Note(TrainingJob? job)
    {
        if (job is { CompletedAt: { } at } && job.State.IsFinal() && gone.Find(job.Id) is null)
        {
            ended.Add((at, job.Id.Value));
        }
    }
}
