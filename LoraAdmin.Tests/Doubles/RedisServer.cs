using System.ComponentModel;
using System.Diagnostics;
using System.Net.Sockets;

namespace LoraAdmin.Tests.Doubles;

/// <summary>A throw-away <c>redis-server</c> in memory on a free port. A missing binary fails the test.</summary>
public sealed class RedisServer : IAsyncDisposable
{
    private readonly Process process;

    private RedisServer(Process process, int port)
    {
        this.process = process;
        Port = port;
    }

    public int Port { get; }

    /// <summary>For StackExchange.Redis.</summary>
    public string Configuration => $"127.0.0.1:{Port}";

    public static async Task<RedisServer> StartAsync()
    {
        int port = PostgresServer.FreePort();
        ProcessStartInfo start = new("redis-server", ["--port", $"{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--logfile", "/dev/null"])
        {
            WorkingDirectory = Path.GetTempPath(),
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        Process process;
        try
        {
            process = Process.Start(start) ?? throw new InvalidOperationException("redis-server did not start.");
        }
        catch (Win32Exception exception)
        {
            throw new InvalidOperationException("redis-server was not found: install it (apt-get install redis-server), ./test.sh does.", exception);
        }

        RedisServer server = new(process, port);
        await server.AnswersAsync();
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.Kill();
            await process.WaitForExitAsync();
        }

        process.Dispose();
    }

    private async Task AnswersAsync()
    {
        using CancellationTokenSource timeout = new(TimeSpan.FromSeconds(10), TimeProvider.System);
        while (!process.HasExited)
        {
            try
            {
                using TcpClient client = new();
                await client.ConnectAsync("127.0.0.1", Port, timeout.Token);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, timeout.Token);
            }
        }

        throw new InvalidOperationException($"redis-server ended with {process.ExitCode} before it answered on port {Port}.");
    }
}
