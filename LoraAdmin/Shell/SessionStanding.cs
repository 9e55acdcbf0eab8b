using System.Security.Claims;

namespace LoraAdmin.Shell;

/// <summary>Whether the sign-in with which somebody came still counts.</summary>
public enum SessionStanding
{
    Open,

    /// <summary>Signed out, past its end, or never known here.</summary>
    Ended,

    /// <summary>It could not be read, and what was read before is too old to count.</summary>
    Unknown,
}

/// <summary>Answers for the sessions of people; at most ten seconds old.</summary>
public interface ISessionStanding
{
    ValueTask<SessionStanding> OfAsync(ClaimsPrincipal person, CancellationToken cancellationToken);
}
