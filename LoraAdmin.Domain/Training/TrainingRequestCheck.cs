using System.Globalization;
using System.Text;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// What a request to train must look like. The API, the dialog and the desk ask here, field by field or as a whole; every answer names the field
/// as the API does, says what is wrong and what to do.
/// </summary>
public static class TrainingRequestCheck
{
    public const int MaxNameLength = 200;

    /// <summary>RFC 5321 with its errata: a path is 256 octets, two of them the angle brackets.</summary>
    public const int MaxEmailLength = 254;

    public const string UserIdField = "user_id";
    public const string NameField = "name";
    public const string EmailField = "creator_email";
    public const string ImageKeysField = "training_images";
    public const string ImagesField = "images";
    public const string GpuTypeField = "gpu_type";

    /// <summary>All problems at once; empty when the request is acceptable. Whether the keys exist is found out by the job itself.</summary>
    public static IReadOnlyList<FieldProblem> Check(TrainingRequest request, TrainingRules rules)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(rules);
        List<FieldProblem> problems = [];
        Add(CheckUser(request.UserId));
        Add(CheckName(request.Name));
        Add(CheckEmail(request.CreatorEmail));
        Add(CheckGpuType(request.GpuType, rules));
        problems.AddRange(
            request.Upload is null
                ? CheckKeys(request.UserId, request.ImageKeys, rules)
                : CheckCount(ImagesField, request.ImageKeys.Count, rules) is { } count ? [count] : []);
        return problems;

        void Add(FieldProblem? problem)
        {
            if (problem is not null)
            {
                problems.Add(problem);
            }
        }
    }

    /// <summary>Reads the text form of a user id; the problem is null when it is one.</summary>
    public static (UserId? User, FieldProblem? Problem) ReadUser(string? text)
    {
        if (!Guid.TryParseExact(text, "D", out Guid value))
        {
            return (null, new FieldProblem(UserIdField, $"{Quote(text)} is not a UUID.", "Send the user's id as 8-4-4-4-12 hexadecimal digits."));
        }

        UserId user = new(value);
        return CheckUser(user) is { } problem ? (null, problem) : (user, null);
    }

    public static FieldProblem? CheckUser(UserId user) =>
        user.Value == Guid.Empty
            ? new FieldProblem(UserIdField, "The id is all zeros, which is no user.", "Send the id of the user for whom the LoRA is trained.")
            : null;

    public static FieldProblem? CheckName(string? name)
    {
        if (string.IsNullOrWhiteSpace(name))
        {
            return new FieldProblem(NameField, "The name is empty.", $"Give the LoRA a name of 1 to {MaxNameLength} characters.");
        }

        int length = 0;
        foreach (Rune rune in name.EnumerateRunes())
        {
            length++;
            if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator)
            {
                return new FieldProblem(
                    NameField,
                    string.Create(CultureInfo.InvariantCulture, $"Character {length} is the control character U+{rune.Value:X4}."),
                    "Leave out line breaks, tabs and other control characters.");
            }

            if (rune.Value is >= 0x202A and <= 0x202E or >= 0x2066 and <= 0x2069)
            {
                return new FieldProblem(
                    NameField,
                    string.Create(CultureInfo.InvariantCulture, $"Character {length} is U+{rune.Value:X4}, which changes the direction of the text around it."),
                    "Leave it out: text in any script has its direction without it.");
            }
        }

        return length <= MaxNameLength
            ? null
            : new FieldProblem(
                NameField,
                string.Create(CultureInfo.InvariantCulture, $"The name is {length} characters long."),
                $"Shorten it to at most {MaxNameLength} characters.");
    }

    /// <summary>The shape only: whether the address takes mail is known when mail is sent.</summary>
    public static FieldProblem? CheckEmail(string? email)
    {
        if (string.IsNullOrEmpty(email))
        {
            return new FieldProblem(EmailField, "The e-mail address is empty.", "Send the creator's address, for example ada@example.org.");
        }

        if (email.Length > MaxEmailLength)
        {
            return new FieldProblem(
                EmailField,
                string.Create(CultureInfo.InvariantCulture, $"The address is {email.Length} characters long."),
                $"Addresses have at most {MaxEmailLength} characters.");
        }

        int at = email.LastIndexOf('@');
        ReadOnlySpan<char> local = at < 0 ? [] : email.AsSpan(0, at);
        ReadOnlySpan<char> domain = at < 0 ? [] : email.AsSpan(at + 1);
        bool shaped = local.Length is > 0 and <= 64
            && !local.Contains('@')
            && domain.IndexOf('.') > 0
            && domain[^1] != '.'
            && !domain.Contains("..", StringComparison.Ordinal)
            && !email.Any(character => char.IsControl(character) || char.IsWhiteSpace(character) || character is '<' or '>' or ',' or ';');
        return shaped
            ? null
            : new FieldProblem(EmailField, $"{Quote(email)} does not look like an e-mail address.", "Send one plain address, for example ada@example.org.");
    }

    public static FieldProblem? CheckGpuType(string? gpuType, TrainingRules rules)
    {
        ArgumentNullException.ThrowIfNull(rules);
        return gpuType is null || rules.GpuTypes.Contains(gpuType, StringComparer.Ordinal)
            ? null
            : new FieldProblem(
                GpuTypeField,
                $"{Quote(gpuType)} is not a GPU type of this portal.",
                $"Leave the field out for the first one with stock, or use one of: {string.Join(", ", rules.GpuTypes)}.");
    }

    public static FieldProblem? CheckCount(string field, int count, TrainingRules rules)
    {
        ArgumentNullException.ThrowIfNull(rules);
        return count >= rules.MinImages && count <= rules.MaxImages
            ? null
            : new FieldProblem(
                field,
                count == 0 ? "There is no training image." : string.Create(CultureInfo.InvariantCulture, $"There are {count} training images."),
                $"Send {rules.MinImages} to {rules.MaxImages} images.");
    }

    /// <param name="user">Null when the request's own user could not be read: then only the shape of the keys is checked.</param>
    public static IReadOnlyList<FieldProblem> CheckKeys(UserId? user, IReadOnlyList<string> keys, TrainingRules rules)
    {
        ArgumentNullException.ThrowIfNull(keys);
        if (CheckCount(ImageKeysField, keys.Count, rules) is { } count)
        {
            return [count];
        }

        List<FieldProblem> problems = [];
        Dictionary<string, int> seen = new(StringComparer.Ordinal);
        for (int index = 0; index < keys.Count; index++)
        {
            string key = keys[index];
            string field = string.Create(CultureInfo.InvariantCulture, $"{ImageKeysField}[{index}]");
            if (!ObjectKeys.IsValid(key))
            {
                problems.Add(new FieldProblem(
                    field,
                    $"{Quote(key)} is not an object key.",
                    $"Send a key in the bucket {Buckets.TrainingImages} of at most {ObjectKeys.MaxLength} characters, without a leading slash, spaces or dots as folders."));
            }
            else if (user is { } owner && !ObjectKeys.IsUnder(owner, key))
            {
                problems.Add(new FieldProblem(field, $"{Quote(key)} does not lie under the user of the request.", $"Use only keys that begin with {owner}/."));
            }
            else if (!seen.TryAdd(key, index))
            {
                problems.Add(new FieldProblem(
                    field,
                    string.Create(CultureInfo.InvariantCulture, $"The key is the same as {ImageKeysField}[{seen[key]}]."),
                    "Send each image once."));
            }
        }

        return problems;
    }

    /// <summary>What a caller sent, short enough for a message.</summary>
    private static string Quote(string? text)
    {
        const int shown = 80;
        if (string.IsNullOrEmpty(text))
        {
            return "An empty text";
        }

        string line = new([.. text.Take(shown).Select(character => char.IsControl(character) ? '?' : character)]);
        return text.Length > shown ? $"\"{line}…\"" : $"\"{line}\"";
    }
}
