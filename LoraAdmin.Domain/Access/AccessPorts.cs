namespace LoraAdmin.Domain.Access;

/// <summary>An API token. Only its SHA-256 is stored.</summary>
/// <param name="Scopes">Words of <see cref="Permissions"/>.</param>
public sealed record ApiToken(
    Guid Id,
    string Name,
    string Sha256,
    IReadOnlyList<string> Scopes,
    DateTimeOffset CreatedAt,
    DateTimeOffset? ExpiresAt,
    DateTimeOffset? RevokedAt);

/// <summary>Tokens and sign-in links. Bound to a unit of work.</summary>
public interface IAccessStore
{
    Task<ApiToken?> FindTokenAsync(string sha256, CancellationToken cancellationToken);

    /// <summary>Adds the token, or replaces the one of the same name.</summary>
    Task SaveTokenAsync(ApiToken token, CancellationToken cancellationToken);

    /// <summary>Ends the token of this name. False when there is none, or it had ended before.</summary>
    Task<bool> RevokeTokenAsync(string name, DateTimeOffset now, CancellationToken cancellationToken);

    Task AddSignInLinkAsync(string sha256, DateTimeOffset createdAt, DateTimeOffset expiresAt, CancellationToken cancellationToken);

    /// <summary>Spends the link. True exactly once, and only before its end.</summary>
    Task<bool> SpendSignInLinkAsync(string sha256, DateTimeOffset now, CancellationToken cancellationToken);
}
