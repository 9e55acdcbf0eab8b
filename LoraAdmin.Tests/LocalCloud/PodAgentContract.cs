using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Xunit;

namespace LoraAdmin.Tests.LocalCloud;

/// <summary>
/// Holds answers to docs/pod-agent.openapi.json: status declared, content type declared, headers present, JSON valid. Knows the part of JSON Schema
/// that the file uses and fails on any other keyword, so that nothing in the file goes unchecked.
/// </summary>
internal sealed class PodAgentContract
{
    private readonly JsonObject document = JsonNode.Parse(File.ReadAllText(PathOf("pod-agent.openapi.json")))!.AsObject();
    private readonly HashSet<string> seen = [];

    /// <summary>Declared answers that no check has seen yet, as <c>METHOD path status</c>.</summary>
    public IReadOnlyList<string> Unseen => [.. Declared().Where(answer => !seen.Contains(answer)).Order(StringComparer.Ordinal)];

    /// <summary>A file of docs/, found from the test's own folder upwards.</summary>
    public static string PathOf(string name)
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, "docs", name);
            if (File.Exists(path))
            {
                return path;
            }
        }

        throw new FileNotFoundException($"docs/{name} is not found above {AppContext.BaseDirectory}.");
    }

    public async Task CheckAsync(string method, string path, HttpResponseMessage answer)
    {
        string status = ((int)answer.StatusCode).ToString(CultureInfo.InvariantCulture);
        JsonObject operation = document["paths"]![path]![method]!.AsObject();
        JsonNode declared = operation["responses"]![status] ?? throw new InvalidOperationException($"{method} {path} does not declare {status}.");
        seen.Add($"{method} {path} {status}");
        foreach ((string name, JsonNode? header) in declared["headers"]?.AsObject() ?? [])
        {
            IEnumerable<string>? values = answer.Headers.TryGetValues(name, out var inHeaders) ? inHeaders
                : answer.Content.Headers.TryGetValues(name, out var inContent) ? inContent : null;
            Assert.True(values is not null || header!["required"] is null, $"{method} {path} {status} lacks {name}.");
            Validate(header!["schema"]!, JsonValue.Create(values?.Single()), name);
        }

        byte[] body = await answer.Content.ReadAsByteArrayAsync();
        if (declared["content"]?.AsObject() is not { } contents)
        {
            Assert.Empty(body);
            return;
        }

        string type = answer.Content.Headers.ContentType?.MediaType ?? "";
        JsonNode content = contents[type] ?? throw new InvalidOperationException($"{method} {path} {status} does not declare {type}.");
        if (content["schema"] is { } schema)
        {
            Validate(schema, JsonNode.Parse(body), "$");
        }
    }

    public void Validate(JsonNode schema, JsonNode? value, string at)
    {
        foreach ((string keyword, JsonNode? rule) in schema.AsObject())
        {
            Apply(keyword, rule!, schema, value, at);
        }
    }

    private void Apply(string keyword, JsonNode rule, JsonNode schema, JsonNode? value, string at)
    {
        switch (keyword)
        {
            case "description":
                break;
            case "$ref":
                Validate(document["components"]!["schemas"]![((string)rule!).Split('/')[^1]]!, value, at);
                break;
            case "type":
                string[] types = rule is JsonArray several ? [.. several.Select(type => (string)type!)] : [(string)rule!];
                Assert.True(types.Any(type => Is(type, value)), $"{at} is {value?.ToJsonString() ?? "null"}, not {string.Join(" or ", types)}.");
                break;
            case "enum":
                Assert.Contains((string?)value, rule.AsArray().Select(word => (string?)word));
                break;
            case "required":
                Assert.All(rule.AsArray(), name => Assert.True(value is not JsonObject o || o.ContainsKey((string)name!), $"{at} lacks {name}."));
                break;
            case "properties":
                foreach ((string name, JsonNode? inner) in rule.AsObject())
                {
                    if (value is JsonObject holder && holder.TryGetPropertyValue(name, out JsonNode? part))
                    {
                        Validate(inner!, part, $"{at}.{name}");
                    }
                }

                break;
            case "additionalProperties":
                Assert.All(value!.AsObject(), part => Assert.True(schema["properties"]!.AsObject().ContainsKey(part.Key), $"{at} has {part.Key}."));
                break;
            case "items":
                Assert.All(value as JsonArray ?? [], item => Validate(rule, item, at + "[]"));
                break;
            case "oneOf":
                Assert.Single(rule.AsArray(), branch => Record.Exception(() => Validate(branch!, value, at)) is null);
                break;
            case "minimum":
                Assert.True(value is null || (decimal)value >= (decimal)rule, $"{at} is below {rule}.");
                break;
            case "maximum":
                Assert.True(value is null || (decimal)value <= (decimal)rule, $"{at} is above {rule}.");
                break;
            case "pattern":
                Assert.Matches(new Regex((string)rule!, RegexOptions.CultureInvariant), (string)value!);
                break;
            case "format" when (string)rule! == "date-time":
                Assert.True(
                    value is null || DateTimeOffset.TryParseExact(
                        (string)value!, "yyyy-MM-ddTHH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out _),
                    $"{at} is no UTC instant.");
                break;
            case "format" when (string)rule! == "uuid":
                Assert.True(Guid.TryParse((string)value!, out _), $"{at} is no UUID.");
                break;
            default:
                throw new InvalidOperationException($"The checker does not know '{keyword}: {rule}' at {at}.");
        }
    }

    private IEnumerable<string> Declared() =>
        from path in document["paths"]!.AsObject()
        from operation in path.Value!.AsObject()
        from answer in operation.Value!["responses"]!.AsObject()
        select $"{operation.Key} {path.Key} {answer.Key}";

    private static bool Is(string type, JsonNode? value) => type switch
    {
        "null" => value is null,
        "object" => value is JsonObject,
        "array" => value is JsonArray,
        "string" => value is JsonValue text && text.TryGetValue(out string? _),
        "integer" => value is JsonValue number && number.TryGetValue(out long _),
        "number" => value is JsonValue number && number.TryGetValue(out double _),
        _ => throw new InvalidOperationException($"The checker does not know the type {type}."),
    };
}
