namespace LoraAdmin.Platform.LocalCloud;

/// <summary>One wish for failure. It is journaled with the account; only <see cref="FaultTable"/> writes it.</summary>
/// <param name="Match">
/// Part of the pod's name, of <c>bucket/key</c> or of a spool file's name (<see cref="FaultKind.IsOfStores"/>); empty fits everything. A call about
/// no one pod (listing, catalog, billing) is fitted by an empty one alone, unless <see cref="FaultKind.MatchPicksPods"/>.
/// </param>
/// <param name="Probability">Of hitting what fits, from 0 to 1.</param>
/// <param name="Seconds">See <see cref="FaultKind.Seconds"/>.</param>
public sealed record Fault(int Id, string Kind, string Match, double Probability, double? Seconds)
{
    /// <summary>How often it still hits.</summary>
    public int Remaining { get; set; }

    /// <summary>End of the window that its first hit opened.</summary>
    public DateTimeOffset? WindowUntil { get; set; }

    /// <summary>What it hit and hits for ever (<see cref="FaultKind.Lasts"/>); null: nothing yet.</summary>
    public List<string>? Struck { get; set; }

    /// <summary><see cref="Seconds"/> as a length, or what holds when it was not given.</summary>
    public TimeSpan Length(double otherwise) => TimeSpan.FromSeconds(Seconds ?? otherwise);

    public bool Names(string? subject) =>
        Match.Length == 0 || (subject is not null && subject.Contains(Match, StringComparison.Ordinal));
}

/// <summary>
/// The failures that were asked for and are not used up, oldest first. The draws of probabilities begin anew with the seed after a restart.
/// </summary>
/// <param name="faults">The list to work on, from the account's record.</param>
/// <param name="changed">Called after every change of it.</param>
public sealed class FaultTable(int seed, List<Fault> faults, Action? changed = null)
{
    private readonly Random random = new(seed);
    private readonly List<Fault> added = [];
    private int lastId = faults.Count == 0 ? 0 : faults.Max(fault => fault.Id);

    public IReadOnlyList<Fault> Pending => faults;

    /// <exception cref="ArgumentException">The kind is unknown.</exception>
    public Fault Add(string kind, int count = 1, string match = "", double probability = 1, double? seconds = null)
    {
        if (FaultKind.Find(kind) is null)
        {
            throw new ArgumentException($"Unknown fault kind '{kind}'.", nameof(kind));
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        Fault fault = new(++lastId, kind, match, probability, seconds) { Remaining = count };
        faults.Add(fault);
        added.Add(fault);
        changed?.Invoke();
        return fault;
    }

    public void Clear()
    {
        faults.Clear();
        added.Clear();
        changed?.Invoke();
    }

    /// <summary>Uses up one hit of the oldest fault of this kind that fits; null: all goes well.</summary>
    /// <param name="subject">A pod's name, or what else <see cref="Fault.Match"/> is part of; null: it is about no one thing.</param>
    public Fault? Take(string kind, string? subject, DateTimeOffset now)
    {
        for (int i = 0; i < faults.Count; i++)
        {
            Fault fault = faults[i];
            if (fault.Kind != kind)
            {
                continue;
            }

            if (TakeFrom(fault, subject, now))
            {
                return fault;
            }

            if (fault.WindowUntil <= now)
            {
                faults.RemoveAt(i--);
                changed?.Invoke();
            }
        }

        return null;
    }

    /// <summary>Uses up one hit of this very fault if it fits.</summary>
    public bool TakeFrom(Fault fault, string? subject, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(fault);
        FaultKind kind = FaultKind.Find(fault.Kind)!;
        if (kind.Lasts)
        {
            return Strikes(fault, subject);
        }

        if (fault.Remaining == 0 || !(kind.MatchPicksPods || fault.Names(subject)))
        {
            return false;
        }

        if (fault.WindowUntil is { } until)
        {
            return now < until;
        }

        if (fault.Probability < 1 && random.NextDouble() >= fault.Probability)
        {
            return false;
        }

        if (fault.Seconds is { } seconds && kind.Seconds is null)
        {
            fault.WindowUntil = now + TimeSpan.FromSeconds(seconds);
        }
        else if (--fault.Remaining == 0)
        {
            faults.Remove(fault);
        }

        changed?.Invoke();
        return true;
    }

    /// <summary>A probability is drawn once for each subject, not anew at each look.</summary>
    private bool Strikes(Fault fault, string? subject)
    {
        if (subject is null || fault.Struck?.Contains(subject) == true)
        {
            return subject is not null;
        }

        if (fault.Remaining == 0 || !fault.Names(subject)
            || ArtifactLayout.SeedOf(seed, $"{fault.Id}:{subject}") / (double)ulong.MaxValue >= fault.Probability)
        {
            return false;
        }

        fault.Remaining--;
        (fault.Struck ??= []).Add(subject);
        changed?.Invoke();
        return true;
    }

    /// <summary>The faults set since the last call: the world tries them on the pods that are there already.</summary>
    public IReadOnlyList<Fault> TakeAdded()
    {
        if (added.Count == 0)
        {
            return [];
        }

        Fault[] fresh = [.. added];
        added.Clear();
        return fresh;
    }
}
