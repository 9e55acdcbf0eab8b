using System.Text.Json.Serialization;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Platform.Web;

/// <summary>One part without which the portal can't do its work. Its detail is shown to anonymous callers: no addresses, keys or stack traces.</summary>
public interface IReadinessCheck
{
    /// <summary>One word that people recognise: <c>database</c>, <c>redis</c>, <c>storage</c>.</summary>
    string Name { get; }

    /// <summary>Without it the portal can't serve; a part that is only nice to have makes it degraded, and stays in the load balancer.</summary>
    bool IsEssential => true;

    /// <summary>An exception counts as away; so does an answer that takes longer than <see cref="Health.Patience"/>.</summary>
    Task<(bool Ok, string Detail)> CheckAsync(CancellationToken cancellationToken);
}

/// <param name="Status"><c>ok</c> or <c>away</c>.</param>
public sealed record HealthPart(string Name, string Status, string Detail);

/// <param name="Status"><c>live</c>, <c>ready</c>, <c>degraded</c> (a part that it can do without is away) or <c>away</c> (one that it can't).</param>
public sealed record HealthAnswer(string Status, IReadOnlyList<HealthPart> Parts);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(HealthAnswer))]
internal sealed partial class HealthJson : JsonSerializerContext;

/// <summary>
/// <c>/health/live</c> says that the process serves; <c>/health/ready</c> asks every part and answers 503, naming the one that is away. Anonymous,
/// because load balancers and supervisors carry no token.
/// </summary>
public static partial class Health
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public static IEndpointConventionBuilder MapHealth(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/health");
        group.AllowAnonymous();
        group.ExcludeFromDescription();
        group.MapGet("/live", (HttpContext context) => WriteAsync(context, new HealthAnswer("live", [])));
        group.MapGet("/ready", ReadyAsync);
        return group;
    }

    private static async Task ReadyAsync(HttpContext context, IEnumerable<IReadinessCheck> checks, TimeProvider clock, ILoggerFactory loggers)
    {
        ILogger logger = loggers.CreateLogger(typeof(Health).FullName!);
        HealthPart[] parts = await Task.WhenAll(checks.Select(check => AskAsync(check, clock, logger, context.RequestAborted)));
        HashSet<string> essential = [.. checks.Where(check => check.IsEssential).Select(check => check.Name)];
        bool away = parts.Any(part => part.Status != "ok" && essential.Contains(part.Name));
        string status = away ? "away" : parts.All(part => part.Status == "ok") ? "ready" : "degraded";
        context.Response.StatusCode = away ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status200OK;
        await WriteAsync(context, new HealthAnswer(status, [.. parts.OrderBy(part => part.Name, StringComparer.Ordinal)]));
    }

    private static async Task<HealthPart> AskAsync(IReadinessCheck check, TimeProvider clock, ILogger logger, CancellationToken cancellationToken)
    {
        try
        {
            (bool ok, string detail) = await check.CheckAsync(cancellationToken).WaitAsync(Patience, clock, cancellationToken);
            return new HealthPart(check.Name, ok ? "ok" : "away", detail);
        }
        catch (TimeoutException)
        {
            return new HealthPart(check.Name, "away", $"Did not answer within {Patience.TotalSeconds:0} s.");
        }
#pragma warning disable CA1031 // A check that throws is a part that is away, whatever it threw; the log has the rest.
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
        {
            LogAway(logger, failure, check.Name);
            return new HealthPart(check.Name, "away", "Could not be asked; the log says why.");
        }
    }

    private static Task WriteAsync(HttpContext context, HealthAnswer answer)
    {
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteAsJsonAsync(answer, HealthJson.Default.HealthAnswer, cancellationToken: context.RequestAborted);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The readiness check {Part} failed")]
    private static partial void LogAway(ILogger logger, Exception failure, string part);
}

/// <summary>Proves the database by one indexed read that finds nothing.</summary>
internal sealed class DatabaseReadiness(IUnitOfWork unitOfWork) : IReadinessCheck
{
    private static readonly string NoToken = new('0', 64);

    public string Name => "database";

    public async Task<(bool Ok, string Detail)> CheckAsync(CancellationToken cancellationToken)
    {
        try
        {
            await unitOfWork.ReadAsync((unit, token) => unit.Store<IAccessStore>().FindTokenAsync(NoToken, token), cancellationToken);
            return (true, "Answers.");
        }
        catch (StoreUnavailableException)
        {
            return (false, "Can't be reached or stays busy.");
        }
    }
}
