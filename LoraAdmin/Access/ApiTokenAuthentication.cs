using System.Globalization;
using System.Text.Encodings.Web;
using LoraAdmin.Platform.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Access;

/// <summary><c>Authorization: Bearer …</c> against the hashed tokens of the database.</summary>
internal sealed class ApiTokenAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options,
    ILoggerFactory loggers,
    UrlEncoder encoder,
    ApiTokenCache tokens)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    public new const string Scheme = "ApiToken";

    private const string Bearer = "Bearer ";
    private const int LongestToken = 512;

    private string refusal = "The request carries no bearer token.";

    /// <summary>The framework calls it once per request and scheme.</summary>
    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        // Faces that check a key of their own (vendor faces, signed links) carry foreign bearers; looking them up would be waste.
        if (Context.GetEndpoint()?.Metadata.GetMetadata<IAllowAnonymous>() is not null)
        {
            return AuthenticateResult.NoResult();
        }

        string header = Request.Headers.Authorization.ToString();
        if (!header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            return AuthenticateResult.NoResult();
        }

        string secret = header[Bearer.Length..].Trim();
        if (secret.Length is 0 or > LongestToken)
        {
            return Refuse("The bearer token is empty or longer than any token of this portal.");
        }

        KnownToken? known = await tokens.FindAsync(Secrets.Hash(secret), Context.RequestAborted);
        if (known is null)
        {
            return Refuse("The bearer token is not known here.");
        }

        if (known.Token.RevokedAt is { } revoked)
        {
            return Refuse($"The token \"{known.Token.Name}\" was revoked at {Instant(revoked)}.");
        }

        if (known.Token.ExpiresAt is { } end && end <= TimeProvider.GetUtcNow())
        {
            return Refuse($"The token \"{known.Token.Name}\" expired at {Instant(end)}.");
        }

        return AuthenticateResult.Success(new AuthenticationTicket(known.Principal, Scheme));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        bool sent = Request.Headers.Authorization.Count > 0;
        Response.Headers.WWWAuthenticate = sent ? "Bearer realm=\"LoraAdmin\", error=\"invalid_token\"" : "Bearer realm=\"LoraAdmin\"";
        Problem problem = new(
            StatusCodes.Status401Unauthorized,
            sent ? "invalid_token" : "token_missing",
            "The request is not authorised",
            refusal,
            "Send the header Authorization: Bearer with a valid API token; Api:BootstrapToken makes one with every scope.");
        return problem.ExecuteAsync(Context);
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) => AccessRefusals.MissingPermission(Context).ExecuteAsync(Context);

    private static string Instant(DateTimeOffset at) => at.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);

    private AuthenticateResult Refuse(string reason)
    {
        refusal = reason;
        return AuthenticateResult.Fail(reason);
    }
}
