namespace LoraAdmin.Platform.Vendors;

/// <summary>How every client to a vendor is set up: no redirects, no cookies, no clock of its own, nothing logged by the framework.</summary>
public static class VendorHttpClients
{
    private static readonly TimeSpan ConnectWithin = TimeSpan.FromSeconds(15);

    /// <summary>Long-lived clients follow changes of DNS this fast.</summary>
    private static readonly TimeSpan ConnectionsLive = TimeSpan.FromMinutes(5);

    /// <param name="url">Where it goes: a loopback address is reached past any proxy that the environment names.</param>
    public static IServiceCollection AddVendorHttpClient(this IServiceCollection services, string name, Func<IServiceProvider, string> url)
    {
        services.AddHttpClient(name, client =>
            {
                client.Timeout = Timeout.InfiniteTimeSpan;
                // Read whole only by VendorHttp, which has a bound of its own.
                client.MaxResponseContentBufferSize = 1;
            })
            .ConfigurePrimaryHttpMessageHandler(provider => new SocketsHttpHandler
            {
                AllowAutoRedirect = false,
                UseCookies = false,
                ConnectTimeout = ConnectWithin,
                PooledConnectionLifetime = ConnectionsLive,
                UseProxy = !(Uri.TryCreate(url(provider), UriKind.Absolute, out Uri? target) && target.IsLoopback),
            })
            .SetHandlerLifetime(Timeout.InfiniteTimeSpan)
            .RemoveAllLoggers();
        return services;
    }
}
