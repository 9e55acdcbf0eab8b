using Microsoft.AspNetCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection.Extensions;
using MudBlazor;
using MudBlazor.Services;

namespace LoraAdmin.Shell;

public static class ShellRegistration
{
    /// <summary>Pages and what they are made of. Needs <c>AddLive</c> and authorization policies named like the words of <c>Permissions</c>.</summary>
    public static IServiceCollection AddShell(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<PortalStatus>();
        services.AddScoped<CurrentPerson>();
        services.AddSingleton<GaveUpReading>();
        services.AddHttpContextAccessor();
        services.AddCascadingAuthenticationState();
        services.AddMudServices(options =>
        {
            // MudBlazor's popover service keeps a timer per circuit; at its default of 0.5 s it costs 500 idle circuits 16 % of a core.
            options.PopoverOptions.QueueDelay = TimeSpan.FromSeconds(10);
            options.SnackbarConfiguration.PositionClass = Defaults.Classes.Position.BottomRight;
            options.SnackbarConfiguration.VisibleStateDuration = 6_000;
        });
        services.AddRazorComponents().AddInteractiveServerComponents();
        return services;
    }

    /// <summary>
    /// A page for addresses that lead nowhere and one for errors. To be called before authentication and authorization, which the page behind the
    /// error needs again. The API answers for itself.
    /// </summary>
    public static WebApplication UseShell(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.UseExceptionHandler("/error", createScopeForErrors: true);
        app.UseStatusCodePagesWithReExecute("/not-found", createScopeForStatusCodePages: true);
        app.Use((context, next) =>
        {
            if (!HttpMethods.IsGet(context.Request.Method) || IsForMachines(context.Request.Path))
            {
                // Programs get the bare status: a page would only be in their way.
                context.Features.Get<IStatusCodePagesFeature>()?.Enabled = false;
            }

            return next(context);
        });
        return app;
    }

    /// <summary>Static assets (anonymous) and pages (signed in). The page's Content-Security-Policy is the caller's.</summary>
    public static WebApplication MapShell(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.MapStaticAssets().AllowAnonymous();

        // Compression of the WebSocket doubles a circuit's memory (253 kB for zlib's windows) and slows each update.
        app.MapRazorComponents<App>()
            .AddInteractiveServerRenderMode(options => options.DisableWebSocketCompression = true)
            .RequireAuthorization();
        return app;
    }

    private static bool IsForMachines(PathString path) =>
        path.StartsWithSegments("/api") || path.StartsWithSegments("/health") || path.StartsWithSegments("/localcloud")
        || path.StartsWithSegments("/openapi") || path.StartsWithSegments("/_blazor") || path.StartsWithSegments("/_framework")
        || path.StartsWithSegments("/files") || path.StartsWithSegments("/metrics");
}
