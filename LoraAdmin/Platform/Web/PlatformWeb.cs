using Microsoft.AspNetCore.HostFiltering;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Platform.Web;

/// <summary>What every address of the portal shares: hosts, headers, problems, limits, health.</summary>
public static class PlatformWeb
{
    /// <summary>Names by which this machine reaches itself.</summary>
    private static readonly string[] Loopback = ["localhost", "127.0.0.1", "[::1]"];

    public static IServiceCollection AddPlatformWeb(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddOptions<PortalOptions>()
            .BindConfiguration(PortalOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<PortalOptions>, PortalOptionsCheck>();
        services.AddSingleton<PortalAddress>();
        services.AddSingleton<OwnOrigin>();
        services.AddSingleton<IReadinessCheck, DatabaseReadiness>();
        services.AddRateLimits();
        services.AddHostFiltering(static _ => { });
        services.AddOptions<HostFilteringOptions>().PostConfigure<IOptions<PortalOptions>, IConfiguration>(AllowHosts);
        return services;
    }

    /// <summary>
    /// The pipeline up to authorization, in the order that it needs: headers on every answer, problems around everything, who it is before how
    /// often, how often before whether. Endpoints are mapped after it.
    /// </summary>
    public static WebApplication UsePlatformWeb(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.UseHostFiltering();
        app.UseSecurityHeaders();
        app.UseMiddleware<ProblemMiddleware>();
        app.UseRouting();
        app.UseCircuitOrigin();
        app.UseAuthentication();
        app.UseRateLimiter();
        app.UseAuthorization();
        return app;
    }

    /// <summary><c>AllowedHosts</c> may name more, separated by semicolons; "*" is not taken as a wish to switch the filter off.</summary>
    private static void AllowHosts(HostFilteringOptions filter, IOptions<PortalOptions> portal, IConfiguration configuration)
    {
        IEnumerable<string> configured = (configuration["AllowedHosts"] ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        IEnumerable<string> known = portal.Value.PublicUri is { } url ? [url.Host] : [];
        filter.AllowedHosts = [.. Loopback.Concat(known).Concat(configured.Where(host => host != "*")).Distinct(StringComparer.OrdinalIgnoreCase)];
        filter.AllowEmptyHosts = false;
    }
}
