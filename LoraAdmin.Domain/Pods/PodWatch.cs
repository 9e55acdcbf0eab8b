using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <param name="VanishedAfter">How long a needed pod must be absent from complete listings before it counts as lost.</param>
/// <param name="CleanupAttempts">Terminations after which a pod that is still there counts as leaking.</param>
public sealed record PodRules(TimeSpan VanishedAfter, int CleanupAttempts);

/// <param name="NextIn">When to look again: sooner while something is ending, at once when a batch of ends was cut off.</param>
/// <param name="Listed">Whether the account could be listed.</param>
/// <param name="Alive">Open rows after this look.</param>
/// <param name="Gone">Pods verified gone by this look, so that their attempts can be settled.</param>
/// <param name="Plan">What the sweep found; null when the account could not be read.</param>
public sealed record PodWatchReport(TimeSpan NextIn, bool Listed, int Alive, IReadOnlyList<LedgerPod> Gone, SweepPlan? Plan)
{
    /// <summary>Every pod of the account in its class, as of the plan; empty when the account could not be read.</summary>
    public IReadOnlyList<CountedPod> Census { get; init; } = [];

    /// <summary>Why the account could not be listed; null when it could.</summary>
    public ProviderError? Error { get; init; }
}

/// <summary>
/// The pod loop: one listing of the account per tick keeps the ledger true, sweeps up what nothing needs, ends what is released, stops what is held,
/// and sees pods gone. Only the holder of the lease <see cref="LeaseName"/> runs it. It acts on the ledger's <i>want</i> column alone and knows nothing
/// of training. Running it twice is harmless: every write is guarded by the row's version, and an action is noted before it is sent.
/// </summary>
public sealed class PodWatch(IUnitOfWork work, IPodProvider provider, PodSweep sweep, IFileProofs proofs, TimeProvider clock, Func<PodRules> rules)
{
    public const string LeaseName = "pods.watch";

    /// <summary>One fresh listing stands before each batch of this many ends (design §5).</summary>
    public const int EndsPerListing = 20;

    public static readonly TimeSpan Every = TimeSpan.FromSeconds(60);
    public static readonly TimeSpan EveryWhileEnding = TimeSpan.FromSeconds(15);

    /// <summary>Design §5: gone means absent from two complete listings at least this far apart.</summary>
    public static readonly TimeSpan BetweenAbsences = TimeSpan.FromSeconds(10);

    /// <summary>How long a pod may still turn up under a create call that was never clearly answered.</summary>
    public static readonly TimeSpan DoubtLasts = TimeSpan.FromMinutes(15);

    /// <summary>How recently a pod must have been seen for its absence to make the whole listing suspect.</summary>
    private static readonly TimeSpan SeenLately = TimeSpan.FromMinutes(5);

    /// <summary>An accepted DELETE has this long to show before it is sent again.</summary>
    private static readonly TimeSpan DeleteShowsWithin = TimeSpan.FromSeconds(30);

    /// <summary>How long an agent's word that it has no finished file may be relied on.</summary>
    private static readonly TimeSpan AgentsWordLasts = TimeSpan.FromMinutes(2);

    private static readonly Actor Self = Actor.Portal(LeaseName);

    private readonly HashSet<string> strangersTold = [];
    private string? capsTold;

    /// <summary>How a provider's status reads in our ledger; <paramref name="otherwise"/> for words we don't know.</summary>
    public static PodSaw SawOf(ProviderPodStatus status, PodSaw otherwise) => status switch
    {
        ProviderPodStatus.Provisioning or ProviderPodStatus.Starting => PodSaw.Provisioning,
        ProviderPodStatus.Running => PodSaw.Running,
        ProviderPodStatus.Exited or ProviderPodStatus.Error => PodSaw.Exited,
        _ => otherwise,
    };

    public async Task<PodWatchReport> TickAsync(CancellationToken cancellationToken)
    {
        // The list first, then the ledger: a pod that is created in between is then in the ledger and not taken for a stranger.
        PodListing listing = await provider.ListAsync(cancellationToken);
        Account? account = listing is PodListing.Complete complete ? new Account(complete) : null;
        IReadOnlyList<LedgerPod> before = await AliveAsync(cancellationToken);
        bool trusted = account is not null && !HasShrunk(account, before);
        List<LedgerPod> gone = [];
        SweepPlanning.Planned? planned = null;
        if (account is not null)
        {
            foreach (LedgerPod row in before)
            {
                LedgerPod present = await ObserveAsync(row, account, trusted, cancellationToken);
                if (present.Saw == PodSaw.Gone)
                {
                    gone.Add(present);
                }
            }

            planned = await SweepAsync(account.Listing, cancellationToken);
        }

        (int remaining, bool ending, bool cutOff) = await ActAsync(account, cancellationToken);
        return new PodWatchReport(cutOff ? TimeSpan.FromSeconds(1) : ending ? EveryWhileEnding : Every, account is not null, remaining, gone, planned?.Plan)
        {
            Census = planned?.Census ?? [],
            Error = (listing as PodListing.Unavailable)?.Error,
        };
    }

    /// <summary>
    /// Half of the pods that were there a moment ago and that nobody ended are missing: the listing is more likely wrong than they are gone. It still
    /// shows what it shows, but nobody's absence counts.
    /// </summary>
    private static bool HasShrunk(Account account, IReadOnlyList<LedgerPod> rows)
    {
        List<LedgerPod> expected = [.. rows.Where(row =>
            row.PodId is not null && row.Saw is not (PodSaw.Terminating or PodSaw.Leaking) && account.StartedAt - row.LastSeenAt < SeenLately)];
        int missing = expected.Count(row => account.Find(row) is null);
        return missing > 1 && missing * 2 >= expected.Count;
    }

    /// <summary>The sweep policy runs with every listing; what its caps don't let through waits for a person.</summary>
    private async Task<SweepPlanning.Planned> SweepAsync(PodListing.Complete listing, CancellationToken cancellationToken)
    {
        SweepPlanning.Planned planned = await sweep.PlanAsync(listing, cancellationToken);
        await TellAsync(planned, cancellationToken);
        await sweep.ApplyAsync(planned.Plan, planned.Plan.WithinCaps, Self, cancellationToken);
        return planned;
    }

    /// <summary>Tells once what a person must know: a plan that the caps hold back, and another portal's pods on this account.</summary>
    private async Task TellAsync(SweepPlanning.Planned planned, CancellationToken cancellationToken)
    {
        SweepPlan plan = planned.Plan;
        List<OperationalEvent> facts = [];
        int heldBack = plan.Items.Count - plan.WithinCaps;

        // What goes now is no part of it: the same pods that wait at the next look are not told again.
        string waiting = (plan with { Items = [.. plan.Items.Skip(plan.WithinCaps)] }).Hash;
        if (heldBack > 0 && capsTold != waiting)
        {
            facts.Add(new OperationalEvent
            {
                Kind = PodEvents.CapReached,
                Message = $"The sweep would end or hold {heldBack} more pods than its caps allow in an hour. They go on running until a person approves the plan",
                Severity = EventSeverity.Error,
                Actor = Self,
                Reason = "cap",
                Signals = [new IncidentSignal(PodIncidents.CapReached, PodIncidents.SweepSubject, $"{heldBack} pods wait for the approval of their end")],
                Error = new ErrorDetail("sweep_cap", "pods.sweep", $"{heldBack} of {plan.Items.Count} pods", null),
            });
        }

        if (heldBack == 0 && capsTold is not null)
        {
            facts.Add(new OperationalEvent
            {
                Kind = PodEvents.CapCleared,
                Message = "The sweep's caps hold nothing back any more",
                Actor = Self,
                Signals = [new IncidentSignal(PodIncidents.CapReached, PodIncidents.SweepSubject, "Nothing is held back any more", Over: true)],
            });
        }

        facts.AddRange(planned.Census.Where(pod => pod.LooksLikeOurs && strangersTold.Add(pod.Pod!.Id)).Select(pod => new OperationalEvent
        {
            Kind = PodEvents.ForeignSeen,
            Message = $"Pod {pod.Pod!.Id} ({pod.Pod.Name}) belongs to another installation on this account. It is not touched",
            Severity = EventSeverity.Warning,
            Actor = Self,
            Pod = pod.Pod.Name,
            Reason = "foreign",
            Signals = [new IncidentSignal(PodIncidents.Foreign, pod.Pod.Id, $"Pod {pod.Pod.Id} ({pod.Pod.Name}) belongs to another installation on this account")],
        }));
        capsTold = heldBack > 0 ? waiting : null;
        if (facts.Count > 0)
        {
            await work.RunAsync(
                async (unit, token) =>
                {
                    foreach (OperationalEvent fact in facts)
                    {
                        await unit.Events.AppendAsync(fact, token);
                    }
                },
                cancellationToken);
        }
    }

    private async Task<(int Remaining, bool Ending, bool CutOff)> ActAsync(Account? account, CancellationToken cancellationToken)
    {
        IReadOnlyList<LedgerPod> alive = await AliveAsync(cancellationToken);
        int ends = 0;
        bool ending = false;
        bool cutOff = false;
        foreach (LedgerPod row in alive)
        {
            ending |= row.Want == PodWant.Released;
            if (cutOff)
            {
                continue;
            }

            LedgerPod acted = await ActAsync(row, account, cancellationToken);
            ends += acted.TerminateAttempts > row.TerminateAttempts ? 1 : 0;
            cutOff = ends >= EndsPerListing;
        }

        return (alive.Count, ending, cutOff);
    }

    private Task<IReadOnlyList<LedgerPod>> AliveAsync(CancellationToken cancellationToken) =>
        work.ReadAsync((unit, token) => unit.Store<IPodLedger>().ListAliveAsync(token), cancellationToken);

    private async Task<LedgerPod> ObserveAsync(LedgerPod row, Account account, bool trusted, CancellationToken cancellationToken)
    {
        if (account.Find(row) is { } pod)
        {
            LedgerPod seen = row with
            {
                PodId = pod.Id,
                Saw = row.Saw is PodSaw.Terminating or PodSaw.Leaking ? row.Saw : SawOf(pod.Status, row.Saw == PodSaw.Requested ? PodSaw.Provisioning : row.Saw),
                HourlyRate = pod.HourlyRate > Usd.Zero ? pod.HourlyRate : row.HourlyRate,
                CreatedAt = row.CreatedAt ?? pod.CreatedAt,
                LastSeenAt = account.StartedAt,
                AbsentSince = null,
                MissingReads = 0,
            };
            return await SaveAsync(row, seen, null, cancellationToken);
        }

        if (!trusted || row.RequestedAt >= account.StartedAt)
        {
            return row;
        }

        if (row.PodId is null)
        {
            return row is { Want: PodWant.Released } && account.StartedAt - row.RequestedAt >= DoubtLasts
                ? await GoneAsync(row, "It never turned up", cancellationToken)
                : row;
        }

        if (row.AbsentSince is not { } since)
        {
            return await SaveAsync(row, row with { AbsentSince = account.StartedAt }, null, cancellationToken);
        }

        TimeSpan absent = account.StartedAt - since;
        bool ended = row.Saw is PodSaw.Terminating or PodSaw.Leaking;
        if (absent < (ended ? BetweenAbsences : rules().VanishedAfter))
        {
            return row;
        }

        // An empty listing can't vouch for itself, and a pod that nobody ended needs a second witness, twice.
        int reads = ended ? (account.IsEmpty ? 1 : 0) : 2;
        if (row.MissingReads < reads)
        {
            if (await provider.GetAsync(row.PodId, cancellationToken) is not PodReading.NotFound)
            {
                return row;
            }

            row = await SaveAsync(row, row with { MissingReads = row.MissingReads + 1 }, null, cancellationToken);
        }

        return row.MissingReads < reads ? row
            : ended ? await GoneAsync(row, "Absent from two complete listings after its end", cancellationToken)
            : await GoneAsync(row with { WantReason = PodReasons.Vanished }, "It vanished from the account by itself", cancellationToken);
    }

    private async Task<LedgerPod> ActAsync(LedgerPod row, Account? account, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        if (row.PodId is null || row.NextActionAt > now)
        {
            return row;
        }

        if (row.Want == PodWant.Released && row.Proof == FileProof.None)
        {
            // Nobody may terminate a pod whose file is unproven: it is kept, stopped, until a person or the file decides.
            return await SaveAsync(
                row,
                row with { Want = PodWant.Held, WantReason = PodReasons.FileUnproven, WantSince = now },
                PodFacts.Of(row, PodEvents.Held, $"Pod {row.PodId} is held: its trained file may be nowhere else", Self, EventSeverity.Warning, PodReasons.FileUnproven) with
                {
                    Signals = [new IncidentSignal(PodIncidents.Held, row.PodId, $"Pod {row.PodId} is stopped and kept: its trained file may be nowhere else")],
                },
                cancellationToken);
        }

        if (row is { Want: PodWant.Released, Proof: FileProof.AgentHasNone, TerminateAttempts: 0 } && now - row.WantSince > AgentsWordLasts)
        {
            return await AskAgainAsync(row, now, cancellationToken);
        }

        // Not by the row's time: databases keep milliseconds, the listing's start is finer.
        bool stillListed = account?.Find(row) is not null;
        return row switch
        {
            { Want: PodWant.Released, Saw: PodSaw.Terminating or PodSaw.Leaking } when !stillListed => row,
            { Want: PodWant.Released } => await TerminateAsync(row, now, cancellationToken),
            { Want: PodWant.Held, Saw: PodSaw.Running or PodSaw.Provisioning } => await StopAsync(row, now, cancellationToken),
            _ => row,
        };
    }

    /// <summary>The agent's word is too old to end its pod on: training may have finished since.</summary>
    private async Task<LedgerPod> AskAgainAsync(LedgerPod row, DateTimeOffset now, CancellationToken cancellationToken)
    {
        FileProof proof = await proofs.FindAsync(row.Job, row.Attempt, row.Name, row.PodId!, cancellationToken);
        return await SaveAsync(row, row with { Proof = proof, WantSince = now }, null, cancellationToken);
    }

    private async Task<LedgerPod> TerminateAsync(LedgerPod row, DateTimeOffset now, CancellationToken cancellationToken)
    {
        int attempts = row.TerminateAttempts + 1;
        LedgerPod noted = row with { TerminateAttempts = attempts, NextActionAt = now + Backoff(attempts) };
        if (!await TrySaveAsync(noted, null, cancellationToken))
        {
            return row;
        }

        noted = noted with { Version = noted.Version + 1 };
        PodActionOutcome outcome = await provider.TerminateAsync(row.PodId!, cancellationToken);
        ProviderError? error = (outcome as PodActionOutcome.Failed)?.Error;
        if (error is { Failure: ProviderFailure.RateLimited })
        {
            // It was not sent: no try, only a wait.
            return await SaveAsync(
                noted, noted with { TerminateAttempts = row.TerminateAttempts, NextActionAt = now + (error.RetryAfter ?? EveryWhileEnding) }, null, cancellationToken);
        }

        bool leaking = attempts >= rules().CleanupAttempts && (error is not null || row.Saw is PodSaw.Terminating or PodSaw.Leaking);
        LedgerPod done = noted with
        {
            Saw = leaking ? PodSaw.Leaking : error is null ? PodSaw.Terminating : noted.Saw,
            LastError = error?.Detail ?? noted.LastError,
            NextActionAt = error is null ? now + DeleteShowsWithin : now + Longer(error.RetryAfter, Backoff(attempts)),
        };
        OperationalEvent? fact = leaking && row.Saw != PodSaw.Leaking
            ? PodFacts.Of(row, PodEvents.Leaking, $"Pod {row.PodId} does not end and costs money: {error?.Detail ?? "it is still listed"}", Self, EventSeverity.Error, row.WantReason)
                with
            {
                Error = ErrorOf(error, "still_listed"),
                Signals = [new IncidentSignal(PodIncidents.Leaking, row.PodId!, $"Pod {row.PodId} does not end and costs money: {error?.Detail ?? "it is still listed"}")],
            }
            : error is not null
                ? PodFacts.Of(row, PodEvents.TerminateFailed, $"Pod {row.PodId} could not be ended, try {attempts}: {error.Detail}", Self, EventSeverity.Warning, row.WantReason)
                    with { Error = ErrorOf(error, "failed") }
                : null;
        return await SaveAsync(noted, done, fact, cancellationToken);
    }

    private async Task<LedgerPod> StopAsync(LedgerPod row, DateTimeOffset now, CancellationToken cancellationToken)
    {
        PodActionOutcome outcome = await provider.StopAsync(row.PodId!, cancellationToken);
        return await SaveAsync(
            row,
            row with { NextActionAt = now + EveryWhileEnding, LastError = (outcome as PodActionOutcome.Failed)?.Error.Detail ?? row.LastError },
            null,
            cancellationToken);
    }

    private Task<LedgerPod> GoneAsync(LedgerPod row, string how, CancellationToken cancellationToken) => SaveAsync(
        row,
        row with { Saw = PodSaw.Gone, GoneAt = row.AbsentSince ?? clock.GetUtcNow(), NextActionAt = null },
        PodFacts.Of(row, PodEvents.Gone, $"Pod {row.PodId ?? row.Name} is gone. {how}", Self, EventSeverity.Info, row.WantReason) with
        {
            Signals = row.PodId is { } id ? PodIncidents.AllOver(id, how) : [],
        },
        cancellationToken);

    private async Task<LedgerPod> SaveAsync(LedgerPod before, LedgerPod after, OperationalEvent? fact, CancellationToken cancellationToken)
    {
        if (after == before)
        {
            return before;
        }

        return await TrySaveAsync(after, fact, cancellationToken) ? after with { Version = after.Version + 1 } : before;
    }

    private Task<bool> TrySaveAsync(LedgerPod row, OperationalEvent? fact, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            if (!await unit.Store<IPodLedger>().SaveAsync(row, token))
            {
                return false;
            }

            if (fact is not null)
            {
                await unit.Events.AppendAsync(fact, token);
            }

            return true;
        },
        cancellationToken);

    private static TimeSpan Backoff(int attempts) => TimeSpan.FromSeconds(Math.Min(60, 2 << Math.Min(attempts, 5)));

    private static TimeSpan Longer(TimeSpan? a, TimeSpan b) => a > b ? a.Value : b;

    private static ErrorDetail ErrorOf(ProviderError? error, string otherwise) => new(
        error?.Status is { } status ? $"http_{status}" : error?.Failure.ToString() ?? otherwise, "runpod.terminate", error?.Detail, error?.RequestId);

    /// <summary>One complete listing, findable by id and by name.</summary>
    private sealed class Account
    {
        private readonly Dictionary<string, ProviderPod> byId = new(StringComparer.Ordinal);
        private readonly Dictionary<string, ProviderPod> byName = new(StringComparer.Ordinal);

        public Account(PodListing.Complete listing)
        {
            Listing = listing;
            foreach (ProviderPod pod in listing.Pods.Where(pod => pod.Status != ProviderPodStatus.Terminated))
            {
                byId.TryAdd(pod.Id, pod);
                byName.TryAdd(pod.Name, pod);
            }
        }

        public PodListing.Complete Listing { get; }

        public DateTimeOffset StartedAt => Listing.StartedAt;

        public bool IsEmpty => byId.Count == 0;

        public ProviderPod? Find(LedgerPod row) =>
            row.PodId is { } id ? byId.GetValueOrDefault(id) : byName.GetValueOrDefault(row.Name);
    }
}
