using System.Globalization;
using System.Text.Json;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Steps;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// Closes the ledger to the cent: keeps RunPod's bills, books for each pod whose bill is complete what was billed above or below what had been booked, and
/// lists what is odd. A training at Replicate has no bill: its provider's machine time is its actual, and it is settled by that.
/// </summary>
/// <param name="rules">What the configuration says of the month's limit.</param>
/// <param name="permission">What a person needs to run it.</param>
public sealed class MoneyReconcile(IUnitOfWork work, IPodBilling billing, TimeProvider clock, Func<BudgetRules> rules, string permission) : IItemOperation
{
    public const string Key = "money.reconcile";

    /// <summary>How far back bills are read anew each time: what comes or changes later than that is seen in the account alone.</summary>
    public static readonly TimeSpan LooksBack = TimeSpan.FromDays(35);

    private const string Correct = "correct";
    private const string Keep = "keep";
    private const string List = "list";
    private const string ReadLater = "Bills that were read later are kept already";

    public OperationInfo Info { get; } = new(
        Key,
        "Reconciliation with RunPod's bills",
        "Keeps RunPod's bills of the last 35 days and books, once and per pod, what was billed above or below what had been booked. "
        + "Odd bills are listed and never booked. Replicate sends no bills: its machine time is what is booked.",
        "0 30 6 * * ?",
        permission)
    {
        JudgesByTime = true,
        Actions = new Dictionary<string, string>
        {
            [Correct] = "the difference between bill and booking is booked",
            [Keep] = "the bill is kept; nothing is booked yet",
            [BillHolds.Hold] = "why its bills can't be counted is kept; nothing of it is booked until they can",
            [BillHolds.Free] = "its bills can be counted again",
            [List] = "it is shown here, and nothing is booked",
        },
        Money = new MoneyMeaning("", "what is booked in correction"),
    };

    /// <summary>Key of a pod's correction: whoever corrects the same pod at the same moment has the same number.</summary>
    internal static string KeyOf(string pod, int number) => string.Create(CultureInfo.InvariantCulture, $"correct:{pod}:{number}");

    public async Task<Planning> PlanAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        DateTimeOffset from = BillRecord.BucketOf(now - LooksBack);
        BillReading reading = await billing.ReadAsync(from, now, cancellationToken);
        if (reading is not BillReading.Read read)
        {
            ProviderError error = ((BillReading.Unavailable)reading).Error;
            return new Planning.CouldNotRead($"RunPod's bills can't be read: {error.Words}", RemedyFor(error));
        }

        BillSheet sheet = BillSheet.Of(read);
        IReadOnlyList<PodMoney> pods = await work.ReadAsync((unit, token) => ReadAsync(unit, sheet, from, now, token), cancellationToken);
        IEnumerable<BillOddity> oddities = sheet.Oddities
            .Concat(pods.Where(money => !sheet.HeldBack.Contains(money.PodId)).SelectMany(money => PodBills.Oddities(money, now)));
        List<PlanItem> items =
        [
            .. pods.Select(money => CorrectionOf(money, sheet, now)).OfType<PlanItem>(),
            .. pods.Select(money => KeepingOf(money, sheet, now)).OfType<PlanItem>(),
            .. pods.Select(money => HoldOf(money, sheet, now)).OfType<PlanItem>(),
            .. oddities.Select(ListingOf).DistinctBy(item => item.Target),
        ];
        return new Planning.Planned(PlanDraft.OfItems(now, items) with { Totals = TotalsOf(items, pods, now) });
    }

    public Task ApplyAsync(PlanItem item, IItemTurn turn, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(item);
        ArgumentNullException.ThrowIfNull(turn);
        return turn.EndAsync(
            (unit, token) => item.Action switch
            {
                Correct => CorrectAsync(unit, item, turn.Actor, token),
                Keep => KeepAsync(unit, item, token),
                BillHolds.Hold or BillHolds.Free => BillHolds.NoteAsync(unit, item, token),
                _ => Task.FromResult(new ItemOutcome(ItemEnd.Done, "listed; nothing is booked")),
            },
            cancellationToken);
    }

    public async Task<IReadOnlyList<Figure>> MeasureAsync(IUnit unit, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        DriftReport report = await ProviderMoney.ReadDriftAsync(unit, now - LooksBack, now, now, cancellationToken);
        DriftTotals closed = report.Closed;
        return
        [
            new Figure("Pods whose bill is complete", closed.Pods.ToString(CultureInfo.InvariantCulture)),
            new Figure("Booked for them, corrections included", (closed.Booked + closed.Corrected).ToExact()),
            new Figure("Billed for them", closed.Billed.ToExact()),
            new Figure("Not corrected", closed.Uncorrected.ToExact()),
        ];
    }

    public Task<string?> CheckAsync(IUnit unit, CancellationToken cancellationToken) => Task.FromResult<string?>(null);

    /// <summary>What is known of every pod that has a bill or ended within the time, and what this reading holds back.</summary>
    private static async Task<IReadOnlyList<PodMoney>> ReadAsync(
        IUnit unit, BillSheet sheet, DateTimeOffset from, DateTimeOffset now, CancellationToken cancellationToken)
    {
        IReadOnlyList<LedgerPod> gone = await unit.Store<IPodLedger>().ListGoneAsync(from, now, PlanDraft.MostItems, cancellationToken);
        IReadOnlyList<string> ids = [.. sheet.Pods.Keys.Union(sheet.HeldBack).Union(gone.Select(row => row.PodId!))];
        IReadOnlyList<PodMoney> pods = await PodMoneys.ReadAsync(unit, ids, sheet.Pods, now, cancellationToken);
        return [.. pods.Select(money => money with { Hold = sheet.WhyHeldBack(money.PodId) })];
    }

    private static PlanItem? CorrectionOf(PodMoney money, BillSheet sheet, DateTimeOffset now)
    {
        PodDrift drift = PodBills.Judge(money, now);
        if (drift is not { State: DriftState.Differs, Uncorrected: { } amount, Billed: { } billed })
        {
            return null;
        }

        string before = drift.Corrected == Usd.Zero ? "" : $" and {drift.Corrected.ToExact()} corrected";
        return new PlanItem(money.PodId, Correct, $"RunPod billed {billed.ToExact()}; {drift.Booked.ToExact()} had been booked{before}")
        {
            Label = drift.Pod,
            Money = amount,
            Detail = JsonSerializer.Serialize(new Work(amount.Micros, now, Kept.Of(sheet.Pods.GetValueOrDefault(money.PodId) ?? []))),
        };
    }

    /// <summary>Bills that are new, or say otherwise than those that are kept, of a pod that is not corrected now.</summary>
    private static PlanItem? KeepingOf(PodMoney money, BillSheet sheet, DateTimeOffset now)
    {
        if (!sheet.Pods.TryGetValue(money.PodId, out IReadOnlyList<BillRecord>? records) || CorrectionOf(money, sheet, now) is not null)
        {
            return null;
        }

        List<BillRecord> news = [.. records.Except(money.Kept)];
        return news.Count == 0
            ? null
            : new PlanItem(money.PodId, Keep, $"{(news.Count == 1 ? "The bill of a day is" : $"The bills of {news.Count} days are")} new. {PodBills.Judge(money, now).Why}")
            {
                Label = money.Row?.Name,
                Detail = JsonSerializer.Serialize(new Work(null, now, Kept.Of(news))),
            };
    }

    private static PlanItem? HoldOf(PodMoney money, BillSheet sheet, DateTimeOffset now) =>
        BillHolds.ItemOf(money, CorrectionOf(money, sheet, now) is not null || KeepingOf(money, sheet, now) is not null, now);

    /// <summary>An oddity is an item that does nothing, so that the run's page shows it; its target stays the same from plan to plan.</summary>
    private static PlanItem ListingOf(BillOddity oddity)
    {
        string word = WordOf(oddity.Kind);
        string when = oddity.Bucket is { } day ? string.Create(CultureInfo.InvariantCulture, $"on {day:yyyy-MM-dd}") : "in all";
        return new PlanItem(oddity.PodId is { } pod ? $"{word} {pod} {when}" : $"{word} {oddity.Text}", List, oddity.Text) { Label = oddity.PodId is null ? word : null };
    }

    private async Task<ItemOutcome> CorrectAsync(IUnit unit, PlanItem item, Actor actor, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        Work work = JsonSerializer.Deserialize<Work>(item.Detail!)!;
        IReadOnlyList<BillRecord> records = Kept.Records(item.Target, work.Bills);

        // Kept first, and judged by what is kept: bills that somebody has read since the look go before those of the look.
        if (!await TryKeepAsync(unit, item, work, records, cancellationToken))
        {
            return ItemOutcome.Ineligible(ReadLater);
        }

        PodMoney money = (await PodMoneys.ReadAsync(unit, [item.Target], read: null, now, cancellationToken))[0];
        PodDrift drift = PodBills.Judge(money, now);
        if (drift.State != DriftState.Differs || drift.Uncorrected?.Micros != work.Micros)
        {
            return ItemOutcome.Ineligible($"What is booked or billed has changed since the look: {drift.Why}");
        }

        LedgerPod row = money.Row!;
        Reservation? reservation = money.Reservations.FirstOrDefault(one => one.Job == row.Job && one.Attempt == row.Attempt);
        Usd amount = drift.Uncorrected!.Value;
        BudgetEntry entry = new()
        {
            Key = KeyOf(row.Name, money.Corrections + 1),
            Month = reservation?.Month ?? Month.Of(drift.GoneAt!.Value),
            At = now,
            Kind = EntryKind.Correction,
            Spent = amount,
            Job = row.IsStray ? null : row.Job,
            Attempt = row.IsStray ? null : row.Attempt,
            Pod = row.Name,
            Provider = ProvisioningStep.Provider,
            Purpose = reservation is null ? CostPurpose.Orphan : await PurposeAsync(unit, row, cancellationToken),
            Note = item.Reason,
        };
        if (!await unit.Store<IBudgetStore>().BookAsync(entry, cancellationToken))
        {
            return ItemOutcome.Ineligible("It was corrected meanwhile");
        }

        await CorrectJobAsync(unit, row, amount, cancellationToken);
        BudgetMonth month = await unit.Store<IBudgetStore>().ReadMonthAsync(entry.Month, rules(), cancellationToken);
        IReadOnlyList<BudgetLimitChange> changes = await unit.Store<IBudgetLimitStore>().ListChangesAsync(int.MaxValue, cancellationToken);
        BudgetRules ended = BudgetLimitChange.HeldBefore(month.Month.End, changes, rules());
        IncidentSignal? signal = BudgetFacts.SignalOfOver(month with { Limit = ended.MonthlyLimit, Mode = ended.Mode }, now);
        await unit.Events.AppendAsync(
            new OperationalEvent
            {
                Kind = ProviderMoneyEvents.Corrected,
                Message = $"Pod {money.PodId}: {item.Reason}. The difference of {amount.ToExact()} is booked in {entry.Month}",
                Severity = signal is { Over: false } ? EventSeverity.Error : EventSeverity.Info,
                Signals = signal is null ? [] : [signal],
                Actor = actor,
                Job = entry.Job,
                Attempt = entry.Attempt,
                Pod = row.Name,
            },
            cancellationToken);
        return new ItemOutcome(ItemEnd.Done, $"{amount.ToExact()} booked in {entry.Month}");
    }

    private static async Task<ItemOutcome> KeepAsync(IUnit unit, PlanItem item, CancellationToken cancellationToken)
    {
        IBillStore bills = unit.Store<IBillStore>();
        Work work = JsonSerializer.Deserialize<Work>(item.Detail!)!;
        IReadOnlyList<BillRecord> records = Kept.Records(item.Target, work.Bills);
        List<BillRecord> news = [.. records.Except(await bills.ListAsync(ProvisioningStep.Provider, [item.Target], cancellationToken))];
        if (news.Count == 0)
        {
            return ItemOutcome.Ineligible("Its bills are kept already");
        }

        return await TryKeepAsync(unit, item, work, news, cancellationToken) ? ItemOutcome.Done : ItemOutcome.Ineligible(ReadLater);
    }

    /// <summary>Bills that can be counted end what held the pod back.</summary>
    /// <returns>False: a later look has kept others in the place of some, as when an older preview is applied after a run.</returns>
    private static async Task<bool> TryKeepAsync(IUnit unit, PlanItem item, Work work, IReadOnlyList<BillRecord> records, CancellationToken cancellationToken)
    {
        IBillStore bills = unit.Store<IBillStore>();
        await bills.SaveAsync(ProvisioningStep.Provider, records, work.ReadAt, cancellationToken);
        await unit.Store<IPodLedger>().NoteBillHoldAsync(item.Target, why: null, work.ReadAt, cancellationToken);
        return !records.Except(await bills.ListAsync(ProvisioningStep.Provider, [item.Target], cancellationToken)).Any();
    }

    private static async Task<CostPurpose> PurposeAsync(IUnit unit, LedgerPod row, CancellationToken cancellationToken)
    {
        IReadOnlyList<TrainingAttempt> attempts = await unit.Store<ITrainingStore>().ListAttemptsAsync(row.Job, cancellationToken);

        // A file that could not be uploaded was trained, and is kept.
        return attempts.FirstOrDefault(one => one.Number == row.Attempt) is { State: AttemptState.Succeeded } or { Failure: FailureCode.UploadFailed }
            ? CostPurpose.Training
            : CostPurpose.Failed;
    }

    /// <summary>The job and its attempt show what they really cost.</summary>
    internal static async Task CorrectJobAsync(IUnit unit, LedgerPod row, Usd amount, CancellationToken cancellationToken)
    {
        ITrainingStore store = unit.Store<ITrainingStore>();
        if (await store.AddAttemptCostAsync(row.Job, row.Attempt, amount, cancellationToken))
        {
            await store.AddCostAsync(row.Job, amount, cancellationToken);
        }
    }

    private static IReadOnlyList<Figure> TotalsOf(IReadOnlyList<PlanItem> items, IReadOnlyList<PodMoney> pods, DateTimeOffset now)
    {
        DriftTotals closed = DriftTotals.Of(pods.Select(money => PodBills.Judge(money, now)).Where(static pod => pod.IsBilled));
        return
        [
            new Figure("Pods whose bill is complete", closed.Pods.ToString(CultureInfo.InvariantCulture)),
            new Figure("Booked for them, corrections included", (closed.Booked + closed.Corrected).ToExact()),
            new Figure("Billed for them", closed.Billed.ToExact()),
            new Figure("To be corrected", items.Aggregate(Usd.Zero, (sum, item) => sum + (item.Money ?? Usd.Zero)).ToExact()),
            new Figure("Odd bills", items.Count(item => item.Action == List).ToString(CultureInfo.InvariantCulture)),
        ];
    }

    private static string RemedyFor(ProviderError error) => error.Failure switch
    {
        ProviderFailure.Unauthorized => "Put a valid key into RunPod:ApiKey and restart the portal",
        ProviderFailure.Forbidden => "Give the key in RunPod:ApiKey the right to read billing",
        _ => "Press “Run now” later; what a run leaves out, the next one does",
    };

    private static string WordOf(BillOddityKind kind) => kind switch
    {
        BillOddityKind.Unreadable => "unreadable",
        BillOddityKind.Negative => "negative",
        BillOddityKind.OtherCurrency => "currency",
        BillOddityKind.DoesNotAddUp => "sum",
        BillOddityKind.Repeated => "repeated",
        BillOddityKind.Contradicting => "contradicting",
        BillOddityKind.TotalsDiffer => "totals",
        BillOddityKind.Gap => "gap",
        BillOddityKind.UnknownPod => "unknown",
        BillOddityKind.AfterGone => "after-end",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };

    /// <param name="Micros">What is to be booked; null: the bills are only kept.</param>
    /// <param name="ReadAt">When the bills were read.</param>
    private sealed record Work(long? Micros, DateTimeOffset ReadAt, IReadOnlyList<Kept> Bills);

    /// <summary>A bill as a plan carries it.</summary>
    private sealed record Kept(long At, long Total, long Gpu, long Cpu, long Disk)
    {
        public static IReadOnlyList<Kept> Of(IEnumerable<BillRecord> records) =>
        [
            .. records.Select(record => new Kept(
                record.BucketStart.ToUnixTimeMilliseconds(), record.Total.Micros, record.Gpu.Micros, record.Cpu.Micros, record.Disk.Micros)),
        ];

        public static IReadOnlyList<BillRecord> Records(string podId, IEnumerable<Kept> kept) =>
        [
            .. kept.Select(one => new BillRecord(
                podId, DateTimeOffset.FromUnixTimeMilliseconds(one.At), new Usd(one.Total), new Usd(one.Gpu), new Usd(one.Cpu), new Usd(one.Disk))),
        ];
    }
}
