using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Platform.Web;

/// <summary>Where a person's browser finds this portal: the public address, else what the server listens on, else what it is going to listen on.</summary>
public sealed class PortalAddress(IOptions<PortalOptions> options, IConfiguration configuration, IServiceProvider services)
{
    public const string Default = "http://localhost:5080";

    /// <summary>Scheme, host and port without a trailing slash.</summary>
    public string BaseUrl
    {
        get
        {
            if (options.Value.PublicUri is { } url)
            {
                return url.GetLeftPart(UriPartial.Authority);
            }

            ICollection<string>? bound = services.GetService<IServer>()?.Features.Get<IServerAddressesFeature>()?.Addresses;
            string? first = bound is { Count: > 0 } ? bound.First() : configuration["urls"]?.Split(';', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
            return Browsable(first ?? Default);
        }
    }

    /// <summary>Addresses that mean "every interface" can't be opened in a browser.</summary>
    private static string Browsable(string address)
    {
        string trimmed = address.Trim().TrimEnd('/');
        foreach (string any in (ReadOnlySpan<string>)["://0.0.0.0", "://[::]", "://*", "://+"])
        {
            trimmed = trimmed.Replace(any, "://localhost", StringComparison.Ordinal);
        }

        return trimmed;
    }
}
