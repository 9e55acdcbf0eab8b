using System.Diagnostics;
using Npgsql;

namespace LoraAdmin.Tests.Doubles;

/// <summary>
/// One throw-away PostgreSQL cluster per test run, in a folder of its own, without fsync. Each caller gets a fresh database. Missing binaries fail
/// the test: a green run means that PostgreSQL was tested.
/// </summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private static readonly SemaphoreSlim Starting = new(1, 1);
    private static PostgresServer? running;
    private static int databases;

    private readonly string folder;
    private readonly string binaries;

    private PostgresServer(string folder, string binaries, int port)
    {
        this.folder = folder;
        this.binaries = binaries;
        Port = port;
    }

    public int Port { get; }

    /// <param name="template">The database to copy; the empty one when null.</param>
    /// <returns>A connection string to a new database.</returns>
    public static async Task<string> NewDatabaseAsync(string? template = null)
    {
        PostgresServer server = await SharedAsync();
        string name = $"test_{Interlocked.Increment(ref databases)}";
        await using NpgsqlConnection connection = new(server.ConnectionString("postgres"));
        await connection.OpenAsync();
        await using NpgsqlCommand command = new($"CREATE DATABASE {name} TEMPLATE {template ?? "template0"}", connection);
        await command.ExecuteNonQueryAsync();
        return server.ConnectionString(name);
    }

    public static async Task<PostgresServer> SharedAsync()
    {
        await Starting.WaitAsync();
        try
        {
            if (running is null)
            {
                running = await StartAsync();
                AppDomain.CurrentDomain.ProcessExit += (_, _) => running.Stop();
            }

            return running;
        }
        finally
        {
            Starting.Release();
        }
    }

    public string ConnectionString(string database) =>
        $"Host=127.0.0.1;Port={Port};Database={database};Username=postgres;Maximum Pool Size=40;Timeout=60";

    public ValueTask DisposeAsync()
    {
        Stop();
        return ValueTask.CompletedTask;
    }

    private static async Task<PostgresServer> StartAsync()
    {
        string binaries = FindBinaries();
        string folder = Path.Combine(Path.GetTempPath(), $"loraadmin-pg-{Environment.ProcessId}");
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        Directory.CreateDirectory(folder);
        if (IsRoot)
        {
            await RunAsync("chown", ["postgres", folder]);
        }

        string data = Path.Combine(folder, "data");
        await RunAsOwnerAsync(binaries, "initdb", ["-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8"]);
        return await Ports.StartAsync(async port =>
        {
            string options = $"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=300";
            await RunAsOwnerAsync(binaries, "pg_ctl", ["-D", data, "-w", "-l", Path.Combine(folder, "log"), "-o", options, "start"]);
            return new PostgresServer(folder, binaries, port);
        });
    }

    private static bool IsRoot => Environment.UserName == "root";

    private void Stop()
    {
        try
        {
            RunAsOwnerAsync(binaries, "pg_ctl", ["-D", Path.Combine(folder, "data"), "-m", "immediate", "-w", "stop"]).GetAwaiter().GetResult();
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception exception) when (exception is InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            // The run is over; what is left lies in the temporary folder.
        }
    }

    private static Task RunAsOwnerAsync(string binaries, string program, string[] arguments)
    {
        string path = Path.Combine(binaries, program);
        return IsRoot ? RunAsync("runuser", ["-u", "postgres", "--", path, .. arguments]) : RunAsync(path, arguments);
    }

    private static string FindBinaries()
    {
        IEnumerable<string> candidates = Directory.Exists("/usr/lib/postgresql")
            ? Directory.GetDirectories("/usr/lib/postgresql").OrderDescending().Select(version => Path.Combine(version, "bin"))
            : [];
        return candidates
            .Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator))
            .FirstOrDefault(folder => File.Exists(Path.Combine(folder, "initdb")) && File.Exists(Path.Combine(folder, "pg_ctl")))
            ?? throw new InvalidOperationException("PostgreSQL's initdb and pg_ctl were not found: install postgresql (apt-get install postgresql), ./test.sh does.");
    }

    internal static async Task RunAsync(string program, string[] arguments)
    {
        // Output goes nowhere: a server that outlives its starter would keep a pipe open.
        ProcessStartInfo start = new("/bin/sh") { WorkingDirectory = "/" };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add("exec \"$0\" \"$@\" >/dev/null 2>&1 </dev/null");
        start.ArgumentList.Add(program);
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}.");
        }
    }
}
