namespace LoraAdmin.Platform.Web;

/// <summary>
/// Circuits are opened by the portal's own pages alone. Browsers send the cookie along with a WebSocket whatever site opens it (SameSite does not hold
/// between ports of one host), and nothing but the header Origin tells who did.
/// </summary>
public static class CircuitOrigin
{
    private const string Path = "/_blazor";

    public static IApplicationBuilder UseCircuitOrigin(this IApplicationBuilder app) =>
        app.Use(static (context, next) =>
            context.Request.Path.StartsWithSegments(Path) && context.RequestServices.GetRequiredService<OwnOrigin>().SentByAnother(context.Request)
                ? Refusal(context.Request).ExecuteAsync(context)
                : next(context));

    private static Problem Refusal(HttpRequest request) =>
        new(
            StatusCodes.Status403Forbidden,
            "foreign_origin",
            "The page belongs to another site",
            $"The header Origin is \"{request.Headers.Origin}\", and the portal answers as {request.Host}.",
            "Open the portal under its own address. Behind a reverse proxy, pass the header Host on or set Portal:PublicUrl to the address people use.");
}
