using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <param name="VanishedAfter">How long a needed pod must be absent from complete listings before it counts as lost.</param>
/// <param name="CleanupAttempts">Terminations after which a pod that is still there counts as leaking.</param>
public sealed record PodRules(TimeSpan VanishedAfter, int CleanupAttempts);

/// <param name="NextIn">When to look again: sooner while something is ending.</param>
/// <param name="Gone">Pods verified gone by this look, so that their attempts can be settled.</param>
public sealed record PodWatchReport(TimeSpan NextIn, bool Listed, int Alive, IReadOnlyList<LedgerPod> Gone);

/// <summary>
/// The pod loop: one listing of the account per tick keeps the ledger true, ends what is released, stops what is held, and sees pods gone. Only the
/// holder of the lease <see cref="LeaseName"/> runs it. It acts on the ledger's <i>want</i> column alone and knows nothing of training. Running it
/// twice is harmless: every write is guarded by the row's version, and an action is noted before it is sent.
/// </summary>
public sealed class PodWatch(IUnitOfWork work, IPodProvider provider, TimeProvider clock, Func<PodRules> rules)
{
    public const string LeaseName = "pods.watch";

    public static readonly TimeSpan Every = TimeSpan.FromSeconds(60);
    public static readonly TimeSpan EveryWhileEnding = TimeSpan.FromSeconds(15);

    /// <summary>Design §5: gone means absent from two complete listings at least this far apart.</summary>
    public static readonly TimeSpan BetweenAbsences = TimeSpan.FromSeconds(10);

    /// <summary>How long a pod may still turn up under a create call that was never clearly answered.</summary>
    public static readonly TimeSpan DoubtLasts = TimeSpan.FromMinutes(15);

    /// <summary>An accepted DELETE has this long to show before it is sent again.</summary>
    private static readonly TimeSpan DeleteShowsWithin = TimeSpan.FromSeconds(30);

    private static readonly Actor Self = Actor.Portal(LeaseName);

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
        PodListing listing = await ListIfNeededAsync(cancellationToken);
        IReadOnlyList<LedgerPod> alive = await AliveAsync(cancellationToken);
        Account? account = listing is PodListing.Complete complete ? new Account(complete) : null;
        List<LedgerPod> gone = [];
        int remaining = 0;
        bool ending = false;
        foreach (LedgerPod row in alive)
        {
            LedgerPod present = account is null ? row : await ObserveAsync(row, account, cancellationToken);
            if (present.Saw != PodSaw.Gone)
            {
                present = await ActAsync(present, account, cancellationToken);
            }

            if (present.Saw == PodSaw.Gone)
            {
                gone.Add(present);
                continue;
            }

            remaining++;
            ending |= present.Want == PodWant.Released;
        }

        return new PodWatchReport(ending ? EveryWhileEnding : Every, account is not null, remaining, gone);
    }

    /// <summary>With nothing alive there is nothing to compare; the account's quota is spared.</summary>
    private async Task<PodListing> ListIfNeededAsync(CancellationToken cancellationToken) =>
        (await AliveAsync(cancellationToken)).Count == 0
            ? new PodListing.Unavailable(new ProviderError(ProviderFailure.RateLimited, null, "nothing to look for"))
            : await provider.ListAsync(cancellationToken);

    private Task<IReadOnlyList<LedgerPod>> AliveAsync(CancellationToken cancellationToken) =>
        work.ReadAsync((unit, token) => unit.Store<IPodLedger>().ListAliveAsync(token), cancellationToken);

    private async Task<LedgerPod> ObserveAsync(LedgerPod row, Account account, CancellationToken cancellationToken)
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
            };
            return await SaveAsync(row, seen, null, cancellationToken);
        }

        if (row.RequestedAt >= account.StartedAt)
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
        if (row.Saw is PodSaw.Terminating or PodSaw.Leaking)
        {
            return absent >= BetweenAbsences ? await GoneAsync(row, "Absent from two complete listings after its end", cancellationToken) : row;
        }

        return absent >= rules().VanishedAfter && await provider.GetAsync(row.PodId, cancellationToken) is PodReading.NotFound
            ? await GoneAsync(row with { WantReason = PodReasons.Vanished }, "It vanished from the account by itself", cancellationToken)
            : row;
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
                Fact(row, PodEvents.Held, EventSeverity.Warning, $"Pod {row.PodId} is held: its trained file may be nowhere else", PodReasons.FileUnproven),
                cancellationToken);
        }

        bool stillListed = account is not null && row.LastSeenAt == account.StartedAt;
        return row switch
        {
            { Want: PodWant.Released, Saw: PodSaw.Terminating or PodSaw.Leaking } when !stillListed => row,
            { Want: PodWant.Released } => await TerminateAsync(row, now, cancellationToken),
            { Want: PodWant.Held, Saw: PodSaw.Running or PodSaw.Provisioning } => await StopAsync(row, now, cancellationToken),
            _ => row,
        };
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
        bool leaking = attempts >= rules().CleanupAttempts && (error is not null || row.Saw is PodSaw.Terminating or PodSaw.Leaking);
        LedgerPod done = noted with
        {
            Saw = leaking ? PodSaw.Leaking : error is null ? PodSaw.Terminating : noted.Saw,
            LastError = error?.Detail ?? noted.LastError,
            NextActionAt = error is null ? now + DeleteShowsWithin : now + Longer(error.RetryAfter, Backoff(attempts)),
        };
        OperationalEvent? fact = leaking && row.Saw != PodSaw.Leaking
            ? Fact(row, PodEvents.Leaking, EventSeverity.Error, $"Pod {row.PodId} does not end and costs money: {error?.Detail ?? "it is still listed"}", row.WantReason)
                with { Error = ErrorOf(error, "still_listed") }
            : error is not null
                ? Fact(row, PodEvents.TerminateFailed, EventSeverity.Warning, $"Pod {row.PodId} could not be ended, try {attempts}: {error.Detail}", row.WantReason)
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
        Fact(row, PodEvents.Gone, EventSeverity.Info, $"Pod {row.PodId ?? row.Name} is gone. {how}", row.WantReason),
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

    private static OperationalEvent Fact(LedgerPod row, string kind, EventSeverity severity, string message, string? reason) => new()
    {
        Kind = kind,
        Message = message,
        Severity = severity,
        Actor = Self,
        Job = row.Job,
        Attempt = row.Attempt,
        Pod = row.Name,
        Reason = reason,
    };

    /// <summary>One complete listing, findable by id and by name.</summary>
    private sealed class Account
    {
        private readonly Dictionary<string, ProviderPod> byId = new(StringComparer.Ordinal);
        private readonly Dictionary<string, ProviderPod> byName = new(StringComparer.Ordinal);

        public Account(PodListing.Complete listing)
        {
            StartedAt = listing.StartedAt;
            foreach (ProviderPod pod in listing.Pods.Where(pod => pod.Status != ProviderPodStatus.Terminated))
            {
                byId.TryAdd(pod.Id, pod);
                byName.TryAdd(pod.Name, pod);
            }
        }

        public DateTimeOffset StartedAt { get; }

        public ProviderPod? Find(LedgerPod row) =>
            row.PodId is { } id ? byId.GetValueOrDefault(id) : byName.GetValueOrDefault(row.Name);
    }
}
