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

/// <summary>One sign-in of one person in one browser, from the spent link to the sign-out.</summary>
/// <param name="EndsAt">When it ends by itself.</param>
/// <param name="EndedAt">When the person signed out; null: not so far.</param>
public sealed record SignInSession(Guid Id, string Person, DateTimeOffset CreatedAt, DateTimeOffset EndsAt, DateTimeOffset? EndedAt);

/// <summary>Tokens, sign-in links and sessions. Bound to a unit of work.</summary>
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

    Task AddSessionAsync(SignInSession session, CancellationToken cancellationToken);

    /// <summary>The sessions with these ids, in no order, open or ended; ids that nobody knows are left out.</summary>
    Task<IReadOnlyList<SignInSession>> ListSessionsAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken);

    /// <summary>Ends the session. False when there is none, or the person had signed out before.</summary>
    Task<bool> EndSessionAsync(Guid id, DateTimeOffset now, CancellationToken cancellationToken);
}
