using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using LoraAdmin.Tests.Doubles;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>The real program in a process of its own, in a folder of its own, on a port that the system gave.</summary>
public sealed partial class BrowserPortal : IAsyncDisposable
{
    public const string ApiToken = "browser-tests-0123456789abcdef";

    private const string AnyPort = "http://127.0.0.1:0";

    private readonly Process process;
    private readonly StringBuilder output = new();
    private readonly bool ownsFolder;

    private BrowserPortal(Process process, string dataPath, bool ownsFolder)
    {
        this.process = process;
        this.ownsFolder = ownsFolder;
        DataPath = dataPath;
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public string DataPath { get; }

    public string BaseUrl { get; private set; } = "";

    /// <summary>Null for LocalCloud, which nobody signs in to.</summary>
    public string? SignInUrl { get; private set; }

    /// <summary>Calls the API as the gateway does.</summary>
    public HttpClient Api { get; private set; } = null!;

    public string Output
    {
        get
        {
            lock (output)
            {
                return output.ToString();
            }
        }
    }

    /// <param name="settings">Keys as in appsettings.json.</param>
    /// <param name="dataPath">A folder that another owns; null: a new one that goes with the portal.</param>
    /// <param name="url">Where an earlier one listened; null: a port that the system gives.</param>
    public static Task<BrowserPortal> StartAsync(IReadOnlyDictionary<string, string>? settings = null, string? dataPath = null, string? url = null) =>
        StartAsync([], settings ?? new Dictionary<string, string>(), ReadyLine(), dataPath, url ?? AnyPort);

    /// <summary>LocalCloud as its own process; its faults are set with the same token as the portal's.</summary>
    public static Task<BrowserPortal> StartLocalCloudAsync(IReadOnlyDictionary<string, string> settings) => StartAsync(
        ["local-cloud"],
        new Dictionary<string, string>(settings) { ["LocalCloud:ControlToken"] = ApiToken },
        LocalCloudLine(),
        dataPath: null,
        AnyPort);

    /// <summary>What makes a job end within seconds.</summary>
    public static Dictionary<string, string> Fast(params (string Key, string Value)[] more)
    {
        Dictionary<string, string> settings = new(StringComparer.Ordinal)
        {
            ["LocalCloud:Speed"] = "600",
            ["LocalCloud:RequestsPerMinute"] = "6000",
            ["Training:PollEvery"] = "00:00:00.5",
        };
        foreach ((string key, string value) in more)
        {
            settings[key] = value;
        }

        return settings;
    }

    /// <summary>Submits images as the gateway does.</summary>
    /// <returns>The job's id.</returns>
    public async Task<Guid> SubmitAsync(string name, IReadOnlyList<byte[]> images, string email = "ada@example.org")
    {
        using MultipartFormDataContent form = new()
        {
            { new StringContent("6b1f7f3e-64d8-4f0c-9a51-3f0c2f1d7a10"), "user_id" },
            { new StringContent(name), "name" },
            { new StringContent(email), "creator_email" },
        };
        for (int index = 0; index < images.Count; index++)
        {
            form.Add(new ByteArrayContent(images[index]), "images", $"{index}.jpg");
        }

        using HttpResponseMessage answer = await Api.PostAsync("/api/v1/training-jobs", form);
        string text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        using JsonDocument json = JsonDocument.Parse(text);
        return json.RootElement.GetProperty("id").GetGuid();
    }

    public async Task<JsonElement> JobAsync(Guid job) => await Api.GetFromJsonAsync<JsonElement>($"/api/v1/training-jobs/{job}");

    public Task EndsAsAsync(Guid job, string state) => Eventually.TrueAsync(
        async () =>
        {
            JsonElement now = await JobAsync(job);
            string word = now.GetProperty("state").GetString()!;
            Assert.True(word == state || word is not ("completed" or "failed" or "cancelled"), $"The job ended as {now}.\n{Output}");
            return word == state;
        },
        $"job {job} is {state}",
        Eventually.DefaultDeadline);

    /// <summary>Waits for a state that the job does not leave soon.</summary>
    public Task IsAsync(Guid job, string state) => Eventually.TrueAsync(
        async () => (await JobAsync(job)).GetProperty("state").GetString() == state, $"job {job} is {state}", Eventually.DefaultDeadline);

    /// <summary>Makes LocalCloud fail on demand.</summary>
    /// <param name="match">What the address must contain; null: any.</param>
    public async Task FaultAsync(string kind, int count = 1, string? match = null)
    {
        using HttpResponseMessage answer = await Api.PostAsJsonAsync("/localcloud/faults", new { kind, count, match });
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }

    /// <summary>Lets LocalCloud do well again.</summary>
    public async Task ClearFaultsAsync()
    {
        using HttpResponseMessage answer = await Api.DeleteAsync("/localcloud/faults");
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }

    /// <summary>The process is gone at once, as after kill -9.</summary>
    public async Task KillAsync()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
        }

        await process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        process.Dispose();
        Api?.Dispose();
        if (ownsFolder)
        {
            Directory.Delete(DataPath, recursive: true);
        }
    }

    private static async Task<BrowserPortal> StartAsync(
        string[] verb, IReadOnlyDictionary<string, string> settings, Regex ready, string? dataPath, string url)
    {
        string folder = dataPath ?? Directory.CreateTempSubdirectory("loraadmin-browser-").FullName;
        ProcessStartInfo start = new("dotnet", [ProgramPath(), .. verb, "--urls", url, "--Data:Path", folder])
        {
            WorkingDirectory = RepositoryRoot(),
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["ASPNETCORE_ENVIRONMENT"] = "Production";
        start.Environment["Api__BootstrapToken"] = ApiToken;
        foreach ((string key, string value) in settings)
        {
            start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        }

        Process started = Process.Start(start) ?? throw new InvalidOperationException("dotnet did not start.");
        BrowserPortal portal = new(started, folder, ownsFolder: dataPath is null);
        try
        {
            Match match = await Eventually.FoundAsync(
                () => Task.FromResult(portal.Ready(ready)), "the program says that it is ready", Eventually.DefaultDeadline);
            portal.BaseUrl = match.Groups["url"].Value;
            portal.SignInUrl = match.Groups["link"] is { Success: true } link ? link.Value : null;
            portal.Api = new HttpClient(new SocketsHttpHandler()) { BaseAddress = new Uri(portal.BaseUrl) };
            portal.Api.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", ApiToken);
            return portal;
        }
        catch (Exception failure)
        {
            await portal.DisposeAsync();
            throw new InvalidOperationException($"The program did not become ready. It wrote:\n{portal.Output}", failure);
        }
    }

    private Match? Ready(Regex ready)
    {
        if (ready.Match(Output) is { Success: true } match)
        {
            return match;
        }

        return process.HasExited ? throw new InvalidOperationException($"It ended with {process.ExitCode}.") : null;
    }

    private void Keep(string? line)
    {
        if (line is not null)
        {
            lock (output)
            {
                output.AppendLine(line);
            }
        }
    }

    private static string RepositoryRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "LoraAdmin.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException($"No folder above {AppContext.BaseDirectory} holds LoraAdmin.sln.");
    }

    /// <summary>The portal's own build output beside this one: only that knows where its static files lie.</summary>
    private static string ProgramPath()
    {
        string root = RepositoryRoot();
        string below = Path.GetRelativePath(Path.Combine(root, "LoraAdmin.Tests"), AppContext.BaseDirectory);
        string path = Path.Combine(root, "LoraAdmin", below, "LoraAdmin.dll");
        return File.Exists(path) ? path : throw new InvalidOperationException($"{path} is not there: build the solution first.");
    }

    [GeneratedRegex(@"LoraAdmin is ready: (?<url>http://\S+)[\s\S]*?(?<link>http://\S+/sign-in#\S+)\s")]
    private static partial Regex ReadyLine();

    [GeneratedRegex(@"LocalCloud listens on (?<url>http://\S+)\s")]
    private static partial Regex LocalCloudLine();
}
