using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <param name="NextIn">When to look again: sooner while something is ending, at once when there is more to do on a fresh listing.</param>
/// <param name="Listed">Whether the account could be listed.</param>
/// <param name="Alive">Open rows after this look.</param>
/// <param name="Gone">Pods verified gone by this look, so that their attempts can be settled.</param>
/// <param name="Plan">What the sweep found; null when the account could not be read.</param>
public sealed record PodWatchReport(TimeSpan NextIn, bool Listed, int Alive, IReadOnlyList<LedgerPod> Gone, SweepPlan? Plan);

/// <summary>
/// The pod loop: one listing of the account per tick keeps the ledger true, ends what is released, stops what is held, and sweeps up what nothing
/// needs. Only the holder of the lease <see cref="LeaseName"/> runs it. It acts on the ledger's <i>want</i> column alone and knows nothing of training.
/// Running it twice is harmless: every write is guarded by the row's version, and an action is noted before it is sent.
/// </summary>
public sealed class PodWatch
{
    public const string LeaseName = "pods.watch";

    /// <summary>One fresh listing stands before each batch of this many ends.</summary>
    public const int EndsPerListing = 20;

    public static readonly TimeSpan Every = TimeSpan.FromSeconds(60);
    public static readonly TimeSpan EveryWhileEnding = TimeSpan.FromSeconds(15);

    /// <summary>How long a pod is kept for its file before a person must decide; the portal never ends it by itself.</summary>
    public static readonly TimeSpan HeldAtMost = TimeSpan.FromDays(7);

    private static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(1);

    private static readonly Actor Self = Actor.Portal(LeaseName);

    private readonly IUnitOfWork work;
    private readonly IPodProvider provider;
    private readonly PodSweep sweep;
    private readonly PodObserver observer;
    private readonly PodEnder ender;
    private readonly PodWatchNews news;
    private readonly LedgerWriter ledger;
    private readonly TimeProvider clock;
    private readonly ClockStandings clocks;

    public PodWatch(IUnitOfWork work, IPodProvider provider, PodSweep sweep, IFileProofs proofs, TimeProvider clock, Func<PodRules> rules, ClockStandings clocks)
    {
        this.work = work;
        this.provider = provider;
        this.sweep = sweep;
        this.clock = clock;
        this.clocks = clocks;
        ledger = new LedgerWriter(work);
        observer = new PodObserver(work, provider, rules);
        ender = new PodEnder(work, provider, proofs, clock, rules, clocks);
        news = new PodWatchNews(work, clock);
    }

    /// <summary>How a provider's status reads in our ledger; <paramref name="otherwise"/> for words we don't know.</summary>
    public static PodSaw SawOf(ProviderPodStatus status, PodSaw otherwise) => status switch
    {
        ProviderPodStatus.Provisioning or ProviderPodStatus.Starting => PodSaw.Provisioning,
        ProviderPodStatus.Running => PodSaw.Running,
        ProviderPodStatus.Exited or ProviderPodStatus.Error => PodSaw.Exited,
        _ => otherwise,
    };

    /// <exception cref="AggregateException">Something unforeseen befell some rows; all others, and the sweep, had their turn.</exception>
    public async Task<PodWatchReport> TickAsync(CancellationToken cancellationToken)
    {
        Look look = await LookAsync(cancellationToken);
        TimeSpan nextIn = look.Acts.Ending ? EveryWhileEnding : Every;
        if (look is { Plan: { } plan, MayActOnIt: true })
        {
            SweepResult swept = await sweep.ApplyAsync(plan, plan.Bar is null ? plan.WithinCaps : 0, Self, cancellationToken);
            bool more = look.Acts.CutOff || swept.Done.Any(item => item.Action is SweepAction.Terminate or SweepAction.Hold);
            nextIn = more ? AtOnce : nextIn;
        }
        else if (look.Plan is not null)
        {
            nextIn = AtOnce;
        }

        look.Acts.ThrowIfAnyFailed();
        return new PodWatchReport(nextIn, look.Plan is not null, look.Acts.Alive, look.Gone, look.Plan);
    }

    /// <summary>Apart from what is done about it: an account can have ten thousand pods, and only the plan is needed while a sweep of minutes goes on.</summary>
    private async Task<Look> LookAsync(CancellationToken cancellationToken)
    {
        LedgerBefore before = await news.BeginAsync(cancellationToken);

        // The list first, then the ledger: a pod that is created in between is then in the ledger and not taken for a stranger.
        PodListing listing = await provider.ListAsync(cancellationToken);
        if (listing is not PodListing.Complete complete)
        {
            await news.TellBlindAsync(((PodListing.Unavailable)listing).Error, cancellationToken);
            return new Look(await ActAsync(null, cancellationToken), [], null, MayActOnIt: false);
        }

        // Its answer has told the provider's time too, if it is another than ours.
        ListedAccount account = new(complete, clocks.ByProvider(complete.StartedAt));
        IReadOnlyList<LedgerPod> gone = await observer.ObserveAsync(await AliveAsync(cancellationToken), account, cancellationToken);

        // Before the sweep asks any agent: the listing is fresh, and what is being ended costs money.
        Acts acts = await ActAsync(account, cancellationToken);
        SweepPlanning.Planned planned = await sweep.PlanAsync(complete, before, everyProof: false, cancellationToken);
        return new Look(acts, gone, planned.Plan, MayActOnIt: await news.TellAsync(planned, cancellationToken));
    }

    private async Task<Acts> ActAsync(ListedAccount? account, CancellationToken cancellationToken)
    {
        IReadOnlyList<LedgerPod> alive = await OursAsync(cancellationToken);
        int ends = 0;
        AggregateException? failed = null;
        try
        {
            await Each.InTurnAsync(
                alive.TakeWhile(_ => ends < EndsPerListing),
                async (row, token) => ends += (await ender.ActAsync(row, account, token)).TerminateAttempts > row.TerminateAttempts ? 1 : 0,
                cancellationToken);
        }
        catch (AggregateException some)
        {
            // Told when the look is over: one row that can't be acted on must not stand before the sweep.
            failed = some;
        }

        return new Acts(alive.Count, alive.Any(row => row.Want == PodWant.Released), ends >= EndsPerListing, failed);
    }

    /// <summary>
    /// The open rows, less those that a person disowned in the very moment in which the sweep found them: two transactions that did not see each other.
    /// </summary>
    private async Task<IReadOnlyList<LedgerPod>> OursAsync(CancellationToken cancellationToken)
    {
        (IReadOnlyList<LedgerPod> alive, IReadOnlyList<PodClaim> claims) = await work.ReadAsync(
            async (unit, token) => (await unit.Store<IPodLedger>().ListAliveAsync(token), await unit.Store<IPodClaimStore>().ListAsync(token)), cancellationToken);
        Dictionary<string, PodClaim> said = claims.ToDictionary(claim => claim.PodId);
        LedgerPod[] disowned = [.. alive.Where(row => PodCensus.IsDisowned(row, said.GetValueOrDefault(row.PodId ?? "")))];
        foreach (LedgerPod row in disowned)
        {
            const string How = "A person said that it is not ours";
            OperationalEvent fact = PodFacts.Of(row, PodEvents.OrphanOver, $"Pod {row.PodId} is let out of the ledger. {How}", Self, reason: PodReasons.NotOurs) with
            {
                Signals = PodIncidents.AllOver(row.PodId!, How),
            };
            await ledger.SaveAsync(row, PodCensus.LetOut(row, clock.GetUtcNow()), fact, cancellationToken);
        }

        return disowned.Length == 0 ? alive : [.. alive.Except(disowned)];
    }

    private Task<IReadOnlyList<LedgerPod>> AliveAsync(CancellationToken cancellationToken) =>
        work.ReadAsync((unit, token) => unit.Store<IPodLedger>().ListAliveAsync(token), cancellationToken);

    /// <param name="Plan">Null: the account could not be listed.</param>
    /// <param name="MayActOnIt">False: another portal has looked meanwhile, and what the plan rests on may be over.</param>
    private sealed record Look(Acts Acts, IReadOnlyList<LedgerPod> Gone, SweepPlan? Plan, bool MayActOnIt);

    /// <param name="CutOff">More was to be ended than one listing may vouch for.</param>
    private sealed record Acts(int Alive, bool Ending, bool CutOff, AggregateException? Failed)
    {
        public void ThrowIfAnyFailed()
        {
            if (Failed is not null)
            {
                throw Failed;
            }
        }
    }
}
