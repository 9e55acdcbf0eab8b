using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.Vendors;

namespace LoraAdmin.Training;

/// <summary>
/// Replicate's bodies. Reads leniently what can be missing (unknown fields and statuses) and strictly what makes a training ours: its id. Of input and webhook
/// only the ledger name in them is read.
/// </summary>
internal static partial class ReplicateJson
{
    private const int MaxErrorLength = 500;

    /// <summary>A training's <c>predict_time</c> beyond this is no figure.</summary>
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
            if (webhook is not null)
            {
                json.WriteString("webhook", webhook);
                json.WriteStartArray("webhook_events_filter");
                json.WriteStringValue("start");
                json.WriteStringValue("completed");
                json.WriteEndArray();
            }

            json.WriteEndObject();
        }

        return body.ToArray();
    }

    /// <summary>One training, or why it can't be read.</summary>
    public static (HostedView? View, string? Problem) ReadTraining(VendorAnswer answer) =>
        Read<HostedView>(answer, static root => ViewOf(root) is { } view ? (view, null) : (null, "the training has no usable id or status"));

    /// <summary>One page of a list and where the next one is; one training that can't be read could be ours, so it spoils the page.</summary>
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
                return (null, "a training in the list has no usable id or status");
            }

            views.Add(view);
        }

        return (new Page(views, Text(root, "next")), null);
    });

    public static (string? Secret, string? Problem) ReadSecret(VendorAnswer answer) => Read<string>(
        answer, static root => Text(root, "key") is { } key && WebhookSignature.IsSecret(key) ? (key, null) : (null, "the answer has no webhook secret"));

    /// <summary>The id of the training that a webhook is about; null: it can't be read.</summary>
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
        string? weights = json.TryGetProperty("output", out JsonElement output) && output.ValueKind == JsonValueKind.Object ? Text(output, "weights") : null;
        return new HostedView(
            id,
            name,
            StatusOf(status),
            VendorText.Clean(status, []),
            Instant(json, "created_at"),
            Instant(json, "started_at"),
            Text(json, "error") is { Length: > 0 } error ? Shortened(VendorText.Clean(error, [])) : null,
            weights,
            WorkedOf(json))
        {
            CompletedAt = Instant(json, "completed_at"),
            IsRemoved = json.TryGetProperty("data_removed", out JsonElement removed) && removed.ValueKind == JsonValueKind.True,
        };
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
