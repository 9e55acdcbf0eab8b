using System.Security.Claims;
using LoraAdmin.Domain.Shared;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Components.Authorization;
using MudBlazor;

namespace LoraAdmin.Shell;

/// <summary>Who sits before this circuit and what they may do. Asked at every event, not only when a button is drawn.</summary>
public sealed class CurrentPerson(
    AuthenticationStateProvider authentication, IAuthorizationService authorization, ISessionStanding sessions, ISnackbar snackbar)
{
    private const string Unchecked = "The portal's database is away, so it could not be checked whether you are still signed in. Try again in a moment.";

    /// <summary>Set before the person signs out from this very page: their browser is on its way to the sign-in page already.</summary>
    public bool IsSigningOut { get; set; }

    /// <summary>False also for somebody who has signed out since this page was opened, in whichever tab, and while nobody can tell.</summary>
    /// <param name="permission">A word of <c>Permissions</c>, which is also the policy's name.</param>
    public async Task<bool> MayAsync(string permission)
    {
        ClaimsPrincipal user = (await authentication.GetAuthenticationStateAsync()).User;
        if (!(await authorization.AuthorizeAsync(user, resource: null, permission)).Succeeded)
        {
            return false;
        }

        SessionStanding standing = await sessions.OfAsync(user, CancellationToken.None);
        if (standing == SessionStanding.Unknown)
        {
            // Once, however many buttons of a page ask.
            snackbar.Add(Unchecked, Severity.Warning, key: nameof(Unchecked));
        }

        return standing == SessionStanding.Open;
    }

    public async Task<Actor> ActorAsync()
    {
        ClaimsPrincipal user = (await authentication.GetAuthenticationStateAsync()).User;
        return new Actor(ActorKind.Person, user.Identity?.Name is { Length: > 0 } name ? name : "admin");
    }
}
