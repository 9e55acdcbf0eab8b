using System.Net;
using System.Text.Json;
using LoraAdmin.Platform.LocalCloud;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>Validation images that are not good enough as the whole portal meets them, in real time and through its own API.</summary>
public sealed class ValidationFaultsOverHttpTests
{
    [Fact]
    [Trait("Requirement", "E5")]
    [Trait("Fault", FaultKind.ValidationFails)]
    public async Task Validation_Fails_EndsWithRefundAndTellsOfEachImageWhyWithALink()
    {
        await using FaultRun run = await FaultRun.StartAsync();
        await run.Cloud.FaultAsync(FaultKind.ValidationFails);
        string job = await run.SubmitAsync();
        JsonElement ended = await run.EndedAsync(job);

        await run.IsToldAsFailedAsync(ended, "quality_validation_failed", "Quality validation failed");
        string detail = ended.GetProperty("failure").GetProperty("detail").GetString()!;
        Assert.StartsWith("0 of 3 validation images passed, 2 must. ", detail, StringComparison.Ordinal);
        JsonElement[] images = [.. (await run.LoraAsync(ended)).GetProperty("validation_images").EnumerateArray()];
        Assert.Equal([0, 1, 2], images.Select(image => image.GetProperty("index").GetInt32()));
        foreach (JsonElement image in images)
        {
            Assert.False(image.GetProperty("passed").GetBoolean());
            Assert.InRange(image.GetProperty("score").GetDouble(), 0.0, 0.5999);
            string reason = image.GetProperty("reason").GetString()!;
            Assert.Matches(@"^score 0\.[0-9]{2} is below 0\.60$", reason);
            Assert.Contains($"Image {image.GetProperty("index").GetInt32()}: {reason}", detail, StringComparison.Ordinal);
            using HttpResponseMessage picture = await run.Portal.Anonymous.GetAsync(new Uri(image.GetProperty("link").GetProperty("url").GetString()!, UriKind.RelativeOrAbsolute));
            Assert.Equal((HttpStatusCode.OK, "image/jpeg"), (picture.StatusCode, picture.Content.Headers.ContentType?.MediaType));
            Assert.Equal([0xFF, 0xD8], (await picture.Content.ReadAsByteArrayAsync())[..2]);
        }

        Assert.Equal(1, await run.Portal.Database.NumberAsync(
            $"SELECT COUNT(*) FROM error_events WHERE code = 'quality_validation_failed' AND failed_part = 'training.validate' AND lower(CAST(job_id AS TEXT)) = '{job}'"));
    }
}
