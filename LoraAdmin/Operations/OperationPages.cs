using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Live;
using LoraAdmin.Shell;
using MudBlazor;

namespace LoraAdmin.Operations;

/// <summary>What the pages below /operations show live, and their words.</summary>
public static class OperationPages
{
    /// <summary>Of what a person starts or cancels.</summary>
    public const string ReasonLabel = "Reason (kept with the run)";

    private static readonly TimeSpan Often = TimeSpan.FromSeconds(3);

    public static readonly LiveSource<OperationBoard> Board = new(
        "operations.board", LiveTopics.Training, Often, (services, token) => services.GetRequiredService<IOperationQueries>().ReadBoardAsync(token));

    public static readonly LiveSource<Found<AutomationHold>> Hold = new(
        "operations.hold",
        LiveTopics.Training,
        Often,
        async (services, token) => new Found<AutomationHold>(await services.GetRequiredService<IOperationQueries>().FindHoldAsync(token)));

    public static IServiceCollection AddOperationPages(this IServiceCollection services)
    {
        services.AddSingleton<IOperationQueries, OperationQueries>();
        services.AddSingleton<IGaveUpSource, GaveUpOperations>();
        services.AddSingleton(new Slot(SlotPlaces.Banner, typeof(HoldBanner)));
        services.AddSingleton(new Slot(SlotPlaces.OverviewTiles, typeof(OperationsTile)));
        return services;
    }

    public static LiveSource<Found<OperationDetail>> Detail(string operation) => new(
        $"operations.detail.{operation}",
        LiveTopics.Training,
        Often,
        async (services, token) => new Found<OperationDetail>(await services.GetRequiredService<IOperationQueries>().FindAsync(operation, token)));

    public static LiveSource<Found<RunDetail>> Run(Guid run) => new(
        $"operations.run.{run}",
        LiveTopics.Training,
        TimeSpan.FromSeconds(1),
        async (services, token) => new Found<RunDetail>(await services.GetRequiredService<IOperationQueries>().FindRunAsync(run, token)));

    public static LiveSource<Found<PlanDetail>> Plan(Guid plan) => new(
        $"operations.plan.{plan}",
        LiveTopics.Training,
        Often,
        async (services, token) => new Found<PlanDetail>(await services.GetRequiredService<IOperationQueries>().FindPlanAsync(plan, token)));

    /// <summary>How much a plan is about, as a heading says it.</summary>
    public static string Size(PlanDraft plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        string one = plan.Shape == PlanShape.Set ? "row" : "item";
        return $"{plan.Count} {one}{(plan.Count == 1 ? "" : "s")}";
    }

    /// <summary>What an operation would do if it ran now by itself, as a sentence.</summary>
    public static string WouldDo(PlanDraft plan, OperationInfo info)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(info);
        List<string> parts = [Size(plan)];
        if (plan.Shape == PlanShape.Items && plan.Count == plan.Items.Count)
        {
            parts.Add(string.Join(", ", plan.Items.GroupBy(item => item.Action).Select(group => $"{group.Count()} {group.Key}")));
        }

        if (info.Money is { } money && plan.Items.Any(item => item.Money is not null))
        {
            parts.Add($"{plan.Items.Aggregate(Usd.Zero, (sum, item) => sum + (item.Money ?? Usd.Zero))}{money.Suffix}");
        }

        string caps = plan.WithinCaps is { } within && within < plan.Count ? $" Its caps let the first {within} through; the rest waits for approval." : "";
        return $"{string.Join("; ", parts)}.{caps}";
    }

    public static string Waits(long count) => count == 1 ? "1 waits" : $"{count} wait";

    public static string Word(RunState state) => state switch
    {
        RunState.PartlyFailed => "partly failed",
        _ => state.ToString().ToLowerInvariant(),
    };

    public static string Word(ItemEnd end) => end switch
    {
        ItemEnd.Done => "done",
        ItemEnd.Failed => "failed",
        _ => "left alone",
    };

    /// <summary>What became of what a run had planned: the parts add up to it.</summary>
    public static string Counts(RunDetail detail)
    {
        ArgumentNullException.ThrowIfNull(detail);
        if (detail.Standing.Planned is not { } planned)
        {
            return "–";
        }

        OperationRun run = detail.Run with { Planned = planned };
        if (detail.Plan is { Draft.Shape: PlanShape.Set })
        {
            return $"{run.Planned} rows planned, {run.Done} changed";
        }

        List<string> parts = [$"{run.Done} done", $"{run.Ineligible} left alone", $"{run.Failed} failed"];
        RunAccount? account = detail.Plan is { } plan ? RunAccount.Of(run, plan) : null;
        if (account is { HeldBack: > 0 })
        {
            parts.Add($"{account.HeldBack} held back for a person's approval");
        }

        if (account is { Rest: > 0 })
        {
            parts.Add($"{account.Rest} {RestWord(detail)}");
        }

        string before = account is { Before: > 0 } ? $". {account.Before} of the plan's {detail.Plan!.Draft.Count} had their turn before it" : "";
        return $"{run.Planned} planned: {string.Join(", ", parts)}{before}";
    }

    /// <summary>How far a run at work is.</summary>
    public static string Progress(RunStanding standing)
    {
        ArgumentNullException.ThrowIfNull(standing);
        return standing.Planned is { } planned ? $"{standing.Run.Ended} of {planned}"
            : standing.Run.Resumes is null ? "looks for what there is to do"
            : "is about to go on";
    }

    /// <summary>How far a run had come when it was interrupted, as the end of a sentence.</summary>
    public static string When(OperationRun interrupted)
    {
        ArgumentNullException.ThrowIfNull(interrupted);
        return interrupted.Planned == 0 ? "before it had counted what there is to do" : $"after {interrupted.Ended} of {interrupted.Planned}";
    }

    /// <summary>
    /// How long a run was at work, or is by now. Of one whose clock was set back under it nobody knows; of one that was interrupted only when somebody found that out.
    /// </summary>
    public static string Took(OperationRun run, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(run);
        return (run.EndedAt is null ? now - run.StartedAt : run.Duration) is not { } length ? "–"
            : run.State == RunState.Interrupted ? $"at most {Relative.Duration(length)}"
            : Relative.Duration(length);
    }

    public static Tone ToneOf(RunState state) => state switch
    {
        RunState.Running => Tone.Active,
        RunState.Succeeded => Tone.Good,
        RunState.PartlyFailed or RunState.Interrupted => Tone.Warn,
        RunState.Failed => Tone.Bad,
        _ => Tone.Quiet,
    };

    public static string IconOf(RunState state) => state switch
    {
        RunState.Running => Icons.Material.Outlined.PlayCircle,
        RunState.Succeeded => Icons.Material.Outlined.CheckCircle,
        RunState.PartlyFailed => Icons.Material.Outlined.WarningAmber,
        RunState.Interrupted => Icons.Material.Outlined.PowerOff,
        RunState.Failed => Icons.Material.Outlined.ErrorOutline,
        _ => Icons.Material.Outlined.Cancel,
    };

    /// <summary>A run that went well and held something back for a person has not done what it found: it is not told as if it had.</summary>
    public static string Word(RunStanding standing)
    {
        ArgumentNullException.ThrowIfNull(standing);
        return IsHeldBack(standing) ? "held back" : Word(standing.Run.State);
    }

    public static Tone ToneOf(RunStanding standing)
    {
        ArgumentNullException.ThrowIfNull(standing);
        return IsHeldBack(standing) ? Tone.Warn : ToneOf(standing.Run.State);
    }

    public static string IconOf(RunStanding standing)
    {
        ArgumentNullException.ThrowIfNull(standing);
        return IsHeldBack(standing) ? Icons.Material.Outlined.PanTool : IconOf(standing.Run.State);
    }

    /// <summary>What is wrong with an operation, newest sign first; null: nothing is. A run that is at work now may be about to mend it.</summary>
    public static OperationTrouble? TroubleOf(OperationLine line)
    {
        ArgumentNullException.ThrowIfNull(line);
        OperationTrouble? run = line.Last is { State: RunState.Failed or RunState.PartlyFailed or RunState.Interrupted } last
            ? new OperationTrouble(Word(last.State), ToneOf(last.State), last.EndedAt ?? last.StartedAt)
            : null;
        return line.Missed is { } missed && !(run?.At > missed) ? new OperationTrouble(Word(OccurrenceState.Missed), ToneOf(OccurrenceState.Missed), missed) : run;
    }

    public static string Word(RunTrigger trigger) => trigger switch
    {
        RunTrigger.Schedule => "by its schedule",
        RunTrigger.CatchUp => "to make up for a missed instant",
        RunTrigger.Person => "by a person",
        RunTrigger.Approval => "by a person's approval",
        _ => "to go on from an interrupted run",
    };

    public static string Word(OccurrenceState state) => state.ToString().ToLowerInvariant();

    public static Tone ToneOf(OccurrenceState state) => state switch
    {
        OccurrenceState.Ran => Tone.Good,
        OccurrenceState.Late => Tone.Waiting,
        OccurrenceState.Skipped => Tone.Quiet,
        OccurrenceState.Missed => Tone.Bad,
        _ => Tone.Active,
    };

    public static string IconOf(OccurrenceState state) => state switch
    {
        OccurrenceState.Ran => Icons.Material.Outlined.CheckCircle,
        OccurrenceState.Late => Icons.Material.Outlined.Schedule,
        OccurrenceState.Skipped => Icons.Material.Outlined.SkipNext,
        OccurrenceState.Missed => Icons.Material.Outlined.EventBusy,
        _ => Icons.Material.Outlined.PlayCircle,
    };

    /// <summary>What became of an instant; where its run failed, that.</summary>
    public static string Word(PastInstant past)
    {
        ArgumentNullException.ThrowIfNull(past);
        return past.Failure is not { } failure ? Word(past.Occurrence.State)
            : past.Occurrence.State == OccurrenceState.Late ? $"{Word(failure)}, late"
            : Word(failure);
    }

    public static Tone ToneOf(PastInstant past)
    {
        ArgumentNullException.ThrowIfNull(past);
        return past.Failure is { } failure ? ToneOf(failure) : ToneOf(past.Occurrence.State);
    }

    public static string IconOf(PastInstant past)
    {
        ArgumentNullException.ThrowIfNull(past);
        return past.Failure is { } failure ? IconOf(failure) : IconOf(past.Occurrence.State);
    }

    /// <summary>Words of an operation that were written to stand within a sentence, as one of their own.</summary>
    public static string Sentence(string words)
    {
        ArgumentNullException.ThrowIfNull(words);
        string trimmed = words.Trim();
        return trimmed.Length == 0 ? "" : Sentences.WithStop($"{char.ToUpperInvariant(trimmed[0])}{trimmed[1..]}");
    }

    private static bool IsHeldBack(RunStanding standing) => standing is { Run.State: RunState.Succeeded, HeldBack: > 0 };

    private static string RestWord(RunDetail detail) => detail.Run switch
    {
        { State: RunState.Running } => "still to do",
        { State: RunState.Interrupted } when detail.ResumedBy is { } by => $"left to run {by.Number}",
        { State: RunState.Interrupted, Cancel: null } => "not done yet",
        { State: RunState.Succeeded or RunState.PartlyFailed } => "left to the next run",
        _ => "not done",
    };

    /// <summary>A refused command as one sentence and its remedy.</summary>
    public static ActionResult Tell(OperationCommand command, string done) => command is OperationCommand.Refused refused
        ? new ActionResult(false, $"{refused.Problem.Problem}. {refused.Problem.Remedy}")
        : new ActionResult(true, done) { Link = command is OperationCommand.Started started ? new ActionLink("See the run", $"/operations/runs/{started.Run}") : null };
}

/// <param name="Word">How the last run ended, or what became of the last instant.</param>
public sealed record OperationTrouble(string Word, Tone Tone, DateTimeOffset At);

/// <summary>A look for one thing; a null value is the answer that it is not there.</summary>
public sealed record Found<T>(T? Value)
    where T : class;
