using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using LoraAdmin.Domain.Breaker;
using StackExchange.Redis;

namespace LoraAdmin.Breaker;

/// <summary>The breaker's wire format: a verb's arguments and its answer as flat lists of texts (docs/breaker.md).</summary>
internal static class CircuitWire
{
    /// <summary>Texts of the answer of calm.lua.</summary>
    private const int Short = 1;

    /// <summary>Texts of every other answer before the failures.</summary>
    private const int Fixed = 19;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The rules as every verb sends them.</summary>
    public static RedisValue Argument(BreakerRules rules) => Encoding.UTF8.GetBytes(string.Create(
        CultureInfo.InvariantCulture,
        $"{rules.Failures} {Millis(rules.Window)} {Millis(rules.OpenFor)} {Millis(rules.LongestOpenFor ?? TimeSpan.Zero)} {Millis(rules.ProbeLease)}"));

    /// <param name="rules">What <see cref="Argument"/> made of them.</param>
    public static RedisValue[] Arguments(CircuitCall call, RedisValue rules)
    {
        RedisValue seen = call.Seen.Born.Length == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"{call.Seen.Born} {call.Seen.Entries} {call.Seen.Generation}");
        return call is CircuitCall.Check check ? [rules, seen, check.Token, check.Worker, check.KeyMark] : [rules, seen, .. OfCall(call)];
    }

    /// <exception cref="FormatException">It is not what the scripts answer.</exception>
    public static StoreAnswer Answer(string[] texts)
    {
        try
        {
            return texts.Length switch
            {
                Short when texts[0] == CircuitAnswers.Go => new StoreAnswer.Unchanged(),
                >= Fixed => new StoreAnswer.Answered(new CircuitReply(texts[0], CircuitOf(texts), DateTimeOffset.FromUnixTimeMilliseconds(Number(texts[1])))),
                _ => throw new FormatException($"The answer has {texts.Length} parts."),
            };
        }
        catch (Exception failure) when (failure is JsonException or OverflowException or ArgumentException or InvalidOperationException)
        {
            throw new FormatException($"The answer can't be read: {failure.Message}", failure);
        }
    }

    private static Circuit CircuitOf(string[] texts)
    {
        int failures = int.Parse(texts[18], CultureInfo.InvariantCulture);
        int history = Fixed + (2 * failures);
        return new Circuit
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
    }

    private static RedisValue[] OfCall(CircuitCall call) => call switch
    {
        CircuitCall.Failure failure =>
        [
            failure.Permit.Generation, failure.Permit.Token, failure.Id, JsonOf(failure.Id, failure.Worker, failure.Words),
            failure.Effect switch { FailureEffect.Counted => "counted", FailureEffect.Ignored => "ignored", _ => "isolated" }, failure.Worker, failure.KeyMark,
        ],
        CircuitCall.Success success => [success.Permit.Generation, success.Permit.Token, success.Worker],
        CircuitCall.Isolate isolate => [isolate.By, isolate.Reason, Millis(isolate.For ?? TimeSpan.Zero), isolate.KeyMark],
        CircuitCall.Reset reset => [reset.By, reset.Reason],
        CircuitCall.Read read => [read.Entries],
        CircuitCall.Merge merge => OfMerge(merge),
        CircuitCall.Restore restore => OfRestore(restore),
        _ => throw new NotSupportedException($"Unknown verb {call?.GetType().Name}."),
    };

    private static RedisValue[] OfMerge(CircuitCall.Merge merge)
    {
        CircuitFindings found = merge.Found;
        return
        [
            merge.Worker, found.Generation, found.Trips, Age(found.Trip?.Until, merge.At),
            .. OfIsolation(found.Isolation, merge.At), .. OfFailures(found.Trip?.Causes ?? [], merge.At), .. OfFailures(found.Failures, merge.At),
        ];
    }

    private static RedisValue[] OfRestore(CircuitCall.Restore restore)
    {
        Circuit known = restore.Known;
        DateTimeOffset at = restore.At;
        return
        [
            restore.Worker, known.Born, known.Entries, known.Generation, known.Trips, known.IsOpen ? "open" : "closed",
            Age(known.OpenedAt, at), Age(known.OpenUntil, at), Age(known.ClosedAt, at), .. OfIsolation(known.Isolation, at),
            known.Probe?.Token ?? "", known.Probe?.Worker ?? "", Age(known.Probe?.Until, at), .. OfFailures(known.Failures, at),
            known.History.Count, .. known.History.SelectMany(entry => OfEntry(entry, at)),
        ];
    }

    private static RedisValue[] OfIsolation(Isolation? isolation, DateTimeOffset at) =>
        [Age(isolation?.At, at), Age(isolation?.Until, at), isolation?.By ?? "", isolation?.Reason ?? "", isolation?.KeyMark ?? ""];

    private static RedisValue[] OfFailures(IReadOnlyList<CircuitFailure> failures, DateTimeOffset at) =>
        [failures.Count, .. failures.SelectMany(failure => new RedisValue[] { Age(failure.At, at), JsonOf(failure.Id, failure.Worker, failure.Words) })];

    private static RedisValue[] OfEntry(CircuitEntry entry, DateTimeOffset at) =>
        [entry.Number, Age(entry.At, at), entry.Kind, entry.Generation, entry.By, entry.Reason, .. OfFailures(entry.Failures, at)];

    /// <summary>By the worker's own clock: the server's may show something else.</summary>
    private static RedisValue Age(DateTimeOffset? instant, DateTimeOffset at) => instant is { } past ? Millis(at - past) : "";

    private static string JsonOf(string id, string worker, string words) => JsonSerializer.Serialize(new FailureJson(id, worker, words), Json);

    /// <summary>The scripts keep three texts. Should something else stand there, it is shown as it is: one failure must not hide all the others.</summary>
    private static CircuitFailure FailureOf(long at, string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            return FailureOf(at, document.RootElement);
        }
        catch (JsonException)
        {
            return new CircuitFailure(json, DateTimeOffset.FromUnixTimeMilliseconds(at), "", json);
        }
    }

    private static CircuitFailure FailureOf(long at, JsonElement json)
    {
        DateTimeOffset moment = DateTimeOffset.FromUnixTimeMilliseconds(at);
        return json.ValueKind == JsonValueKind.Object
            ? new CircuitFailure(TextOf(json, "id"), moment, TextOf(json, "worker"), TextOf(json, "words"))
            : new CircuitFailure(json.GetRawText(), moment, "", json.GetRawText());
    }

    private static string TextOf(JsonElement json, string name) =>
        !json.TryGetProperty(name, out JsonElement value) ? "" : value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();

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

    private static long Millis(TimeSpan span) => (long)span.TotalMilliseconds;

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);

    private static DateTimeOffset? Instant(string text) => Number(text) is > 0 and var millis ? DateTimeOffset.FromUnixTimeMilliseconds(millis) : null;

    private sealed record FailureJson(string Id, string Worker, string Words);

    private sealed record TimedFailureJson(long At, JsonElement Failure);

    private sealed record EntryJson(long Number, long At, string Kind, long Generation, string? By, string? Reason, TimedFailureJson[] Failures);
}
