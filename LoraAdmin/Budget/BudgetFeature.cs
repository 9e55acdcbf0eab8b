using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Budget;

/// <summary>Section <c>Budget</c>; money in dollars.</summary>
public sealed class BudgetOptions
{
    public const string Section = "Budget";

    /// <summary>M5: the share of the limit at which people are told.</summary>
    private const decimal UsualMark = 0.75m;

    /// <summary>What a month may cost: nothing is admitted that might pass it.</summary>
    public decimal MonthlyLimitUsd { get; set; } = 200m;

    /// <summary>
    /// What a month may have spent before people are told; the overview warns as soon as spent and reserved come to it. Null: three quarters of the limit.
    /// </summary>
    public decimal? WarnAtUsd { get; set; }

    /// <summary>
    /// How long the provider's balance must last at the present pace before people are told that it does not; zero: told only by what live pods may still
    /// take.
    /// </summary>
    public TimeSpan RunwayAlert { get; set; } = TimeSpan.FromHours(12);

    /// <summary>What a LoRA may cost on average, over the last 30 days, before people are told.</summary>
    public decimal AverageAlertUsd { get; set; } = 2.50m;

    /// <summary>What a LoRA is to cost less than on average: shown beside it, and told to nobody.</summary>
    public decimal AverageTargetUsd { get; set; } = 2.02m;

    /// <summary>Of how many LoRAs completed in these days the average is told: of fewer, one of them can make it.</summary>
    public int AverageAlertFrom { get; set; } = 5;

    /// <summary><c>Hard</c>: nothing is admitted that might pass the limit. <c>Soft</c>: nothing is admitted once the limit is spent.</summary>
    public BudgetMode Mode { get; set; } = BudgetMode.Hard;

    public BudgetRules ToRules() => new(Usd.FromDollars(MonthlyLimitUsd), Usd.FromDollars(WarnAtUsd ?? (UsualMark * MonthlyLimitUsd))) { Mode = Mode };

    public LoraCostRules ToCostRules() => new(Usd.FromDollars(AverageAlertUsd), Usd.FromDollars(AverageTargetUsd), AverageAlertFrom);
}

internal sealed class BudgetOptionsValidator : IValidateOptions<BudgetOptions>
{
    private const int MostLoras = 1_000_000;

    private static readonly decimal Highest = BudgetRules.Highest.Dollars;
    private static readonly TimeSpan LongestRunway = TimeSpan.FromDays(90);

    public ValidateOptionsResult Validate(string? name, BudgetOptions options)
    {
        List<string> problems = [];
        if (options.MonthlyLimitUsd < 0 || options.MonthlyLimitUsd > Highest)
        {
            problems.Add($"Budget:MonthlyLimitUsd is {options.MonthlyLimitUsd}: set it between 0 and {Highest} dollars (0 admits no training).");
        }

        if (options.WarnAtUsd < 0 || options.WarnAtUsd > Highest)
        {
            problems.Add($"Budget:WarnAtUsd is {options.WarnAtUsd}: set it between 0 and {Highest} dollars.");
        }
        else if (options.WarnAtUsd > options.MonthlyLimitUsd && options.MonthlyLimitUsd >= 0)
        {
            problems.Add(
                $"Budget:WarnAtUsd is {options.WarnAtUsd}, above Budget:MonthlyLimitUsd of {options.MonthlyLimitUsd}: nobody would be warned. Set it to the limit or below, or leave it out: it is three quarters of the limit then.");
        }

        if (options.AverageAlertUsd < 0.01m || options.AverageAlertUsd > Highest)
        {
            problems.Add($"Budget:AverageAlertUsd is {options.AverageAlertUsd}: set it between 0.01 and {Highest} dollars.");
        }

        if (options.AverageTargetUsd < 0.01m || options.AverageTargetUsd > Highest)
        {
            problems.Add($"Budget:AverageTargetUsd is {options.AverageTargetUsd}: set it between 0.01 and {Highest} dollars.");
        }

        if (options.AverageAlertFrom is < 1 or > MostLoras)
        {
            problems.Add($"Budget:AverageAlertFrom is {options.AverageAlertFrom}: set it between 1 and {MostLoras} LoRAs.");
        }

        if (!Enum.IsDefined(options.Mode))
        {
            problems.Add($"Budget:Mode is {options.Mode}: set it to {BudgetMode.Hard} or {BudgetMode.Soft}.");
        }

        if (options.RunwayAlert < TimeSpan.Zero || options.RunwayAlert > LongestRunway)
        {
            problems.Add($"Budget:RunwayAlert is {options.RunwayAlert}: give a duration from 00:00:00 (never by the pace alone) to 90.00:00:00.");
        }

        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }
}

public static class BudgetFeature
{
    public static IServiceCollection AddBudget(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        services.AddOptions<BudgetOptions>()
            .Bind(configuration.GetSection(BudgetOptions.Section), binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<BudgetOptions>, BudgetOptionsValidator>();
        services.AddSingleton(provider => provider.GetRequiredService<IOptions<BudgetOptions>>().Value.ToRules());
        services.AddSingleton(provider => provider.GetRequiredService<IOptions<BudgetOptions>>().Value.ToCostRules());
        services.AddSingleton(provider => new BudgetDesk(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<IIds>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<BudgetRules>,
            provider.GetRequiredService<ClockStandings>()));
        services.AddSingleton<IBudgetDesk>(provider => provider.GetRequiredService<BudgetDesk>());
        services.AddSingleton(provider => new BudgetWatch(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<ILoraCosts>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<BudgetRules>,
            provider.GetRequiredService<ClockStandings>()));
        services.AddHostedService<BudgetService>();
        return services
            .AddStore<IBudgetStore, BudgetStore>()
            .AddStore<IBudgetLimitStore, BudgetLimitStore>()
            .AddStore<IKeptTotalsStore, KeptTotalsStore>();
    }
}
