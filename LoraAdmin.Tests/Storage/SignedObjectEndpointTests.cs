using System.Net;
using System.Net.Http.Headers;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Storage;
using LoraAdmin.Tests.Doubles;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Storage;

[Trait("Requirement", "S3")]
public sealed class SignedObjectEndpointTests : IAsyncLifetime
{
    private readonly TemporaryFolder folder = new();
    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));
    private WebApplication? app;

    private WebApplication App => app ?? throw new InvalidOperationException("Not started.");

    public async ValueTask InitializeAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseTestServer();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<TimeProvider>(clock);
        builder.Services.AddSingleton<IIds>(new SeededIds(8));
        builder.Services.AddStorage(builder.Configuration, folder.Path);
        app = builder.Build();
        app.MapSignedObjects();
        await app.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await App.DisposeAsync();
        folder.Dispose();
    }

    [Fact]
    public async Task Get_Model_IsAnAttachmentThatNobodyCaches()
    {
        byte[] bytes = [1, 2, 3, 4, 5, 6, 7, 8];
        using HttpResponseMessage answer = await SendAsync(HttpMethod.Get, await StoredLinkAsync("u/l/model.safetensors", bytes));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(bytes, await answer.Content.ReadAsByteArrayAsync());
        Assert.Equal("application/octet-stream", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal("attachment", answer.Content.Headers.ContentDisposition?.DispositionType);
        Assert.Contains("model.safetensors", answer.Content.Headers.ContentDisposition?.ToString(), StringComparison.Ordinal);
        Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
        Assert.Equal("no-store, private", answer.Headers.CacheControl?.ToString());
    }

    [Fact]
    public async Task Get_Image_IsShown()
    {
        using HttpResponseMessage answer = await SendAsync(HttpMethod.Get, await StoredLinkAsync("u/l/validation/0.jpg", SampleImages.Jpeg()));

        Assert.Equal("image/jpeg", answer.Content.Headers.ContentType?.MediaType);
        Assert.Null(answer.Content.Headers.ContentDisposition);
    }

    [Theory]
    [InlineData("u/page.html")]
    [InlineData("u/picture.svg")]
    [InlineData("u/cat.jpg")]
    public async Task Get_PageUnderAnyName_IsNeverShown(string key)
    {
        byte[] page = System.Text.Encoding.UTF8.GetBytes("<html><script>alert(1)</script>");
        using HttpResponseMessage answer = await SendAsync(HttpMethod.Get, await StoredLinkAsync(key, page));

        Assert.Equal("application/octet-stream", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal("attachment", answer.Content.Headers.ContentDisposition?.DispositionType);
    }

    [Fact]
    public async Task Get_KeyWithEveryAcceptedCharacter_IsFound()
    {
        using HttpResponseMessage answer = await SendAsync(HttpMethod.Get, await StoredLinkAsync("u_1/!.*'()&$=@;:+,?-/x", [9]));

        Assert.Equal([9], await answer.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Get_Range_SendsThatPart()
    {
        using HttpRequestMessage request = new(HttpMethod.Get, await StoredLinkAsync("k", [0, 1, 2, 3, 4, 5]));
        request.Headers.Range = new RangeHeaderValue(2, 4);
        using HttpResponseMessage answer = await App.GetTestClient().SendAsync(request);

        Assert.Equal(HttpStatusCode.PartialContent, answer.StatusCode);
        Assert.Equal([2, 3, 4], await answer.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Head_OnTheSameLink_TellsTheLength()
    {
        using HttpResponseMessage answer = await SendAsync(HttpMethod.Head, await StoredLinkAsync("k", [0, 1, 2]));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(3, answer.Content.Headers.ContentLength);
        Assert.Empty(await answer.Content.ReadAsByteArrayAsync());
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    public async Task OtherMethods_AreNotAllowed(string method)
    {
        string link = await StoredLinkAsync("k", [1]);
        using HttpResponseMessage answer = await SendAsync(new HttpMethod(method), link);

        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
        using HttpResponseMessage still = await SendAsync(HttpMethod.Get, link);
        Assert.Equal(HttpStatusCode.OK, still.StatusCode);
    }

    [Fact]
    public async Task Get_ExpiredOrChanged_Is403WithARemedy()
    {
        string link = await StoredLinkAsync("k", [1]);
        await AssertProblemAsync(link.Replace("/k?", "/other?", StringComparison.Ordinal), HttpStatusCode.Forbidden, "not valid");
        await AssertProblemAsync("/objects/lora-models/k", HttpStatusCode.Forbidden, "not valid");
        await AssertProblemAsync("/objects/lora-models/", HttpStatusCode.Forbidden, "not valid");
        clock.Advance(TimeSpan.FromHours(1));
        await AssertProblemAsync(link, HttpStatusCode.Forbidden, "expired");
    }

    [Fact]
    public async Task Get_Absent_Is404_AndUnreadable_Is503()
    {
        string link = App.Services.GetRequiredService<ILinkSigner>().Sign(new ObjectRef(Buckets.Models, "none")).Url;
        await AssertProblemAsync(link, HttpStatusCode.NotFound, "no such file");

        Directory.Delete(folder.Under("objects"), recursive: true);
        await AssertProblemAsync(link, HttpStatusCode.ServiceUnavailable, "can't be read now");
    }

    [Fact]
    public void Key_MadeAtFirstStart_IsPrivateAndKept()
    {
        string link = App.Services.GetRequiredService<ILinkSigner>().Sign(new ObjectRef(Buckets.Models, "k")).Url;
        ServiceCollection services = new();
        services.AddSingleton<TimeProvider>(clock);
        services.AddSingleton<IIds>(new SeededIds(99));
        services.AddStorage(new ConfigurationBuilder().Build(), folder.Path);
        using ServiceProvider restarted = services.BuildServiceProvider();

        Assert.Equal(link, restarted.GetRequiredService<ILinkSigner>().Sign(new ObjectRef(Buckets.Models, "k")).Url);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(folder.Under("keys", "links.key")));
        }
    }

    [Theory]
    [InlineData("Storage:SignedLinkLifetime", "02:00:00")]
    [InlineData("Storage:SignedLinkLifetime", "-00:01:00")]
    [InlineData("Storage:LinkKey", "c2hvcnQ=")]
    [InlineData("Storage:LinkKey", "not base64!")]
    [InlineData("Spool:MinimumFreeBytes", "-1")]
    [InlineData("Storage:MinimumFreeBytes", "-1")]
    public void Options_OutOfBounds_NameTheKey(string key, string value)
    {
        ServiceCollection services = new();
        services.AddStorage(new ConfigurationBuilder().AddInMemoryCollection([new(key, value)]).Build(), folder.Path);
        using ServiceProvider provider = services.BuildServiceProvider();

        OptionsValidationException failure = Assert.Throws<OptionsValidationException>(
            () => provider.GetRequiredService<IStartupValidator>().Validate());

        Assert.Contains(key, failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("c2hvcnQ=", failure.Message, StringComparison.Ordinal);
    }

    private async Task<string> StoredLinkAsync(string key, byte[] bytes)
    {
        ObjectRef target = new(Buckets.Models, key);
        Assert.IsType<PutOutcome.Stored>(await App.Services.GetRequiredService<IObjectStore>()
            .PutAsync(target, new MemoryStream(bytes), "text/html", CancellationToken.None));
        return App.Services.GetRequiredService<ILinkSigner>().Sign(target).Url;
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string url)
    {
        using HttpRequestMessage request = new(method, url);
        return await App.GetTestClient().SendAsync(request);
    }

    private async Task AssertProblemAsync(string url, HttpStatusCode status, string title)
    {
        using HttpResponseMessage answer = await SendAsync(HttpMethod.Get, url);
        Assert.Equal(status, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.Contains(title, (await answer.Content.ReadAsStringAsync()).Replace("\\u0027", "'", StringComparison.Ordinal), StringComparison.Ordinal);
    }
}
