using System.Globalization;
using System.Security.Claims;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Platform.Web;

/// <summary>Section <c>RateLimits</c>: generous bounds against runaway clients and guessing, not a price list.</summary>
public sealed class RateLimitOptions
{
    public const string Section = "RateLimits";

    /// <summary>Calls of the API per token and minute; 0 switches the limit off.</summary>
    public int ApiPerMinute { get; set; } = 6000;

    /// <summary>Tries to sign in per address and minute.</summary>
    public int SignInPerMinute { get; set; } = 20;
}

internal sealed class RateLimitOptionsCheck : IValidateOptions<RateLimitOptions>
{
    public ValidateOptionsResult Validate(string? name, RateLimitOptions options)
    {
        List<string> failures = [];
        if (options.ApiPerMinute < 0)
        {
            failures.Add($"RateLimits:ApiPerMinute is {options.ApiPerMinute}. Set it to the calls a token may make per minute, or to 0 for no limit.");
        }

        if (options.SignInPerMinute < 1)
        {
            failures.Add($"RateLimits:SignInPerMinute is {options.SignInPerMinute}. Set it to 1 or more, or leave it out for 20.");
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}

/// <summary>Names of the limits that endpoints ask for.</summary>
public static class RateLimits
{
    public const string Api = "api";
    public const string SignIn = "sign-in";

    internal static IServiceCollection AddRateLimits(this IServiceCollection services)
    {
        services.AddOptions<RateLimitOptions>()
            .BindConfiguration(RateLimitOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<RateLimitOptions>, RateLimitOptionsCheck>();
        return services.AddRateLimiter(limiter =>
        {
            limiter.AddPolicy(Api, context => PerMinute(CallerOf(context), OptionsOf(context).ApiPerMinute));
            limiter.AddPolicy(SignIn, context => PerMinute(AddressOf(context), OptionsOf(context).SignInPerMinute));
            limiter.OnRejected = static (rejected, _) => new ValueTask(Refuse(rejected));
        });
    }

    private static RateLimitOptions OptionsOf(HttpContext context) =>
        context.RequestServices.GetRequiredService<IOptions<RateLimitOptions>>().Value;

    private static RateLimitPartition<string> PerMinute(string caller, int permits) =>
        permits == 0
            ? RateLimitPartition.GetNoLimiter(caller)
            : RateLimitPartition.GetFixedWindowLimiter(
                caller,
                _ => new FixedWindowRateLimiterOptions { PermitLimit = permits, Window = TimeSpan.FromMinutes(1), QueueLimit = 0 });

    /// <summary>The limiter runs after authentication: made-up tokens share their address's allowance and can't buy a new one each.</summary>
    private static string CallerOf(HttpContext context) =>
        context.User.FindFirstValue(ClaimTypes.NameIdentifier) is { } token ? $"token {token}" : AddressOf(context);

    private static string AddressOf(HttpContext context) => $"address {context.Connection.RemoteIpAddress}";

    private static Task Refuse(OnRejectedContext rejected)
    {
        TimeSpan wait = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out TimeSpan after) ? after : TimeSpan.FromMinutes(1);
        Problem problem = new(
            StatusCodes.Status429TooManyRequests,
            "too_many_requests",
            "Too many requests",
            "The limit of this minute is used up.",
            string.Create(CultureInfo.InvariantCulture, $"Wait {Math.Max(1, Math.Ceiling(wait.TotalSeconds))} s and send the request again."))
        {
            RetryAfter = wait,
        };
        return problem.ExecuteAsync(rejected.HttpContext);
    }
}
