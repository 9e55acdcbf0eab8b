using System.Net;
using System.Net.Sockets;
using System.Text;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Pods;

/// <summary>The registered client on real sockets: what the operating system says must land in the right outcome.</summary>
public sealed class RunPodSocketTests
{
    private static readonly PodSpec Spec = new(
        "lora-ab-1", "NVIDIA A40", "example/trainer:1", 40, 20, "/workspace", null, ["8000/http"], new Dictionary<string, string>());

    [Fact]
    [Trait("Requirement", "E1")]
    public async Task Create_NobodyListens_IsRefusedAsUnreachable()
    {
        using SilentPort nobody = new();
        await using ServiceProvider services = Services(nobody.Number);

        CreateOutcome outcome = await services.GetRequiredService<IPodProvider>().CreateAsync(Spec, CancellationToken.None);

        Assert.Equal(ProviderFailure.Unreachable, Assert.IsType<CreateOutcome.Refused>(outcome).Error.Failure);
    }

    [Theory]
    [Trait("Requirement", "E1")]
    [InlineData("")]
    [InlineData("HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{\"id\":")]
    [InlineData("this is no HTTP\r\n\r\n")]
    public async Task Create_ConnectionEndsInTheAnswer_IsInDoubtAndSentOnce(string answer)
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        int connections = 0;
        using CancellationTokenSource end = new();
        Task server = ServeAsync(listener, answer, () => connections++, end.Token);
        await using ServiceProvider services = Services(((IPEndPoint)listener.LocalEndpoint).Port);

        CreateOutcome outcome = await services.GetRequiredService<IPodProvider>().CreateAsync(Spec, CancellationToken.None);
        await end.CancelAsync();
        await server;

        Assert.IsType<CreateOutcome.InDoubt>(outcome);
        Assert.Equal(1, connections);
    }

    [Fact]
    public async Task List_Redirect_IsNotFollowed()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        int connections = 0;
        using CancellationTokenSource end = new();
        Task server = ServeAsync(listener, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", () => connections++, end.Token);
        await using ServiceProvider services = Services(((IPEndPoint)listener.LocalEndpoint).Port);

        PodListing listing = await services.GetRequiredService<IPodProvider>().ListAsync(CancellationToken.None);
        await end.CancelAsync();
        await server;

        Assert.Equal(302, Assert.IsType<PodListing.Unavailable>(listing).Error.Status);
        Assert.Equal(1, connections);
    }

    /// <summary>Reads each request to the end of its head and first piece of body, answers, and closes.</summary>
    private static async Task ServeAsync(TcpListener listener, string answer, Action connected, CancellationToken end)
    {
        try
        {
            while (true)
            {
                using TcpClient client = await listener.AcceptTcpClientAsync(end);
                connected();
                await using NetworkStream stream = client.GetStream();
                StringBuilder seen = new();
                byte[] buffer = new byte[8192];
                while (!IsWhole(seen.ToString()))
                {
                    int read = await stream.ReadAsync(buffer, end);
                    if (read == 0)
                    {
                        break;
                    }

                    seen.Append(Encoding.UTF8.GetString(buffer, 0, read));
                }

                await stream.WriteAsync(Encoding.ASCII.GetBytes(answer), end);
            }
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
    }

    private static bool IsWhole(string request) =>
        request.Contains("\r\n\r\n", StringComparison.Ordinal)
        && (request.StartsWith("GET", StringComparison.Ordinal) || request.EndsWith("}}", StringComparison.Ordinal));

    private static ServiceProvider Services(int port) => RegisteredRunPod.Of($"http://127.0.0.1:{port}/v2", "k");
}
