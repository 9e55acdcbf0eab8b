using System.Text.Json.Nodes;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Architecture;

namespace LoraAdmin.Tests.Training;

/// <summary>What the options are held to is what the contract's file and LocalCloud's agent say.</summary>
public sealed class PodAgentLimitTests
{
    private static readonly JsonNode Contract = JsonNode.Parse(Repository.Text("docs/pod-agent.openapi.json").Text)!;

    [Fact]
    public void Limits_AreThoseOfTheContract()
    {
        JsonNode schemas = Contract["components"]!["schemas"]!;
        JsonNode order = schemas["Order"]!["properties"]!;
        Assert.Equal(PodAgentLimits.Images, (int)order["images"]!["maximum"]!);
        Assert.Equal(PodAgentLimits.ValidationImages, (int)order["validation_images"]!["maximum"]!);
        Assert.Equal(PodAgentLimits.Duration.TotalSeconds, (double)order["max_duration_seconds"]!["maximum"]!);
        Assert.Contains($"({PodAgentLimits.ImageBytes} bytes)", Contract["paths"]!["/v1/images/{n}"]!.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal(PodAgentLimits.ArtifactBytes, (long)schemas["Artifact"]!["properties"]!["size_bytes"]!["maximum"]!);
    }

    [Fact]
    public void Limits_AreThoseOfLocalCloudsAgent() => Assert.Equal(
        (PodAgentLimits.Images, PodAgentLimits.ValidationImages, PodAgentLimits.ImageBytes, (long)PodAgentLimits.Duration.TotalSeconds),
        (AgentFace.MaxImages, AgentFace.MaxValidationImages, AgentFace.MaxImageBytes, AgentFace.MaxLeaseSeconds));
}
