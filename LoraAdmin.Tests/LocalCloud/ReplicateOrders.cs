using System.IO.Compression;
using System.Text.Json.Nodes;
using LoraAdmin.Platform.LocalCloud;

namespace LoraAdmin.Tests.LocalCloud;

/// <summary>What a caller sends to LocalCloud's Replicate.</summary>
internal static class ReplicateOrders
{
    public const string ImagesLink = "https://lora.example.org/objects/images.zip";
    public const string Webhook = "https://lora.example.org/webhooks/replicate?try=lora-1";

    public static string TrainPath { get; } = $"/v1/models/{ReplicateFace.Trainer}/versions/{ReplicateFace.TrainerVersion}/trainings";

    public static byte[] Zip(string name = "0.jpg")
    {
        using MemoryStream stream = new();
        using (ZipArchive archive = new(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            using Stream entry = archive.CreateEntry(name).Open();
            entry.Write([1, 2, 3]);
        }

        return stream.ToArray();
    }

    public static JsonObject Train(string? images = ImagesLink, string? webhook = Webhook, string destination = ReplicateFace.Destination)
    {
        JsonObject order = new() { ["destination"] = destination, ["input"] = new JsonObject() };
        if (images is not null)
        {
            order["input"]![ReplicateFace.InputField] = images;
        }

        if (webhook is not null)
        {
            order["webhook"] = webhook;
        }

        return order;
    }

    public static async Task<string> TrainAsync(this TestCloud cloud, JsonObject? order = null)
    {
        using HttpResponseMessage answer = await cloud.ReplicateAsync(HttpMethod.Post, TrainPath, order ?? Train());
        answer.EnsureSuccessStatusCode();
        return (string)(await TestCloud.JsonAsync(answer))["id"]!;
    }

    public static async Task<JsonObject> ReadTrainingAsync(this TestCloud cloud, string id)
    {
        using HttpResponseMessage answer = await cloud.ReplicateAsync(HttpMethod.Get, $"/v1/trainings/{id}");
        answer.EnsureSuccessStatusCode();
        return await TestCloud.JsonAsync(answer);
    }
}
