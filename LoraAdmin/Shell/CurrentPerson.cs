using System.Security.Claims;
using LoraAdmin.Domain.Shared;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Components.Authorization;

namespace LoraAdmin.Shell;

/// <summary>Who sits before this circuit and what they may do. Asked at every event, not only when a button is drawn.</summary>
public sealed class CurrentPerson(AuthenticationStateProvider authentication, IAuthorizationService authorization)
{
    /// <param name="permission">A word of <c>Permissions</c>, which is also the policy's name.</param>
    public async Task<bool> MayAsync(string permission)
    {
        ClaimsPrincipal user = (await authentication.GetAuthenticationStateAsync()).User;
        return (await authorization.AuthorizeAsync(user, resource: null, permission)).Succeeded;
    }

    public async Task<Actor> ActorAsync()
    {
        ClaimsPrincipal user = (await authentication.GetAuthenticationStateAsync()).User;
        return new Actor(ActorKind.Person, user.Identity?.Name is { Length: > 0 } name ? name : "admin");
    }
}
