using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Sockets;

namespace LoraAdmin.Platform.Vendors;

/// <summary>Sends one request to a vendor and turns everything that can happen into a <see cref="VendorExchange"/>.</summary>
public static class VendorHttp
{
    /// <summary>
    /// Sends the request and reads at most <paramref name="maxBodyBytes"/> of the answer, all within <paramref name="limit"/>. With an in-memory
    /// handler it completes synchronously.
    /// </summary>
    /// <exception cref="OperationCanceledException">The caller's token was cancelled.</exception>
    public static async Task<VendorExchange> SendAsync(
        HttpClient http, HttpRequestMessage request, TimeSpan limit, long maxBodyBytes, TimeProvider clock, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(http);
        using VendorDeadline deadline = new(limit, clock, cancellationToken);
        HttpResponseMessage response;
        try
        {
            response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
        }
        catch (Exception failure) when (IsOutside(failure))
        {
            deadline.ThrowIfCallerGaveUp();
            return WasNeverSent(failure) && !deadline.HasPassed
                ? new VendorExchange.NotSent(Describe(failure, deadline))
                : new VendorExchange.Lost(Describe(failure, deadline));
        }

        using (response)
        {
            return new VendorExchange.Answered(AnswerOf(response, await ReadBodyAsync(response.Content, maxBodyBytes, deadline)));
        }
    }

    /// <summary>Reads a body whole, or says why it can't be: too long, broken off, too slow.</summary>
    public static async Task<VendorBody> ReadBodyAsync(HttpContent content, long maxBytes, VendorDeadline deadline)
    {
        ArgumentNullException.ThrowIfNull(content);
        ArgumentNullException.ThrowIfNull(deadline);
        long? declared = content.Headers.ContentLength;
        if (declared > maxBytes)
        {
            return TooLong(maxBytes);
        }

        try
        {
            using Stream stream = await content.ReadAsStreamAsync(deadline.Token);
            return declared is { } length ? await ReadDeclaredAsync(stream, length, deadline) : await ReadToEndAsync(stream, maxBytes, deadline);
        }
        catch (Exception failure) when (IsOutside(failure))
        {
            deadline.ThrowIfCallerGaveUp();
            return new VendorBody(null, Describe(failure, deadline));
        }
    }

    /// <summary>Whether the exception is the outside world failing, not a mistake in the code.</summary>
    public static bool IsOutside(Exception failure) =>
        failure is HttpRequestException or IOException or SocketException or TimeoutException or OperationCanceledException;

    /// <summary>Whether the failure proves that no byte of the request reached the vendor.</summary>
    public static bool WasNeverSent(Exception failure)
    {
        if (failure is HttpRequestException
            {
                HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError
                    or HttpRequestError.ProxyTunnelError,
            })
        {
            return true;
        }

        for (Exception? inner = failure; inner is not null; inner = inner.InnerException)
        {
            if (inner is SocketException
                {
                    SocketErrorCode: SocketError.ConnectionRefused or SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData,
                })
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The failure in a few words, without anything that was sent.</summary>
    public static string Describe(Exception failure, VendorDeadline deadline)
    {
        ArgumentNullException.ThrowIfNull(failure);
        ArgumentNullException.ThrowIfNull(deadline);
        if (deadline.HasPassed)
        {
            return string.Create(CultureInfo.InvariantCulture, $"no answer within {deadline.Limit.TotalSeconds:0.###} s");
        }

        return failure switch
        {
            HttpRequestException { HttpRequestError: not HttpRequestError.Unknown } typed => typed.HttpRequestError switch
            {
                HttpRequestError.NameResolutionError => "the host name could not be resolved",
                HttpRequestError.ConnectionError => "the connection could not be made",
                HttpRequestError.SecureConnectionError => "the TLS connection could not be made",
                HttpRequestError.ProxyTunnelError => "the proxy refused the connection",
                _ => $"the connection broke ({typed.HttpRequestError})",
            },
            OperationCanceledException or TimeoutException => "the call timed out",
            _ when WasNeverSent(failure) => "the connection could not be made",
            _ => $"the connection broke ({failure.GetType().Name})",
        };
    }

    /// <summary>Straight into its place: the listing of a large account would lie in memory twice otherwise.</summary>
    private static async Task<VendorBody> ReadDeclaredAsync(Stream stream, long length, VendorDeadline deadline)
    {
        byte[] bytes = GC.AllocateUninitializedArray<byte>(checked((int)length));
        int read = await stream.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, deadline.Token);
        return read < bytes.Length ? new VendorBody(null, "the answer broke off") : new VendorBody(bytes, null);
    }

    private static async Task<VendorBody> ReadToEndAsync(Stream stream, long maxBytes, VendorDeadline deadline)
    {
        using PooledBytes body = new();
        int read;
        while ((read = await stream.ReadAsync(body.Room, deadline.Token)) > 0)
        {
            if (body.Length + read > maxBytes)
            {
                return TooLong(maxBytes);
            }

            body.Filled(read);
        }

        return new VendorBody(body.ToArray(), null);
    }

    private static VendorAnswer AnswerOf(HttpResponseMessage response, VendorBody body)
    {
        string? requestId = Header(response.Headers, "x-request-id");
        return new VendorAnswer(
            (int)response.StatusCode,
            body.Bytes,
            body.Problem,
            requestId is { Length: > 200 } ? requestId[..200] : requestId,
            Header(response.Headers, "RateLimit"),
            Header(response.Headers, "RateLimit-Policy"),
            Header(response.Headers, "Retry-After"));
    }

    private static string? Header(HttpResponseHeaders headers, string name) =>
        headers.NonValidated.TryGetValues(name, out HeaderStringValues values) ? values.ToString() : null;

    private static VendorBody TooLong(long maxBytes) =>
        new(null, string.Create(CultureInfo.InvariantCulture, $"the answer is longer than {maxBytes} bytes"), IsTooLong: true);
}
