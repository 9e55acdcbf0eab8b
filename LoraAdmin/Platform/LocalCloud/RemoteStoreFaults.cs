using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>
/// Asks a LocalCloud in a process of its own, by its control route. One that does not answer makes nothing fail: the portal's files do not hang on it.
/// </summary>
/// <param name="http">Bounded by its own time-out.</param>
/// <param name="root">The LocalCloud's address up to <c>/localcloud</c>.</param>
public sealed partial class RemoteStoreFaults(HttpClient http, Uri root, string controlToken, ILogger<RemoteStoreFaults> logger)
{
    /// <summary>Name of the client at <see cref="IHttpClientFactory"/>.</summary>
    public const string HttpClientName = "localcloud-control";

    /// <summary>The control root of the LocalCloud that plays RunPod at this address; null when the address is none of LocalCloud's.</summary>
    public static Uri? RootOf(string? runPodBaseUrl)
    {
        int at = runPodBaseUrl?.IndexOf(LocalCloudFace.Prefix + "/runpod/", StringComparison.Ordinal) ?? -1;
        return at > 0 && Uri.TryCreate(runPodBaseUrl![..(at + LocalCloudFace.Prefix.Length)], UriKind.Absolute, out Uri? root) && root.IsLoopback ? root : null;
    }

    public async Task<StoreFault?> TakeAsync(IReadOnlyList<string> kinds, string subject, CancellationToken cancellationToken)
    {
        try
        {
            using HttpRequestMessage request = new(HttpMethod.Post, $"{root}/faults/take") { Content = JsonContent.Create(new { kinds, subject }) };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", controlToken);
            using HttpResponseMessage answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            switch (answer.StatusCode)
            {
                case HttpStatusCode.NoContent:
                    return null;
                case HttpStatusCode.OK:
                    return await answer.Content.ReadFromJsonAsync<StoreFault>(cancellationToken);
                default:
                    NotAsked(logger, $"it answers {(int)answer.StatusCode}; is LocalCloud:ControlToken the one of that process?");
                    return null;
            }
        }
        catch (Exception failure) when (failure is HttpRequestException or JsonException
            || (failure is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            NotAsked(logger, failure.Message);
            return null;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "LocalCloud could not be asked for faults of stores, so that none happens: {Why}")]
    private static partial void NotAsked(ILogger logger, string why);
}
