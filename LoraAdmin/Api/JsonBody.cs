using System.Globalization;
using System.Text.Json;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Web;
using Microsoft.AspNetCore.Http.Features;

namespace LoraAdmin.Api;

/// <summary>Reads a small JSON object so that every mistake is told precisely: where it breaks, which field, what to send instead.</summary>
internal static class JsonBody
{
    /// <summary>100 keys of 512 characters, escaped, and room to spare.</summary>
    public const long MaxBytes = 256 * 1024;

    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 8, AllowDuplicateProperties = false };

    /// <summary>The parsed object (to be disposed) or the problem, never both.</summary>
    public static async Task<(JsonDocument? Document, Problem? Problem)> ReadAsync(HttpContext context)
    {
        LimitBody(context, MaxBytes);
        JsonDocument document;
        try
        {
            document = await JsonDocument.ParseAsync(context.Request.Body, Options, context.RequestAborted);
        }
        catch (JsonException failure)
        {
            return (null, Malformed(failure));
        }
        catch (BadHttpRequestException failure) when (failure.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return (null, TooLarge($"A JSON body has at most {MaxBytes / 1024} KiB."));
        }

        if (document.RootElement.ValueKind == JsonValueKind.Object)
        {
            return (document, null);
        }

        string kind = Kind(document.RootElement);
        document.Dispose();
        return (null, Problem.Invalid("(body)", $"The body is {kind}, not an object.", "Send one JSON object with the fields of docs/api.md."));
    }

    public static bool IsJson(string? contentType) =>
        Microsoft.Net.Http.Headers.MediaTypeHeaderValue.TryParse(contentType, out Microsoft.Net.Http.Headers.MediaTypeHeaderValue? media)
        && (media.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase) || media.Suffix.Equals("json", StringComparison.OrdinalIgnoreCase));

    public static Problem NotSupported(HttpRequest request, string wanted) =>
        new(
            StatusCodes.Status415UnsupportedMediaType,
            "unsupported_media_type",
            "The content type is not supported",
            $"The body is declared as {(string.IsNullOrEmpty(request.ContentType) ? "nothing" : request.ContentType)}.",
            $"Set Content-Type to {wanted}.");

    public static Problem TooLarge(string limit) =>
        new(StatusCodes.Status413PayloadTooLarge, "too_large", "The request is too large", limit, "Send fewer or smaller images.");

    /// <summary>The server itself stops reading there, however the body is framed.</summary>
    public static void LimitBody(HttpContext context, long bytes)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } feature)
        {
            feature.MaxRequestBodySize = bytes;
        }
    }

    /// <summary>A text, or null with a problem noted unless the field may be left out.</summary>
    public static string? Text(JsonElement value, string field, List<FieldProblem> problems)
    {
        if (value.ValueKind != JsonValueKind.String)
        {
            problems.Add(new FieldProblem(field, $"The value is {Kind(value)}, not a text.", "Send a JSON string."));
            return null;
        }

        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            // Lone surrogates or bytes that are no UTF-8: found only when the text is unescaped.
            problems.Add(new FieldProblem(field, "The text is not valid Unicode.", "Send UTF-8 without unpaired surrogates."));
            return null;
        }
    }

    public static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "true or false",
        _ => "null",
    };

    public static FieldProblem Unknown(string field, IEnumerable<string> known) =>
        new(field.Length <= 80 ? field : field[..80], "This field is not known.", $"Leave it out; the known fields are {string.Join(", ", known)}.");

    private static Problem Malformed(JsonException failure)
    {
        string where = failure is { LineNumber: { } line, BytePositionInLine: { } position }
            ? string.Create(CultureInfo.InvariantCulture, $" at line {line + 1}, byte {position + 1}")
            : "";
        string what = failure.Message.Split(" Path:")[0].Split(" LineNumber:")[0];
        return new Problem(
            StatusCodes.Status400BadRequest,
            "malformed_json",
            "The body is not valid JSON",
            $"Reading stops{where}: {what}",
            "Send one JSON object, UTF-8, without comments, trailing commas or repeated fields.")
        {
            Errors = [new FieldProblem("(body)", $"Malformed JSON{where}.", "Correct the syntax there.")],
        };
    }
}
