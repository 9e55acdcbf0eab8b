using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// Books what pods cost that no attempt asked for, or that turned up after their attempt was settled: as a leak, in the calendar's month, with an open
/// incident until they are gone.
/// </summary>
internal sealed class StrayCosts(IUnitOfWork work, TimeProvider clock)
{
    /// <summary>How long a pod that is gone is looked at for what was not booked yet.</summary>
    private static readonly TimeSpan LookBack = TimeSpan.FromDays(7);

    private static readonly Actor Self = AttemptSettlement.Self;

    // When each was looked at by this process, and whether it was gone then: what is gone costs nothing more.
    private readonly Dictionary<string, (DateTimeOffset At, bool Gone)> looked = new(StringComparer.Ordinal);

    public static Task<IReadOnlyList<LedgerPod>> ListAsync(IUnit unit, DateTimeOffset now, CancellationToken cancellationToken) =>
        unit.Store<IPodLedger>().ListApartAsync(now - LookBack, cancellationToken);

    /// <param name="apart">What <see cref="ListAsync"/> said.</param>
    /// <exception cref="AggregateException">Some could not be booked; all others were.</exception>
    public async Task BookAsync(IReadOnlyList<LedgerPod> apart, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        foreach (string forgotten in looked.Count > apart.Count ? looked.Keys.Except(apart.Select(static pod => pod.Name)).ToList() : [])
        {
            looked.Remove(forgotten);
        }

        await Each.InTurnAsync(
            apart.Where(pod => pod.PodId is not null && IsDue(pod, now)),
            async (pod, token) =>
            {
                await work.RunAsync((unit, stop) => BookAsync(unit, pod, clock.GetUtcNow(), stop), token);
                looked[pod.Name] = (now, pod.Saw == PodSaw.Gone);
            },
            cancellationToken);
    }

    private bool IsDue(LedgerPod pod, DateTimeOffset now) => !looked.TryGetValue(pod.Name, out (DateTimeOffset At, bool Gone) last)
        || (pod.Saw == PodSaw.Gone ? !last.Gone : now - last.At >= AttemptSettlement.AccrueEvery);

    private static async Task BookAsync(IUnit unit, LedgerPod pod, DateTimeOffset now, CancellationToken cancellationToken)
    {
        IBudgetStore money = unit.Store<IBudgetStore>();
        Reservation? reservation = (await money.ListForJobAsync(pod.Job, cancellationToken)).FirstOrDefault(one => one.Attempt == pod.Attempt);
        switch (reservation)
        {
            case null:
                await BookPodAsync(unit, money, pod, now, cancellationToken);
                break;

            case { SettledAt: not null }:
                await BookAttemptAsync(unit, money, reservation, pod, now, cancellationToken);
                break;

            default:
                // While its attempt is open a pod is the attempt's, however it came about.
                break;
        }
    }

    /// <summary>It belongs to no reservation at all.</summary>
    private static async Task BookPodAsync(IUnit unit, IBudgetStore money, LedgerPod pod, DateTimeOffset now, CancellationToken cancellationToken)
    {
        Usd booked = await money.SumForPodAsync(pod.Name, cancellationToken);
        Usd cost = pod.CostUntil(now);
        Usd more = cost > booked ? cost - booked : Usd.Zero;
        if (pod.Saw == PodSaw.Gone)
        {
            await CloseAsync(unit, money, pod, cost, pod.Name, more, now, cancellationToken);
        }
        else if (more > Usd.Zero && await money.BookAsync(Leak(pod, $"{cost.Micros}", more, now), cancellationToken) && booked == Usd.Zero)
        {
            string text = $"Pod {pod.PodId} costs {pod.HourlyRate} an hour, and no attempt asked for it";
            await unit.Events.AppendAsync(BudgetFacts.Beyond(pod.Name, text, Self) with { Pod = pod.Name }, cancellationToken);
        }
    }

    /// <summary>Its attempt was settled before it turned up.</summary>
    private static async Task BookAttemptAsync(
        IUnit unit, IBudgetStore money, Reservation settled, LedgerPod pod, DateTimeOffset now, CancellationToken cancellationToken)
    {
        AttemptCosts costs = await AttemptCosts.ReadAsync(unit, settled.Job, settled.Attempt, cancellationToken);
        Reservation after = settled;
        if (ReservationBooks.Accrue(settled, costs.Until(now), () => costs.ExcessOf(settled, null, now), now) is { } change)
        {
            if ((await money.ApplyAsync([change], cancellationToken)).Count == 0)
            {
                throw new ConcurrentWriteException($"The reservation of attempt {settled.Attempt} of job {settled.Job} was written meanwhile.");
            }

            after = change.After;
            Usd more = after.Actual!.Value - settled.Actual!.Value;
            ITrainingStore store = unit.Store<ITrainingStore>();
            await store.AddCostAsync(settled.Job, more, cancellationToken);

            // On top: its bill may have corrected it since it was settled.
            await store.AddAttemptCostAsync(settled.Job, settled.Attempt, more, cancellationToken);
            await BudgetFacts.TellBeyondAsync(unit, change, Self, cancellationToken);
        }

        if (costs.AreFinal && after.Beyond > Usd.Zero)
        {
            await CloseAsync(unit, money, pod, after.Beyond, settled.Job.ToString(), Usd.Zero, now, cancellationToken);
        }
    }

    /// <summary>Says once that it costs nothing any more.</summary>
    /// <param name="total">Part of the key: a pod that was taken for gone and is found again is closed again, at another cost.</param>
    private static async Task CloseAsync(
        IUnit unit, IBudgetStore money, LedgerPod pod, Usd total, string subject, Usd more, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (total > Usd.Zero && await money.BookAsync(Leak(pod, $"gone:{total.Micros}", more, now), cancellationToken))
        {
            string text = $"Pod {pod.PodId} is gone; {total} were paid that nobody had reserved";
            await unit.Events.AppendAsync(BudgetFacts.BeyondEnded(subject, text, Self) with { Pod = pod.Name }, cancellationToken);
        }
    }

    private static BudgetEntry Leak(LedgerPod pod, string which, Usd amount, DateTimeOffset now) => new()
    {
        Key = $"leak:{pod.Name}:{which}",
        Month = Month.Of(now),
        At = now,
        Kind = EntryKind.Leak,
        Spent = amount,
        Pod = pod.Name,
        Purpose = CostPurpose.Orphan,
        Note = $"Pod {pod.PodId} was asked for by no attempt",
    };
}
