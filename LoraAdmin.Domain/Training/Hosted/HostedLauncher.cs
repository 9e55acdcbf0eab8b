using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training.Hosted;

/// <param name="Retries">Waits between tries that failed; their number bounds the tries.</param>
/// <param name="Since">When this creation began: only its own failures count.</param>
public sealed record HostedNeed(TrainingJob Job, IReadOnlyList<TimeSpan> Retries, DateTimeOffset Since, Usd HourlyRate)
{
    /// <summary>Why nothing more may be asked for: what was asked for is looked for and taken all the same. Null: it may.</summary>
    public string? WhyNoOther { get; init; }
}

public abstract record HostedLaunch
{
    private HostedLaunch()
    {
    }

    /// <summary>The attempt has its training or prediction; it may still wait for a machine, or be over.</summary>
    public sealed record Ready(HostedTraining Training) : HostedLaunch;

    public sealed record WaitUntil(DateTimeOffset At, string Reason) : HostedLaunch;

    /// <summary>What it is to be made from is not there any more, or not what was checked.</summary>
    public sealed record BadInput(string Reason) : HostedLaunch;

    /// <summary>The provider refuses in a way that trying again won't change: token, credit, destination, version.</summary>
    public sealed record Refused(ProviderError Error) : HostedLaunch;

    /// <summary>The gate holds creations back, or withdrew its permit, or <see cref="HostedNeed.WhyNoOther"/>: the creation ends here, whatever retries it had left.</summary>
    public sealed record Held(string Reason, bool Counts) : HostedLaunch;

    /// <summary>The tries are used up.</summary>
    public sealed record Exhausted(string Detail) : HostedLaunch;
}

/// <summary>
/// Creates a training, or a prediction, at the provider so that none is ever paid twice or forgotten: its row is committed before the create call, an unclear
/// answer is looked up in the account's list before another try, and one that turns up late is taken or cancelled. It keeps nothing in memory: whoever takes
/// the job over after a crash calls it again. A creation is told to the gate once: made, or failed after its retries. One that failed and whose training can't be ruled out, because
/// the account can't be listed, is told as failed when its retries would be over; a training found later is made.
/// </summary>
public sealed class HostedLauncher(
    IUnitOfWork work, IHostedMaking making, ICreationGate gate, TimeProvider clock, Func<Installation> installation, Func<HostedRules> rules)
{
    /// <summary>How soon a failed look at the account is repeated.</summary>
    public static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(15);

    /// <summary>Clocks differ: a training of ours may say that it was made before we asked for it.</summary>
    internal static readonly TimeSpan ListFrom = TimeSpan.FromMinutes(10);

    private readonly IHostedRuns provider = making.Provider;
    private readonly string noun = HostedWords.Noun(making.Kind);

    /// <param name="guard">Proves in each transaction that the caller still holds the job, with more time left than one create call may take.</param>
    public async Task<HostedLaunch> EnsureAsync(HostedNeed need, Func<IUnit, CancellationToken, Task> guard, Actor actor, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(need);
        while (true)
        {
            IReadOnlyList<HostedTraining> all = await HostedLedger.ListAsync(work, need.Job, cancellationToken);
            List<HostedTraining> tries = [.. all.Where(one => one.Kind == making.Kind)];
            if (HostedLedger.CurrentOf(all, making.Kind) is { } made)
            {
                return new HostedLaunch.Ready(made);
            }

            DateTimeOffset now = clock.GetUtcNow();
            if (tries.LastOrDefault(one => one is { IsNeeded: true, Saw: HostedSaw.Requested }) is { } unanswered)
            {
                // A predecessor died, or the answer was unclear: the call may be on its way for as long as it may take.
                if (now < unanswered.RequestedAt + provider.CallTimeout && unanswered.LastError is null)
                {
                    return new HostedLaunch.WaitUntil(unanswered.RequestedAt + provider.CallTimeout, "An earlier call may still be answered");
                }

                if (await ResolveAsync(unanswered, need, tries, guard, actor, cancellationToken) is { } unread)
                {
                    return unread;
                }

                continue;
            }

            List<HostedTraining> failed = [.. tries.Where(one => HasFailed(one, need))];
            if (failed.Count > 0 && await EndOfAsync(failed, need.Retries.Count, cancellationToken) is { } over)
            {
                return over;
            }

            if (WaitOf(need, tries, failed, now) is { } wait)
            {
                return wait;
            }

            (bool isTaken, HostedLaunch? unlisted) = await LookAgainAsync(need, tries, guard, actor, cancellationToken);
            if (unlisted is not null)
            {
                return unlisted;
            }

            if (isTaken)
            {
                continue;
            }

            if (need.WhyNoOther is { } why)
            {
                return await HeldAsync(new CreationVerdict.Hold(why, Counts: false), failed, cancellationToken);
            }

            HostedTraining packing = tries.LastOrDefault(one => one is { IsNeeded: true, Saw: HostedSaw.Packing })
                ?? await BeginAsync(need, all.Count + 1, guard, cancellationToken);
            if (await TryAsync(need, packing, failed, guard, actor, cancellationToken) is { } end)
            {
                return end;
            }
        }
    }

    private static bool HasFailed(HostedTraining row, HostedNeed need) =>
        row.Reason is HostedReasons.CreateFailed or HostedReasons.InDoubt && row.RequestedAt >= need.Since;

    /// <summary>Null: a retry is left. Otherwise the creation has failed, and the gate is told.</summary>
    private async Task<HostedLaunch?> EndOfAsync(List<HostedTraining> failed, int retries, CancellationToken cancellationToken)
    {
        bool once = failed[^1].Permit is { Once: true };
        if (!once && failed.Count <= retries)
        {
            return null;
        }

        await TellFailedAsync(failed, cancellationToken);
        string words = failed[^1].LastError ?? "no answer";
        return once ? new HostedLaunch.Held($"The one creation that tried Replicate out failed: {words}", Counts: true) : new HostedLaunch.Exhausted(words);
    }

    private static HostedLaunch.WaitUntil? WaitOf(HostedNeed need, IReadOnlyList<HostedTraining> tries, List<HostedTraining> failed, DateTimeOffset now)
    {
        if (failed.Count > 0 && failed[^1].WantSince + need.Retries[failed.Count - 1] is var notBefore && now < notBefore)
        {
            return new HostedLaunch.WaitUntil(notBefore, $"Asking Replicate failed, try {failed.Count + 1} of {need.Retries.Count + 1} follows");
        }

        return tries.LastOrDefault(one => one.Reason == HostedReasons.RateLimited) is { NextActionAt: { } until } && now < until
            ? new HostedLaunch.WaitUntil(until, "Replicate's rate limit is used up")
            : null;
    }

    /// <summary>Looks once more, before money is spent a second time, for those that are in doubt.</summary>
    /// <returns>Whether one had turned up and was taken; and set, when nobody can say.</returns>
    private async Task<(bool IsTaken, HostedLaunch? Wait)> LookAgainAsync(
        HostedNeed need, IReadOnlyList<HostedTraining> tries, Func<IUnit, CancellationToken, Task> guard, Actor actor, CancellationToken cancellationToken)
    {
        List<HostedTraining> doubtful = [.. tries.Where(static one => one is { Reason: HostedReasons.InDoubt, TrainingId: null, Saw: HostedSaw.Requested })];
        if (doubtful.Count == 0)
        {
            return (false, null);
        }

        switch (await provider.ListAsync(doubtful[0].RequestedAt - ListFrom, cancellationToken))
        {
            case HostedListing.Complete complete:
                if (complete.Trainings.FirstOrDefault(one => doubtful.Exists(row => row.Name == one.Name)) is not { } late)
                {
                    return (false, null);
                }

                await TakeAsync(doubtful.First(row => row.Name == late.Name), late, guard, actor, cancellationToken);
                return (true, null);

            case HostedListing.Unavailable unavailable:
                return (false, await WaitInDoubtAsync(doubtful[^1], unavailable.Error, need, tries, guard, cancellationToken));

            default:
                throw new NotSupportedException("A listing is complete or unavailable.");
        }
    }

    private async Task<HostedTraining> BeginAsync(HostedNeed need, int number, Func<IUnit, CancellationToken, Task> guard, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        HostedTraining row = new()
        {
            Name = PodNames.For(installation().Id, need.Job.Id, need.Job.Attempt, number),
            Kind = making.Kind,
            ImagesGone = making.Kind == HostedKind.Prediction,
            Job = need.Job.Id,
            Attempt = need.Job.Attempt,
            Try = number,
            IsNeeded = true,
            Saw = HostedSaw.Packing,
            RequestedAt = now,
            WantSince = now,
            HourlyRate = need.HourlyRate,
        };
        await work.RunAsync(
            async (unit, token) =>
            {
                await guard(unit, token);
                await unit.Store<IHostedTrainingStore>().AddAsync(row, token);
            },
            cancellationToken);
        return row;
    }

    private async Task<HostedLaunch?> TryAsync(
        HostedNeed need,
        HostedTraining packing,
        List<HostedTraining> failed,
        Func<IUnit, CancellationToken, Task> guard,
        Actor actor,
        CancellationToken cancellationToken)
    {
        // Asked before the input is made ready, which may take minutes and would be for nothing, and again after it: the permit may have run out meanwhile.
        CreationVerdict before = await gate.AskAsync(packing.Name, cancellationToken);
        if (before is not CreationVerdict.Go early)
        {
            return await HeldAsync(before, failed, cancellationToken);
        }

        string link;
        switch (await making.PrepareAsync(need.Job, packing.Name, cancellationToken))
        {
            case HostedInput.Ready ready:
                link = ready.Link;
                break;
            case HostedInput.Bad bad:
                await gate.TellAsync(early.Permit, packing.Name, new CreationResult.NotAsked(), cancellationToken);
                return new HostedLaunch.BadInput(bad.Reason);
            case HostedInput.Later later:
                await gate.TellAsync(early.Permit, packing.Name, new CreationResult.NotAsked(), cancellationToken);
                return new HostedLaunch.WaitUntil(clock.GetUtcNow() + LookAgain, $"Replicate can't be asked yet: {later.Reason}");
            default:
                throw new NotSupportedException("An input is ready, bad, or to be made ready later.");
        }

        // The input may have taken minutes, in which one in doubt can have turned up.
        List<HostedTraining> tries = [.. (await HostedLedger.ListAsync(work, need.Job, cancellationToken)).Where(one => one.Kind == making.Kind)];
        (bool isTaken, HostedLaunch? unlisted) = await LookAgainAsync(need, tries, guard, actor, cancellationToken);
        if (isTaken || unlisted is not null)
        {
            await gate.TellAsync(early.Permit, packing.Name, new CreationResult.NotAsked(), cancellationToken);
            return unlisted;
        }

        CreationVerdict verdict = await gate.AskAsync(packing.Name, cancellationToken);
        return verdict is CreationVerdict.Go go
            ? await CreateAsync(packing, link, go.Permit, guard, actor, cancellationToken)
            : await HeldAsync(verdict, failed, cancellationToken);
    }

    private async Task<HostedLaunch> HeldAsync(CreationVerdict verdict, List<HostedTraining> failed, CancellationToken cancellationToken)
    {
        if (failed.Count > 0)
        {
            await TellFailedAsync(failed, cancellationToken);
        }

        return verdict is CreationVerdict.Hold hold
            ? new HostedLaunch.Held(hold.Reason, hold.Counts)
            : throw new NotSupportedException("A gate says go or hold.");
    }

    private async Task<HostedLaunch?> CreateAsync(
        HostedTraining packing, string link, CreationPermit permit, Func<IUnit, CancellationToken, Task> guard, Actor actor, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        HostedTraining row = packing with { Saw = HostedSaw.Requested, RequestedAt = now, WantSince = now, Permit = permit };
        await SaveAsync(row, guard, HostedLedger.FactOf(row, HostedEvents.Requested, $"Asking Replicate for a {noun} as {row.Name}", actor), cancellationToken);
        row = row with { Version = packing.Version + 1 };
        switch (await making.CreateAsync(row.Name, link, permit, cancellationToken))
        {
            case HostedCreation.Created created:
                await TakeAsync(row, created.Training, guard, actor, cancellationToken);
                return null;

            case HostedCreation.NotSent withdrawn:
                await gate.TellAsync(permit, row.Name, new CreationResult.NotAsked(), cancellationToken);
                await NeverMadeAsync(row, HostedReasons.Withdrawn, withdrawn.Reason, null, guard, actor, cancellationToken);
                return new HostedLaunch.Held(withdrawn.Reason, Counts: true);

            case HostedCreation.Refused { Error: { Failure: ProviderFailure.Unreachable } unreachable }:
                await NeverMadeAsync(row, HostedReasons.CreateFailed, unreachable.Detail, null, guard, actor, cancellationToken);
                return null;

            case HostedCreation.Refused { Error: { Failure: ProviderFailure.RateLimited } limited }:
                await gate.TellAsync(permit, row.Name, new CreationResult.Failed(limited), cancellationToken);
                DateTimeOffset until = clock.GetUtcNow() + PauseOf(limited);
                await NeverMadeAsync(row, HostedReasons.RateLimited, limited.Detail, until, guard, actor, cancellationToken);
                return null;

            case HostedCreation.Refused { Error: var error }:
                await gate.TellAsync(permit, row.Name, new CreationResult.Failed(error), cancellationToken);
                string reason = error.Failure == ProviderFailure.Unauthorized ? HostedReasons.KeyRefused : HostedReasons.Refused;
                string words = row.Kind == HostedKind.Training ? HostedRefusals.WordsOf(error) : error.Detail;
                await NeverMadeAsync(row, reason, words, null, guard, actor, cancellationToken);
                return new HostedLaunch.Refused(error);

            case HostedCreation.InDoubt { Error: var doubt }:
                await SaveAsync(
                    row with { LastError = doubt.Words },
                    guard,
                    HostedLedger.FactOf(
                        row, HostedEvents.CreateFailed, $"Replicate's answer to {row.Name} was unclear: {doubt.Detail}", actor, EventSeverity.Warning, HostedReasons.InDoubt) with
                    {
                        Error = ErrorOf(doubt),
                    },
                    cancellationToken);
                return null;

            default:
                throw new NotSupportedException("A creation is made, refused, in doubt or not sent.");
        }
    }

    /// <summary>Null: the training was taken, or its row is in doubt now.</summary>
    private async Task<HostedLaunch?> ResolveAsync(
        HostedTraining row,
        HostedNeed need,
        IReadOnlyList<HostedTraining> tries,
        Func<IUnit, CancellationToken, Task> guard,
        Actor actor,
        CancellationToken cancellationToken)
    {
        (HostedListing listing, HostedView? found) = await FindAsync(row, cancellationToken);
        if (found is not null)
        {
            await TakeAsync(row, found, guard, actor, cancellationToken);
            return null;
        }

        if (listing is HostedListing.Unavailable unavailable)
        {
            return await WaitInDoubtAsync(row, unavailable.Error, need, tries, guard, cancellationToken);
        }

        DateTimeOffset now = clock.GetUtcNow();
        string words = row.LastError ?? "no answer";
        await SaveAsync(
            row with { IsNeeded = false, Reason = HostedReasons.InDoubt, WantSince = now, LastError = words, NextActionAt = now + LookAgain },
            guard,
            HostedLedger.FactOf(row, HostedEvents.InDoubt, $"{HostedWords.Subject(row.Kind)} {row.Name} is in doubt: {words}", actor, EventSeverity.Warning, HostedReasons.InDoubt),
            cancellationToken);
        return null;
    }

    /// <summary>
    /// The training in doubt can't be ruled out and nothing else may be tried. A provider that neither creates nor lists is down: that counts without
    /// waiting for the end of the doubt, which may be hours away.
    /// </summary>
    private async Task<HostedLaunch> WaitInDoubtAsync(
        HostedTraining row,
        ProviderError listing,
        HostedNeed need,
        IReadOnlyList<HostedTraining> tries,
        Func<IUnit, CancellationToken, Task> guard,
        CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        bool down = listing.Failure is ProviderFailure.Ambiguous or ProviderFailure.Unreachable;
        if (down && row.Permit is { } permit && !IsToldOf(permit, tries.Where(one => one.RequestedAt >= need.Since))
            && (permit.Once || now >= row.RequestedAt + need.Retries.Aggregate(TimeSpan.Zero, static (sum, wait) => sum + wait)))
        {
            await gate.TellAsync(permit, row.Name, FailedAs(ProviderFailure.Ambiguous, row), cancellationToken);

            // Not written when the loop over trainings wrote the row meanwhile: it is told again then, which counts once.
            await work.RunAsync(
                async (unit, token) =>
                {
                    await guard(unit, token);
                    await unit.Store<IHostedTrainingStore>().SaveAsync(row with { Permit = permit with { IsFailureTold = true } }, token);
                },
                cancellationToken);
        }

        return new HostedLaunch.WaitUntil(now + PauseOf(listing), $"Replicate's {noun}s can't be listed, so one in doubt can't be ruled out");
    }

    /// <summary>As long as the provider asks for; one that says "in 0 s" is not asked at once again.</summary>
    private static TimeSpan PauseOf(ProviderError error) => error.RetryAfter is { } asked && asked > LookAgain ? asked : LookAgain;

    private async Task<(HostedListing Listing, HostedView? Found)> FindAsync(HostedTraining row, CancellationToken cancellationToken)
    {
        HostedListing listing = await provider.ListAsync(row.RequestedAt - ListFrom, cancellationToken);
        return (listing, (listing as HostedListing.Complete)?.Trainings.FirstOrDefault(one => one.Name == row.Name));
    }

    /// <summary>The attempt works with it from now on, and with nothing else: a try that another one has overtaken would keep its reservation for ever.</summary>
    private async Task TakeAsync(
        HostedTraining row, HostedView found, Func<IUnit, CancellationToken, Task> guard, Actor actor, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        if (row.Permit is { } permit)
        {
            await gate.TellAsync(permit, row.Name, new CreationResult.Made(), cancellationToken);
        }

        OperationalEvent fact = HostedLedger.FactOf(row, HostedEvents.Created, $"Replicate {HostedWords.Does(row.Kind)} as {found.Id} ({row.Name})", actor) with
        {
            Signals = row.Kind == HostedKind.Training
                ? [HostedLedger.Resolved(row), new IncidentSignal(TrainingIncidents.CreateRefused, HostedLedger.RefusedAs(rules()), "Replicate has made a training", Over: true)]
                : [HostedLedger.Resolved(row)],
        };
        await work.RunAsync(
            async (unit, token) =>
            {
                await guard(unit, token);
                IReadOnlyList<HostedTraining> tries = await unit.Store<IHostedTrainingStore>().ListForAttemptAsync(row.Job, row.Attempt, token);

                // The loop over trainings writes the row of one in doubt each time it looks for it: what it wrote meanwhile is no reason to leave the training.
                HostedTraining present = tries.First(one => one.Name == row.Name);
                if (present.Saw is HostedSaw.Over or HostedSaw.Lost)
                {
                    return;
                }

                await HostedLedger.SaveAsync(
                    unit, present.Seen(found, now) with { IsNeeded = true, Reason = null, WantSince = now, NextActionAt = null, Permit = null }, token);
                foreach (HostedTraining other in tries)
                {
                    if (other.Kind == row.Kind && other.Name != row.Name && other is { IsNeeded: true, IsFinal: false })
                    {
                        await HostedLedger.SaveAsync(unit, other.Released(HostedReasons.Duplicate, now), token);
                    }
                }

                await unit.Events.AppendAsync(fact, token);
            },
            cancellationToken);
    }

    private Task NeverMadeAsync(
        HostedTraining row, string reason, string words, DateTimeOffset? until, Func<IUnit, CancellationToken, Task> guard, Actor actor, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        bool asksAPerson = reason == HostedReasons.Refused && row.Kind == HostedKind.Training;
        HostedTraining over = row with
        {
            IsNeeded = false,
            Reason = reason,
            Saw = HostedSaw.NeverMade,
            WantSince = now,
            EndedAt = now,
            LastError = words,
            NextActionAt = until,
            Permit = reason == HostedReasons.CreateFailed ? row.Permit : null,
        };
        return SaveAsync(
            over,
            guard,
            HostedLedger.FactOf(over, HostedEvents.CreateFailed, $"Replicate did not take {row.Name}: {words}", actor, asksAPerson ? EventSeverity.Error : EventSeverity.Warning, reason) with
            {
                Signals = asksAPerson ? [new IncidentSignal(TrainingIncidents.CreateRefused, HostedLedger.RefusedAs(rules()), words)] : [],
            },
            cancellationToken);
    }

    private async Task TellFailedAsync(List<HostedTraining> failed, CancellationToken cancellationToken)
    {
        HostedTraining last = failed[^1];
        if (last.Permit is { } permit && !IsToldOf(permit, failed))
        {
            ProviderFailure failure = last.Reason == HostedReasons.CreateFailed ? ProviderFailure.Unreachable : ProviderFailure.Ambiguous;
            await gate.TellAsync(permit, last.Name, FailedAs(failure, last), cancellationToken);
        }
    }

    /// <summary>One call whose result decides is a creation of its own; else all tries of a creation count once together.</summary>
    private static bool IsToldOf(CreationPermit permit, IEnumerable<HostedTraining> tries) =>
        permit.IsFailureTold || (!permit.Once && tries.Any(one => one.Permit is { IsFailureTold: true }));

    private static CreationResult.Failed FailedAs(ProviderFailure failure, HostedTraining row) => new(new ProviderError(failure, null, row.LastError ?? "no answer"));

    private Task SaveAsync(HostedTraining row, Func<IUnit, CancellationToken, Task> guard, OperationalEvent fact, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            await guard(unit, token);
            await HostedLedger.SaveAsync(unit, row, token);
            await unit.Events.AppendAsync(fact, token);
        },
        cancellationToken);

    private static ErrorDetail ErrorOf(ProviderError error) => new(error.Failure.ToString(), "replicate.create", error.Detail, error.RequestId);
}
