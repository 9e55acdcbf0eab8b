namespace LoraAdmin.Platform.Vendors;

/// <summary>Checks on configured vendor URLs.</summary>
public static class VendorUrls
{
    /// <summary>Absolute http(s) without user, query or fragment, so that paths can be appended and nothing secret lies in it.</summary>
    public static bool IsRoot(string? url) =>
        Uri.TryCreate(url, UriKind.Absolute, out Uri? parsed)
        && (parsed.Scheme == Uri.UriSchemeHttp || parsed.Scheme == Uri.UriSchemeHttps)
        && parsed.Host.Length > 0
        && parsed.UserInfo.Length == 0
        && parsed.Query.Length == 0
        && parsed.Fragment.Length == 0
        && !url!.Contains('?', StringComparison.Ordinal)
        && !url.Contains('#', StringComparison.Ordinal);

    /// <summary>The URL for a message, without what may be a secret in it.</summary>
    public static string Shown(string? url)
    {
        if (string.IsNullOrEmpty(url))
        {
            return "";
        }

        int cut = url.IndexOfAny(['?', '#']);
        string shown = cut < 0 ? url : url[..cut];
        int at = shown.LastIndexOf('@');
        int scheme = shown.IndexOf("://", StringComparison.Ordinal);
        return at > scheme && scheme >= 0 ? $"{shown[..(scheme + 3)]}***{shown[at..]}" : shown;
    }
}
