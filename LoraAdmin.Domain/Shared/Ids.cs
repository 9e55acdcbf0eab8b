namespace LoraAdmin.Domain.Shared;

/// <summary>One wish to train one LoRA: the key of <c>lora_training_jobs</c>.</summary>
public readonly record struct JobId(Guid Value)
{
    private const int TailLength = 8;

    /// <summary>Its end, as pages show it: the beginning is the instant at which it was made, and the same for all jobs of a minute.</summary>
    public string Tail => ToString()[^TailLength..];

    /// <summary>The <see cref="Tail"/> that a person has typed or copied, also as pages write it: <c>job …2d6a7b5c</c>. Null: it is none.</summary>
    public static string? TailOf(string? text)
    {
        string end = (text ?? "").Trim();
        end = (end.StartsWith("job ", StringComparison.OrdinalIgnoreCase) ? end[4..] : end).TrimStart(' ', '…', '.').ToLowerInvariant();
        return end.Length == TailLength && end.All(char.IsAsciiHexDigit) ? end : null;
    }

    public override string ToString() => Value.ToString("D");
}

/// <summary>A trained model and its row in <c>lora_models</c>.</summary>
public readonly record struct LoraId(Guid Value)
{
    public override string ToString() => Value.ToString("D");
}

/// <summary>A customer of the service (not an admin of the portal).</summary>
public readonly record struct UserId(Guid Value)
{
    public override string ToString() => Value.ToString("D");
}

/// <summary>Ids and randomness come through here, so that the simulation can replay a run from its seed.</summary>
public interface IIds
{
    /// <summary>A new id whose order in time is roughly the order of creation (UUID version 7).</summary>
    Guid Next();

    /// <summary>Unpredictable bytes for secrets: tokens, links, keys. At most 1,024 at a time.</summary>
    byte[] Secret(int length);
}
