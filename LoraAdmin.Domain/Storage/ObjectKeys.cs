using System.Buffers;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Storage;

/// <summary>Where things lie in the buckets, and which keys are acceptable.</summary>
public static class ObjectKeys
{
    // Supabase Storage's own list (measured: everything else is refused as InvalidKey), less the space.
    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_/!.*'()&$=@;:+,?-");

    public const int MaxLength = 512;

    public static ObjectRef Model(UserId user, LoraId lora) => new(Buckets.Models, $"{user}/{lora}/model.safetensors");

    public static ObjectRef ValidationImage(UserId user, LoraId lora, int index) =>
        new(Buckets.ValidationImages, $"{user}/{lora}/validation/{index}.jpg");

    public static ObjectRef TrainingImage(UserId user, Guid upload, int number) => new(Buckets.TrainingImages, $"{user}/{upload:D}/{number}");

    /// <summary>Whose trained file lies there; null: the key is not of that form.</summary>
    public static LoraId? LoraOfModel(string key) => Parts(key) is [_, var lora, "model.safetensors"] ? Lora(lora) : null;

    /// <summary>Whose validation image lies there; null: the key is not of that form.</summary>
    public static LoraId? LoraOfValidationImage(string key) => Parts(key) is [_, var lora, "validation", _] ? Lora(lora) : null;

    /// <summary>Under whom and in which upload a training image lies; null: the key is not of that form.</summary>
    public static (UserId User, Guid? Upload)? OwnerOfTrainingImage(string key) => Parts(key) switch
    {
        [var user, var upload, _] when Guid.TryParseExact(user, "D", out Guid owner) && Guid.TryParseExact(upload, "D", out Guid id) => (new UserId(owner), id),
        [var user, _, ..] when Guid.TryParseExact(user, "D", out Guid owner) => (new UserId(owner), null),
        _ => null,
    };

    /// <summary>Under which uploads the keys lie, each once; keys of another form lie under none.</summary>
    public static IReadOnlyList<Guid> UploadsOf(UserId user, IReadOnlyList<string> keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        string prefix = $"{user}/";
        HashSet<Guid> uploads = [];
        foreach (string key in keys)
        {
            if (key.StartsWith(prefix, StringComparison.Ordinal)
                && key.Split('/') is [_, var upload, _]
                && Guid.TryParseExact(upload, "D", out Guid id))
            {
                uploads.Add(id);
            }
        }

        return [.. uploads];
    }

    public static bool IsValid(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return key.Length is > 0 and <= MaxLength
            && key[0] != '/'
            && key[^1] != '/'
            && !key.AsSpan().ContainsAnyExcept(Allowed)
            && !key.Split('/').Any(segment => segment is "" or "." or "..");
    }

    /// <summary>Keys in a request must lie under the request's own user.</summary>
    public static bool IsUnder(UserId user, string key) => IsValid(key) && key.StartsWith($"{user}/", StringComparison.Ordinal);

    private static string[] Parts(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return key.Split('/');
    }

    private static LoraId? Lora(string text) => Guid.TryParseExact(text, "D", out Guid id) ? new LoraId(id) : null;
}
