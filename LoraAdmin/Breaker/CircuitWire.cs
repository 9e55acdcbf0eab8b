using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using LoraAdmin.Domain.Breaker;

namespace LoraAdmin.Breaker;

/// <summary>The breaker's wire format: a verb's arguments and its answer as flat lists of texts (docs/breaker.md).</summary>
internal static class CircuitWire
{
    /// <summary>Texts of the answer before the failures.</summary>
    private const int Fixed = 19;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string[] Arguments(CircuitCall call, BreakerRules rules) => [.. OfRules(rules), .. OfCall(call)];

    /// <exception cref="FormatException">It is not what the scripts answer.</exception>
    public static CircuitReply Reply(IReadOnlyList<string> texts)
    {
        if (texts.Count < Fixed)
        {
            throw new FormatException($"The answer has {texts.Count} parts.");
        }

        try
        {
            int failures = int.Parse(texts[18], CultureInfo.InvariantCulture);
            int history = Fixed + (2 * failures);
            Circuit circuit = new()
            {
                IsOpen = texts[2] == "open",
                Generation = Number(texts[3]),
                OpenedAt = Instant(texts[4]),
                OpenUntil = Instant(texts[5]),
                ClosedAt = Instant(texts[6]),
                Trips = (int)Number(texts[7]),
                Entries = Number(texts[8]),
                Born = texts[9],
                Isolation = Instant(texts[10]) is { } since ? new Isolation(texts[12], texts[13], since, Instant(texts[11]), texts[14]) : null,
                Probe = texts[15].Length > 0 && Instant(texts[17]) is { } until ? new Probe(texts[15], texts[16], until) : null,
                Failures = [.. Enumerable.Range(0, failures).Select(index => FailureOf(Number(texts[Fixed + (2 * index)]), texts[Fixed + (2 * index) + 1]))],
                History = [.. texts.Skip(history).Select(EntryOf)],
            };
            return new CircuitReply(texts[0], circuit, DateTimeOffset.FromUnixTimeMilliseconds(Number(texts[1])));
        }
        catch (Exception failure) when (failure is JsonException or OverflowException or ArgumentException)
        {
            throw new FormatException($"The answer can't be read: {failure.Message}", failure);
        }
    }

    private static string[] OfRules(BreakerRules rules) =>
        [Text(rules.Failures), Text(rules.Window), Text(rules.OpenFor), Text(rules.LongestOpenFor ?? TimeSpan.Zero), Text(rules.ProbeLease)];

    private static string[] OfCall(CircuitCall call) => call switch
    {
        CircuitCall.Check check => [check.Token, check.Worker, check.KeyMark],
        CircuitCall.Failure failure =>
        [
            Text(failure.Permit.Generation), failure.Permit.Token, failure.Id, JsonOf(failure.Id, failure.Worker, failure.Words),
            failure.Effect switch { FailureEffect.Counted => "counted", FailureEffect.Ignored => "ignored", _ => "isolated" }, failure.Worker, failure.KeyMark,
        ],
        CircuitCall.Success success => [Text(success.Permit.Generation), success.Permit.Token, success.Worker],
        CircuitCall.Isolate isolate => [isolate.By, isolate.Reason, Text(isolate.For ?? TimeSpan.Zero), isolate.KeyMark],
        CircuitCall.Reset reset => [reset.By, reset.Reason],
        CircuitCall.Read read => [Text(read.Entries)],
        CircuitCall.Merge merge => OfMerge(merge),
        _ => throw new NotSupportedException($"Unknown verb {call?.GetType().Name}."),
    };

    private static string[] OfMerge(CircuitCall.Merge merge)
    {
        Circuit found = merge.Findings;
        Isolation? isolation = found.IsIsolatedAt(merge.At) ? found.Isolation : null;
        return
        [
            merge.Worker, Text(found.Generation), Text(found.Entries), Text(found.Trips),
            !found.IsOpen ? "-1" : Text(found.OpenUntil is { } until && until > merge.At ? until - merge.At : TimeSpan.Zero),
            isolation?.By ?? "", isolation?.Reason ?? "", Text(isolation?.Until - merge.At ?? TimeSpan.Zero), isolation?.KeyMark ?? "",
            Text(found.Failures.Count),
            .. found.Failures.SelectMany(failure => new[] { Text(merge.At - failure.At), JsonOf(failure.Id, failure.Worker, failure.Words) }),
        ];
    }

    private static string JsonOf(string id, string worker, string words) => JsonSerializer.Serialize(new FailureJson(id, worker, words), Json);

    private static CircuitFailure FailureOf(long at, string json) => FailureOf(at, JsonSerializer.Deserialize<FailureJson>(json, Json) ?? throw new JsonException("null"));

    private static CircuitFailure FailureOf(long at, FailureJson json) =>
        new(json.Id ?? "", DateTimeOffset.FromUnixTimeMilliseconds(at), json.Worker ?? "", json.Words ?? "");

    private static CircuitEntry EntryOf(string json)
    {
        EntryJson entry = JsonSerializer.Deserialize<EntryJson>(json, Json) ?? throw new JsonException("null");
        return new CircuitEntry(
            entry.Number,
            DateTimeOffset.FromUnixTimeMilliseconds(entry.At),
            entry.Kind,
            entry.Generation,
            entry.By ?? "",
            entry.Reason ?? "",
            [.. entry.Failures.Select(failure => FailureOf(failure.At, failure.Failure))]);
    }

    private static string Text(TimeSpan span) => Text((long)span.TotalMilliseconds);

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);

    private static DateTimeOffset? Instant(string text) => Number(text) is > 0 and var millis ? DateTimeOffset.FromUnixTimeMilliseconds(millis) : null;

    private sealed record FailureJson(string? Id, string? Worker, string? Words);

    private sealed record TimedFailureJson(long At, FailureJson Failure);

    private sealed record EntryJson(long Number, long At, string Kind, long Generation, string? By, string? Reason, TimedFailureJson[] Failures);
}
