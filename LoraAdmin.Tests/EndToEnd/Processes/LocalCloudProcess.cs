using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Tests.Doubles;

namespace LoraAdmin.Tests.EndToEnd.Processes;

/// <param name="Bills">Whether it costs money right now.</param>
public sealed record TruePod(string Id, string Name, string Status, bool Bills);

/// <param name="Requests">Counted against the account.</param>
/// <param name="Violations">Requests that the account's rate limit refused.</param>
public sealed record TrueAccount(long Requests, long Violations);

/// <summary>LocalCloud as a process of its own: it outlives the portals that a test kills, and knows every pod that ever was.</summary>
public sealed class LocalCloudProcess : IAsyncDisposable
{
    private const string ApiKey = "local-key-0123456789";
    private const string ControlToken = "control-token-0123456789";

    private readonly ProgramRun run;
    private readonly HttpClient http;

    private LocalCloudProcess(ProgramRun run, string url)
    {
        this.run = run;
        Url = url;
        http = new HttpClient(new SocketsHttpHandler()) { BaseAddress = new Uri(url) };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", ControlToken);
    }

    public string Url { get; }

    /// <summary>What attaches a portal to this cloud.</summary>
    public IReadOnlyDictionary<string, string> PortalSettings => new Dictionary<string, string>
    {
        ["RunPod:BaseUrl"] = $"{Url}/localcloud/runpod/v2",
        ["RunPod:ApiKey"] = ApiKey,
        ["RunPod:Image"] = "localcloud/trainer:1",
        ["PodAgent:UrlTemplate"] = $"{Url}/localcloud/agents/{{pod}}",
        ["LocalCloud:ControlToken"] = ControlToken,
    };

    /// <param name="settings">Keys below <c>LocalCloud:</c>.</param>
    public static async Task<LocalCloudProcess> StartAsync(string dataPath, IReadOnlyDictionary<string, string>? settings = null)
    {
        Dictionary<string, string> environment = new(StringComparer.Ordinal)
        {
            ["Data__Path"] = dataPath,
            ["LocalCloud__ApiKey"] = ApiKey,
            ["LocalCloud__ControlToken"] = ControlToken,
            ["LocalCloud__RequestsPerMinute"] = "100000",
            ["LocalCloud__RequestsPerHour"] = "1000000",
            ["LocalCloud__RequestsPerDay"] = "10000000",
        };
        foreach ((string key, string value) in settings ?? new Dictionary<string, string>())
        {
            environment[$"LocalCloud__{key}"] = value;
        }

        ProgramRun run = ProgramRun.Start(["local-cloud", .. PortalProcess.AnyPort], environment);
        try
        {
            const string ready = "LocalCloud listens on ";
            string line = await run.LineAsync(ready, Eventually.DefaultDeadline);
            return new LocalCloudProcess(run, line[ready.Length..].Trim());
        }
        catch
        {
            await run.DisposeAsync();
            throw;
        }
    }

    /// <summary>Every pod that ever was.</summary>
    public async Task<IReadOnlyList<TruePod>> TruthAsync() => PodsOf(await http.GetStringAsync("/localcloud/truth"));

    public async Task<TrueAccount> AccountAsync()
    {
        using JsonDocument truth = JsonDocument.Parse(await http.GetStringAsync("/localcloud/truth"));
        return new TrueAccount(truth.RootElement.GetProperty("requests").GetInt64(), truth.RootElement.GetProperty("rate_limit_violations").GetInt64());
    }

    /// <summary>Fills the account with pods that run and cost nothing; their names end in 1, 2, ….</summary>
    /// <returns>Their ids, in the order of the names.</returns>
    public async Task<IReadOnlyList<string>> FillAsync(int count, string namePrefix)
    {
        using HttpResponseMessage answer = await http.PostAsJsonAsync("/localcloud/pods", new { count, name_prefix = namePrefix, usd_per_hour = 0 });
        string body = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, body);
        using JsonDocument json = JsonDocument.Parse(body);
        return [.. json.RootElement.GetProperty("ids").EnumerateArray().Select(id => id.GetString()!)];
    }

    /// <summary>Orders a pod as a client of the vendor does, whose agent then knows this token.</summary>
    /// <returns>Its id.</returns>
    public async Task<string> OrderAsync(string name, string agentToken)
    {
        using HttpRequestMessage request = AsClient(HttpMethod.Post, "/pods");
        request.Content = JsonContent.Create(new
        {
            name,
            image = "localcloud/trainer:1",
            gpu = new { id = "NVIDIA A40", count = 1 },
            disk = 30,
            mounts = new { persistent = new { size = 40, path = "/workspace" } },
            env = new Dictionary<string, string> { [AgentToken.Variable] = agentToken },
            ports = new[] { "8000/http" },
        });
        using HttpResponseMessage answer = await http.SendAsync(request);
        string body = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, body);
        using JsonDocument json = JsonDocument.Parse(body);
        return json.RootElement.GetProperty("id").GetString()!;
    }

    /// <summary>Whether the account's rate limit lets a client's call pass; itself such a call.</summary>
    public async Task<bool> AnswersAsync()
    {
        using HttpRequestMessage request = AsClient(HttpMethod.Get, "/catalog/gpus");
        using HttpResponseMessage answer = await http.SendAsync(request);
        return answer.IsSuccessStatusCode;
    }

    /// <param name="answer">Of <c>GET /localcloud/truth</c>.</param>
    internal static IReadOnlyList<TruePod> PodsOf(string answer)
    {
        using JsonDocument truth = JsonDocument.Parse(answer);
        return
        [
            .. truth.RootElement.GetProperty("pods").EnumerateArray().Select(pod => new TruePod(
                pod.GetProperty("id").GetString()!,
                pod.GetProperty("name").GetString()!,
                pod.GetProperty("status").GetString()!,
                pod.GetProperty("bills").GetBoolean())),
        ];
    }

    public async Task FaultAsync(string kind, int count = 1, double? seconds = null)
    {
        using HttpResponseMessage answer = await http.PostAsJsonAsync("/localcloud/faults", new { kind, count, seconds });
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }

    private static HttpRequestMessage AsClient(HttpMethod method, string path)
    {
        HttpRequestMessage request = new(method, "/localcloud/runpod/v2" + path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", ApiKey);
        return request;
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await run.DisposeAsync();
    }
}
