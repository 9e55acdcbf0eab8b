using Microsoft.Extensions.Options;

namespace LoraAdmin.Platform.Web;

/// <summary>Section <c>Portal</c>.</summary>
public sealed class PortalOptions
{
    public const string Section = "Portal";

    /// <summary>The address under which people and systems reach the portal, for example <c>https://lora.example.org</c>; empty: this machine only.</summary>
    public string? PublicUrl { get; set; }

    /// <summary>The address without a trailing slash; null when none is configured.</summary>
    public Uri? PublicUri => string.IsNullOrWhiteSpace(PublicUrl) ? null : new Uri(PublicUrl, UriKind.Absolute);
}

internal sealed class PortalOptionsCheck : IValidateOptions<PortalOptions>
{
    public ValidateOptionsResult Validate(string? name, PortalOptions options)
    {
        if (string.IsNullOrWhiteSpace(options.PublicUrl))
        {
            return ValidateOptionsResult.Success;
        }

        bool good = Uri.TryCreate(options.PublicUrl, UriKind.Absolute, out Uri? url)
            && url.Scheme is "http" or "https"
            && url.AbsolutePath == "/"
            && url.Query.Length == 0
            && url.Fragment.Length == 0
            && url.UserInfo.Length == 0;
        return good
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail(
                $"Portal:PublicUrl is \"{options.PublicUrl}\", which is not the address of a host. Set it to scheme, host and port only, for example https://lora.example.org, or leave it empty.");
    }
}
