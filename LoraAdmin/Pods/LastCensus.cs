using LoraAdmin.Domain.Pods;

namespace LoraAdmin.Pods;

/// <summary>What the pod loop of this instance last saw of the account.</summary>
/// <param name="ListsHere">Whether this instance held the lease at its last turn. If not, only the ledger is known here.</param>
/// <param name="ListedAt">Start of the last complete listing; null: none yet.</param>
/// <param name="Pods">Every pod in its class as of that listing.</param>
/// <param name="HeldBack">How many items of the sweep's plan its caps held back; 0 when the whole sweep was paused or held.</param>
/// <param name="FailingSince">First of the failed listings in a row; null while listing works.</param>
public sealed record CensusNote(
    bool ListsHere, DateTimeOffset? ListedAt, IReadOnlyList<CountedPod> Pods, int HeldBack, DateTimeOffset? FailingSince, ProviderError? Error)
{
    public static readonly CensusNote Nothing = new(false, null, [], 0, null, null);
}

/// <summary>Keeps the loop's last census for the pages, so that no page ever lists the account. Safe to use from any thread.</summary>
public sealed class LastCensus(TimeProvider clock)
{
    private volatile CensusNote note = CensusNote.Nothing;

    public CensusNote Current => note;

    /// <summary>After each turn of the loop on this instance.</summary>
    public void Note(PodWatchReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        CensusNote last = note;
        note = report is { Listed: true, Plan: { } plan }
            ? new CensusNote(true, plan.AsOf, report.Census, plan.Bar is null ? plan.Items.Count - plan.WithinCaps : 0, null, null)
            : last with { ListsHere = true, FailingSince = last.FailingSince ?? clock.GetUtcNow(), Error = report.Error };
    }

    /// <summary>Another instance holds the lease: what was seen here is of no use any more.</summary>
    public void NoteElsewhere() => note = CensusNote.Nothing;
}
