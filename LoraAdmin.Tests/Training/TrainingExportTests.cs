using System.Net;
using System.Text.Json;
using LoraAdmin.Domain.Access;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>The list of jobs as a file, over a real Kestrel.</summary>
public sealed class TrainingExportTests : IAsyncLifetime
{
    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 11, 24, 9, 0, 0, TimeSpan.Zero));
    private readonly HttpClient client = new(new SocketsHttpHandler());
    private WebApplication app = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<ITrainingQueries>(new PageQueries(clock));
        builder.Services.AddSingleton<TimeProvider>(clock);
        builder.Services.AddAuthorization(options => options.AddPolicy(Permissions.ReadTraining, policy => policy.RequireAssertion(static _ => true)));
        app = builder.Build();
        app.UseAuthorization();
        app.MapTrainingExport();
        await app.StartAsync(Token);
        client.BaseAddress = new Uri(app.Urls.Single());
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await app.DisposeAsync();
    }

    /// <summary>A file shows nobody by what it was filtered.</summary>
    [Theory]
    [InlineData("state=failed&state=baked", "The filter 'state' can't be used", "No job has the state baked. A state is one of queued, ")]
    [InlineData("user=mara", "The filter 'user' can't be used", "")]
    public async Task Export_BadFilter_IsRefusedByName(string query, string title, string detail)
    {
        using HttpResponseMessage answer = await client.GetAsync(new Uri($"/training/export.csv?{query}", UriKind.Relative), Token);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        using JsonDocument problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Token));
        Assert.Equal(title, problem.RootElement.GetProperty("title").GetString());
        Assert.StartsWith(detail, problem.RootElement.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Export_OfAKnownState_HasTheHeader()
    {
        string text = await client.GetStringAsync(new Uri("/training/export.csv?state=failed", UriKind.Relative), Token);

        Assert.StartsWith("id,lora_id,user_id,name,creator_email,state,", text.TrimStart('\uFEFF'), StringComparison.Ordinal);
    }
}
