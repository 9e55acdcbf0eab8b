namespace LoraAdmin.Domain.Shared;

/// <summary>One wish to train one LoRA: the key of <c>lora_training_jobs</c>.</summary>
public readonly record struct JobId(Guid Value)
{
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
