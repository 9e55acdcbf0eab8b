using System.Security.Claims;
using LoraAdmin.Shell;

namespace LoraAdmin.Tests.Doubles;

/// <summary>Every person's session stands as the test says.</summary>
internal sealed class StandingOfSession : ISessionStanding
{
    public SessionStanding Standing { get; set; } = SessionStanding.Open;

    public ValueTask<SessionStanding> OfAsync(ClaimsPrincipal person, CancellationToken cancellationToken) => ValueTask.FromResult(Standing);
}
