using System.Net;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>
/// Lets the real vendor clients talk to LocalCloud in memory: completes synchronously, touches no thread and no timer. An answer that comes late
/// ends in the time-out exception of <see cref="HttpClient"/> at once, however late: how long the caller would wait can't be known here.
/// </summary>
public sealed class LocalCloudHandler(LocalCloudFace face) : HttpMessageHandler
{
    /// <summary>Where clients find LocalCloud behind this handler; any host does.</summary>
    public static readonly Uri Base = new("http://localcloud.invalid" + LocalCloudFace.Prefix);

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        Uri uri = request.RequestUri ?? throw new InvalidOperationException("A request needs an address.");
        Stream body = request.Content is null ? Stream.Null : await request.Content.ReadAsStreamAsync(cancellationToken);
        VendorRequest call = new(request.Method.Method, Uri.UnescapeDataString(uri.AbsolutePath), uri.Query, name => Header(request, name), body);
        VendorResponse answer = await face.HandleAsync(call, cancellationToken);
        if (answer.Hang is not null)
        {
            throw new TaskCanceledException("The request was given up: no answer came.", new TimeoutException());
        }

        return ToMessage(answer, request);
    }

    private static string? Header(HttpRequestMessage request, string name)
    {
        if (request.Headers.NonValidated.TryGetValues(name, out var values)
            || (request.Content is not null && request.Content.Headers.NonValidated.TryGetValues(name, out values)))
        {
            return values.ToString();
        }

        return null;
    }

    private static HttpResponseMessage ToMessage(VendorResponse answer, HttpRequestMessage request)
    {
        HttpContent content = answer.Stream is { } stream ? new StreamContent(stream) : new ReadOnlyMemoryContent(answer.Body);
        content.Headers.ContentLength = answer.Stream?.Length ?? answer.Body.Length;
        if (answer.ContentType is { } type)
        {
            content.Headers.TryAddWithoutValidation("Content-Type", type);
        }

        HttpResponseMessage message = new((HttpStatusCode)answer.Status) { Content = content, RequestMessage = request };
        foreach ((string name, string value) in answer.Headers)
        {
            if (!message.Headers.TryAddWithoutValidation(name, value))
            {
                content.Headers.TryAddWithoutValidation(name, value);
            }
        }

        return message;
    }
}
