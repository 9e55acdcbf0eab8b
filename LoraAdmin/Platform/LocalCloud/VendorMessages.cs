using System.Buffers;
using System.Text;
using System.Text.Json;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>A call on LocalCloud, free of the server that took it.</summary>
/// <param name="Path">Unescaped, from <c>/localcloud</c> on.</param>
/// <param name="Query">With its question mark, or empty.</param>
/// <param name="Header">The value of a header, or null.</param>
public sealed record VendorRequest(string Method, string Path, string Query, Func<string, string?> Header, Stream Body)
{
    /// <summary>Where the caller found LocalCloud: what URLs in answers begin with.</summary>
    public string Root { get; init; } = LocalCloudHandler.Base.ToString();
}

/// <summary>An answer of LocalCloud: either bytes or a stream.</summary>
public sealed class VendorResponse
{
    public required int Status { get; init; }
    public string? ContentType { get; init; }
    public ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>Set for a range of a trained file; its length is known. One that ends before that breaks off the connection.</summary>
    public Stream? Stream { get; init; }

    public List<KeyValuePair<string, string>> Headers { get; } = [];

    /// <summary>
    /// The vendor does not answer for this long whatever the call did: over HTTP the answer waits, in memory the call ends in a time-out at once.
    /// </summary>
    public TimeSpan? Hang { get; set; }

    public VendorResponse With(string name, string value)
    {
        Headers.Add(new KeyValuePair<string, string>(name, value));
        return this;
    }
}

/// <summary>Ways to answer.</summary>
internal static class Answers
{
    public const string JsonType = "application/json";
    public const string ProblemType = "application/problem+json";

    public static VendorResponse Json(int status, Action<Utf8JsonWriter> write, string contentType = JsonType)
    {
        ArrayBufferWriter<byte> buffer = new(512);
        using (Utf8JsonWriter writer = new(buffer))
        {
            write(writer);
        }

        return new VendorResponse { Status = status, ContentType = contentType, Body = buffer.WrittenMemory };
    }

    public static VendorResponse Empty(int status) => new() { Status = status };

    /// <summary>The vendor's error shape: title, status, detail and, for a 422, the list of errors.</summary>
    public static VendorResponse Problem(int status, string detail, IReadOnlyList<string>? errors = null) => Json(
        status,
        writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("title", Title(status));
            writer.WriteNumber("status", status);
            writer.WriteString("detail", detail);
            if (errors is { Count: > 0 })
            {
                writer.WriteStartArray("errors");
                foreach (string error in errors)
                {
                    writer.WriteStringValue(error);
                }

                writer.WriteEndArray();
            }

            writer.WriteEndObject();
        },
        ProblemType);

    /// <summary>What the vendor's proxy says when nothing answers behind a pod's address: no JSON.</summary>
    public static VendorResponse Proxy(int status) => new()
    {
        Status = status,
        ContentType = "text/html",
        Body = Encoding.UTF8.GetBytes($"<html><head><title>{status} {Title(status)}</title></head><body>{Title(status)}</body></html>"),
    };

    private static string Title(int status) => status switch
    {
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        413 => "Payload Too Large",
        416 => "Range Not Satisfiable",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        502 => "Bad Gateway",
        524 => "A Timeout Occurred",
        _ => "Internal Server Error",
    };
}
