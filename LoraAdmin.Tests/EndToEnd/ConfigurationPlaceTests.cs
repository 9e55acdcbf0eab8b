using System.Globalization;
using System.Net;
using System.Net.Sockets;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd.Processes;
using LoraAdmin.Tests.Storage;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>Places where the portal can't work: database, data folder, port, and another kind of cloud than the installation's.</summary>
public sealed class ConfigurationPlaceTests : IDisposable
{
    private static readonly Dictionary<string, string> Nothing = [];

    private readonly TemporaryFolder folder = new();

    [Fact]
    public async Task Postgres_ThatDoesNotAnswer_IsRefusedWithoutItsPassword()
    {
        using SilentPort nobody = new();

        string screen = await DatabaseAsync(
            string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={nobody.Number};Database=lora;Username=lora;Password=Secret-77"));

        Assert.Contains(nobody.Number.ToString(CultureInfo.InvariantCulture), screen, StringComparison.Ordinal);
        Assert.DoesNotContain("Secret-77", screen, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Postgres_WithoutTheDatabase_IsRefused()
    {
        PostgresServer server = await PostgresServer.SharedAsync();

        string screen = await DatabaseAsync(server.ConnectionString("no_such_database"));

        Assert.Contains("no_such_database", screen, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Hosst=127.0.0.1;Database=lora")]
    [InlineData("postgres://lora@127.0.0.1/lora")]
    [InlineData("lora.db")]
    public Task ConnectionString_ThatCantBeRead_IsRefused(string connectionString) => DatabaseAsync(connectionString);

    [Fact]
    public async Task DataFolder_BelowAFile_IsRefused()
    {
        await File.WriteAllTextAsync(folder.Under("file"), "");

        await RefusedStart.IsExplainedAsync(folder.Under("file", "data"), "Data:Path", Nothing);
    }

    [Fact]
    public Task DataFolder_WhereNothingCanBeWritten_IsRefused() => RefusedStart.IsExplainedAsync("/proc/loraadmin", "Data:Path", Nothing);

    [Fact]
    public async Task DatabaseFile_ThatIsNone_IsRefused()
    {
        Directory.CreateDirectory(folder.Under("data"));
        await File.WriteAllTextAsync(folder.Under("data", "loraadmin.db"), "This is no database, and long enough to be taken for the header of one, or so it seems to it.");

        await RefusedStart.IsExplainedAsync(folder.Under("data"), "Data:Path", Nothing);
    }

    [Fact]
    public async Task SecondPortal_OnTheSameFolder_IsToldWhoHoldsIt()
    {
        await using PortalProcess first = await PortalProcess.StartAsync(folder.Under("data"));

        string screen = await RefusedStart.IsExplainedAsync(folder.Under("data"), "Data:Path", Nothing);

        Assert.Contains($"process {first.Id.ToString(CultureInfo.InvariantCulture)} ", screen, StringComparison.Ordinal);
        using HttpResponseMessage ready = await first.Api.Http.GetAsync("/health/ready");
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
    }

    [Fact]
    public async Task Installation_OfTheLocalCloud_RefusesARealKey()
    {
        await using (PortalProcess local = await PortalProcess.StartAsync(folder.Under("data")))
        {
            Assert.Equal(0, await local.StopAsync());
        }

        await RefusedStart.IsExplainedAsync(folder.Under("data"), "RunPod:ApiKey", new Dictionary<string, string>
        {
            ["RunPod:ApiKey"] = "rpa_0123456789",
            ["RunPod:Image"] = "example/trainer:1",
        });
    }

    [Fact]
    public async Task Port_InUse_IsRefused()
    {
        using TcpListener taken = new(IPAddress.Loopback, 0);
        taken.Start();
        string url = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{((IPEndPoint)taken.LocalEndpoint).Port}");

        string screen = await RefusedStart.IsExplainedAsync(folder.Under("data"), "urls", Nothing, ["--urls", url]);

        Assert.Contains(url, screen, StringComparison.Ordinal);
    }

    public void Dispose() => folder.Dispose();

    private Task<string> DatabaseAsync(string connectionString) => RefusedStart.IsExplainedAsync(
        folder.Under("data"), "ConnectionStrings:Database", new Dictionary<string, string> { ["ConnectionStrings:Database"] = connectionString });
}
