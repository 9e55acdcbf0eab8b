using System.Net.Http.Json;
using System.Text.Json.Nodes;
using LoraAdmin.Platform.LocalCloud;
using Xunit.Sdk;
using Xunit;

namespace LoraAdmin.Tests.LocalCloud;

/// <summary>LocalCloud's agent against docs/pod-agent.openapi.json: every declared answer is provoked once and checked.</summary>
public sealed class PodAgentContractTests
{
    private readonly PodAgentContract contract = new();

    [Fact]
    public async Task EveryDeclaredAnswer_Provoked_KeepsTheContract()
    {
        using TestCloud cloud = new();
        string id = await cloud.RunningAsync();
        await RefusalsAsync(cloud, id);
        await StatusAsync(cloud, id);
        await ImageAsync(cloud, id, 0, [1, 2, 3]);
        await ImageAsync(cloud, id, 1, [4, 5, 6]);
        await SendAsync("post", "/v1/start", cloud.AgentAsync(HttpMethod.Post, id, "/start", TestCloud.Start(3)), 409);
        await SendAsync("post", "/v1/start", cloud.AgentAsync(HttpMethod.Post, id, "/start", TestCloud.Start(2)), 200);
        await SendAsync("post", "/v1/start", cloud.AgentAsync(HttpMethod.Post, id, "/start", TestCloud.Start(2)), 200);
        await SendAsync("post", "/v1/start", cloud.AgentAsync(HttpMethod.Post, id, "/start", TestCloud.Start(1)), 409);
        await SendAsync("put", "/v1/images/{n}", cloud.AgentAsync(HttpMethod.Put, id, "/images/2", Bytes(9), sha256: Hash(9)), 409);
        cloud.Pass(TimeSpan.FromMinutes(5));
        await StatusAsync(cloud, id);
        cloud.Pass(TimeSpan.FromMinutes(8));
        await StatusAsync(cloud, id);
        cloud.Pass(TimeSpan.FromMinutes(2));
        await StatusAsync(cloud, id);
        await SendAsync("get", "/v1/artifact", cloud.AgentAsync(HttpMethod.Get, id, "/artifact"), 200);
        await SendAsync("get", "/v1/artifact", cloud.AgentAsync(HttpMethod.Get, id, "/artifact", range: "bytes=10-19"), 206);
        await SendAsync("get", "/v1/artifact", cloud.AgentAsync(HttpMethod.Get, id, "/artifact", range: "bytes=99999999-"), 416);
        await SendAsync("get", "/v1/validation/{n}", cloud.AgentAsync(HttpMethod.Get, id, "/validation/2"), 200);
        await SendAsync("get", "/v1/validation/{n}", cloud.AgentAsync(HttpMethod.Get, id, "/validation/3"), 404);
        await SendAsync("post", "/v1/lease", cloud.AgentAsync(HttpMethod.Post, id, "/lease", Lease(60)), 204);
        await SendAsync("post", "/v1/stop", cloud.AgentAsync(HttpMethod.Post, id, "/stop"), 204);
        await StatusAsync(cloud, id);
        Assert.Empty(contract.Unseen);
    }

    [Theory]
    [InlineData("fails")]
    [InlineData("stopped")]
    public async Task Status_OfATrainingThatDidNotFinish_KeepsTheContract(string how)
    {
        using TestCloud cloud = new();
        if (how == "fails")
        {
            cloud.World.Faults.Add(FaultKind.TrainingFails);
        }

        string id = await cloud.TrainingAsync();
        cloud.Pass(TimeSpan.FromMinutes(2));
        if (how == "stopped")
        {
            await cloud.AgentAsync(HttpMethod.Post, id, "/stop");
        }

        cloud.Pass(TimeSpan.FromMinutes(10));
        await StatusAsync(cloud, id);
    }

    [Theory]
    [InlineData("phase", "\"resting\"")]
    [InlineData("step", "-1")]
    [InlineData("loss", "\"low\"")]
    [InlineData("images_held", "[\"0\"]")]
    [InlineData("training_started_at", "\"yesterday\"")]
    [InlineData("artifact", "{\"size_bytes\":1}")]
    [InlineData("surprise", "1")]
    public async Task Checker_OfABrokenStatus_Fails(string field, string value)
    {
        using TestCloud cloud = new();
        string id = await cloud.RunningAsync();
        JsonObject status = await cloud.AgentStatusAsync(id);
        JsonObject schema = new() { ["$ref"] = "#/components/schemas/Status" };
        contract.Validate(schema, status, "$");
        status[field] = JsonNode.Parse(value);
        Assert.IsType<XunitException>(Record.Exception(() => contract.Validate(schema, status, "$")), exactMatch: false);
    }

    private async Task RefusalsAsync(TestCloud cloud, string id)
    {
        foreach ((string method, string path, string call) in new[]
        {
            ("get", "/v1/status", "/status"), ("put", "/v1/images/{n}", "/images/0"), ("post", "/v1/start", "/start"),
            ("get", "/v1/artifact", "/artifact"), ("get", "/v1/validation/{n}", "/validation/0"), ("post", "/v1/lease", "/lease"),
            ("post", "/v1/stop", "/stop"),
        })
        {
            await SendAsync(method, path, cloud.AgentAsync(new HttpMethod(method.ToUpperInvariant()), id, call, token: null), 401);
        }

        await SendAsync("put", "/v1/images/{n}", cloud.AgentAsync(HttpMethod.Put, id, "/images/0", Bytes(1), sha256: Hash(2)), 422);
        await SendAsync("put", "/v1/images/{n}", cloud.AgentAsync(HttpMethod.Put, id, "/images/100", Bytes(1), sha256: Hash(1)), 404);
        using ByteArrayContent large = new(new byte[(20 * 1024 * 1024) + 1]);
        await SendAsync("put", "/v1/images/{n}", cloud.AgentAsync(HttpMethod.Put, id, "/images/0", large, sha256: Hash(1)), 413);
        await SendAsync("post", "/v1/start", cloud.AgentAsync(HttpMethod.Post, id, "/start", new StringContent("{")), 400);
        await SendAsync("post", "/v1/start", cloud.AgentAsync(HttpMethod.Post, id, "/start", new StringContent("{}")), 422);
        using StringContent wide = new(new string(' ', 2 * 1024 * 1024));
        await SendAsync("post", "/v1/start", cloud.AgentAsync(HttpMethod.Post, id, "/start", wide), 413);
        await SendAsync("post", "/v1/lease", cloud.AgentAsync(HttpMethod.Post, id, "/lease", new StringContent("{")), 400);
        await SendAsync("post", "/v1/lease", cloud.AgentAsync(HttpMethod.Post, id, "/lease", Lease(0)), 422);
        await SendAsync("get", "/v1/artifact", cloud.AgentAsync(HttpMethod.Get, id, "/artifact"), 404);
    }

    private Task StatusAsync(TestCloud cloud, string id) => SendAsync("get", "/v1/status", cloud.AgentAsync(HttpMethod.Get, id, "/status"), 200);

    private async Task ImageAsync(TestCloud cloud, string id, int number, byte[] image)
    {
        string sha256 = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(image));
        await SendAsync(
            "put", "/v1/images/{n}", cloud.AgentAsync(HttpMethod.Put, id, $"/images/{number}", new ByteArrayContent(image), sha256: sha256), 204);
    }

    private async Task SendAsync(string method, string path, Task<HttpResponseMessage> call, int status)
    {
        using HttpResponseMessage answer = await call;
        Assert.Equal(status, (int)answer.StatusCode);
        await contract.CheckAsync(method, path, answer);
    }

    private static ByteArrayContent Bytes(byte value) => new([value]);

    private static string Hash(byte value) => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData([value]));

    private static JsonContent Lease(int seconds) => JsonContent.Create(new JsonObject { ["seconds"] = seconds });
}
