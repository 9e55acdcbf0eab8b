using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <summary>
/// Carries out what the ledger's <i>want</i> column says: ends what is released, with proof about its file; stops what is held, but for the time in
/// which its file is fetched; starts what is needed and stands still. An action is noted before it is sent.
/// </summary>
internal sealed class PodEnder(
    IUnitOfWork work, IPodProvider provider, IFileProofs proofs, TimeProvider clock, Func<PodRules> rules, ClockStandings clocks)
{
    /// <summary>How long an agent's word that it has no finished file, or has not begun, may be relied on.</summary>
    internal static readonly TimeSpan AgentsWordLasts = TimeSpan.FromMinutes(2);

    /// <summary>An accepted DELETE has this long to show before it is sent again.</summary>
    private static readonly TimeSpan DeleteShowsWithin = TimeSpan.FromSeconds(30);

    /// <summary>A start or stop has this long to show.</summary>
    private static readonly TimeSpan ChangeShowsWithin = TimeSpan.FromSeconds(60);

    /// <summary>How often people are told again of a pod that does not end.</summary>
    private static readonly TimeSpan TellOfLeakEvery = TimeSpan.FromHours(1);

    /// <summary>After this long the provider will hardly end it by itself: a person has to, in the provider's own console.</summary>
    private static readonly TimeSpan EscalateAfter = TimeSpan.FromHours(1);

    /// <summary>How often people are told again of a pod that is kept.</summary>
    private static readonly TimeSpan TellOfHeldEvery = TimeSpan.FromDays(1);

    private static readonly Actor Self = Actor.Portal(PodWatch.LeaseName);

    private readonly LedgerWriter ledger = new(work);

    /// <param name="account">The listing that this look rests on; null when the account could not be read.</param>
    public async Task<LedgerPod> ActAsync(LedgerPod row, ListedAccount? account, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        if (row.PodId is null || row.NextActionAt > now)
        {
            return row;
        }

        // Not by the row's time: databases keep milliseconds, the listing's start is finer.
        bool listed = account?.Find(row) is not null;
        return row switch
        {
            { Want: PodWant.Released, Saw: PodSaw.Terminating or PodSaw.Leaking } when !listed => row,

            // What nobody asked to end goes only on what has just been seen.
            { Want: PodWant.Released, WantReason: { } reason } when account is null && PodReasons.OfTheSweep.Contains(reason) => row,
            { Want: PodWant.Released } => await EndAsync(row, now, cancellationToken),
            { Want: PodWant.Held } => await HoldAsync(row, now, cancellationToken),
            { Want: PodWant.Needed, Saw: PodSaw.Exited } when row.WantReason != PodReasons.Imported => await StartAsync(row, now, cancellationToken),
            _ => row,
        };
    }

    private async Task<LedgerPod> EndAsync(LedgerPod row, DateTimeOffset now, CancellationToken cancellationToken)
    {
        // How old a word is that another process noted can't be told by a clock that is far off.
        bool proofIsOld = row.Proof == FileProof.AgentHasNone && (clocks.Doubt > TimeSpan.Zero || now - (row.ProofAt ?? row.WantSince) > AgentsWordLasts);
        if (row.Proof == FileProof.None || proofIsOld)
        {
            FileProof proof = await proofs.FindAsync(row.Job, row.Attempt, row.ProviderName, row.PodId!, cancellationToken);
            row = proof == FileProof.None
                ? await KeepAsync(row, now, cancellationToken)
                : await ledger.SaveAsync(row, row with { Proof = proof, ProofAt = now }, null, cancellationToken);
        }

        return row is { Want: PodWant.Released, Proof: not FileProof.None } ? await TerminateAsync(row, now, cancellationToken) : row;
    }

    /// <summary>Nobody may terminate a pod whose file is unproven: it is kept, stopped, until a person or the file decides.</summary>
    private Task<LedgerPod> KeepAsync(LedgerPod row, DateTimeOffset now, CancellationToken cancellationToken) => ledger.SaveAsync(
        row,
        row with
        {
            Want = PodWant.Held,
            WantReason = PodReasons.FileUnproven,
            WantSince = now,
            Proof = FileProof.None,
            ProofAt = null,
            Saw = row.Saw is PodSaw.Terminating or PodSaw.Leaking ? PodSaw.Running : row.Saw,
            TerminateAttempts = 0,
            ToldAt = now,
        },
        PodFacts.Of(row, PodEvents.Held, $"Pod {row.PodId} is held: its trained file may be nowhere else", Self, EventSeverity.Warning, PodReasons.FileUnproven) with
        {
            Signals =
            [
                PodIncidents.HeldSignal(row.PodId!),
                new IncidentSignal(PodIncidents.Leaking, row.PodId!, "It is kept for its file instead of being ended", Over: true),
            ],
        },
        cancellationToken);

    private async Task<LedgerPod> TerminateAsync(LedgerPod row, DateTimeOffset now, CancellationToken cancellationToken)
    {
        int attempts = row.TerminateAttempts + 1;
        LedgerPod noted = row with { TerminateAttempts = attempts, NextActionAt = now + Backoff(attempts) };
        if (!await ledger.TrySaveAsync(noted, null, cancellationToken))
        {
            return row;
        }

        noted = noted with { Version = noted.Version + 1 };
        PodActionOutcome outcome = await provider.TerminateAsync(row.PodId!, cancellationToken);
        ProviderError? error = (outcome as PodActionOutcome.Failed)?.Error;
        if (error is { Failure: ProviderFailure.RateLimited })
        {
            // It was not sent: no try, only a wait.
            return await ledger.SaveAsync(
                noted,
                noted with { TerminateAttempts = row.TerminateAttempts, NextActionAt = now + (error.RetryAfter ?? PodWatch.EveryWhileEnding) },
                null,
                cancellationToken);
        }

        bool stillThere = row.Saw is PodSaw.Terminating or PodSaw.Leaking;
        bool leaking = attempts >= rules().CleanupAttempts && (error is not null || stillThere);
        bool tellOfLeak = leaking && !(row.Saw == PodSaw.Leaking && now - row.ToldAt < TellOfLeakEvery);
        LedgerPod done = noted with
        {
            Saw = leaking ? PodSaw.Leaking : error is null ? PodSaw.Terminating : noted.Saw,
            LastError = error?.Detail ?? noted.LastError,
            NextActionAt = error is null ? now + DeleteShowsWithin : now + Longer(error.RetryAfter, Backoff(attempts)),
            ToldAt = tellOfLeak ? now : row.ToldAt,
        };
        OperationalEvent? fact = tellOfLeak ? LeakFact(done, error, now)
            : attempts == 2 && (stillThere || error is not null) && !PodReasons.OfTheSweep.Contains(row.WantReason) ? OrphanFact(row, error)
            : error is not null ? FailedFact(row, attempts, error)
            : null;
        return await ledger.SaveAsync(noted, done, fact, cancellationToken);
    }

    private static OperationalEvent LeakFact(LedgerPod row, ProviderError? error, DateTimeOffset now)
    {
        string text = $"Pod {row.PodId} does not end and costs money: {error?.Detail ?? "it is still listed"}. "
            + $"{row.CostUntil(now)} so far, {row.HourlyRate ?? Usd.Zero}/h, asked to end {row.TerminateAttempts} times";
        EventSeverity severity = now - row.WantSince >= EscalateAfter ? EventSeverity.Critical : EventSeverity.Error;
        return PodFacts.Of(row, PodEvents.Leaking, text, Self, severity, row.WantReason) with
        {
            Error = ErrorOf(error, "still_listed"),
            Signals = [new IncidentSignal(PodIncidents.Leaking, row.PodId!, text), PodOrphans.Signal(row.PodId!)],
        };
    }

    /// <summary>M2: it runs, its job is over, and the first try to end it came to nothing.</summary>
    private static OperationalEvent OrphanFact(LedgerPod row, ProviderError? error) => error is null
        ? PodOrphans.Fact(row, "Its job is over and it is listed after its end; it is ended again", Self)
        : PodOrphans.Fact(row, $"Its job is over and it could not be ended twice: {error.Detail}; it is tried on", Self) with { Error = ErrorOf(error, "failed") };

    private static OperationalEvent FailedFact(LedgerPod row, int attempts, ProviderError error) => PodFacts.Of(
        row, PodEvents.TerminateFailed, $"Pod {row.PodId} could not be ended, try {attempts}: {error.Detail}", Self, EventSeverity.Warning, row.WantReason)
        with
    { Error = ErrorOf(error, "failed") };

    private async Task<LedgerPod> HoldAsync(LedgerPod row, DateTimeOffset now, CancellationToken cancellationToken)
    {
        bool fetching = row.FetchUntil > now;
        return row.Saw switch
        {
            PodSaw.Exited when fetching => await StartAsync(row, now, cancellationToken),
            PodSaw.Running or PodSaw.Provisioning when !fetching => await StopAsync(row, now, cancellationToken),
            _ when now - (row.ToldAt ?? row.WantSince) >= TellOfHeldEvery => await TellOfHeldAsync(row, now, cancellationToken),
            _ => row,
        };
    }

    private Task<LedgerPod> TellOfHeldAsync(LedgerPod row, DateTimeOffset now, CancellationToken cancellationToken)
    {
        TimeSpan held = now - (row.WantSince ?? now);
        bool overdue = held >= PodWatch.HeldAtMost;
        string text = $"Pod {row.PodId} has been kept for {held.TotalDays:0} days: its trained file may be nowhere else. {row.CostUntil(now)} so far"
            + (overdue ? ". Decide: end it if its file does not matter" : "");
        EventSeverity severity = overdue ? EventSeverity.Error : EventSeverity.Warning;
        return ledger.SaveAsync(
            row,
            row with { ToldAt = now },
            PodFacts.Of(row, PodEvents.Held, text, Self, severity, row.WantReason) with { Signals = [new IncidentSignal(PodIncidents.Held, row.PodId!, text)] },
            cancellationToken);
    }

    private async Task<LedgerPod> StopAsync(LedgerPod row, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (await NotedAsync(row, now, cancellationToken) is not { } noted)
        {
            return row;
        }

        row = noted;
        PodActionOutcome outcome = await provider.StopAsync(row.PodId!, cancellationToken);
        ProviderError? error = (outcome as PodActionOutcome.Failed)?.Error;
        PodReading? refused = error is { Failure: ProviderFailure.Conflict } ? await provider.GetAsync(row.PodId!, cancellationToken) : null;
        if (refused is PodReading.Found { Pod.Status: ProviderPodStatus.Exited })
        {
            // RunPod refuses a stop to what stands still; the row was older than that.
            return await ledger.SaveAsync(
                row,
                row.Repriced(rules().StoppedHourly, clocks.ByProvider(now)) with { Saw = PodSaw.Exited, StopAttempts = 0 },
                row.StopAttempts >= rules().CleanupAttempts ? PodFacts.StoppedAfterAll(row, Self) : null,
                cancellationToken);
        }

        int attempts = row.StopAttempts + (error is { Failure: ProviderFailure.RateLimited } ? 0 : 1);
        bool tell = attempts >= rules().CleanupAttempts && !(row.StopAttempts >= rules().CleanupAttempts && now - row.ToldAt < TellOfLeakEvery);
        LedgerPod done = row with
        {
            StopAttempts = attempts,
            NextActionAt = now + (attempts < rules().CleanupAttempts ? PodWatch.EveryWhileEnding : ChangeShowsWithin),
            LastError = IsUnknown(error, refused) ? row.LastError : error?.Detail ?? row.LastError,
            ToldAt = tell ? now : row.ToldAt,
        };
        string text = $"Pod {row.PodId} is kept for its file but does not stop: it costs {row.HourlyRate ?? Usd.Zero}/h, {row.CostUntil(now)} so far. "
            + $"{error?.Detail ?? "RunPod took the stop and the pod still runs"}";
        OperationalEvent? fact = tell
            ? PodFacts.Of(row, PodEvents.StopFailed, text, Self, EventSeverity.Error, row.WantReason) with
            {
                Error = ErrorOf(error, "still_running"),
                Signals = [new IncidentSignal(PodIncidents.Held, row.PodId!, text)],
            }
            : null;
        return await ledger.SaveAsync(row, done, fact, cancellationToken);
    }

    /// <summary>Nothing is known of the stop: it was not sent, or the refusal, which may mean that the pod stands still already, could not be looked into.</summary>
    private static bool IsUnknown(ProviderError? error, PodReading? refused) =>
        error is { Failure: ProviderFailure.RateLimited } || refused is not (null or PodReading.Found);

    /// <summary>Its dead-man switch, its machine or somebody stopped it: state and file lie on its mount.</summary>
    private async Task<LedgerPod> StartAsync(LedgerPod row, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (await NotedAsync(row, now, cancellationToken) is not { } noted)
        {
            return row;
        }

        row = noted;
        PodActionOutcome outcome = await provider.StartAsync(row.PodId!, cancellationToken);
        return await ledger.SaveAsync(
            row,
            row with
            {
                Saw = outcome is PodActionOutcome.Accepted ? PodSaw.Provisioning : row.Saw,
                NextActionAt = now + ChangeShowsWithin,
                LastError = (outcome as PodActionOutcome.Failed)?.Error.Detail ?? row.LastError,
            },
            null,
            cancellationToken);
    }

    /// <summary>Proves by the row's version that nobody has wished otherwise since it was read; null: somebody has.</summary>
    private async Task<LedgerPod?> NotedAsync(LedgerPod row, DateTimeOffset now, CancellationToken cancellationToken)
    {
        LedgerPod noted = row with { NextActionAt = now + ChangeShowsWithin };
        return await ledger.TrySaveAsync(noted, null, cancellationToken) ? noted with { Version = noted.Version + 1 } : null;
    }

    /// <summary>15 s, 30 s, then a minute: the loop looks every 15 s while something is ending, so that shorter waits would all be alike.</summary>
    private static TimeSpan Backoff(int attempts) => TimeSpan.FromSeconds(Math.Min(60, 15 << Math.Min(attempts - 1, 2)));

    private static TimeSpan Longer(TimeSpan? a, TimeSpan b) => a > b ? a.Value : b;

    private static ErrorDetail ErrorOf(ProviderError? error, string otherwise) => new(
        error?.Status is { } status ? $"http_{status}" : error?.Failure.ToString() ?? otherwise, "runpod.terminate", error?.Detail, error?.RequestId);
}
