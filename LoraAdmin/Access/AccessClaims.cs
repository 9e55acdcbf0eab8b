using System.Security.Claims;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Access;

/// <summary>What a principal carries, and how the rest of the portal reads it.</summary>
public static class AccessClaims
{
    /// <summary>One claim per scope of an API token.</summary>
    public const string Scope = "scope";

    /// <summary>The id of the session that a person's sign-in began.</summary>
    public const string Session = "session";

    /// <summary>The only role until accounts come: a person who signed in.</summary>
    public const string Admin = "admin";

    /// <summary>Admins hold every permission but <see cref="Permissions.LocalCloud"/>; a token holds what it was given.</summary>
    public static bool Holds(this ClaimsPrincipal principal, string permission)
    {
        ArgumentNullException.ThrowIfNull(principal);
        return principal.HasClaim(Scope, permission)
            || (permission != Permissions.LocalCloud && principal.HasClaim(ClaimTypes.Role, Admin));
    }

    public static Actor ToActor(this ClaimsPrincipal principal)
    {
        ArgumentNullException.ThrowIfNull(principal);
        string name = principal.Identity?.Name ?? throw new InvalidOperationException("Only an authenticated caller can act.");
        return new Actor(principal.Identity.AuthenticationType == ApiTokenAuthentication.Scheme ? ActorKind.Token : ActorKind.Person, name);
    }

    /// <summary>The id of the token that calls; idempotency keys belong to it.</summary>
    public static Guid TokenId(this ClaimsPrincipal principal) =>
        Guid.Parse(principal.FindFirstValue(ClaimTypes.NameIdentifier) ?? throw new InvalidOperationException("The caller has no API token."));

    /// <summary>The session in which a person acts; null: a token, nobody, or a cookie from before there were sessions.</summary>
    internal static Guid? SessionId(this ClaimsPrincipal principal) => Guid.TryParse(principal.FindFirstValue(Session), out Guid id) ? id : null;

    internal static ClaimsPrincipal For(ApiToken token)
    {
        ClaimsIdentity identity = new(ApiTokenAuthentication.Scheme);
        identity.AddClaim(new Claim(ClaimTypes.NameIdentifier, token.Id.ToString("D")));
        identity.AddClaim(new Claim(ClaimTypes.Name, token.Name));
        foreach (string scope in token.Scopes)
        {
            identity.AddClaim(new Claim(Scope, scope));
        }

        return new ClaimsPrincipal(identity);
    }

    internal static ClaimsPrincipal For(SignInSession session)
    {
        ClaimsIdentity identity = new(AccessFeature.CookieScheme);
        identity.AddClaim(new Claim(ClaimTypes.Name, session.Person));
        identity.AddClaim(new Claim(ClaimTypes.Role, Admin));
        identity.AddClaim(new Claim(Session, session.Id.ToString("D")));
        return new ClaimsPrincipal(identity);
    }
}
