using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Xunit;

namespace LoraAdmin.Tests.Api;

public sealed class SubmitBadInputTests
{
    [Theory]
    [InlineData("{\"user_id\": \"x\",\n  \"name\": }", "line 2")]
    [InlineData("{\"name\":\"a\",\"name\":\"b\"}", "name")]
    [InlineData("", "line 1")]
    [InlineData("{} trailing", "line 1")]
    public async Task Json_Malformed_TellsWhere(string body, string told)
    {
        await using PortalHost host = await PortalHost.StartAsync();

        HttpResponseMessage response = await host.SubmitAsync(PortalHost.Json(body));

        await host.AssertRefusedAsync(response, "(body)", "malformed_json");
        Assert.Contains(told, (await PortalHost.ReadAsync(response)).GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[1]", "(body)")]
    [InlineData("{}", "user_id")]
    [InlineData("{}", "name")]
    [InlineData("{}", "creator_email")]
    [InlineData("{}", "training_images")]
    [InlineData("""{"user_id":5}""", "user_id")]
    [InlineData("""{"user_id":"not-a-uuid"}""", "user_id")]
    [InlineData("""{"user_id":"00000000-0000-0000-0000-000000000000"}""", "user_id")]
    [InlineData("""{"name":""}""", "name")]
    [InlineData("""{"name":"   "}""", "name")]
    [InlineData("""{"name":null}""", "name")]
    [InlineData("""{"name":{"a":1}}""", "name")]
    [InlineData("""{"name":"a\u0007b"}""", "name")]
    [InlineData("""{"name":"a\u2028b"}""", "name")]
    [InlineData("""{"name":"a\u202ab"}""", "name")]
    [InlineData("""{"name":"a\u202eb"}""", "name")]
    [InlineData("""{"name":"a\u2066b"}""", "name")]
    [InlineData("""{"name":"a\u2069b"}""", "name")]
    [InlineData("""{"name":"\ud800"}""", "name")]
    [InlineData("""{"creator_email":"nobody"}""", "creator_email")]
    [InlineData("""{"creator_email":"a@b"}""", "creator_email")]
    [InlineData("""{"creator_email":"a b@example.org"}""", "creator_email")]
    [InlineData("""{"creator_email":"a@@example.org"}""", "creator_email")]
    [InlineData("""{"training_images":"one"}""", "training_images")]
    [InlineData("""{"training_images":[]}""", "training_images")]
    [InlineData("""{"training_images":[7]}""", "training_images[0]")]
    [InlineData("""{"training_images":["../../etc/passwd"]}""", "training_images[0]")]
    [InlineData("""{"gpu_type":"Abacus 9000"}""", "gpu_type")]
    [InlineData("""{"gpu_types":"NVIDIA A40"}""", "gpu_types")]
    public async Task Json_WrongField_IsNamedWithARemedy(string body, string field)
    {
        await using PortalHost host = await PortalHost.StartAsync();

        await host.AssertRefusedAsync(await host.SubmitAsync(PortalHost.Json(body)), field);
    }

    [Fact]
    public async Task Json_ManyMistakes_AreToldAtOnce()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        string body = $$"""{"user_id":"x","name":"","creator_email":"y","training_images":["a","a"],"gpu_type":"z","colour":"red"}""";

        JsonElement problem = await PortalHost.ReadAsync(await host.SubmitAsync(PortalHost.Json(body)));

        Assert.Equal(
            ["colour", "creator_email", "gpu_type", "name", "training_images[1]", "user_id"],
            problem.GetProperty("errors").EnumerateArray().Select(error => error.GetProperty("field").GetString()!).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Json_AnotherUsersKey_IsRefused()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        string body = PortalHost.ValidJson(user: "11111111-2222-4333-8444-555555555555");

        JsonElement problem = await PortalHost.ReadAsync(await host.SubmitAsync(PortalHost.Json(body)));

        Assert.Equal(["training_images[0]", "training_images[1]"], problem.GetProperty("errors").EnumerateArray().Select(error => error.GetProperty("field").GetString()));
        Assert.Empty(host.Training.Requests);
    }

    [Fact]
    public async Task Json_101Keys_AreRefused()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        string keys = string.Join(',', Enumerable.Range(0, 101).Select(number => $"\"{PortalHost.User}/u/{number}\""));
        string body = $$"""{"user_id":"{{PortalHost.User}}","name":"Ada","creator_email":"ada@example.org","training_images":[{{keys}}]}""";

        JsonElement error = await host.AssertRefusedAsync(await host.SubmitAsync(PortalHost.Json(body)), "training_images");

        Assert.Contains("101", error.GetProperty("problem").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Json_TenThousandCharacterName_IsRefusedInBothForms()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        string name = new('n', 10_000);

        JsonElement json = await host.AssertRefusedAsync(await host.SubmitAsync(PortalHost.Json(PortalHost.ValidJson(name))), "name");
        JsonElement form = await host.AssertRefusedAsync(await host.SubmitAsync(PortalHost.Form(2, name: name)), "name");

        Assert.Contains("10000", json.GetProperty("problem").GetString(), StringComparison.Ordinal);
        Assert.Equal(json.GetProperty("problem").GetString(), form.GetProperty("problem").GetString());
        Assert.Equal(0, host.Staging.BytesRead);
    }

    [Fact]
    public async Task Json_Huge_Is413()
    {
        await using PortalHost host = await PortalHost.StartAsync();

        HttpResponseMessage response = await host.SubmitAsync(PortalHost.Json(PortalHost.ValidJson(new string('n', 300_000))));

        await PortalHost.AssertProblemAsync(response, HttpStatusCode.RequestEntityTooLarge, "too_large");
        Assert.Empty(host.Training.Requests);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("multipart/form-data")]
    public async Task Body_OfAnotherType_Is415(string type)
    {
        await using PortalHost host = await PortalHost.StartAsync();
        ByteArrayContent body = new(Encoding.UTF8.GetBytes("x"));
        body.Headers.ContentType = new MediaTypeHeaderValue(type);

        await PortalHost.AssertProblemAsync(await host.SubmitAsync(body), HttpStatusCode.UnsupportedMediaType, "unsupported_media_type");
    }

    [Fact]
    public async Task Form_WithoutImages_IsRefused()
    {
        await using PortalHost host = await PortalHost.StartAsync();

        await host.AssertRefusedAsync(await host.SubmitAsync(PortalHost.Form(0)), "images");
    }

    [Fact]
    public async Task Form_With101Images_IsRefusedAndNothingStaysStaged()
    {
        await using PortalHost host = await PortalHost.StartAsync();

        await host.AssertRefusedAsync(await host.SubmitAsync(PortalHost.Form(101)), "images");
    }

    [Fact]
    public async Task Form_TextNamedJpg_IsRefusedByName()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        MultipartFormDataContent form = PortalHost.Form(1);
        form.Add(new StringContent("I am no picture"), "images", "dog.jpg");

        await host.AssertRefusedAsync(await host.SubmitAsync(form), "images[1] (dog.jpg)");
    }

    [Fact]
    public async Task Form_TooLargeImage_IsNotReadToItsEnd()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        MultipartFormDataContent form = PortalHost.Form(0);
        form.Add(new ByteArrayContent(new byte[4 * 1024 * 1024]), "images", "huge.jpg");

        await host.AssertRefusedAsync(await host.SubmitAsync(form), "images[0] (huge.jpg)");
        Assert.InRange(host.Staging.BytesRead, host.Rules.MaxImageBytes, host.Rules.MaxImageBytes + (64 * 1024));
    }

    [Fact]
    public async Task Form_LargerThanAllImages_Is413()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        using HttpRequestMessage request = new(HttpMethod.Post, "/api/v1/training-jobs");
        request.Headers.ExpectContinue = true;
        request.Content = new ByteArrayContent(new byte[9 * 1024 * 1024]);
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse("multipart/form-data; boundary=b");

        await PortalHost.AssertProblemAsync(await host.Client.SendAsync(request), HttpStatusCode.RequestEntityTooLarge, "too_large");
    }

    [Fact]
    public async Task Form_UserAfterTheFiles_IsToldToStandBefore()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        MultipartFormDataContent form = new() { { PortalHost.Image(1), "images", "a.jpg" }, { new StringContent(PortalHost.User.ToString()), "user_id" } };

        JsonElement error = await host.AssertRefusedAsync(await host.SubmitAsync(form), "user_id");

        Assert.Contains("before the first file", error.GetProperty("remedy").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, host.Staging.BytesRead);
    }

    [Theory]
    [InlineData("colour", "red")]
    [InlineData("creator_email", "nobody")]
    [InlineData("images", "text")]
    [InlineData("training_images", "a/b")]
    [InlineData("name", "again")]
    public async Task Form_WrongFieldAfterTheFiles_LeavesNothingStaged(string field, string value)
    {
        await using PortalHost host = await PortalHost.StartAsync();
        MultipartFormDataContent form = new()
        {
            { new StringContent(PortalHost.User.ToString()), "user_id" },
            { new StringContent("Ada"), "name" },
            { PortalHost.Image(1), "images", "a.jpg" },
            { new StringContent(value), field },
        };

        await host.AssertRefusedAsync(await host.SubmitAsync(form), field);
    }

    [Fact]
    public async Task Form_FieldMissingAtTheEnd_LeavesNothingStaged()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        MultipartFormDataContent form = new() { { new StringContent(PortalHost.User.ToString()), "user_id" }, { PortalHost.Image(1), "images", "a.jpg" } };

        await host.AssertRefusedAsync(await host.SubmitAsync(form), "creator_email");
    }

    [Fact]
    public async Task Form_FileInAnotherField_IsRefused()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        MultipartFormDataContent form = PortalHost.Form(1);
        form.Add(PortalHost.Image(9), "photo", "b.jpg");

        await host.AssertRefusedAsync(await host.SubmitAsync(form), "photo");
    }

    [Fact]
    public async Task Form_ThatBreaksOff_IsRefused()
    {
        await using PortalHost host = await PortalHost.StartAsync();
        ByteArrayContent body = new(Encoding.UTF8.GetBytes(
            $"--b\r\nContent-Disposition: form-data; name=\"user_id\"\r\n\r\n{PortalHost.User}\r\n--b\r\nContent-Disposition: form-data; name=\"images\"; filename=\"a.jpg\"\r\n\r\nxyz"));
        body.Headers.ContentType = MediaTypeHeaderValue.Parse("multipart/form-data; boundary=b");

        await host.AssertRefusedAsync(await host.SubmitAsync(body), "(body)");
    }

    [Theory]
    [InlineData("with space")]
    [InlineData("é")]
    [InlineData("")]
    [InlineData(null)]
    public async Task IdempotencyKey_Unusable_IsNamed(string? key)
    {
        await using PortalHost host = await PortalHost.StartAsync();
        using HttpRequestMessage request = new(HttpMethod.Post, "/api/v1/training-jobs") { Content = PortalHost.Json(PortalHost.ValidJson()) };
        request.Headers.TryAddWithoutValidation("Idempotency-Key", key ?? new string('k', 201));
        using HttpClient client = new(new SocketsHttpHandler { RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8 }) { BaseAddress = host.Client.BaseAddress };
        request.Headers.Authorization = host.Client.DefaultRequestHeaders.Authorization;

        await host.AssertRefusedAsync(await client.SendAsync(request), "Idempotency-Key");
    }
}
