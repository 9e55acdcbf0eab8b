using System.Globalization;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using LoraAdmin.Shell;
using MudBlazor;

namespace LoraAdmin.Budget;

/// <summary>Figures about money in words.</summary>
public static class BudgetPageTexts
{
    /// <summary>The word of the address and of exports, as in the database.</summary>
    public static string WordOf(EntryKind kind) => Words<EntryKind>.Of(kind);

    /// <inheritdoc cref="WordOf(EntryKind)"/>
    public static string WordOf(CostPurpose purpose) => Words<CostPurpose>.Of(purpose);

    public static string NameOf(EntryKind kind) => kind switch
    {
        EntryKind.Opening => "opening",
        EntryKind.Reserve => "reserved",
        EntryKind.TopUp => "topped up",
        EntryKind.Accrue => "accrued",
        EntryKind.Settle => "settled",
        EntryKind.Leak => "leak",
        EntryKind.PriceChange => "price change",
        EntryKind.Correction => "correction",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };

    /// <summary>The end of a leak is noted under its kind and changes no amount: nothing more is paid.</summary>
    public static (string Name, Tone Tone, string Icon, string Explanation) Of(BudgetEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        (Tone tone, string icon) = Look(entry.Kind);
        return entry is { Kind: EntryKind.Leak, Spent.Micros: 0, Reserved.Micros: 0 }
            ? ("leak over", Tone.Quiet, Icons.Material.Outlined.CheckCircle, "What leaked costs nothing more. The amounts stand in the entries before this one")
            : (NameOf(entry.Kind), tone, icon, Explain(entry.Kind));
    }

    public static (Tone Tone, string Icon) Look(EntryKind kind) => kind switch
    {
        EntryKind.Opening => (Tone.Quiet, Icons.Material.Outlined.Flag),
        EntryKind.Reserve => (Tone.Waiting, Icons.Material.Outlined.Bookmark),
        EntryKind.TopUp => (Tone.Waiting, Icons.Material.Outlined.BookmarkAdd),
        EntryKind.Accrue => (Tone.Active, Icons.Material.Outlined.Timelapse),
        EntryKind.Settle => (Tone.Good, Icons.Material.Outlined.CheckCircle),
        EntryKind.Leak => (Tone.Bad, Icons.Material.Outlined.WaterDrop),
        EntryKind.PriceChange => (Tone.Warn, Icons.Material.Outlined.TrendingUp),
        EntryKind.Correction => (Tone.Warn, Icons.Material.Outlined.Receipt),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };

    public static string Explain(EntryKind kind) => kind switch
    {
        EntryKind.Opening => "What the month held before the ledger began",
        EntryKind.Reserve => "An attempt was admitted and set its worst case aside",
        EntryKind.TopUp => "An attempt's pod was dearer than reserved, or came after others that had taken a part of it, and there was room",
        EntryKind.Accrue => "What an attempt cost since it was last looked at, out of its reservation",
        EntryKind.Settle => "An attempt is over: what it cost by purpose, and what it gives back; later what a pod took of it that a person says is not ours",
        EntryKind.Leak => "Paid beyond every reservation: a pod past its lifetime, an orphan, several pods of one attempt; taken back when a person says that a pod is not ours",
        EntryKind.PriceChange => "Paid beyond a reservation because the price had risen",
        EntryKind.Correction => "What the provider billed less what had been settled",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };

    public static string NameOf(CostPurpose purpose) => purpose switch
    {
        CostPurpose.Training => "Training",
        CostPurpose.Validation => "Validation",
        CostPurpose.Failed => "Failed attempts",
        CostPurpose.Idle => "Idle",
        CostPurpose.Orphan => "Orphans",
        _ => throw new ArgumentOutOfRangeException(nameof(purpose), purpose, null),
    };

    public static string Explain(CostPurpose purpose) => purpose switch
    {
        CostPurpose.Training => "Steps that led to a file",
        CostPurpose.Validation => "From the end of the training until the pod was let go; predictions elsewhere that made the images",
        CostPurpose.Failed => "Everything of attempts that came to nothing, and of tries that a LoRA did not need",
        CostPurpose.Idle => "Boot, and the time from the release until the pod was gone",
        CostPurpose.Orphan => "Pods that nothing needed",
        _ => throw new ArgumentOutOfRangeException(nameof(purpose), purpose, null),
    };

    public static string NameOf(Month month) => month.Start.ToString("MMMM yyyy", CultureInfo.InvariantCulture);

    public static string ModeOf(BudgetMode mode) => mode == BudgetMode.Soft ? "soft: jobs are refused once it is spent" : "hard: never passed";

    /// <summary>How the month is expected to end.</summary>
    public static string Forecast(BudgetBoard board)
    {
        ArgumentNullException.ThrowIfNull(board);
        BudgetMonth month = board.Month;
        if (board.Figures.Forecast is not { } forecast)
        {
            int known = board.Figures.KnownDays;
            return $"No forecast yet: it needs {ForecastCurve.LeastDays} whole days of history, and there {(known == 1 ? "is 1" : $"are {known}")}.";
        }

        ForecastPoint end = forecast.At(month.Month.End);
        string band = end.Low == end.High ? "" : $"; in 8 of 10 such months between {end.Low} and {end.High}";
        return $"At the pace of the last {forecast.Days} days ({forecast.PerDay} a day) {NameOf(month.Month)} ends at {end.Expected}{band}.";
    }

    /// <summary>When the limit is reached, as is expected.</summary>
    /// <returns>Null: there is no forecast.</returns>
    public static string? LimitForecast(BudgetBoard board)
    {
        ArgumentNullException.ThrowIfNull(board);
        BudgetMonth month = board.Month;
        DateTimeOffset now = board.Money.AsOf;
        if (month.Spent + month.Reserved >= month.Limit)
        {
            return $"The limit of {month.Limit} is spent or reserved already.";
        }

        if (board.Figures.Forecast is not { } forecast)
        {
            return null;
        }

        if (forecast.ExpectedToReach(month.Limit, month.Month.End) is { } at)
        {
            string earlier = forecast.EarliestToReach(month.Limit, month.Month.End) is { } may && may < at ? $", and might be as early as {Clock(may)}" : "";
            return $"The limit of {month.Limit} is expected to be reached on {Clock(at)}, {Relative.Instant(at, now)}{earlier}."
                + (month.Mode == BudgetMode.Hard ? " Jobs are refused before that, as soon as the next reservation does not fit." : "");
        }

        return forecast.EarliestToReach(month.Limit, month.Month.End) is { } possible
            ? $"The limit of {month.Limit} is not expected to be reached, but might be from {Clock(possible)} on."
            : $"The limit of {month.Limit} is not expected to be reached.";
    }

    /// <summary>What a completed LoRA cost, and how much of the money was waste.</summary>
    public static string Cost(LoraCost cost)
    {
        ArgumentNullException.ThrowIfNull(cost);
        string target = $"target: less than {cost.Rules.Target}";
        string each = cost.PerLora is not { } average ? " No LoRA was completed in them."
            : cost.MeetsTarget is not { } isMet ? $" A completed LoRA cost {average} ({target}), of {cost.Completed} only: one of them can make the average."
            : $" A completed LoRA cost {average} ({target}, {(isMet ? "met" : "not met")}), {(cost.IsTooDear ? "above" : "within")} the mark of {cost.Rules.AlertAbove}.";
        string waste = cost.WasteShare is { } share ? $" {share.ToString("0.0 %", CultureInfo.InvariantCulture)} of it was waste." : "";
        return $"Booked over the last {LedgerDays.AverageOver} days, attempts that came to nothing and waste included.{each}{waste}";
    }

    /// <summary>How far the provider's bills agree with what was booked.</summary>
    public static string Drift(DriftReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        DriftTotals closed = report.Closed;
        List<string> sentences =
        [
            closed.Pods == 0
                ? $"No pod of the last {LedgerDays.AverageOver} days has a whole bill yet: RunPod bills by day, and the reconciliation reads it daily."
                : $"Of {Counted(closed.Pods, "pod")} that ended in the last {LedgerDays.AverageOver} days and whose whole bill is known: "
                    + $"{closed.Booked} booked, {closed.Corrected} corrected, {closed.Billed} billed.",
        ];
        if (report.TooSmall is { Pods: > 0 } small)
        {
            sentences.Add($"{Counted(small.Pods, "more pod")} cost less than a cent a day and {(small.Pods == 1 ? "has" : "have")} no bill: {small.Booked.ToExact()} booked.");
        }

        if (closed.Uncorrected != Usd.Zero)
        {
            sentences.Add($"The next reconciliation corrects {closed.Uncorrected}.");
        }

        if (report.HeldBack > 0)
        {
            sentences.Add($"{Counted(report.HeldBack, "pod")} {(report.HeldBack == 1 ? "is" : "are")} held back and not corrected: RunPod's bills of {(report.HeldBack == 1 ? "it" : "them")} can't be counted.");
        }

        if (report.NotOurs > Usd.Zero)
        {
            sentences.Add($"The account was also billed {report.NotOurs} for pods that are not ours; nothing of it is booked.");
        }

        sentences.Add("Replicate bills no single training: what it says of the time it took is what counts.");
        return string.Join(' ', sentences);
    }

    public static string Clock(DateTimeOffset instant) => instant.UtcDateTime.ToString("d MMMM, HH:mm 'UTC'", CultureInfo.InvariantCulture);

    /// <summary>The answer to the question what another limit would do, sentence by sentence.</summary>
    public static IReadOnlyList<string> Answer(WhatIf answer, BudgetBoard board)
    {
        ArgumentNullException.ThrowIfNull(answer);
        ArgumentNullException.ThrowIfNull(board);
        return [.. new[] { Waiting(answer, board), Room(answer, board), Fits(answer, board), From(answer, board) }.OfType<string>()];
    }

    private static string Waiting(WhatIf answer, BudgetBoard board)
    {
        int count = board.Money.Work.WaitingCount;
        if (count == 0)
        {
            return "No job waits in the queue, so none would be blocked.";
        }

        int kept = answer.Waiting.Count(one => one.Verdict == WaitingVerdict.KeepsReservation);
        string unseen = count > answer.Waiting.Count ? $" (of the {answer.Waiting.Count} that wait longest)" : "";
        string blocked = answer.Blocked switch
        {
            0 when count == 1 => "The queued job would not be blocked",
            _ when count == 1 => "The queued job would be blocked",
            0 => $"None of the {Jobs(count, "queued")} would be blocked{unseen}",
            1 => $"1 of the {Jobs(count, "queued")} would be blocked{unseen}",
            _ => $"{answer.Blocked} of the {Jobs(count, "queued")} would be blocked{unseen}",
        };
        int anew = answer.Waiting.Count - kept;
        return anew == 0
            ? $"{blocked}: {(kept == 1 ? "it keeps" : "each keeps")} the money that it reserved when it was accepted. An attempt after a lost pod has to reserve anew."
            : kept == 0 ? $"{blocked}: {(anew == 1 ? "it holds no reservation and has" : "none of them holds a reservation, each has")} to reserve anew."
            : $"{blocked}: {kept} {(kept == 1 ? "keeps its reservation" : "keep their reservations")}, {(anew == 1 ? "the other one has" : "the others have")} to reserve anew.";
    }

    private static string Room(WhatIf answer, BudgetBoard board)
    {
        string taken = board.Month.Mode == BudgetMode.Soft
            ? $"{board.Month.Spent} spent"
            : $"{board.Month.Spent} spent and {board.Month.Reserved} reserved";
        Usd left = answer.Limit.LeftInCents(board.Month.Spent, board.Month.Mode == BudgetMode.Soft ? Usd.Zero : board.Month.Reserved);
        return answer.Room < Usd.Zero
            ? $"{taken} are {Usd.Zero - answer.Room} more than {answer.Limit}: what runs goes on, and nothing would be admitted."
            : $"{taken} would leave {left} of {answer.Limit}.";
    }

    private static string? Fits(WhatIf answer, BudgetBoard board) => answer switch
    {
        { IsUnbounded: true } => "A soft limit that is not spent refuses nobody.",
        { AtOnce: { } atOnce, InTurn: { } inTurn } when inTurn > atOnce =>
            $"That is room for {Counted(atOnce, "job")} at once, as each reserves {answer.Reserves}; or for about {inTurn.ToString("N0", CultureInfo.InvariantCulture)} attempts one after the other, "
            + $"as an attempt takes {answer.ComesTo} of its reservation on average.{(board.Figures.Cost.PerLora is null ? "" : " What a completed LoRA cost, above, has attempts that came to nothing and waste in it.")}",
        { AtOnce: > 0 and var atOnce } => $"That is room for {Counted(atOnce, "job")} at once, as each reserves {answer.Reserves}.",
        { AtOnce: { } atOnce } => $"That is room for {Counted(atOnce, "job")} at once.",
        _ => "What a job reserves is not known.",
    };

    private static string? From(WhatIf answer, BudgetBoard board) => answer switch
    {
        { AdmitsNow: false } => "Nothing would be admitted from now on.",
        { NothingAdmittedFrom: { } at } => $"From {Clock(at)} on nothing would be admitted, as is expected.",
        _ when board.Figures.Forecast is null => null,
        _ => $"It is expected to last to the end of {NameOf(board.Month.Month)}.",
    };

    private static string Jobs(int count, string which) => Counted(count, $"{which} job");

    /// <summary>A number and what it counts, as "1 pod" or "2 pods".</summary>
    public static string Counted(int count, string what) => $"{count.ToString("N0", CultureInfo.InvariantCulture)} {what}{(count == 1 ? "" : "s")}";
}
