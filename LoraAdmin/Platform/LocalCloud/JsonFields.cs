using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>Reads a JSON object strictly: unknown, missing and mistyped properties end up as the vendor's validation errors.</summary>
internal sealed class JsonFields
{
    public const string Failed = "Request validation failed.";
    private readonly JsonElement json;
    private readonly string path;
    private readonly List<string> errors;

    public JsonFields(JsonElement json, string path, List<string> errors, ReadOnlySpan<string> known)
    {
        this.json = json;
        this.path = path;
        this.errors = errors;
        if (json.ValueKind != JsonValueKind.Object)
        {
            errors.Add($"{path}: must be an object");
            return;
        }

        foreach (JsonProperty property in json.EnumerateObject())
        {
            if (!known.Contains(property.Name))
            {
                errors.Add($"{path}: additional properties '{property.Name}' not allowed");
            }
        }
    }

    /// <summary>The body as JSON, or the answer that it is none.</summary>
    public static bool TryParse(ReadOnlyMemory<byte> body, out JsonElement json, [NotNullWhen(false)] out VendorResponse? refused)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(body);
            json = document.RootElement.Clone();
            refused = null;
            return true;
        }
        catch (JsonException)
        {
            json = default;
            refused = Answers.Problem(400, "request body is not valid JSON");
            return false;
        }
    }

    public string? Text(string name, bool required)
    {
        JsonElement value = Find(name, required);
        if (value.ValueKind == JsonValueKind.String)
        {
            return value.GetString();
        }

        Mistyped(name, value, "a string");
        return null;
    }

    public long? Whole(string name, bool required, long minimum, long maximum)
    {
        JsonElement value = Find(name, required);
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number))
        {
            if (number >= minimum && number <= maximum)
            {
                return number;
            }

            errors.Add($"{path}.{name}: must be from {minimum} to {maximum}");
            return null;
        }

        Mistyped(name, value, "an integer");
        return null;
    }

    public double? Number(string name)
    {
        JsonElement value = Find(name, required: false);
        if (value.ValueKind == JsonValueKind.Number)
        {
            return value.GetDouble();
        }

        Mistyped(name, value, "a number");
        return null;
    }

    public bool? Flag(string name)
    {
        JsonElement value = Find(name, required: false);
        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return value.GetBoolean();
        }

        Mistyped(name, value, "a boolean");
        return null;
    }

    public List<string> Texts(string name)
    {
        List<string> texts = [];
        foreach (JsonElement item in Items(name))
        {
            if (item.ValueKind == JsonValueKind.String)
            {
                texts.Add(item.GetString()!);
            }
            else
            {
                errors.Add($"{path}.{name}: items must be strings");
            }
        }

        return texts;
    }

    public IEnumerable<JsonElement> Items(string name)
    {
        JsonElement value = Find(name, required: false);
        if (value.ValueKind == JsonValueKind.Array)
        {
            return value.EnumerateArray();
        }

        Mistyped(name, value, "an array");
        return [];
    }

    public Dictionary<string, string> Map(string name)
    {
        Dictionary<string, string> map = [];
        JsonElement value = Find(name, required: false);
        if (value.ValueKind != JsonValueKind.Object)
        {
            Mistyped(name, value, "an object");
            return map;
        }

        foreach (JsonProperty property in value.EnumerateObject())
        {
            if (property.Value.ValueKind == JsonValueKind.String)
            {
                map[property.Name] = property.Value.GetString()!;
            }
            else
            {
                errors.Add($"{path}.{name}.{property.Name}: must be a string");
            }
        }

        return map;
    }

    public JsonElement? Object(string name)
    {
        JsonElement value = Find(name, required: false);
        if (value.ValueKind == JsonValueKind.Object)
        {
            return value;
        }

        Mistyped(name, value, "an object");
        return null;
    }

    private JsonElement Find(string name, bool required)
    {
        if (json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out JsonElement value))
        {
            return value;
        }

        if (required && json.ValueKind == JsonValueKind.Object)
        {
            errors.Add($"{path}: missing property '{name}'");
        }

        return default;
    }

    private void Mistyped(string name, JsonElement value, string expected)
    {
        if (value.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null))
        {
            errors.Add($"{path}.{name}: must be {expected}");
        }
    }
}

/// <summary>Query parameters; unknown ones are ignored, as the vendor does.</summary>
internal sealed class QueryValues(string query)
{
    private readonly Dictionary<string, StringValues> values = QueryHelpers.ParseQuery(query);

    public string? this[string name] => values.TryGetValue(name, out StringValues value) ? (string?)value : null;
}
