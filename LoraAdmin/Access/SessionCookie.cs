using LoraAdmin.Platform.Web;
using LoraAdmin.Shell;
using Microsoft.AspNetCore.Authentication.Cookies;

namespace LoraAdmin.Access;

/// <summary>A sign-in cookie counts as long as its session does.</summary>
internal static class SessionCookie
{
    private static readonly object Unchecked = new();

    public static async Task ValidateAsync(CookieValidatePrincipalContext context)
    {
        SessionStanding standing = context.Principal is { } person
            ? await context.HttpContext.RequestServices.GetRequiredService<SignInSessions>().OfAsync(person, context.HttpContext.RequestAborted)
            : SessionStanding.Ended;
        if (standing == SessionStanding.Open)
        {
            return;
        }

        // The cookie stays with the browser: it counts again when the database is back, and a late answer can't take the next sign-in's away.
        context.RejectPrincipal();
        if (standing == SessionStanding.Unknown)
        {
            context.HttpContext.Items[Unchecked] = true;
        }
    }

    /// <summary>A person who opens a page is sent to sign in; a script or a socket is told 401. Nobody is sent away because the database is.</summary>
    public static Task TurnAwayAsync(HttpContext context)
    {
        if (context.Items.ContainsKey(Unchecked))
        {
            return IsNavigation(context.Request) ? SignInPage.WriteUncheckedAsync(context) : Problem.StoreAway().ExecuteAsync(context);
        }

        if (context.Request.Path == SignInPage.SignOutPath)
        {
            // A second tab: signed out is what its person wanted.
            context.Response.Redirect(SignInPage.Path);
            return Task.CompletedTask;
        }

        if (!IsNavigation(context.Request))
        {
            return AccessRefusals.SignInNeeded().ExecuteAsync(context);
        }

        string target = context.Request.PathBase + context.Request.Path + context.Request.QueryString;
        context.Response.Redirect($"{SignInPage.Path}{QueryString.Create("returnUrl", target)}");
        return Task.CompletedTask;
    }

    private static bool IsNavigation(HttpRequest request) =>
        (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method))
        && request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase);
}
