using System.Globalization;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <summary>Every pod of the account falls in exactly one of these, and every open ledger row without a pod in the last.</summary>
public enum PodClass
{
    /// <summary>Its job works with it.</summary>
    Needed,

    /// <summary>Stopped and kept for its file.</summary>
    Held,

    /// <summary>Ours, and nothing needs it: released, or past its lifetime.</summary>
    Orphan,

    /// <summary>It bears our installation's name, or a person said that it is ours, and no ledger row knows it.</summary>
    Unknown,

    /// <summary>Not ours: never touched.</summary>
    Foreign,

    /// <summary>A ledger row whose pod is not in the account's listing.</summary>
    Vanished,
}

/// <param name="Pod">Null for <see cref="PodClass.Vanished"/>.</param>
/// <param name="Row">Null for <see cref="PodClass.Unknown"/> and <see cref="PodClass.Foreign"/>.</param>
/// <param name="Reason">One of <see cref="PodReasons"/>, or null where the class says it all.</param>
/// <param name="Why">A sentence for a person.</param>
public sealed record CountedPod(ProviderPod? Pod, LedgerPod? Row, PodClass Class, string? Reason, string Why)
{
    /// <summary>A foreign pod that looks like a portal's: another installation works on this account.</summary>
    public bool LooksLikeOurs => Class == PodClass.Foreign && Pod is not null && PodNames.Parse(Pod.Name) is not null;
}

/// <summary>
/// Puts each pod into its class: a pure function of what was listed, what the ledger says and what people said. The listing must have been read before
/// the ledger, so that a pod made in between is in the ledger and not taken for a stranger.
/// </summary>
public static class PodCensus
{
    public static IReadOnlyList<CountedPod> Count(
        PodListing.Complete listing, IReadOnlyList<LedgerPod> open, IReadOnlyList<PodClaim> claims, string installation, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(listing);
        Dictionary<string, LedgerPod> byId = open.Where(row => row.PodId is not null).GroupBy(row => row.PodId!).ToDictionary(rows => rows.Key, rows => rows.First());
        Dictionary<string, LedgerPod> byName = open.ToDictionary(row => row.Name);
        Dictionary<string, PodClaim> said = claims.ToDictionary(claim => claim.PodId);
        HashSet<string> found = [];
        List<CountedPod> counted = [];
        foreach (ProviderPod pod in listing.Pods.Where(pod => pod.Status != ProviderPodStatus.Terminated))
        {
            LedgerPod? row = byId.GetValueOrDefault(pod.Id) ?? (byName.TryGetValue(pod.Name, out LedgerPod? named) && named.PodId is null ? named : null);
            if (row is not null)
            {
                found.Add(row.Name);
            }

            counted.Add(row is null ? Stranger(pod, said.GetValueOrDefault(pod.Id), installation) : Ours(pod, row, now));
        }

        counted.AddRange(open
            .Where(row => row.PodId is not null && !found.Contains(row.Name))
            .Select(row => new CountedPod(null, row, PodClass.Vanished, row.WantReason, row.Saw is PodSaw.Terminating or PodSaw.Leaking
                ? "Ended; not listed any more"
                : "The ledger has it, the account does not list it")));
        return counted;
    }

    /// <summary>Whether a person said that a pod is not ours, and none of our jobs asked for it.</summary>
    /// <param name="row">Its row; null: the ledger does not know it.</param>
    /// <param name="claim">What was said of it; null: nothing.</param>
    public static bool IsDisowned(LedgerPod? row, PodClaim? claim) => row?.IsStray != false && claim?.Verdict == ClaimVerdict.NotOurs;

    /// <summary>The row of a pod that a person disowned, closed: the portal has nothing to do with it any more, and pays nothing for it.</summary>
    public static LedgerPod LetOut(LedgerPod row, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(row);
        return row with { Saw = PodSaw.Gone, GoneAt = row.GoneAt ?? now, WantReason = PodReasons.NotOurs, NextActionAt = null };
    }

    private static CountedPod Ours(ProviderPod pod, LedgerPod row, DateTimeOffset now) => row.Want switch
    {
        PodWant.Released => new CountedPod(pod, row, PodClass.Orphan, row.WantReason ?? PodReasons.JobEnded, "Its job is over; it is being ended"),
        PodWant.Held => new CountedPod(pod, row, PodClass.Held, row.WantReason, WhyKept(row, PodWatch.SawOf(pod.Status, row.Saw) == PodSaw.Exited, now)),
        _ when row.LiveUntil < now => new CountedPod(pod, row, PodClass.Orphan, PodReasons.PastLifetime, "It outlived boot, training and retrieval together"),
        _ => new CountedPod(pod, row, PodClass.Needed, row.WantReason, "Its job works with it"),
    };

    /// <summary>Why a held pod is there, for a person.</summary>
    public static string WhyKept(LedgerPod row, bool stopped, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(row);
        return stopped ? "Kept, stopped: its trained file may be nowhere else"
            : row.FetchUntil is { } until && until > now ? string.Create(CultureInfo.InvariantCulture, $"Kept, and runs until {until.UtcDateTime:HH:mm} UTC so that its trained file can be fetched")
            : "Kept, and not stopped yet: its trained file may be nowhere else";
    }

    private static CountedPod Stranger(ProviderPod pod, PodClaim? claim, string installation) => claim switch
    {
        { Verdict: ClaimVerdict.NotOurs } => new CountedPod(pod, null, PodClass.Foreign, null, $"{claim.By.Name} said that it is not ours: {claim.Reason}"),
        { Verdict: ClaimVerdict.Ours } => new CountedPod(pod, null, PodClass.Unknown, PodReasons.Unknown, $"{claim.By.Name} said that it is ours: {claim.Reason}"),
        _ when PodNames.IsOurs(installation, pod.Name) => new CountedPod(pod, null, PodClass.Unknown, PodReasons.Unknown, "It bears this installation's name and no row knows it"),
        _ when PodNames.Parse(pod.Name) is { } other => new CountedPod(pod, null, PodClass.Foreign, null, $"Installation {other.Installation} asked for it, not this one"),
        _ => new CountedPod(pod, null, PodClass.Foreign, null, "Nothing says that it is ours"),
    };
}
