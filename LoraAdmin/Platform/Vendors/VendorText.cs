using System.Text;
using System.Text.Json;

namespace LoraAdmin.Platform.Vendors;

/// <summary>A vendor's own words, fit to be stored and shown: short, on one line, without the secrets that were sent.</summary>
public static class VendorText
{
    public const int MaxLength = 500;

    /// <summary>Shorter values are words like <c>1</c> or <c>true</c>: hiding them would garble the text and protect nothing.</summary>
    private const int ShortestSecret = 6;

    /// <summary>What an error body says: problem+json (<c>detail</c>, <c>errors</c>, <c>title</c>), <c>message</c>, <c>error</c>, else its text.</summary>
    public static string OfError(VendorAnswer answer, IEnumerable<string> secrets)
    {
        ArgumentNullException.ThrowIfNull(answer);
        if (answer.Body is not { Length: > 0 } body)
        {
            return Clean(answer.BodyProblem ?? $"HTTP {answer.Status} without a body", secrets);
        }

        return Clean(WordsOf(body) ?? Encoding.UTF8.GetString(body), secrets);
    }

    /// <summary>A proxy's page for browsers in place of an answer: the status says all that a person needs of it.</summary>
    public static bool IsPage(byte[]? body) => body is not null && Encoding.UTF8.GetString(body).TrimStart('\uFEFF', ' ', '\t', '\r', '\n').StartsWith('<');

    /// <summary>Hides the secrets first, so that no cut leaves a part of one, then drops control characters and shortens.</summary>
    public static string Clean(string text, IEnumerable<string> secrets)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(secrets);
        foreach (string secret in secrets.Where(secret => secret.Length >= ShortestSecret).OrderByDescending(secret => secret.Length))
        {
            text = text.Replace(secret, "***", StringComparison.Ordinal);
        }

        StringBuilder clean = new(Math.Min(text.Length, MaxLength));
        bool space = false;
        foreach (char c in text)
        {
            bool blank = char.IsControl(c) || char.IsWhiteSpace(c);
            if (blank && space)
            {
                continue;
            }

            if (clean.Length == MaxLength - 1)
            {
                clean.Append('…');
                break;
            }

            clean.Append(blank ? ' ' : c);
            space = blank;
        }

        return clean.ToString().Trim();
    }

    private static string? WordsOf(byte[] body)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(body);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                return null;
            }

            JsonElement root = document.RootElement;
            string? words = Text(root, "detail") ?? Text(root, "message") ?? Text(root, "error") ?? Text(root, "title");
            if (root.TryGetProperty("errors", out JsonElement errors) && errors.ValueKind == JsonValueKind.Array)
            {
                IEnumerable<string> lines = errors.EnumerateArray()
                    .Take(10)
                    .Select(error => error.ValueKind switch
                    {
                        JsonValueKind.Object => Text(error, "message"),
                        JsonValueKind.String => error.GetString(),
                        _ => null,
                    })
                    .OfType<string>();
                words = string.Join("; ", words is null ? lines : lines.Prepend(words));
            }

            return string.IsNullOrWhiteSpace(words) ? null : words;
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static string? Text(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
