using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <summary>One attempt's need for one pod.</summary>
/// <param name="GpuTypes">In order of preference.</param>
/// <param name="Retries">Waits between tries that failed (E1: 2, 4, 8 s); their number bounds the tries.</param>
/// <param name="Lifetime">How long the pod may live: after it the sweep ends the pod, file first.</param>
/// <param name="Since">
/// When this creation began. Only its own failures count towards its retries, and GPU types that refused for capacity since then are not asked again.
/// </param>
public sealed record PodOrder(
    JobId Job,
    int Attempt,
    IReadOnlyList<string> GpuTypes,
    IReadOnlyList<TimeSpan> Retries,
    DateTimeOffset Since,
    TimeSpan Lifetime,
    Func<string, string, PodSpec> SpecFor)
{
    /// <summary>Asked in the transaction that adds a try's row: why this is no time to ask for a pod, or null. Nothing is written when it refuses.</summary>
    public Func<IUnit, CancellationToken, Task<string?>>? MayAsk { get; init; }
}

public abstract record LaunchOutcome
{
    private LaunchOutcome()
    {
    }

    /// <summary>The attempt has its pod; it may still be booting.</summary>
    public sealed record Ready(LedgerPod Pod) : LaunchOutcome;

    public sealed record WaitUntil(DateTimeOffset At, string Reason) : LaunchOutcome;

    /// <summary>Every GPU type was refused by a 400 in this round.</summary>
    public sealed record NoCapacity(string Detail) : LaunchOutcome;

    /// <summary>The provider refuses in a way that trying again won't change: key, balance, scope, a wrong request.</summary>
    public sealed record Refused(ProviderError Error) : LaunchOutcome;

    /// <summary><see cref="PodOrder.MayAsk"/> refused.</summary>
    public sealed record NotNow(string Reason) : LaunchOutcome;

    /// <summary>The gate holds creations back: the creation ends here, whatever retries it had left.</summary>
    public sealed record Held(string Reason, bool Counts) : LaunchOutcome;

    /// <summary>The tries are used up (E1).</summary>
    public sealed record Exhausted(string Detail) : LaunchOutcome;
}

/// <summary>
/// Creates a pod so that none is ever lost: the ledger row with its unique name is committed before the create call, an unclear answer
/// is looked up before anything else, and a pod that turns up late is adopted or ended. It keeps nothing in memory: whoever takes the job over after
/// a crash calls it again and it goes on from the ledger. A creation is told to the gate once: made, or failed after its retries. One that failed and
/// whose pod can't be ruled out, because the account can't be listed, is told as failed when its retries would be over; a pod found later is made.
/// </summary>
public sealed class PodLauncher(IUnitOfWork work, IPodProvider provider, ICreationGate gate, TimeProvider clock, Func<Installation> installation)
{
    /// <summary>How soon a failed look at the account is repeated.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(15);

    /// <param name="guard">
    /// Runs in each transaction before it writes: proves that the caller still holds the job, with more time left than one create call may take.
    /// </param>
    public async Task<LaunchOutcome> EnsureAsync(PodOrder order, Func<IUnit, CancellationToken, Task> guard, Actor actor, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(order);
        while (true)
        {
            IReadOnlyList<LedgerPod> tries = await work.ReadAsync(
                (unit, token) => unit.Store<IPodLedger>().ListForAttemptAsync(order.Job, order.Attempt, token), cancellationToken);
            if (tries.FirstOrDefault(IsKept) is { } kept)
            {
                return new LaunchOutcome.Ready(await MadeAsync(kept, guard, cancellationToken));
            }

            DateTimeOffset now = clock.GetUtcNow();
            if (tries.LastOrDefault(IsUnanswered) is { } unanswered)
            {
                // A predecessor died, or the answer was unclear: the call may be on its way for as long as it may take.
                if (now < unanswered.RequestedAt + provider.CallTimeout && unanswered.LastError is null)
                {
                    return new LaunchOutcome.WaitUntil(unanswered.RequestedAt + provider.CallTimeout, "An earlier create call may still be answered");
                }

                if (await ResolveAsync(unanswered, tries, order, guard, actor, cancellationToken) is { } outcome)
                {
                    return outcome;
                }

                continue;
            }

            List<LedgerPod> failed = [.. tries.Where(pod => HasFailed(pod, order.Since))];
            if (failed.Count > 0 && await EndOfAsync(failed, order.Retries.Count, cancellationToken) is { } over)
            {
                return over;
            }

            if (failed.Count > 0 && failed[^1].WantSince + order.Retries[failed.Count - 1] is { } notBefore && now < notBefore)
            {
                return new LaunchOutcome.WaitUntil(notBefore, $"Creating the pod failed, try {failed.Count + 1} of {order.Retries.Count + 1} follows");
            }

            if (tries.LastOrDefault(pod => pod.WantReason == PodReasons.RateLimited) is { NextActionAt: { } until } && now < until)
            {
                return new LaunchOutcome.WaitUntil(until, "The provider's rate limit is used up");
            }

            if (tries.LastOrDefault(IsAdoptable) is { } doubtful)
            {
                // Look once more before money is spent a second time.
                switch (await FindAsync(doubtful.Name, cancellationToken))
                {
                    case { Listing: PodListing.Unavailable unavailable }:
                        return await WaitInDoubtAsync(doubtful, unavailable.Error, tries, order, guard, cancellationToken);
                    case { Pod: { } late }:
                        await AdoptAsync(doubtful, late, guard, actor, cancellationToken);
                        continue;
                }
            }

            HashSet<string> refused = [.. tries.Where(pod => pod.WantReason == PodReasons.NoCapacity && pod.RequestedAt >= order.Since).Select(pod => pod.GpuType)];
            if (order.GpuTypes.FirstOrDefault(type => !refused.Contains(type)) is not { } gpuType)
            {
                return new LaunchOutcome.NoCapacity(tries.Last(pod => pod.WantReason == PodReasons.NoCapacity).LastError ?? "no stock");
            }

            switch (await gate.AskAsync(NameOf(order, tries.Count + 1), cancellationToken))
            {
                case CreationVerdict.Hold hold:
                    if (failed.Count > 0)
                    {
                        await TellFailedAsync(failed, cancellationToken);
                    }

                    return new LaunchOutcome.Held(hold.Reason, hold.Counts);

                case CreationVerdict.Go go when await TryCreateAsync(order, tries.Count + 1, gpuType, go.Permit, guard, actor, cancellationToken) is { } end:
                    return end;
            }
        }
    }

    /// <summary>Gives a pod up that never became ready; the next call makes another one while tries are left.</summary>
    public Task GiveUpAsync(LedgerPod pod, string why, Func<IUnit, CancellationToken, Task> guard, Actor actor, CancellationToken cancellationToken) =>
        SaveAsync(
            pod with { Want = PodWant.Released, WantReason = PodReasons.NotReady, Proof = FileProof.TrainingNeverStarted, LastError = why },
            guard,
            PodFacts.Of(pod, PodEvents.Released, $"Pod {pod.Name} was given up: {why}", actor, EventSeverity.Warning, PodReasons.NotReady),
            cancellationToken);

    /// <summary>Whether the attempt's tries have all failed, in whichever of its creations: the provider had its turn.</summary>
    public static bool AreUsedUp(IReadOnlyList<LedgerPod> tries, int retries) => tries.Count(static pod => HasFailed(pod, DateTimeOffset.MinValue)) > retries;

    /// <summary>A pod that was made and came to nothing counts for the whole attempt, because it has cost money.</summary>
    private static bool HasFailed(LedgerPod pod, DateTimeOffset since) =>
        pod.WantReason is PodReasons.NotReady or PodReasons.Vanished || (WasNotMade(pod) && pod.RequestedAt >= since);

    private static bool WasNotMade(LedgerPod pod) => pod.WantReason is PodReasons.InDoubt or PodReasons.CreateFailed;

    /// <summary>Null: a retry is left. Otherwise the creation has failed, and the gate is told.</summary>
    private async Task<LaunchOutcome?> EndOfAsync(List<LedgerPod> failed, int retries, CancellationToken cancellationToken)
    {
        LedgerPod last = failed[^1];
        string words = last.LastError ?? "no answer";
        bool once = WasNotMade(last) && last.Permit is { Once: true };
        if (!once && failed.Count <= retries)
        {
            return null;
        }

        await TellFailedAsync(failed, cancellationToken);
        return once ? new LaunchOutcome.Held($"The one creation that tried RunPod out failed: {words}", Counts: true) : new LaunchOutcome.Exhausted(words);
    }

    private async Task TellFailedAsync(List<LedgerPod> failed, CancellationToken cancellationToken)
    {
        LedgerPod last = failed[^1];
        if (WasNotMade(last) && last.Permit is { } permit && !IsToldOf(permit, failed))
        {
            ProviderFailure failure = last.WantReason == PodReasons.CreateFailed ? ProviderFailure.Unreachable : ProviderFailure.Ambiguous;
            await gate.TellAsync(permit, last.Name, FailedAs(failure, last), cancellationToken);
        }
    }

    /// <summary>One call whose result decides is a creation of its own; else all tries of a creation count once together.</summary>
    private static bool IsToldOf(CreationPermit permit, IEnumerable<LedgerPod> tries) =>
        permit.IsFailureTold || (!permit.Once && tries.Any(pod => pod.Permit is { IsFailureTold: true }));

    private static CreationResult.Failed FailedAs(ProviderFailure failure, LedgerPod pod) => new(new ProviderError(failure, null, pod.LastError ?? "no answer"));

    /// <summary>
    /// The pod in doubt can't be ruled out and nothing else may be tried. A provider that neither creates nor lists is down: that counts without
    /// waiting for the end of the doubt, which may be hours away.
    /// </summary>
    private async Task<LaunchOutcome> WaitInDoubtAsync(
        LedgerPod row,
        ProviderError listing,
        IReadOnlyList<LedgerPod> tries,
        PodOrder order,
        Func<IUnit, CancellationToken, Task> guard,
        CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        bool down = listing.Failure is ProviderFailure.Ambiguous or ProviderFailure.Unreachable;
        if (down && row.Permit is { } permit && !IsToldOf(permit, tries.Where(pod => pod.RequestedAt >= order.Since))
            && (permit.Once || now >= row.RequestedAt + order.Retries.Aggregate(TimeSpan.Zero, static (sum, wait) => sum + wait)))
        {
            await gate.TellAsync(permit, row.Name, FailedAs(ProviderFailure.Ambiguous, row), cancellationToken);
            await SavePermitAsync(row, permit with { IsFailureTold = true }, guard, cancellationToken);
        }

        return new LaunchOutcome.WaitUntil(now + (listing.RetryAfter ?? LookAgain), "The account can't be listed, so a pod in doubt can't be ruled out");
    }

    /// <summary>The pod loop may have found the pod under its name before the create call was answered here.</summary>
    private async Task<LedgerPod> MadeAsync(LedgerPod kept, Func<IUnit, CancellationToken, Task> guard, CancellationToken cancellationToken)
    {
        if (kept.Permit is not { } permit)
        {
            return kept;
        }

        await gate.TellAsync(permit, kept.Name, new CreationResult.Made(), cancellationToken);
        return await SavePermitAsync(kept, null, guard, cancellationToken);
    }

    private Task<LedgerPod> SavePermitAsync(
        LedgerPod row, CreationPermit? permit, Func<IUnit, CancellationToken, Task> guard, CancellationToken cancellationToken) =>
        work.RunAsync(
            async (unit, token) =>
            {
                await guard(unit, token);
                LedgerPod changed = row with { Permit = permit };
                return await unit.Store<IPodLedger>().SaveAsync(changed, token) ? changed with { Version = row.Version + 1 } : row;
            },
            cancellationToken);

    private static bool IsKept(LedgerPod pod) => pod is { Want: PodWant.Needed, PodId: not null } && pod.Saw != PodSaw.Gone;

    private static bool IsUnanswered(LedgerPod pod) => pod is { Want: PodWant.Needed, PodId: null, Saw: PodSaw.Requested };

    private static bool IsAdoptable(LedgerPod pod) =>
        pod is { WantReason: PodReasons.InDoubt, PodId: null, Saw: PodSaw.Requested, TerminateAttempts: 0 };

    private async Task<LaunchOutcome?> ResolveAsync(
        LedgerPod row,
        IReadOnlyList<LedgerPod> tries,
        PodOrder order,
        Func<IUnit, CancellationToken, Task> guard,
        Actor actor,
        CancellationToken cancellationToken)
    {
        (PodListing listing, ProviderPod? pod) = await FindAsync(row.Name, cancellationToken);
        if (pod is not null)
        {
            await AdoptAsync(row, pod, guard, actor, cancellationToken);
            return null;
        }

        if (listing is PodListing.Unavailable unavailable)
        {
            return await WaitInDoubtAsync(row, unavailable.Error, tries, order, guard, cancellationToken);
        }

        await SaveAsync(
            row with { Want = PodWant.Released, WantReason = PodReasons.InDoubt, Proof = FileProof.TrainingNeverStarted, LastError = row.LastError ?? "no answer" },
            guard,
            PodFacts.Of(row, PodEvents.InDoubt, $"Pod {row.Name} is in doubt: {row.LastError ?? "its create call was never answered"}", actor, EventSeverity.Warning, PodReasons.InDoubt),
            cancellationToken);
        return null;
    }

    private async Task<LaunchOutcome?> TryCreateAsync(
        PodOrder order,
        int number,
        string gpuType,
        CreationPermit permit,
        Func<IUnit, CancellationToken, Task> guard,
        Actor actor,
        CancellationToken cancellationToken)
    {
        string name = NameOf(order, number);
        DateTimeOffset requestedAt = clock.GetUtcNow();
        LedgerPod row = new()
        {
            Name = name,
            Job = order.Job,
            Attempt = order.Attempt,
            Try = number,
            Want = PodWant.Needed,
            Saw = PodSaw.Requested,
            GpuType = gpuType,
            RequestedAt = requestedAt,
            WantSince = requestedAt,
            LiveUntil = requestedAt + order.Lifetime,
            Permit = permit,
        };
        string? refusal = await work.RunAsync(
            async (unit, token) =>
            {
                await guard(unit, token);
                if (order.MayAsk is { } mayAsk && await mayAsk(unit, token) is { } no)
                {
                    return no;
                }

                await unit.Store<IPodLedger>().AddAsync(row, token);
                await unit.Events.AppendAsync(PodFacts.Of(row, PodEvents.Requested, $"Asking for one {gpuType} as {name}", actor), token);
                return null;
            },
            cancellationToken);
        if (refusal is not null)
        {
            await gate.TellAsync(permit, name, new CreationResult.NotAsked(), cancellationToken);
            return new LaunchOutcome.NotNow(refusal);
        }

        CreateOutcome outcome = await provider.CreateAsync(order.SpecFor(name, gpuType) with { Permit = permit }, cancellationToken);
        switch (outcome)
        {
            case CreateOutcome.Created created:
                await gate.TellAsync(permit, name, new CreationResult.Made(), cancellationToken);
                await SaveAsync(
                    Seen(row, created.Pod),
                    guard,
                    PodFacts.Of(row, PodEvents.Created, $"Pod {created.Pod.Id} was created as {name}", actor),
                    cancellationToken);
                return null;

            case CreateOutcome.NotSent notSent:
                await gate.TellAsync(permit, name, new CreationResult.NotAsked(), cancellationToken);
                await NeverMadeAsync(row, PodReasons.Withdrawn, new ProviderError(ProviderFailure.Rejected, null, notSent.Reason), null, guard, actor, cancellationToken);
                return new LaunchOutcome.Held(notSent.Reason, Counts: true);

            case CreateOutcome.NoCapacityOrBadRequest none:
                await gate.TellAsync(permit, name, new CreationResult.Failed(none.Error), cancellationToken);
                await NeverMadeAsync(row, PodReasons.NoCapacity, none.Error, null, guard, actor, cancellationToken);
                return null;

            case CreateOutcome.Refused { Error: { Failure: ProviderFailure.RateLimited } limited }:
                await gate.TellAsync(permit, name, new CreationResult.Failed(limited), cancellationToken);
                DateTimeOffset until = clock.GetUtcNow() + (limited.RetryAfter ?? LookAgain);
                await NeverMadeAsync(row, PodReasons.RateLimited, limited, until, guard, actor, cancellationToken);
                return null;

            case CreateOutcome.Refused { Error: { Failure: ProviderFailure.Unreachable } unreachable }:
                await NeverMadeAsync(row, PodReasons.CreateFailed, unreachable, null, guard, actor, cancellationToken);
                return null;

            case CreateOutcome.Refused refused:
                await gate.TellAsync(permit, name, new CreationResult.Failed(refused.Error), cancellationToken);
                await NeverMadeAsync(row, PodReasons.Refused, refused.Error, null, guard, actor, cancellationToken);
                return new LaunchOutcome.Refused(refused.Error);

            case CreateOutcome.InDoubt doubt:
                await SaveAsync(
                    row with { LastError = doubt.Error.Words },
                    guard,
                    PodFacts.Of(row, PodEvents.CreateFailed, $"The answer to creating {name} was unclear: {doubt.Error.Detail}", actor, EventSeverity.Warning, PodReasons.InDoubt)
                        with { Error = ErrorOf(doubt.Error) },
                    cancellationToken);
                return null;

            default:
                throw new NotSupportedException($"Unknown outcome {outcome.GetType().Name}.");
        }
    }

    private Task NeverMadeAsync(
        LedgerPod row, string reason, ProviderError error, DateTimeOffset? notBefore, Func<IUnit, CancellationToken, Task> guard, Actor actor, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        return SaveAsync(
            row with
            {
                Want = PodWant.Released,
                WantReason = reason,
                WantSince = now,
                Proof = FileProof.TrainingNeverStarted,
                Saw = PodSaw.Gone,
                GoneAt = now,
                LastError = error.Detail,
                NextActionAt = notBefore,
            },
            guard,
            PodFacts.Of(row, PodEvents.CreateFailed, $"Pod {row.Name} was not created: {error.Detail}", actor, EventSeverity.Warning, reason) with { Error = ErrorOf(error) },
            cancellationToken);
    }

    private async Task AdoptAsync(LedgerPod row, ProviderPod pod, Func<IUnit, CancellationToken, Task> guard, Actor actor, CancellationToken cancellationToken)
    {
        if (row.Permit is { } permit)
        {
            await gate.TellAsync(permit, row.Name, new CreationResult.Made(), cancellationToken);
        }

        await SaveAsync(
            Seen(row, pod) with { Want = PodWant.Needed, WantReason = PodReasons.Adopted, Proof = FileProof.None, LastError = null },
            guard,
            PodFacts.Of(row, PodEvents.Adopted, $"Pod {pod.Id} was found under the name {row.Name} and adopted", actor, EventSeverity.Warning, PodReasons.Adopted),
            cancellationToken);
    }

    /// <summary>A row that somebody else wrote meanwhile is left to the next look: nothing is forced.</summary>
    private Task SaveAsync(LedgerPod row, Func<IUnit, CancellationToken, Task> guard, OperationalEvent fact, CancellationToken cancellationToken) =>
        work.RunAsync(
            async (unit, token) =>
            {
                await guard(unit, token);
                if (await unit.Store<IPodLedger>().SaveAsync(row with { WantSince = clock.GetUtcNow() }, token))
                {
                    await unit.Events.AppendAsync(fact, token);
                }
            },
            cancellationToken);

    private async Task<(PodListing Listing, ProviderPod? Pod)> FindAsync(string name, CancellationToken cancellationToken)
    {
        PodListing listing = await provider.ListAsync(cancellationToken);
        return (listing, (listing as PodListing.Complete)?.Pods.FirstOrDefault(pod => pod.Name == name));
    }

    private string NameOf(PodOrder order, int number) => PodNames.For(installation().Id, order.Job, order.Attempt, number);

    private static LedgerPod Seen(LedgerPod row, ProviderPod pod) => row with
    {
        PodId = pod.Id,
        Saw = PodWatch.SawOf(pod.Status, PodSaw.Provisioning),
        HourlyRate = pod.HourlyRate > Usd.Zero ? pod.HourlyRate : row.HourlyRate,
        CreatedAt = pod.CreatedAt ?? row.RequestedAt,
        AbsentSince = null,
        Permit = null,
    };

    private static ErrorDetail ErrorOf(ProviderError error) => new(
        error.Status is { } status ? $"http_{status}" : error.Failure.ToString(), "runpod.create", error.Detail, error.RequestId);
}
