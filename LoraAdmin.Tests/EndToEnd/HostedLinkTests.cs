using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Web;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd.Processes;
using LoraAdmin.Tests.LocalCloud;
using LoraAdmin.Training;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>The link to the zip of training images, as the whole portal gives it to Replicate and as Replicate follows it.</summary>
[Trait("Requirement", "C1")]
public sealed class HostedLinkTests
{
    private const string User = "6b1f7f3e-64d8-4f0c-9a51-3f0c2f1d7a10";

    private readonly FakeTimeProvider clock = new(TimeProvider.System.GetUtcNow());

    [Fact]
    public async Task LinkToTheImages_IsGoodForAnHour_HoweverShortThoseOfPeopleAre()
    {
        // It trains all the while, so that the zip is still needed.
        await using InProcessPortal portal = await InProcessPortal.StartAsync(
            new Dictionary<string, string> { ["Storage:SignedLinkLifetime"] = "00:10:00", ["LocalCloud:Speed"] = "1", ["LocalCloud:Training"] = "03:00:00" },
            clock: clock);
        await portal.Services.GetRequiredService<IBreakerDesk>()
            .IsolateAsync(BreakerSubject.RunPod, "RunPod moves", null, new Actor(ActorKind.Person, "ada"), CancellationToken.None);
        await new PortalApi(portal.BaseUrl, PortalProcess.Token).SubmitAsync(User, "Mara", [SampleImages.Jpeg()]);
        LocalCloudWorld cloud = portal.Services.GetRequiredService<LocalCloudFace>().World;
        await Eventually.TrueAsync(
            () =>
            {
                clock.Advance(TimeSpan.FromMilliseconds(500));
                return Task.FromResult(cloud.Replicate.Records.Count == 1);
            },
            "a training at Replicate",
            FaultRun.Patience);
        using JsonDocument input = JsonDocument.Parse(cloud.Replicate.Records[0].Input);
        string link = input.RootElement.GetProperty(ReplicateFace.InputField).GetString()!;
        DateTimeOffset signed = SignedAt(link);
        Assert.InRange(clock.GetUtcNow() - signed, TimeSpan.FromSeconds(-1), TimeSpan.FromMinutes(5));

        clock.SetUtcNow(signed.AddMinutes(59));
        Assert.Null(await TrainAsync(portal, link));
        clock.SetUtcNow(signed.AddMinutes(61));
        Assert.Equal($"Failed to download {ReplicateFace.InputField}", await TrainAsync(portal, link));
    }

    private static DateTimeOffset SignedAt(string link) =>
        DateTimeOffset.FromUnixTimeSeconds(long.Parse(HttpUtility.ParseQueryString(new Uri(link).Query)["expires"]!, System.Globalization.CultureInfo.InvariantCulture))
            .AddHours(-1);

    /// <returns>What Replicate says of a training by this link a moment later; null: nothing is wrong.</returns>
    private async Task<string?> TrainAsync(InProcessPortal portal, string link)
    {
        JsonElement made = await AskAsync(portal, HttpMethod.Post, ReplicateOrders.TrainPath, JsonContent.Create(ReplicateOrders.Train(link, webhook: null)));
        clock.Advance(TimeSpan.FromSeconds(1));
        return (await AskAsync(portal, HttpMethod.Get, $"/v1/trainings/{made.GetProperty("id").GetString()}", null)).GetProperty("error").GetString();
    }

    private static async Task<JsonElement> AskAsync(InProcessPortal portal, HttpMethod method, string path, HttpContent? body)
    {
        using HttpRequestMessage request = new(method, $"{LocalCloudHandler.Base}/replicate{path}") { Content = body };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", portal.Services.GetRequiredService<LocalCloudKeys>().ApiKey);
        using HttpResponseMessage answer =
            await portal.Services.GetRequiredService<IHttpClientFactory>().CreateClient(ReplicateClient.HttpClientName)
                .SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        answer.EnsureSuccessStatusCode();
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }
}
