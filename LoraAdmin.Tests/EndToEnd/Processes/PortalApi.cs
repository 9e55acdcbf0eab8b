using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;

namespace LoraAdmin.Tests.EndToEnd.Processes;

/// <param name="CostUsd">Null until the attempt is settled.</param>
public sealed record SeenJob(string Id, string LoraId, string State, string? WaitReason, string? Failure, decimal? CostUsd, string? Sha256);

/// <summary>The HTTP API as another system of the service uses it.</summary>
public sealed class PortalApi : IDisposable
{
    private readonly HttpClient http;

    public PortalApi(Uri baseUrl, string token)
    {
        http = new HttpClient(new SocketsHttpHandler()) { BaseAddress = baseUrl };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    public HttpClient Http => http;

    public static MultipartFormDataContent Form(string user, string name, IEnumerable<byte[]> images)
    {
        MultipartFormDataContent form = new()
        {
            { new StringContent(user), "user_id" },
            { new StringContent(name), "name" },
            { new StringContent("ada@example.org"), "creator_email" },
        };
        int number = 0;
        foreach (byte[] image in images)
        {
            form.Add(new ByteArrayContent(image), "images", $"image-{number++}.jpg");
        }

        return form;
    }

    /// <returns>The job's id.</returns>
    public async Task<string> SubmitAsync(string user, string name, IEnumerable<byte[]> images)
    {
        using MultipartFormDataContent form = Form(user, name, images);
        using HttpResponseMessage answer = await http.PostAsync("/api/v1/training-jobs", form);
        string body = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.Accepted, $"{(int)answer.StatusCode} {body}");
        using JsonDocument json = JsonDocument.Parse(body);
        return json.RootElement.GetProperty("id").GetString()!;
    }

    public async Task<SeenJob> JobAsync(string id)
    {
        using JsonDocument json = JsonDocument.Parse(await http.GetStringAsync($"/api/v1/training-jobs/{id}"));
        JsonElement job = json.RootElement;
        JsonElement failure = job.GetProperty("failure");
        JsonElement file = job.GetProperty("file");
        JsonElement cost = job.GetProperty("cost_usd");
        return new SeenJob(
            job.GetProperty("id").GetString()!,
            job.GetProperty("lora_id").GetString()!,
            job.GetProperty("state").GetString()!,
            job.GetProperty("wait_reason").GetString(),
            failure.ValueKind == JsonValueKind.Null ? null : failure.GetRawText(),
            cost.ValueKind == JsonValueKind.Null ? null : cost.GetDecimal(),
            file.ValueKind == JsonValueKind.Null ? null : file.GetProperty("sha256").GetString());
    }

    /// <summary>Waits for a state. A job that is over with another one ends the wait at once: it will not get there any more.</summary>
    public async Task<SeenJob> ReachesAsync(string id, string state, TimeSpan within)
    {
        SeenJob? last = null;
        return await Until.SeenAsync(
            $"Job {id} in state {state}",
            async () =>
            {
                last = await JobAsync(id);
                Assert.True(last.State == state || last.State is not ("completed" or "failed" or "cancelled"), $"The job was to reach {state}: {last}");
                return last.State == state ? last : null;
            },
            within,
            () => $"{last}");
    }

    /// <summary>Fetches a LoRA's file by its signed link, as a person does.</summary>
    /// <returns>Its SHA-256 in hexadecimal digits.</returns>
    public async Task<string> FileSha256Async(string lora)
    {
        using HttpResponseMessage made = await http.PostAsync($"/api/v1/loras/{lora}/link", content: null);
        string body = await made.Content.ReadAsStringAsync();
        Assert.True(made.IsSuccessStatusCode, body);
        using JsonDocument json = JsonDocument.Parse(body);
        using HttpRequestMessage request = new(HttpMethod.Get, json.RootElement.GetProperty("url").GetString());
        using HttpResponseMessage file = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, file.StatusCode);
        await using Stream content = await file.Content.ReadAsStreamAsync();
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(content));
    }

    public void Dispose() => http.Dispose();
}
