using System.Net;
using System.Net.Sockets;

namespace LoraAdmin.Tests.Doubles;

/// <summary>
/// A port on which nobody answers and that nobody can take meanwhile: its socket is bound and never listens, so that the system refuses each connection.
/// </summary>
public sealed class SilentPort : IDisposable
{
    private readonly Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    public SilentPort() => socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));

    public int Number => ((IPEndPoint)socket.LocalEndPoint!).Port;

    public void Dispose() => socket.Dispose();
}

/// <summary>Starts servers that can't be given port 0.</summary>
internal static class Ports
{
    private const int Tries = 5;

    /// <summary>
    /// Hands in a port that was free a moment ago; another program may take it before the server does, and the server is then started on the next one.
    /// </summary>
    /// <exception cref="InvalidOperationException">The start failed on every port, with the last reason.</exception>
    public static async Task<T> StartAsync<T>(Func<int, Task<T>> start)
    {
        for (int tries = 1; ; tries++)
        {
            try
            {
                return await start(FreeNow());
            }
            catch (InvalidOperationException) when (tries < Tries)
            {
                // Taken meanwhile, most likely. What else is wrong is wrong the next time too, and then told.
            }
        }
    }

    private static int FreeNow()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
