using System.Security.Claims;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Server;

namespace LoraAdmin.Access;

/// <summary>Who sits before a circuit: whoever opened it, and nobody from the end of their session on.</summary>
internal sealed class SessionAuthentication : ServerAuthenticationStateProvider, IDisposable
{
    private readonly SignInSessions sessions;
    private IDisposable? watch;

    public SessionAuthentication(SignInSessions sessions)
    {
        this.sessions = sessions;
        AuthenticationStateChanged += OnChanged;
    }

    public void Dispose()
    {
        AuthenticationStateChanged -= OnChanged;
        Watch(null);
    }

    private void OnChanged(Task<AuthenticationState> state) => _ = WatchAsync(state);

    private async Task WatchAsync(Task<AuthenticationState> state) =>
        Watch((await state).User.SessionId() is { } session ? sessions.WatchFor(session, LeaveNobody) : null);

    private void Watch(IDisposable? next) => Interlocked.Exchange(ref watch, next)?.Dispose();

    private void LeaveNobody() => SetAuthenticationState(Task.FromResult(new AuthenticationState(new ClaimsPrincipal(new ClaimsIdentity()))));
}
