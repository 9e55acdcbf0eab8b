using LoraAdmin.Domain.Access;
using LoraAdmin.Platform.Web;
using Microsoft.AspNetCore.Authorization;

namespace LoraAdmin.Access;

/// <summary>How a caller hears that it may not.</summary>
internal static class AccessRefusals
{
    /// <summary>Names the permission that the endpoint asks for, so that the remedy is clear.</summary>
    public static Problem MissingPermission(HttpContext context)
    {
        IReadOnlyList<IAuthorizeData> asked = context.GetEndpoint()?.Metadata.GetOrderedMetadata<IAuthorizeData>() ?? [];
        string[] missing = [.. asked.Select(data => data.Policy).OfType<string>().Where(policy => Permissions.All.Contains(policy) && !context.User.Holds(policy))];
        string scope = missing.Length == 0 ? "another permission" : $"the permission {string.Join(", ", missing)}";
        return new Problem(
            StatusCodes.Status403Forbidden,
            "permission_missing",
            "The permission is missing",
            $"{context.User.Identity?.Name} does not hold {scope}.",
            "Use a token with that scope.");
    }

    public static Problem SignInNeeded() =>
        new(
            StatusCodes.Status401Unauthorized,
            "sign_in_needed",
            "Sign-in is needed",
            "The request carries neither a valid sign-in cookie nor an API token.",
            "Sign in at /sign-in with a browser, or send the header Authorization: Bearer with an API token.");
}
