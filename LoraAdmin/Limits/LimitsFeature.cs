using LoraAdmin.Domain.Limits;
using LoraAdmin.Platform.Data;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Limits;

/// <summary>Section <c>Limits</c>.</summary>
public sealed class LimitsOptions
{
    public const string Section = "Limits";

    /// <summary>For users without a <c>monthly_limit</c> of their own.</summary>
    public int LorasPerUserPerMonth { get; set; } = 10;

    /// <summary>Bounds all charges of a user in a month, refunded ones included.</summary>
    public int AttemptsPerUserPerMonth { get; set; } = 30;

    public LimitRules ToRules() => new(LorasPerUserPerMonth, AttemptsPerUserPerMonth);
}

internal sealed class LimitsOptionsValidator : IValidateOptions<LimitsOptions>
{
    public ValidateOptionsResult Validate(string? name, LimitsOptions options)
    {
        List<string> problems = [];
        if (options.LorasPerUserPerMonth < 0)
        {
            problems.Add(
                $"Limits:LorasPerUserPerMonth is {options.LorasPerUserPerMonth}: set it to 0 or more "
                + "(0 admits only users with a limit of their own).");
        }

        if (options.AttemptsPerUserPerMonth < 1)
        {
            problems.Add($"Limits:AttemptsPerUserPerMonth is {options.AttemptsPerUserPerMonth}: set it to 1 or more.");
        }

        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }
}

public static class LimitsFeature
{
    public static IServiceCollection AddLimits(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        services.AddOptions<LimitsOptions>()
            .Bind(configuration.GetSection(LimitsOptions.Section), binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<LimitsOptions>, LimitsOptionsValidator>();
        services.AddSingleton(provider => provider.GetRequiredService<IOptions<LimitsOptions>>().Value.ToRules());
        return services.AddStore<ILimitsStore, LimitsStore>();
    }
}
