namespace LoraAdmin.Platform.Web;

/// <summary>
/// Headers on every answer. They are set when the answer starts, so that an endpoint's own stricter policy (sign-in) stands and the framework's
/// partial one (Blazor sets only <c>frame-ancestors</c>) is completed.
/// </summary>
public static class SecurityHeaders
{
    // MudBlazor writes style attributes; nothing writes inline scripts.
    public const string ContentSecurityPolicy =
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws: wss:; "
        + "frame-ancestors 'none'; base-uri 'self'; form-action 'self'; object-src 'none'";

    public static IApplicationBuilder UseSecurityHeaders(this IApplicationBuilder app) =>
        app.Use((context, next) =>
        {
            context.Response.OnStarting(Apply, context.Response);
            return next(context);
        });

    private static Task Apply(object state)
    {
        IHeaderDictionary headers = ((HttpResponse)state).Headers;
        if (!headers.ContentSecurityPolicy.Any(policy => policy?.Contains("default-src", StringComparison.Ordinal) == true))
        {
            headers.Append("Content-Security-Policy", ContentSecurityPolicy);
        }

        headers.TryAdd("X-Content-Type-Options", "nosniff");
        headers.TryAdd("X-Frame-Options", "DENY");
        // Not no-referrer: browsers would then send "Origin: null" with forms, and the origin is what proves that a form is ours.
        headers.TryAdd("Referrer-Policy", "same-origin");
        headers.TryAdd("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()");
        headers.TryAdd("Cross-Origin-Opener-Policy", "same-origin");
        return Task.CompletedTask;
    }
}
