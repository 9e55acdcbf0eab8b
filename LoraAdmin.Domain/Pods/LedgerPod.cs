using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <summary>What we want of a pod. Never mixed with what we saw.</summary>
public enum PodWant
{
    /// <summary>Its job works with it.</summary>
    Needed,

    /// <summary>Stopped, not terminated: a finished file may lie on it that is nowhere else.</summary>
    Held,

    /// <summary>Nobody needs it any more: terminate it and see it gone.</summary>
    Released,
}

/// <summary>What we saw of a pod.</summary>
public enum PodSaw
{
    /// <summary>The ledger row is committed; whether the create call was sent, or what it did, is not known yet.</summary>
    Requested,
    Provisioning,
    Running,
    Exited,

    /// <summary>DELETE was answered by 2xx or 404; not yet absent from two complete listings.</summary>
    Terminating,

    /// <summary>Verified gone, or certainly never made. Final.</summary>
    Gone,

    /// <summary>Asked to end three times and still there: costs money, tried on for ever.</summary>
    Leaking,
}

/// <summary>Why it is safe to terminate a pod as far as its trained file is concerned.</summary>
public enum FileProof
{
    /// <summary>None: the pod may only be stopped and held.</summary>
    None,
    TrainingNeverStarted,

    /// <summary>The agent said within the last two minutes that it has no finished file.</summary>
    AgentHasNone,
    InSpool,
    InStorage,

    /// <summary>A person took the responsibility.</summary>
    Override,

    /// <summary>Its job has completed with the file of another attempt (docs/decisions/0020).</summary>
    NotNeeded,
}

public static class FileProofWords
{
    /// <summary>What is known of the file, as a person reads it below the word "proof".</summary>
    public static string Words(this FileProof proof) => proof switch
    {
        FileProof.TrainingNeverStarted => "Training never started, so there is no file",
        FileProof.AgentHasNone => "Its agent says that it has no finished file",
        FileProof.InSpool => "The file lies verified in the spool",
        FileProof.InStorage => "The file lies verified in storage",
        FileProof.NotNeeded => "Its job has completed with the file of another attempt",
        FileProof.Override => "A person took the responsibility for its file",
        _ => "None: a trained file may lie on it alone",
    };
}

/// <summary>
/// A row of the pod ledger: one try to create one pod. It is committed before the create call and stays until the pod is verified gone.
/// </summary>
public sealed record LedgerPod
{
    /// <summary>Unique: <c>lora-{installation}-{job}-{attempt}-{try}</c> (<see cref="PodNames"/>).</summary>
    public required string Name { get; init; }

    public required JobId Job { get; init; }

    /// <summary>From 1.</summary>
    public required int Attempt { get; init; }

    /// <summary>From 1 within the attempt.</summary>
    public required int Try { get; init; }

    public required PodWant Want { get; init; }
    public string? WantReason { get; init; }
    public FileProof Proof { get; init; }

    /// <summary>When <see cref="Proof"/> was found; null: with <see cref="WantSince"/>. An agent's word is good for two minutes.</summary>
    public DateTimeOffset? ProofAt { get; init; }

    public required PodSaw Saw { get; init; }

    /// <summary>The provider's id; null until the create was answered or the pod was found by its name.</summary>
    public string? PodId { get; init; }

    public required string GpuType { get; init; }

    /// <summary>What the provider charges per hour at present: running with its disks, stopped for its mount alone; null while unknown.</summary>
    public Usd? HourlyRate { get; init; }

    /// <summary>When the create call was about to be sent.</summary>
    public required DateTimeOffset RequestedAt { get; init; }

    /// <summary>The provider's own creation time.</summary>
    public DateTimeOffset? CreatedAt { get; init; }

    public DateTimeOffset? LastSeenAt { get; init; }

    /// <summary>When its agent last answered us: that call renewed the lease of its dead-man switch (<see cref="AgentContact"/>).</summary>
    public DateTimeOffset? HeardAt { get; init; }

    /// <summary>When the present <see cref="Want"/> was wished.</summary>
    public DateTimeOffset? WantSince { get; init; }

    /// <summary>Start of the first complete listing after DELETE in which the pod was absent; null when it showed up again.</summary>
    public DateTimeOffset? AbsentSince { get; init; }

    /// <summary>How often a GET has answered 404 while the pod was absent from listings; back to 0 when it is seen.</summary>
    public int MissingReads { get; init; }

    /// <summary>When the pod's lifetime is over, whatever its job does; null: not bounded by the ledger.</summary>
    public DateTimeOffset? LiveUntil { get; init; }

    public DateTimeOffset? GoneAt { get; init; }
    public int TerminateAttempts { get; init; }

    /// <summary>When the pod loop does something about this row next.</summary>
    public DateTimeOffset? NextActionAt { get; init; }

    public string? LastError { get; init; }

    /// <summary>What its create call was allowed by; null once its result is told, or when nobody was asked.</summary>
    public CreationPermit? Permit { get; init; }

    /// <summary>What the pod had cost by <see cref="BilledUntil"/>; accrued anew whenever its price changes.</summary>
    public Usd Billed { get; init; }

    /// <summary>Until when <see cref="Billed"/> counts; null: nothing is accrued yet.</summary>
    public DateTimeOffset? BilledUntil { get; init; }

    /// <summary>Which prices make up <see cref="Billed"/>; null: none that is known.</summary>
    public PriceHistory? EarlierPrices { get; init; }

    /// <summary>Why the provider's bills of it can't be counted, in one sentence, as the newest reconciliation found it; null: they can.</summary>
    public string? BillHold { get; init; }

    /// <summary>When the bills were read that <see cref="BillHold"/> is of; null: nothing ever held them back.</summary>
    public DateTimeOffset? BillHoldAt { get; init; }

    /// <summary>While this lies ahead a held pod runs, so that its file can be fetched; otherwise it is kept stopped.</summary>
    public DateTimeOffset? FetchUntil { get; init; }

    /// <summary>When a held pod is started next for its file; null: not planned.</summary>
    public DateTimeOffset? NextFetchAt { get; init; }

    /// <summary>Stops of a held pod that were sent without its being seen stopped.</summary>
    public int StopAttempts { get; init; }

    /// <summary>When people were last told that it does not end, does not stop, or is still held: they are told again while that lasts.</summary>
    public DateTimeOffset? ToldAt { get; init; }

    /// <summary>Guards concurrent writers: a save with an older version is refused.</summary>
    public long Version { get; init; }

    /// <summary>
    /// The account had it and no try of a job asked for it: the row was made when it was found. A row that the launcher made names the GPU type that it
    /// asked for, and an imported one stands in the jobs' own table.
    /// </summary>
    public bool IsStray => GpuType.Length == 0 && !PodNames.IsImported(Name);

    /// <summary>No try of an attempt of ours asked for it: found in the account, or taken over with the database.</summary>
    public bool IsApart => GpuType.Length == 0 || Attempt == 0;

    /// <summary>A person said of it that it is not ours: its row is closed, and what it costs is another's.</summary>
    public bool IsLetOut => Saw == PodSaw.Gone && WantReason == PodReasons.NotOurs;

    /// <summary>Its create call was never clearly answered, and nobody needs it: whether it exists is not known, and it is looked for.</summary>
    public bool IsInDoubt => Saw != PodSaw.Gone && Want == PodWant.Released && PodId is null;

    /// <summary>Its name at the provider, by which its agent knows us; a ledger name can carry the provider's id behind an <c>@</c>.</summary>
    public string ProviderName => Name.Split('@')[0];

    /// <summary>Since when the present price counts.</summary>
    private DateTimeOffset PricedFrom => BilledUntil ?? CreatedAt ?? RequestedAt;

    /// <summary>What the pod has cost so far, by our own clock and the provider's rates. Settled figures come from this when it is gone.</summary>
    public Usd CostUntil(DateTimeOffset now)
    {
        if (PodId is null)
        {
            return Usd.Zero;
        }

        return HourlyRate is { } rate ? Billed + rate.PerHourFor((GoneAt ?? now) - PricedFrom) : Billed;
    }

    /// <summary>The row with another price from <paramref name="at"/> on; what it has cost until then is accrued at the old one.</summary>
    public LedgerPod Repriced(Usd? rate, DateTimeOffset at) =>
        rate == HourlyRate ? this
        : HourlyRate is null ? this with { HourlyRate = rate }
        : this with
        {
            Billed = CostUntil(at),
            BilledUntil = at,
            HourlyRate = rate,
            EarlierPrices = PodId is null ? EarlierPrices : PriceHistory.With(EarlierPrices, new PricedTime(PricedFrom, at, HourlyRate.Value)),
        };

    /// <summary>The times of which its cost is made, in order. What is not known of <see cref="Billed"/> is spread evenly over the time that is not known.</summary>
    public IReadOnlyList<PricedTime> PricesUntil(DateTimeOffset until)
    {
        if (PodId is null)
        {
            return [];
        }

        IReadOnlyList<PricedTime> known = EarlierPrices?.Times ?? [];
        List<PricedTime> unknown = [];
        DateTimeOffset at = CreatedAt ?? RequestedAt;
        foreach (PricedTime time in known.Append(new PricedTime(PricedFrom, PricedFrom, Usd.Zero)))
        {
            if (time.From - at >= TimeSpan.FromSeconds(1))
            {
                unknown.Add(new PricedTime(at, time.From, Usd.Zero));
            }

            at = time.Until > at ? time.Until : at;
        }

        Usd left = known.Aggregate(Billed, static (sum, time) => sum - time.Cost);
        Usd pace = unknown.Count > 0 && left > Usd.Zero
            ? PriceHistory.PaceOf(left, unknown.Aggregate(TimeSpan.Zero, static (sum, time) => sum + time.Length))
            : Usd.Zero;
        return
        [
            .. unknown.Select(time => time with { Hourly = pace }).Concat(known).OrderBy(static time => time.From),
            new PricedTime(PricedFrom, until, HourlyRate ?? Usd.Zero),
        ];
    }
}
