using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace LoraAdmin.Tests.Doubles;

/// <summary>A throw-away <c>redis-server</c> in memory on a free port. A missing binary fails the test.</summary>
public sealed class RedisServer : IAsyncDisposable
{
    private readonly Process process;
    private bool ended;

    private RedisServer(Process process, int port)
    {
        this.process = process;
        Port = port;
    }

    public int Port { get; }

    /// <summary>For StackExchange.Redis.</summary>
    public string Configuration => $"127.0.0.1:{Port}";

    public static Task<RedisServer> StartAsync() => Ports.StartAsync(StartAsync);

    /// <summary>On the port of one that is gone: a restart, with nothing in memory.</summary>
    public static async Task<RedisServer> StartAsync(int port)
    {
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
        try
        {
            await server.AnswersAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends the server at once; again changes nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        if (ended)
        {
            return;
        }

        ended = true;
        if (!process.HasExited)
        {
            process.Kill();
            await process.WaitForExitAsync();
        }

        process.Dispose();
    }

    /// <summary>Until the port answers, and not by somebody else who took it: the server that answers says which process it is.</summary>
    private async Task AnswersAsync()
    {
        string self = string.Create(CultureInfo.InvariantCulture, $"process_id:{process.Id}\r\n");
        using CancellationTokenSource timeout = new(TimeSpan.FromMinutes(2), TimeProvider.System);
        while (!process.HasExited)
        {
            try
            {
                using TcpClient client = new();
                await client.ConnectAsync("127.0.0.1", Port, timeout.Token);
                await client.GetStream().WriteAsync("INFO server\r\nQUIT\r\n"u8.ToArray(), timeout.Token);
                using StreamReader answer = new(client.GetStream(), Encoding.ASCII);
                if ((await answer.ReadToEndAsync(timeout.Token)).Contains(self, StringComparison.Ordinal))
                {
                    return;
                }

                throw new InvalidOperationException($"Another program answers on port {Port}.");
            }
            catch (Exception failure) when (failure is SocketException or IOException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, timeout.Token);
            }
        }

        throw new InvalidOperationException($"redis-server ended with {process.ExitCode} before it answered on port {Port}.");
    }
}
