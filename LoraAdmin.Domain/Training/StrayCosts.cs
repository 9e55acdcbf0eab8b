using System.Globalization;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Steps;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// Books what pods cost that no open reservation pays for: those that no attempt asked for, and those that turned up, or were there again, when their attempt
/// had been settled. It is a leak, in the calendar's month, with an open incident until they are gone; what a person disowns is taken back.
/// </summary>
internal sealed class StrayCosts(IUnitOfWork work, TimeProvider clock)
{
    /// <summary>How long a pod that is gone is looked at for what was not booked yet: as long as its bills are.</summary>
    private static readonly TimeSpan LookBack = MoneyReconcile.LooksBack;

    /// <summary>How late, or by how different a clock, another instance may note that a pod is gone.</summary>
    private static readonly TimeSpan Overlap = TimeSpan.FromHours(1);

    private static readonly Actor Self = AttemptSettlement.Self;

    // When each was looked at by this process, and whether it was gone or disowned then: such a one costs nothing more.
    private readonly Dictionary<string, (DateTimeOffset At, bool Gone, bool LetOut)> looked = new(StringComparer.Ordinal);

    // Until when this process has booked every pod that went; null: it has not looked yet.
    private DateTimeOffset? done;

    /// <summary>Whether the pod was there when its attempt had been settled: only then is it not paid for by what was settled.</summary>
    public static bool IsLate(LedgerPod pod, Reservation reservation)
    {
        ArgumentNullException.ThrowIfNull(pod);
        ArgumentNullException.ThrowIfNull(reservation);
        return pod is { PodId: not null, IsLetOut: false } && reservation.SettledAt is { } settled && !(pod.GoneAt <= settled);
    }

    /// <param name="alive">Every pod that is not gone.</param>
    public async Task<IReadOnlyList<LedgerPod>> ListAsync(
        IUnit unit, IReadOnlyList<LedgerPod> alive, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(alive);
        IPodLedger ledger = unit.Store<IPodLedger>();
        IReadOnlyList<LedgerPod> apart = await ledger.ListApartAsync(now - LookBack, cancellationToken);
        DateTimeOffset from = done is { } until ? until - Overlap : now - LookBack;
        IReadOnlyList<LedgerPod> gone = await ledger.ListGoneAsync(from, now, int.MaxValue, cancellationToken);
        List<LedgerPod> ofAttempts = [.. alive.Concat(gone).Where(static pod => pod is { IsApart: false, PodId: not null })];
        ILookup<(JobId, int), Reservation> reservations = (await unit.Store<IBudgetStore>()
                .ListForJobsAsync([.. ofAttempts.Select(static pod => pod.Job).Distinct()], cancellationToken))
            .ToLookup(static one => (one.Job, one.Attempt));
        return [.. apart, .. ofAttempts.Where(pod => reservations[(pod.Job, pod.Attempt)].Any(one => IsLate(pod, one)))];
    }

    /// <param name="strays">What <see cref="ListAsync"/> said.</param>
    /// <param name="asOf">When it was asked.</param>
    /// <exception cref="AggregateException">Some could not be booked; all others were.</exception>
    public async Task BookAsync(IReadOnlyList<LedgerPod> strays, DateTimeOffset asOf, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(strays);
        DateTimeOffset now = clock.GetUtcNow();
        foreach (string forgotten in looked.Count > strays.Count ? looked.Keys.Except(strays.Select(static pod => pod.Name)).ToList() : [])
        {
            looked.Remove(forgotten);
        }

        await Each.InTurnAsync(
            strays.Where(pod => pod.PodId is not null && IsDue(pod, now)),
            async (pod, token) =>
            {
                await work.RunAsync((unit, stop) => BookAsync(unit, pod, clock.GetUtcNow(), stop), token);
                looked[pod.Name] = (now, pod.Saw == PodSaw.Gone, pod.IsLetOut);
            },
            cancellationToken);
        done = asOf;
    }

    private bool IsDue(LedgerPod pod, DateTimeOffset now) => !looked.TryGetValue(pod.Name, out (DateTimeOffset At, bool Gone, bool LetOut) last)
        || (pod.IsLetOut ? !last.LetOut : pod.Saw == PodSaw.Gone ? !last.Gone : now - last.At >= AttemptSettlement.AccrueEvery);

    private static async Task BookAsync(IUnit unit, LedgerPod pod, DateTimeOffset now, CancellationToken cancellationToken)
    {
        IBudgetStore money = unit.Store<IBudgetStore>();
        Reservation? reservation = (await money.ListForJobAsync(pod.Job, cancellationToken)).FirstOrDefault(one => one.Attempt == pod.Attempt);
        PodBooked booked = await money.SumForPodsAsync([pod.Name], cancellationToken) is [var known, ..] ? known : new PodBooked(pod.Name, Usd.Zero, Usd.Zero, 0, 0);
        switch (reservation)
        {
            case var _ when pod.IsLetOut:
                await TakeBackAsync(unit, money, reservation, pod, booked, now, cancellationToken);
                break;

            case null:
                await BookPodAsync(unit, money, pod, booked, now, cancellationToken);
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
    private static async Task BookPodAsync(
        IUnit unit, IBudgetStore money, LedgerPod pod, PodBooked booked, DateTimeOffset now, CancellationToken cancellationToken)
    {
        Usd cost = pod.CostUntil(now);
        if (cost > booked.Other)
        {
            await LeakAsync(money, pod, booked, cost - booked.Other, $"Pod {pod.PodId} was asked for by no attempt", now, cancellationToken);
            if (pod.Saw != PodSaw.Gone && booked.Other == Usd.Zero)
            {
                string text = $"Pod {pod.PodId} costs {pod.HourlyRate} an hour, and no attempt asked for it";
                await unit.Events.AppendAsync(BudgetFacts.Beyond(pod.Name, text, Self) with { Pod = pod.Name }, cancellationToken);
            }
        }

        if (pod.Saw == PodSaw.Gone)
        {
            await CloseAsync(unit, money, pod, cost, pod.Name, now, cancellationToken);
        }
    }

    /// <summary>It was there when its attempt had been settled.</summary>
    private static async Task BookAttemptAsync(
        IUnit unit, IBudgetStore money, Reservation settled, LedgerPod pod, DateTimeOffset now, CancellationToken cancellationToken)
    {
        AttemptCosts costs = await AttemptCosts.ReadAsync(unit, settled.Job, settled.Attempt, cancellationToken);
        Reservation after = settled;
        if (ReservationBooks.Accrue(settled, costs.Until(now), () => AttemptCosts.LateExcess(settled, pod), now) is { } change)
        {
            await ApplyAsync(unit, money, change, cancellationToken);
            after = change.After;

            // What was told until the attempt was settled ended with it.
            bool again = !(settled.AccruedAt > settled.SettledAt) || (pod.IsStray && settled.AccruedAt < pod.RequestedAt);
            await BudgetFacts.TellBeyondAsync(unit, change, again, Self, cancellationToken);
        }

        if (costs.AreFinal && after.AccruedAt > after.SettledAt)
        {
            await CloseAsync(unit, money, pod, after.Beyond, settled.Job.ToString(), now, cancellationToken);
        }
    }

    /// <summary>A person disowned it: whatever was booked for it is somebody else's.</summary>
    private static async Task TakeBackAsync(
        IUnit unit, IBudgetStore money, Reservation? reservation, LedgerPod pod, PodBooked booked, DateTimeOffset now, CancellationToken cancellationToken)
    {
        string note = $"Pod {pod.PodId} is not ours, a person said: what was booked for it is taken back";
        Usd back = Usd.Zero;
        if (reservation is { SettledAt: not null })
        {
            AttemptCosts costs = await AttemptCosts.ReadAsync(unit, reservation.Job, reservation.Attempt, cancellationToken);
            Excess excess = AttemptCosts.LateExcess(reservation, pod) with { Note = note };
            if (ReservationBooks.TakeBack(reservation, costs.Until(now), excess, now) is { } change)
            {
                await ApplyAsync(unit, money, change, cancellationToken);
                back = change.Before.Beyond - change.After.Beyond;
            }
        }
        else if (reservation is null && booked.Other != Usd.Zero)
        {
            await LeakAsync(money, pod, booked, Usd.Zero - booked.Other, note, now, cancellationToken);
            back = booked.Other;
        }

        if (booked.Corrected != Usd.Zero)
        {
            await UncorrectAsync(unit, money, pod, booked, note, now, cancellationToken);
            back += booked.Corrected;
        }

        if (back != Usd.Zero)
        {
            string subject = reservation is null ? pod.Name : pod.Job.ToString();
            await unit.Events.AppendAsync(BudgetFacts.BeyondEnded(subject, $"{note}, {back}", Self) with { Pod = pod.Name }, cancellationToken);
        }
    }

    /// <summary>By the same key as a correction's, so that it counts as one.</summary>
    private static async Task UncorrectAsync(
        IUnit unit, IBudgetStore money, LedgerPod pod, PodBooked booked, string note, DateTimeOffset now, CancellationToken cancellationToken)
    {
        Usd back = Usd.Zero - booked.Corrected;
        BudgetEntry entry = Entry(pod, MoneyReconcile.KeyOf(pod.Name, booked.Corrections + 1), back, note, now) with
        {
            Kind = EntryKind.Correction,
            Provider = ProvisioningStep.Provider,
        };
        if (!await money.BookAsync(entry, cancellationToken))
        {
            throw Meanwhile(pod);
        }

        await MoneyReconcile.CorrectJobAsync(unit, pod, back, cancellationToken);
    }

    /// <summary>The job and its attempt show what they really cost.</summary>
    private static async Task ApplyAsync(IUnit unit, IBudgetStore money, ReservationChange change, CancellationToken cancellationToken)
    {
        (JobId job, int attempt) = (change.Before.Job, change.Before.Attempt);
        if ((await money.ApplyAsync([change], cancellationToken)).Count == 0)
        {
            throw new ConcurrentWriteException($"The reservation of attempt {attempt} of job {job} was written meanwhile.");
        }

        Usd more = change.After.Actual!.Value - change.Before.Actual!.Value;
        ITrainingStore store = unit.Store<ITrainingStore>();
        await store.AddCostAsync(job, more, cancellationToken);

        // On top: its bill may have corrected it since it was settled.
        await store.AddAttemptCostAsync(job, attempt, more, cancellationToken);
    }

    /// <summary>The pod's next entry: whoever books at the same moment has its number too, and looks again.</summary>
    private static async Task LeakAsync(
        IBudgetStore money, LedgerPod pod, PodBooked booked, Usd amount, string note, DateTimeOffset now, CancellationToken cancellationToken)
    {
        string key = string.Create(CultureInfo.InvariantCulture, $"leak:{pod.Name}:entry:{booked.Entries + 1}");
        if (!await money.BookAsync(Entry(pod, key, amount, note, now), cancellationToken))
        {
            throw Meanwhile(pod);
        }
    }

    /// <summary>Says once that it costs nothing any more.</summary>
    /// <param name="total">Part of the key: a pod that was taken for gone and is found again is closed again, at another cost.</param>
    private static async Task CloseAsync(
        IUnit unit, IBudgetStore money, LedgerPod pod, Usd total, string subject, DateTimeOffset now, CancellationToken cancellationToken)
    {
        string text = $"Pod {pod.PodId} is gone; {total} were paid that nobody had reserved";
        if (total > Usd.Zero && await money.BookAsync(Entry(pod, $"leak:{pod.Name}:gone:{total.Micros}", Usd.Zero, text, now), cancellationToken))
        {
            await unit.Events.AppendAsync(BudgetFacts.BeyondEnded(subject, text, Self) with { Pod = pod.Name }, cancellationToken);
        }
    }

    private static ConcurrentWriteException Meanwhile(LedgerPod pod) => new($"Something was booked for pod {pod.Name} meanwhile.");

    private static BudgetEntry Entry(LedgerPod pod, string key, Usd amount, string note, DateTimeOffset now) => new()
    {
        Key = key,
        Month = Month.Of(now),
        At = now,
        Kind = EntryKind.Leak,
        Spent = amount,
        Pod = pod.Name,
        Purpose = CostPurpose.Orphan,
        Note = note,
    };
}
