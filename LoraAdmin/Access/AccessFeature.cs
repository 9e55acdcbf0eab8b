using LoraAdmin.Domain.Access;
using LoraAdmin.Platform.Data;
using LoraAdmin.Shell;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Access;

/// <summary>Who may do what: the sign-in cookie for people, bearer tokens for systems, one policy per permission.</summary>
public static class AccessFeature
{
    public const string CookieScheme = "SignIn";
    public const string CookieName = "loraadmin";

    /// <summary>Decides per request which of the two counts; below <c>/api</c> it is never the cookie.</summary>
    private const string EitherScheme = "CookieOrToken";

    public static IServiceCollection AddAccess(this IServiceCollection services)
    {
        services.AddOptions<ApiOptions>()
            .BindConfiguration(ApiOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<ApiOptions>, ApiOptionsCheck>();
        services.AddStore<IAccessStore, AccessStore>();
        services.AddSingleton(new ExpiredRows("sign_in_links", AccessStore.DeleteEndedLinksAsync));
        services.AddSingleton(new ExpiredRows("sign_in_sessions", AccessStore.DeleteEndedSessionsAsync));
        services.AddSingleton<ApiTokenCache>();
        services.AddSingleton<SignInSessions>();
        services.AddSingleton<ISessionStanding>(static provider => provider.GetRequiredService<SignInSessions>());
        services.AddHostedService<SessionWatchService>();
        services.AddSingleton<SignInLinks>();
        services.AddSingleton<AccessStartup>();
        services.AddHttpContextAccessor();
        services.AddCascadingAuthenticationState();
        services.AddAuthentication(EitherScheme)
            .AddPolicyScheme(EitherScheme, displayName: null, scheme => scheme.ForwardDefaultSelector = Choose)
            .AddScheme<AuthenticationSchemeOptions, ApiTokenAuthentication>(ApiTokenAuthentication.Scheme, static _ => { })
            .AddCookie(CookieScheme, SetUpCookie);
        services.AddAuthorization(SetUpPolicies);
        return services;
    }

    /// <summary>Open pages whose session ends are told so. After the shell, whose provider it replaces.</summary>
    public static IServiceCollection AddAccessPages(this IServiceCollection services) =>
        services.AddScoped<AuthenticationStateProvider, SessionAuthentication>();

    private static string Choose(HttpContext context) =>
        context.Request.Path.StartsWithSegments("/api")
        || context.Request.Headers.Authorization.ToString().StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)
            ? ApiTokenAuthentication.Scheme
            : CookieScheme;

    private static void SetUpCookie(CookieAuthenticationOptions cookie)
    {
        cookie.Cookie.Name = CookieName;
        cookie.Cookie.HttpOnly = true;
        cookie.Cookie.SameSite = SameSiteMode.Lax;
        cookie.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
        cookie.ExpireTimeSpan = SignInSessions.Lifetime;
        cookie.SlidingExpiration = false;
        cookie.LoginPath = SignInPage.Path;
        cookie.ReturnUrlParameter = "returnUrl";
        cookie.Events.OnValidatePrincipal = SessionCookie.ValidateAsync;
        cookie.Events.OnRedirectToLogin = static redirect => SessionCookie.TurnAwayAsync(redirect.HttpContext);
        cookie.Events.OnRedirectToAccessDenied = denied => AccessRefusals.MissingPermission(denied.HttpContext).ExecuteAsync(denied.HttpContext);
    }

    private static void SetUpPolicies(AuthorizationOptions authorization)
    {
        AuthorizationPolicy signedIn = new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build();
        authorization.DefaultPolicy = signedIn;
        // Whatever nobody thought of asks for a signed-in caller too.
        authorization.FallbackPolicy = signedIn;
        foreach (string permission in Permissions.All)
        {
            authorization.AddPolicy(permission, policy => policy.RequireAuthenticatedUser().RequireAssertion(context => context.User.Holds(permission)));
        }
    }
}
