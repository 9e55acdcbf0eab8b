using System.Text.Json;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;

namespace LoraAdmin.Api;

/// <summary>The fields of one submission as they are found, in JSON or multipart, and everything that is wrong with them.</summary>
internal sealed class SubmittedFields
{
    private const string U = TrainingRequestCheck.UserIdField;
    private const string N = TrainingRequestCheck.NameField;
    private const string E = TrainingRequestCheck.EmailField;
    private const string K = TrainingRequestCheck.ImageKeysField;
    private const string G = TrainingRequestCheck.GpuTypeField;

    public static readonly IReadOnlyList<string> JsonNames = [U, N, E, K, G];
    public static readonly IReadOnlyList<string> FormNames = [U, N, E, G];

    private readonly HashSet<string> seen = new(StringComparer.Ordinal);

    public List<FieldProblem> Problems { get; } = [];

    public UserId? User { get; private set; }
    public string? Name { get; private set; }
    public string? Email { get; private set; }
    public string? GpuType { get; private set; }
    public IReadOnlyList<string> Keys { get; private set; } = [];

    public bool HasSeen(string field) => seen.Contains(field);

    /// <summary>Takes everything from a JSON object; afterwards the problems are complete.</summary>
    public void TakeAll(JsonElement body, TrainingRules rules)
    {
        foreach (JsonProperty property in body.EnumerateObject())
        {
            if (!JsonNames.Contains(property.Name))
            {
                Problems.Add(JsonBody.Unknown(property.Name, JsonNames));
            }
            else if (property.Value.ValueKind != JsonValueKind.Null && property.Name != K)
            {
                seen.Add(property.Name);
                if (JsonBody.Text(property.Value, property.Name, Problems) is { } text)
                {
                    Take(property.Name, text, rules);
                }
            }
        }

        // After the loop, because the keys must lie under the user, wherever in the object that stands.
        if (body.TryGetProperty(K, out JsonElement keys) && keys.ValueKind != JsonValueKind.Null)
        {
            seen.Add(K);
            TakeKeys(keys, rules);
        }

        RequireAll([U, N, E, K]);
    }

    /// <summary>Takes one text field of a form; a second one of the same name is a problem.</summary>
    public void TakeText(string field, string text, TrainingRules rules)
    {
        if (seen.Add(field))
        {
            Take(field, text, rules);
        }
        else
        {
            Problems.Add(new FieldProblem(field, "The field was sent twice.", "Send it once."));
        }
    }

    /// <summary>Marks a field whose value could not be read, so that it is not called missing as well.</summary>
    public void NoteUnreadable(string field, FieldProblem problem)
    {
        seen.Add(field);
        Problems.Add(problem);
    }

    public void RequireAll(IEnumerable<string> fields)
    {
        foreach (string field in fields.Where(field => !seen.Contains(field)))
        {
            Problems.Add(new FieldProblem(field, "The field is missing.", Remedy(field)));
        }
    }

    /// <summary>Only once there are no problems.</summary>
    public TrainingRequest ToRequest(StagingOutcome.Staged? staged) =>
        new()
        {
            UserId = User ?? throw new InvalidOperationException("The fields have problems."),
            Name = Name ?? throw new InvalidOperationException("The fields have problems."),
            CreatorEmail = Email ?? throw new InvalidOperationException("The fields have problems."),
            GpuType = GpuType,
            ImageKeys = staged?.Keys ?? Keys,
            Upload = staged?.Upload,
        };

    /// <summary>
    /// SHA-256 over what was sent: for JSON the fields, for multipart the fields and each file's own hash in order. Spelling (white space, order of
    /// fields, boundary) does not count.
    /// </summary>
    public string Hash(StagingOutcome.Staged? staged) =>
        RequestHash.Of([staged is null ? "keys" : "files", User?.ToString(), Name, Email, GpuType, .. staged?.Sha256 ?? Keys]);

    private static string Remedy(string field) => field switch
    {
        U => "Send the user's id, a UUID.",
        N => $"Send the LoRA's name, 1 to {TrainingRequestCheck.MaxNameLength} characters.",
        E => "Send the creator's e-mail address.",
        K => "Send the keys of the training images, or send the images themselves as multipart/form-data.",
        _ => "Send it.",
    };

    private void Take(string field, string text, TrainingRules rules)
    {
        FieldProblem? problem;
        switch (field)
        {
            case U:
                (User, problem) = TrainingRequestCheck.ReadUser(text);
                break;
            case N:
                Name = text;
                problem = TrainingRequestCheck.CheckName(text);
                break;
            case E:
                Email = text;
                problem = TrainingRequestCheck.CheckEmail(text);
                break;
            default:
                GpuType = text;
                problem = TrainingRequestCheck.CheckGpuType(text, rules);
                break;
        }

        if (problem is not null)
        {
            Problems.Add(problem);
        }
    }

    private void TakeKeys(JsonElement keys, TrainingRules rules)
    {
        if (keys.ValueKind != JsonValueKind.Array)
        {
            Problems.Add(new FieldProblem(K, $"The value is {JsonBody.Kind(keys)}, not a list.", "Send a JSON array of object keys."));
            return;
        }

        if (TrainingRequestCheck.CheckCount(K, keys.GetArrayLength(), rules) is { } count)
        {
            Problems.Add(count);
            return;
        }

        int before = Problems.Count;
        List<string> texts = [];
        foreach (JsonElement key in keys.EnumerateArray())
        {
            texts.Add(JsonBody.Text(key, $"{K}[{texts.Count}]", Problems) ?? "");
        }

        if (Problems.Count == before)
        {
            Keys = texts;
            Problems.AddRange(TrainingRequestCheck.CheckKeys(User, texts, rules));
        }
    }
}
