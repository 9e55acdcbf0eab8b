using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training.Hosted;

/// <summary>
/// The loop over trainings and predictions that no job needs any more: cancels what runs, looks for those whose create call was never clearly answered, and
/// removes the zips of images when they have served. Level-triggered: any instance may run it at any time, two at once do no harm.
/// </summary>
public sealed class HostedWatch(
    IUnitOfWork work, IHostedTrainings trainings, IHostedPredictions predictions, IObjectStore objects, TimeProvider clock, ClockStandings clocks)
{
    public const string Name = "training.hosted_watch";

    public static readonly TimeSpan Every = TimeSpan.FromSeconds(15);

    /// <summary>A training whose create call was not answered may still turn up for so long.</summary>
    public static readonly TimeSpan DoubtLasts = TimeSpan.FromMinutes(15);

    /// <summary>One that can't be looked for so long, because the account can't be listed, is counted at what its attempt may cost at most.</summary>
    public static readonly TimeSpan LooksFor = TimeSpan.FromDays(1);

    private const int CancelsUntilTold = 3;

    /// <summary>Between two cancels of one that does not end.</summary>
    internal static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(5);
    private static readonly Actor Self = Actor.Portal(Name);

    /// <returns>How many rows were looked at.</returns>
    /// <exception cref="AggregateException">Some rows failed unexpectedly; all others had their turn.</exception>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        IReadOnlyList<HostedTraining> open = await work.ReadAsync((unit, token) => unit.Store<IHostedTrainingStore>().ListOpenAsync(token), cancellationToken);
        List<HostedTraining> due = [.. open.Where(one => (one.IsFinal || !one.IsNeeded) && !(one.NextActionAt > now))];
        await Each.InTurnAsync(due, LookAsync, cancellationToken);
        return due.Count;
    }

    private IHostedRuns ProviderOf(HostedTraining row) => row.Kind == HostedKind.Training ? trainings : predictions;

    private Task LookAsync(HostedTraining row, CancellationToken cancellationToken) =>
        row.IsFinal ? RemoveImagesAsync(row, cancellationToken)
        : row.TrainingId is { } id ? EndAsync(row, id, cancellationToken)
        : SeekAsync(row, cancellationToken);

    private async Task RemoveImagesAsync(HostedTraining row, CancellationToken cancellationToken)
    {
        TrainingJob? job = await work.ReadAsync((unit, token) => unit.Store<ITrainingStore>().FindAsync(row.Job, token), cancellationToken);
        if (job is null || await objects.DeleteAsync(HostedImages.ZipOf(job.UserId, row.Name), cancellationToken))
        {
            await SaveAsync(row with { ImagesGone = true }, null, cancellationToken);
        }
    }

    private async Task EndAsync(HostedTraining row, string id, CancellationToken cancellationToken)
    {
        (HostedReading answer, HostedView? shown) = await HostedCancel.AskAsync(ProviderOf(row), id, cancellationToken);
        DateTimeOffset now = clock.GetUtcNow();
        (HostedReading reading, DateTimeOffset? absent) = await HostedAbsence.ProveAsync(ProviderOf(row), row, answer, clocks.ByProvider(now), cancellationToken);
        switch (reading)
        {
            case HostedReading.Unavailable when absent is not null && row.AbsentSince is null:
                await SaveAsync(row with { AbsentSince = absent, NextActionAt = now + HostedAbsence.SecondLookAfter }, null, cancellationToken);
                break;

            case HostedReading.Found { Training: { IsOver: true } view }:
                await SaveAsync(
                    row.Seen(view, now) with { NextActionAt = now },
                    HostedLedger.FactOf(row, HostedEvents.Ended, $"{HostedWords.Subject(row.Kind)} {id} is over: {view.StatusText}", Self, reason: row.Reason) with
                    {
                        Signals = [new IncidentSignal(HostedIncidents.NotEnding, id, $"It is over: {view.StatusText}", Over: true)],
                    },
                    cancellationToken);
                break;

            case HostedReading.NotFound:
                await SaveAsync(
                    row with { Saw = HostedSaw.Lost, EndedAt = row.AbsentSince ?? now, NextActionAt = now },
                    HostedLedger.FactOf(row, HostedEvents.Ended, $"Replicate does not know {HostedWords.Noun(row.Kind)} {id} any more", Self, reason: row.Reason) with
                    {
                        Signals = [new IncidentSignal(HostedIncidents.NotEnding, id, "Replicate does not know it any more", Over: true)],
                    },
                    cancellationToken);
                break;

            case HostedReading.Found { Training: var running }:
                await NotEndedAsync(row.Seen(running, now) with { LastError = running.Error }, id, $"it is {running.StatusText}", now, cancellationToken);
                break;

            case HostedReading.Unavailable { Error: var error }:
                HostedTraining seen = shown is null ? row with { LastError = error.Detail } : row.Seen(shown, now) with { LastError = shown.Error };
                await NotEndedAsync(seen, id, error.Detail, now, cancellationToken);
                break;
        }
    }

    private Task NotEndedAsync(HostedTraining row, string id, string why, DateTimeOffset now, CancellationToken cancellationToken)
    {
        int attempts = row.CancelAttempts + 1;
        TimeSpan pause = TimeSpan.FromSeconds(Math.Min(LongestPause.TotalSeconds, Every.TotalSeconds * attempts));
        HostedTraining tried = row with { CancelAttempts = attempts, NextActionAt = now + pause };
        string text = $"{HostedWords.Subject(row.Kind)} {id} at Replicate is not needed and does not end: {why}";
        return SaveAsync(
            tried,
            attempts != CancelsUntilTold
                ? null
                : HostedLedger.FactOf(row, HostedEvents.CancelFailed, text, Self, EventSeverity.Error, row.Reason) with
                {
                    Error = new ErrorDetail("not_ending", "replicate.cancel", why, null),
                    Signals = [new IncidentSignal(HostedIncidents.NotEnding, id, text)],
                },
            cancellationToken);
    }

    private async Task SeekAsync(HostedTraining row, CancellationToken cancellationToken)
    {
        HostedListing listing = await ProviderOf(row).ListAsync(row.RequestedAt - HostedLauncher.ListFrom, cancellationToken);
        DateTimeOffset now = clock.GetUtcNow();
        if (listing is HostedListing.Unavailable { Error: var error })
        {
            await UnlistedAsync(row, error, now, cancellationToken);
            return;
        }

        if (listing is HostedListing.Complete complete)
        {
            if (complete.Trainings.FirstOrDefault(one => one.Name == row.Name) is { } found)
            {
                if (await IsAwaitedAsync(row, cancellationToken))
                {
                    await SaveAsync(row with { NextActionAt = now + HostedLauncher.LookAgain }, null, cancellationToken);
                    return;
                }

                await SaveAsync(
                    row.Seen(found, now) with { NextActionAt = now },
                    HostedLedger.FactOf(
                        row,
                        HostedEvents.Created,
                        $"{HostedWords.Subject(row.Kind)} {found.Id} turned up as {row.Name}, and is not needed",
                        Self,
                        EventSeverity.Warning,
                        row.Reason) with
                    {
                        Signals = [HostedLedger.Resolved(row)],
                    },
                    cancellationToken);
                return;
            }

            if (now - row.WantSince >= DoubtLasts)
            {
                await SaveAsync(
                    row with { Saw = HostedSaw.NeverMade, EndedAt = now, NextActionAt = now },
                    HostedLedger.FactOf(row, HostedEvents.Ended, $"{row.Name} never turned up at Replicate", Self, reason: row.Reason) with
                    {
                        Signals = [HostedLedger.Resolved(row)],
                    },
                    cancellationToken);
                return;
            }
        }

        await SaveAsync(row with { NextActionAt = now + HostedLauncher.LookAgain }, null, cancellationToken);
    }

    /// <summary>
    /// Its attempt has nothing else yet and looks for it before it asks for another: what turned up is the attempt's, which takes it, or ends and leaves it here.
    /// </summary>
    private Task<bool> IsAwaitedAsync(HostedTraining row, CancellationToken cancellationToken) => work.ReadAsync(
        async (unit, token) =>
            row.Reason == HostedReasons.InDoubt
            && await unit.Store<ITrainingStore>().FindAsync(row.Job, token) is { } job
            && job.Attempt == row.Attempt
            && job.State == (row.Kind == HostedKind.Training ? TrainingState.Provisioning : TrainingState.Retrieving)
            && HostedLedger.CurrentOf(await unit.Store<IHostedTrainingStore>().ListForAttemptAsync(row.Job, row.Attempt, token), row.Kind) is null,
        cancellationToken);

    /// <summary>
    /// Nobody can say whether it was made: the account does not list, or has more than is read of a list. People hear of it when a list would have ended the doubt.
    /// </summary>
    private async Task UnlistedAsync(HostedTraining row, ProviderError error, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (now - row.WantSince >= LooksFor)
        {
            await CountAsync(row, error, now, cancellationToken);
            return;
        }

        bool wasTold = row.NextActionAt - HostedLauncher.LookAgain - row.WantSince >= DoubtLasts;
        string text = $"Nobody can say whether Replicate made {HostedWords.Noun(row.Kind)} {row.Name}: {error.Detail}. What its attempt may cost stays reserved until then, for a day at most";
        await SaveAsync(
            row with { NextActionAt = now + HostedLauncher.LookAgain },
            wasTold || now - row.WantSince < DoubtLasts
                ? null
                : HostedLedger.FactOf(row, HostedEvents.Unresolved, text, Self, EventSeverity.Error, row.Reason) with
                {
                    Error = new ErrorDetail("unresolved", "replicate.list", error.Detail, error.RequestId),
                    Signals = [new IncidentSignal(HostedIncidents.Unresolved, row.Name, text)],
                },
            cancellationToken);
    }

    /// <summary>It ends as lost, at whatever its attempt's reservation has left: so much it may have cost.</summary>
    private Task CountAsync(HostedTraining row, ProviderError error, DateTimeOffset now, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            IHostedTrainingStore store = unit.Store<IHostedTrainingStore>();
            Usd others = (await store.ListForAttemptAsync(row.Job, row.Attempt, token))
                .Where(one => one.Name != row.Name)
                .Aggregate(Usd.Zero, (sum, one) => sum + one.CostUntil(now));
            Reservation? reserved = (await unit.Store<IBudgetStore>().ListForJobAsync(row.Job, token)).FirstOrDefault(one => one.Attempt == row.Attempt);
            Usd left = reserved is { } held && held.Amount > others ? held.Amount - others : Usd.Zero;
            TimeSpan worked = row.HourlyRate > Usd.Zero ? TimeSpan.FromHours((double)left.Micros / row.HourlyRate.Micros) : TimeSpan.Zero;
            if (await store.SaveAsync(row with { Saw = HostedSaw.Lost, EndedAt = now, NextActionAt = now, Worked = worked }, token))
            {
                string text = $"{row.Name} could not be looked for at Replicate for a day and is counted at {left}, the most that it can have cost: {error.Detail}";
                await unit.Events.AppendAsync(
                    HostedLedger.FactOf(row, HostedEvents.Ended, text, Self, EventSeverity.Warning, row.Reason) with
                    {
                        Signals = [new IncidentSignal(HostedIncidents.Unresolved, row.Name, text, Over: true)],
                    },
                    token);
            }
        },
        cancellationToken);

    /// <summary>Whoever wrote the row meanwhile knows better: it is looked at again.</summary>
    private Task SaveAsync(HostedTraining row, OperationalEvent? fact, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            if (await unit.Store<IHostedTrainingStore>().SaveAsync(row, token) && fact is not null)
            {
                await unit.Events.AppendAsync(fact, token);
            }
        },
        cancellationToken);
}
