using System.Text;
using System.Text.Encodings.Web;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Web;
using Microsoft.AspNetCore.Authentication;

namespace LoraAdmin.Access;

/// <summary>
/// <c>/sign-in</c> and <c>/sign-out</c>: plain HTML without a circuit. Opening the page never spends the link (mail scanners and previews open
/// pages); the form that it holds does.
/// </summary>
public static class SignInPage
{
    public const string Path = "/sign-in";
    public const string SignOutPath = "/sign-out";

    private const string Styles = """
        :root{color-scheme:light dark;--ink:#1b2430;--soft:#4c5866;--paper:#fff;--ground:#eef1f5;--line:#c6cdd6;--act:#1f5fbf;--act-ink:#fff;--bad:#a3261c;--bad-ground:#fdecea}
        @media(prefers-color-scheme:dark){:root{--ink:#e8ecf1;--soft:#aab4c0;--paper:#1b222c;--ground:#11161d;--line:#3b4654;--act:#8ab4f8;--act-ink:#0b1a30;--bad:#ffb4ab;--bad-ground:#3a1a17}}
        *{box-sizing:border-box}
        body{margin:0;min-height:100vh;display:grid;place-items:center;padding:16px;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
        main{width:100%;max-width:420px;background:var(--paper);border:1px solid var(--line);border-radius:12px;padding:28px}
        h1{margin:0 0 4px;font-size:1.4rem}
        p{margin:0 0 16px;color:var(--soft)}
        label{display:block;font-weight:600;margin-bottom:6px}
        input{width:100%;padding:12px;font:inherit;color:inherit;background:transparent;border:1px solid var(--line);border-radius:8px}
        button{width:100%;margin-top:16px;padding:12px;font:inherit;font-weight:600;border:0;border-radius:8px;background:var(--act);color:var(--act-ink);cursor:pointer}
        input:focus-visible,button:focus-visible{outline:3px solid var(--act);outline-offset:2px}
        code{display:block;margin:0 0 4px;padding:10px;border:1px solid var(--line);border-radius:8px;color:var(--ink);overflow-wrap:anywhere;font-size:.9rem}
        code span{white-space:nowrap}
        .refused{padding:12px;border-radius:8px;background:var(--bad-ground);color:var(--bad)}
        .help{margin-top:20px;padding-top:16px;border-top:1px solid var(--line);font-size:.9rem}.help p{margin-bottom:8px}
        """;

    // The code stands behind '#', which only the browser sees; it leaves the address bar at once so that it isn't bookmarked or shared. A link that
    // is opened over this very page only changes what stands behind '#': the page is not loaded again.
    private const string Script = """
        const take=()=>{const code=location.hash.slice(1);
        if(code){document.getElementById('code').value=code;history.replaceState(null,'',location.pathname+location.search);
        document.getElementById('lead').textContent='Your link is ready. It works once.';document.getElementById('go').focus();}};
        addEventListener('hashchange',take);take();
        """;

    public static void MapSignIn(this IEndpointRouteBuilder routes)
    {
        routes.MapGet(Path, Show).AllowAnonymous().ExcludeFromDescription();
        routes.MapPost(Path, SignInAsync).AllowAnonymous().RequireRateLimiting(RateLimits.SignIn).ExcludeFromDescription();
        routes.MapPost(SignOutPath, SignOutAsync).RequireAuthorization().ExcludeFromDescription();
    }

    /// <summary>A path on this host and nothing else: no scheme, no host, no trick with a second slash or backslash.</summary>
    internal static string LocalPath(string? wanted) =>
        wanted is { Length: > 0 and <= 2048 }
        && wanted[0] == '/'
        && (wanted.Length == 1 || wanted[1] is not ('/' or '\\'))
        && !wanted.Any(char.IsControl)
            ? wanted
            : "/";

    /// <summary>In the place of a page whose cookie could not be checked.</summary>
    internal static Task WriteUncheckedAsync(HttpContext context)
    {
        context.Response.Headers.RetryAfter = "5";
        return Page(
            context,
            StatusCodes.Status503ServiceUnavailable,
            LocalPath(context.Request.Path + context.Request.QueryString),
            "The portal's database is away, so it could not be checked whether you are signed in. Your sign-in is kept: load this page again in a moment.")
            .ExecuteAsync(context);
    }

    private static IResult Show(HttpContext context)
    {
        string target = LocalPath(context.Request.Query["returnUrl"]);
        return context.User.Identity?.IsAuthenticated == true ? Results.LocalRedirect(target) : Page(context, StatusCodes.Status200OK, target, refusal: null);
    }

    private static async Task<IResult> SignInAsync(HttpContext context, SignInLinks links, OwnOrigin origin)
    {
        if (!context.Request.HasFormContentType)
        {
            return Page(context, StatusCodes.Status415UnsupportedMediaType, "/", "The form could not be read. Please use the form below.");
        }

        IFormCollection form = await context.Request.ReadFormAsync(context.RequestAborted);
        string target = LocalPath(form["returnUrl"]);
        if (!origin.Sent(context.Request))
        {
            return Page(context, StatusCodes.Status400BadRequest, target, "The form was not sent by this page. Please sign in with the form below.");
        }

        string code = form["code"].ToString().Trim();
        SignInSession? session;
        try
        {
            session = code.Length is 0 or > 200 ? null : await links.SpendAsync(code, context.RequestAborted);
            if (session is null)
            {
                return Page(context, StatusCodes.Status403Forbidden, target, "This link was used already, has expired, or was never made here. Nothing was changed.");
            }
        }
        catch (StoreUnavailableException)
        {
            return Page(context, StatusCodes.Status503ServiceUnavailable, target, "The portal's database is away, so the link could not be checked. It is not spent: try again in a moment.");
        }

        await context.SignInAsync(AccessFeature.CookieScheme, AccessClaims.For(session));
        return Results.LocalRedirect(target);
    }

    private static async Task<IResult> SignOutAsync(HttpContext context, OwnOrigin origin, SignInSessions sessions)
    {
        if (!origin.Sent(context.Request))
        {
            return Page(context, StatusCodes.Status400BadRequest, "/", "The request to sign out was not sent by this portal; you are still signed in.");
        }

        if (context.User.SessionId() is { } session)
        {
            try
            {
                await sessions.EndAsync(session, context.RequestAborted);
            }
            catch (StoreUnavailableException)
            {
                return Page(
                    context,
                    StatusCodes.Status503ServiceUnavailable,
                    "/",
                    "The portal's database is away, so your sign-out could not be written. You are still signed in: go back and sign out again in a moment.");
            }
        }

        await context.SignOutAsync(AccessFeature.CookieScheme);
        return Results.LocalRedirect(Path);
    }

    private static IResult Page(HttpContext context, int status, string target, string? refusal)
    {
        string nonce = Secrets.New(context.RequestServices.GetRequiredService<IIds>());
        context.Response.Headers.ContentSecurityPolicy =
            $"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
        context.Response.Headers.CacheControl = "no-store";
        HtmlEncoder html = HtmlEncoder.Default;
        string said = refusal is null ? "" : $"""<p class="refused" role="alert">{html.Encode(refusal)}</p>""";
        string page = $"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="robots" content="noindex">
            <title>Sign in · LoraAdmin</title>
            <link rel="icon" type="image/svg+xml" href="/favicon.svg">
            <style nonce="{nonce}">{Styles}</style>
            </head>
            <body>
            <main>
            <h1>LoraAdmin</h1>
            <p id="lead">Sign in with the link that the portal's console printed.</p>
            {said}
            <form method="post" action="{Path}">
            <input type="hidden" name="returnUrl" value="{html.Encode(target)}">
            <label for="code">Sign-in code</label>
            <input id="code" name="code" type="password" autocomplete="off" spellcheck="false" required maxlength="200" aria-describedby="help">
            <button id="go" type="submit">Sign in</button>
            </form>
            <div class="help" id="help">
            <p>No link, or one that no longer works? Print another on the portal's machine:</p>
            <code>dotnet run --project LoraAdmin <span>-- sign-in-link</span></code>
            <p>The code is the part of the link behind the # sign.</p>
            </div>
            </main>
            <script nonce="{nonce}">{Script}</script>
            </body>
            </html>
            """;
        return Results.Content(page, "text/html", Encoding.UTF8, status);
    }
}
