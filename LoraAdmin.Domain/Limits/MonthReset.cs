using System.Globalization;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Limits;

/// <summary>
/// J3: starts the month for users whose row lies in an earlier one or has no date. The period decides and not the day of the run, so that a late run
/// does what the one on the first would have done. Admission rolls the row of a user who trains by the same rule.
/// </summary>
/// <param name="permission">What a person needs to run it.</param>
public sealed class MonthReset(IUnitOfWork work, TimeProvider clock, string permission) : ISetOperation
{
    public const string Key = "limits.month_reset";

    public OperationInfo Info { get; } = new(
        Key,
        "Monthly reset of limits",
        "Sets the count of LoRAs to 0 for every user whose row lies in an earlier month or has no date. Users who trained this month are left as they are.",
        "0 0 0 1 * ?",
        permission)
    {
        JudgesByTime = true,
    };

    public async Task<Planning> PlanAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        Month month = Month.Of(now);
        (IdleUsers idle, IReadOnlyList<IdleUser> samples) = await work.ReadAsync(
            async (unit, token) =>
            {
                ILimitsStore limits = unit.Store<ILimitsStore>();
                return (await limits.CountIdleAsync(month, token), await limits.SampleIdleAsync(month, PlanDraft.MostSamples, token));
            },
            cancellationToken);
        IReadOnlyList<PlanItem> items =
        [
            .. samples.Select(user => new PlanItem(
                user.User.ToString(), "reset", $"{user.Loras} LoRAs are counted {(user.ResetOn is { } date ? $"in the period of {date}" : "without a period")}")),
        ];
        return new Planning.Planned(
            PlanDraft.OfSet(now, $"users whose month_reset_date is empty or before {month.Start:yyyy-MM-dd}", month.ToString(), idle.Users, items) with { Totals = Figures(idle) });
    }

    public async Task<SetOutcome> ApplyAsync(IUnit unit, PlanDraft plan, Actor actor, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(plan);
        Month month = Month.Parse(plan.Parameters!);
        if (WhyStale(plan, clock.GetUtcNow()) is { } stale)
        {
            throw new OperationFailedException($"{stale}; nothing was changed");
        }

        long changed = await unit.Store<ILimitsStore>().ResetAsync(month, clock.GetUtcNow(), cancellationToken);
        string difference = changed == plan.Count ? "" : string.Create(CultureInfo.InvariantCulture, $"; the plan counted {plan.Count}");
        return new SetOutcome(changed, string.Create(CultureInfo.InvariantCulture, $"{changed} users were reset for {month}{difference}."));
    }

    public string? WhyStale(PlanDraft plan, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(plan);
        Month month = Month.Parse(plan.Parameters!);
        return month == Month.Of(now) ? null : $"It is a plan for {month}, and it is {Month.Of(now)} by now";
    }

    public async Task<IReadOnlyList<Figure>> MeasureAsync(IUnit unit, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        return Figures(await unit.Store<ILimitsStore>().CountIdleAsync(Month.Of(clock.GetUtcNow()), cancellationToken));
    }

    public async Task<string?> CheckAsync(IUnit unit, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        Month month = Month.Of(clock.GetUtcNow());
        IReadOnlyList<IdleUser> left = await unit.Store<ILimitsStore>().SampleIdleAsync(month, 1, cancellationToken);
        if (left.Count > 0)
        {
            return $"every user's period is {month}; user {left[0].User} still lies in {left[0].ResetOn ?? "none"}";
        }

        return await unit.Store<ILimitsStore>().FindMiscountAsync(month, cancellationToken) is { } wrong
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"every user's count starts {month} at 0, once, and rises with each charge; user {wrong.User} has {wrong.Counted} and was charged {wrong.Charged} times")
            : null;
    }

    private static IReadOnlyList<Figure> Figures(IdleUsers idle) =>
    [
        new Figure("Users in an earlier month", idle.Users.ToString(CultureInfo.InvariantCulture)),
        new Figure("of them without a date", idle.WithoutDate.ToString(CultureInfo.InvariantCulture)),
        new Figure("LoRAs counted in their rows", idle.Loras.ToString(CultureInfo.InvariantCulture)),
    ];
}
