using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.Vendors;

namespace LoraAdmin.Training;

/// <summary>
/// Replicate's bodies. Reads leniently what can be missing (unknown fields and statuses) and strictly what makes a training or prediction ours: its id. Of input and webhook
/// only the ledger name in them is read.
/// </summary>
internal static partial class ReplicateJson
{
    private const int MaxErrorLength = 500;

    /// <summary>A <c>predict_time</c> beyond this is no figure.</summary>
    private static readonly TimeSpan MostWorked = TimeSpan.FromDays(30);

    public static byte[] Create(ReplicateOptions options, HostedOrder order, string? webhook)
    {
        using MemoryStream body = new();
        using (Utf8JsonWriter json = new(body))
        {
            json.WriteStartObject();
            json.WriteString("destination", options.Destination);
            json.WriteStartObject("input");
            json.WriteString(options.InputField, order.ImagesLink);
            json.WriteEndObject();
            WriteWebhook(json, webhook);
            json.WriteEndObject();
        }

        return body.ToArray();
    }

    /// <summary>The contract of the validation model (docs/replicate.md). It leaves the name alone; we find a prediction by it.</summary>
    public static byte[] Predict(string version, HostedPredictionOrder order, string? webhook)
    {
        using MemoryStream body = new();
        using (Utf8JsonWriter json = new(body))
        {
            json.WriteStartObject();
            json.WriteString("version", version);
            json.WriteStartObject("input");
            json.WriteString("lora_weights", order.WeightsLink);
            json.WriteNumber("images", order.Images);
            json.WriteString("name", order.Name);
            json.WriteEndObject();
            WriteWebhook(json, webhook);
            json.WriteEndObject();
        }

        return body.ToArray();
    }

    /// <summary>One training or prediction, or why it can't be read.</summary>
    public static (HostedView? View, string? Problem) ReadOne(VendorAnswer answer) =>
        Read<HostedView>(answer, static root => ViewOf(root) is { } view ? (view, null) : (null, "it has no usable id or status"));

    /// <summary>One page of a list and where the next one is; one entry that can't be read could be ours, so it spoils the page.</summary>
    public static (Page? Page, string? Problem) ReadPage(VendorAnswer answer) => Read<Page>(answer, static root =>
    {
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("results", out JsonElement results) || results.ValueKind != JsonValueKind.Array)
        {
            return (null, "the list has no results");
        }

        List<HostedView> views = [];
        foreach (JsonElement item in results.EnumerateArray())
        {
            if (ViewOf(item) is not { } view)
            {
                return (null, "an entry of the list has no usable id or status");
            }

            views.Add(view);
        }

        return (new Page(views, Text(root, "next")), null);
    });

    public static (string? Secret, string? Problem) ReadSecret(VendorAnswer answer) => Read<string>(
        answer, static root => Text(root, "key") is { } key && WebhookSignature.IsSecret(key) ? (key, null) : (null, "the answer has no webhook secret"));

    /// <summary>The id of the training or prediction that a webhook is about; null: it can't be read.</summary>
    public static string? IdIn(byte[] body)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(body);
            return Text(json.RootElement, "id") is { } id && IsId(id) ? id : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public static bool IsId(string id) => Id().IsMatch(id);

    private static void WriteWebhook(Utf8JsonWriter json, string? webhook)
    {
        if (webhook is not null)
        {
            json.WriteString("webhook", webhook);
            json.WriteStartArray("webhook_events_filter");
            json.WriteStringValue("start");
            json.WriteStringValue("completed");
            json.WriteEndArray();
        }
    }

    private static (T? Value, string? Problem) Read<T>(VendorAnswer answer, Func<JsonElement, (T? Value, string? Problem)> read)
        where T : class
    {
        if (answer.Body is not { } body)
        {
            return (null, answer.BodyProblem ?? "the answer has no body");
        }

        try
        {
            using JsonDocument json = JsonDocument.Parse(body);
            return read(json.RootElement);
        }
        catch (JsonException)
        {
            return (null, "the answer is no JSON");
        }
    }

    private static HostedView? ViewOf(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object || Text(json, "id") is not { } id || !IsId(id) || Text(json, "status") is not { Length: > 0 } status)
        {
            return null;
        }

        string? name = NameIn(Text(json, "webhook")) ?? (json.TryGetProperty("input", out JsonElement input) ? NameIn(input.GetRawText()) : null);
        bool hasOutput = json.TryGetProperty("output", out JsonElement output) && output.ValueKind is not (JsonValueKind.Null or JsonValueKind.Undefined);
        return new HostedView(
            id,
            name,
            StatusOf(status),
            VendorText.Clean(status, []),
            Instant(json, "created_at"),
            Instant(json, "started_at"),
            Text(json, "error") is { Length: > 0 } error ? Shortened(VendorText.Clean(error, [])) : null,
            hasOutput ? Text(output, "weights") : null,
            WorkedOf(json))
        {
            CompletedAt = Instant(json, "completed_at"),
            IsRemoved = json.TryGetProperty("data_removed", out JsonElement removed) && removed.ValueKind == JsonValueKind.True,
            HasOutput = hasOutput,
            Pictures = hasOutput ? PicturesOf(output) : null,
        };
    }

    /// <summary>Null unless it is a list of images with a score each: one without a score would be judged by nothing.</summary>
    private static List<HostedPicture>? PicturesOf(JsonElement output)
    {
        if (output.ValueKind != JsonValueKind.Object || !output.TryGetProperty("images", out JsonElement images) || images.ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        List<HostedPicture> pictures = [];
        foreach (JsonElement item in images.EnumerateArray())
        {
            if (Text(item, "image") is not { } link || !item.TryGetProperty("score", out JsonElement score) || score.ValueKind != JsonValueKind.Number
                || score.GetDouble() is not (>= 0 and <= 1 and var measured))
            {
                return null;
            }

            pictures.Add(new HostedPicture(link, measured));
        }

        return pictures;
    }

    private static string Shortened(string text) => text.Length <= MaxErrorLength ? text : text[..MaxErrorLength];

    private static string? NameIn(string? text) => text is not null && Name().Match(text) is { Success: true } match ? match.Value : null;

    private static HostedStatus StatusOf(string status) => status switch
    {
        "starting" => HostedStatus.Starting,
        "processing" => HostedStatus.Processing,
        "succeeded" => HostedStatus.Succeeded,
        "failed" => HostedStatus.Failed,
        "canceled" or "aborted" => HostedStatus.Canceled,
        _ => HostedStatus.Unknown,
    };

    private static TimeSpan? WorkedOf(JsonElement json) =>
        json.TryGetProperty("metrics", out JsonElement metrics) && metrics.ValueKind == JsonValueKind.Object
        && metrics.TryGetProperty("predict_time", out JsonElement seconds) && seconds.ValueKind == JsonValueKind.Number
        && seconds.GetDouble() is >= 0 and var worked && worked <= MostWorked.TotalSeconds
            ? TimeSpan.FromMilliseconds((long)(worked * 1000))
            : null;

    /// <summary>In whole milliseconds, as the ledger keeps it: else each look would seem to bring news.</summary>
    private static DateTimeOffset? Instant(JsonElement json, string name) =>
        DateTimeOffset.TryParse(Text(json, name), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset at)
            ? DateTimeOffset.FromUnixTimeMilliseconds(at.ToUnixTimeMilliseconds())
            : null;

    private static string? Text(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    [GeneratedRegex("^[a-z0-9]{4,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();

    /// <summary>A ledger name (<see cref="Domain.Pods.PodNames"/>).</summary>
    [GeneratedRegex("lora-[0-9a-f]{8}-[0-9a-f]{32}-[0-9]{1,6}-[0-9]{1,6}", RegexOptions.CultureInvariant)]
    private static partial Regex Name();

    internal sealed record Page(IReadOnlyList<HostedView> Trainings, string? Next);
}
