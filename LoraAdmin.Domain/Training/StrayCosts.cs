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

    // When each was looked at by this process, and how it was then: one that is gone or disowned costs nothing more while it stays so.
    private readonly Dictionary<string, (DateTimeOffset At, DateTimeOffset? GoneAt, bool LetOut)> looked = new(StringComparer.Ordinal);

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
        List<LedgerPod> strays = [.. apart, .. ofAttempts.Where(pod => reservations[(pod.Job, pod.Attempt)].Any(one => IsLate(pod, one)))];

        // One that was there at the last look and is in no list went at an instant further back: it is noted once its absence is proven, however late that is.
        foreach (string name in looked.Where(static one => one.Value.GoneAt is null).Select(static one => one.Key).Except(strays.Select(static pod => pod.Name)).ToList())
        {
            if (await ledger.FindAsync(name, cancellationToken) is { } pod)
            {
                strays.Add(pod);
            }
        }

        return strays;
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
                looked[pod.Name] = (now, pod.GoneAt, pod.IsLetOut);
            },
            cancellationToken);
        done = asOf;
    }

    private bool IsDue(LedgerPod pod, DateTimeOffset now) =>
        !looked.TryGetValue(pod.Name, out (DateTimeOffset At, DateTimeOffset? GoneAt, bool LetOut) last)
        || (last.GoneAt, last.LetOut) != (pod.GoneAt, pod.IsLetOut)
        || (pod.Saw != PodSaw.Gone && now - last.At >= AttemptSettlement.AccrueEvery);

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
        Usd more = cost - booked.Other;
        bool isGone = pod.Saw == PodSaw.Gone;
        if (more > Usd.Zero || (isGone && more < Usd.Zero))
        {
            string note = more > Usd.Zero ? $"Pod {pod.PodId} was asked for by no attempt" : WasGone(pod);
            bool isTold = IsTold(await money.ListBeyondAsync(pod.Name, cancellationToken), since: null);
            await LeakAsync(money, pod, booked, more, note, now, cancellationToken);
            if (!isGone && !isTold)
            {
                string text = $"No attempt asked for pod {pod.PodId}. When this was told it had cost {cost}, at {pod.HourlyRate ?? Usd.Zero} an hour";
                await unit.Events.AppendAsync(BudgetFacts.Beyond(pod.Name, text, Self) with { Pod = pod.Name }, cancellationToken);
            }
        }

        if (isGone && (cost > Usd.Zero || booked.Entries > 0))
        {
            await CloseAsync(unit, pod.Name, pod, cost, Entry(pod, KeyOfEnd(pod, cost), Usd.Zero, "", now), cancellationToken);
        }
    }

    /// <summary>It was there when its attempt had been settled.</summary>
    private static async Task BookAttemptAsync(
        IUnit unit, IBudgetStore money, Reservation settled, LedgerPod pod, DateTimeOffset now, CancellationToken cancellationToken)
    {
        AttemptCosts costs = await AttemptCosts.ReadAsync(unit, settled.Job, settled.Attempt, cancellationToken);
        Usd cost = costs.Until(now);
        IReadOnlyList<BudgetEntry> beyond = await money.ListBeyondAsync(settled.Job, settled.Attempt, cancellationToken);
        ReservationChange? change = ReservationBooks.Accrue(settled, cost, () => AttemptCosts.LateExcess(settled, pod), now)
            ?? (costs.AreFinal ? ReservationBooks.TakeBack(settled, cost, beyond, pod.Name, WasGone(pod), now) : null);
        if (change is not null)
        {
            await ApplyAsync(unit, money, change, cancellationToken);
            await BudgetFacts.TellBeyondAsync(unit, change, again: !IsTold(beyond, settled.SettledAt), Self, cancellationToken);
        }

        Reservation after = change?.After ?? settled;
        if (costs.AreFinal && after.AccruedAt > after.SettledAt)
        {
            BudgetEntry end = Entry(pod, KeyOfEnd(pod, after.Beyond), Usd.Zero, "", now) with { Job = settled.Job, Attempt = settled.Attempt };
            await CloseAsync(unit, settled.Job.ToString(), pod, after.Beyond, end, cancellationToken);
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
            IReadOnlyList<BudgetEntry> beyond = await money.ListBeyondAsync(reservation.Job, reservation.Attempt, cancellationToken);
            if (ReservationBooks.TakeBack(reservation, costs.Until(now), beyond, pod.Name, note, now) is { } change)
            {
                await ApplyAsync(unit, money, change, cancellationToken);
                back = change.Before.Actual!.Value - change.After.Actual!.Value;
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

    /// <summary>
    /// Whether it was told that it costs money and no end was told since: an end is an entry of nothing, or one that takes something back, and the settlement.
    /// </summary>
    /// <param name="since">When the attempt was settled; null: it never had a reservation.</param>
    private static bool IsTold(IReadOnlyList<BudgetEntry> beyond, DateTimeOffset? since)
    {
        DateTimeOffset? last = beyond.Max(static entry => (DateTimeOffset?)entry.At);
        return last is not null && !(last <= since) && beyond.Where(entry => entry.At == last).All(static entry => entry.Spent > Usd.Zero);
    }

    private static string WasGone(LedgerPod pod) => $"Pod {pod.PodId} was gone before that was noted: what was booked for the time after is taken back";

    /// <summary>A pod that was taken for gone and is found again ends again, at another cost.</summary>
    private static string KeyOfEnd(LedgerPod pod, Usd total) => string.Create(CultureInfo.InvariantCulture, $"leak:{pod.Name}:gone:{total.Micros}");

    /// <summary>Says once that it costs nothing any more.</summary>
    private static async Task CloseAsync(IUnit unit, string subject, LedgerPod pod, Usd total, BudgetEntry end, CancellationToken cancellationToken)
    {
        string text = $"Pod {pod.PodId} is gone; {total} in all were paid that nobody had reserved";
        if (await unit.Store<IBudgetStore>().BookAsync(end with { Note = text }, cancellationToken))
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
