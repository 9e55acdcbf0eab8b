using LoraAdmin.Platform;

namespace LoraAdmin;

/// <summary>Reads the addresses that the server is going to listen on before it does: it would tell a wrong one by as many kinds of exception as there are mistakes.</summary>
internal static class ListenAddresses
{
    private const int HighestPort = 65535;

    /// <exception cref="StartupRefusedException">An address can't be listened on.</exception>
    public static void Check(IConfiguration configuration)
    {
        foreach (string address in (configuration[WebHostDefaults.ServerUrlsKey] ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (!CanBeListenedOn(address))
            {
                throw new StartupRefusedException(
                    WebHostDefaults.ServerUrlsKey, $"\"{address}\" is no address to listen on.", $"Write scheme, host and port, such as {Platform.Web.PortalAddress.Default}.");
            }
        }
    }

    private static bool CanBeListenedOn(string address)
    {
        try
        {
            BindingAddress parsed = BindingAddress.Parse(address);
            return parsed.Scheme.ToUpperInvariant() is "HTTP" or "HTTPS" && parsed.Port <= HighestPort && parsed.PathBase.Length == 0;
        }
        catch (FormatException)
        {
            return false;
        }
    }
}
