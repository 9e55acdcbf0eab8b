using Microsoft.Extensions.Options;

namespace LoraAdmin.Platform.Web;

/// <summary>
/// Tells a form that our own page sent from one that another site made the browser send. Browsers set both headers themselves on every POST and
/// pages can't change them.
/// </summary>
public sealed class OwnOrigin(IOptions<PortalOptions> options)
{
    /// <summary>
    /// Whether the request says itself that another site sent it. One that says nothing comes from no browser, or is no request that browsers mark.
    /// </summary>
    public bool SentByAnother(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return (request.Headers.Origin.Count > 0 || request.Headers["Sec-Fetch-Site"].Count > 0) && !Sent(request);
    }

    public bool Sent(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        string site = request.Headers["Sec-Fetch-Site"].ToString();
        if (site.Length > 0 && site != "same-origin")
        {
            return false;
        }

        string origin = request.Headers.Origin.ToString();
        if (origin.Length == 0)
        {
            return site == "same-origin";
        }

        if (!Uri.TryCreate(origin, UriKind.Absolute, out Uri? sender))
        {
            return false;
        }

        // Behind a proxy that ends TLS the scheme seen here is not the browser's: host and port decide.
        bool own = HostString.FromUriComponent(sender).Equals(request.Host)
            || (sender.IsDefaultPort && string.Equals(sender.Host, request.Host.Host, StringComparison.OrdinalIgnoreCase) && request.Host.Port is null or 80 or 443);
        return own || (options.Value.PublicUri is { } known && string.Equals(sender.Authority, known.Authority, StringComparison.OrdinalIgnoreCase));
    }
}
