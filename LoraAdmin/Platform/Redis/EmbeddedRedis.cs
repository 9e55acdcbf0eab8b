using System.Net;
using System.Net.Sockets;
using Garnet;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Platform.Redis;

/// <summary>
/// A Garnet server in the portal's own process, for when no Redis is configured. In memory, on this machine's loopback alone, behind a password that
/// nobody else knows. What it forgets at a restart is brought back by whoever keeps it (the breaker from the database).
/// </summary>
internal sealed class EmbeddedRedis : IDisposable
{
    private const int Tries = 5;

    private readonly GarnetServer server;

    private EmbeddedRedis(GarnetServer server, int port, string password)
    {
        this.server = server;
        ConnectionString = $"127.0.0.1:{port},password={password}";
    }

    /// <summary>For StackExchange.Redis.</summary>
    public string ConnectionString { get; }

    /// <exception cref="StartupRefusedException">It could not be started on any port.</exception>
    public static EmbeddedRedis Start(IIds ids)
    {
        string password = Convert.ToHexStringLower(ids.Secret(16));
        for (int tries = 1; ; tries++)
        {
            // Garnet can't take port 0: another program may take the port between the look and the start.
            try
            {
                return Start(FreeNow(), password);
            }
            catch (Exception failure) when (failure is not OutOfMemoryException)
            {
                if (tries == Tries)
                {
                    throw new StartupRefusedException(
                        "ConnectionStrings:Redis", $"It is empty, and the embedded server does not start: {failure.Message}", "Configure a Redis server.", failure);
                }
            }
        }
    }

    /// <summary>With nothing in it. Throws whatever Garnet throws when the port is taken.</summary>
    public static EmbeddedRedis Start(int port, string password)
    {
        GarnetServer server = new(
        [
            "--bind", "127.0.0.1", "--port", $"{port}", "-q", "--auth", "Password", "--password", password, "--lua", "--lua-transaction-mode",
            "--memory", "32m", "--index", "1m", "--page", "1m", "--segment", "16m",
        ]);
        try
        {
            server.Start();
            return new EmbeddedRedis(server, port, password);
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        try
        {
            server.Dispose();
        }
        catch (ObjectDisposedException)
        {
            // Garnet ends its own parts twice when a client leaves in the same moment. It is ended.
        }
    }

    private static int FreeNow()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
