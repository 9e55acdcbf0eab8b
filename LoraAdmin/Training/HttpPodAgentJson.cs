using System.Globalization;
using System.Text.Json;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Vendors;

namespace LoraAdmin.Training;

/// <summary>The agent's JSON. The contract is ours, so a status that breaks it or a bound is refused; unknown fields are let pass.</summary>
internal static class HttpPodAgentJson
{
    public static byte[] Order(TrainingOrder order)
    {
        using MemoryStream body = new();
        using (Utf8JsonWriter json = new(body))
        {
            json.WriteStartObject();
            json.WriteString("job_id", order.Job.ToString());
            json.WriteString("lora_id", order.Lora.ToString());
            json.WriteString("name", order.Name);
            json.WriteNumber("images", order.Images);
            json.WriteNumber("validation_images", order.ValidationImages);
            json.WriteNumber("max_duration_seconds", (long)order.MaxDuration.TotalSeconds);
            json.WriteEndObject();
        }

        return body.ToArray();
    }

    public static byte[] Lease(TimeSpan lease) =>
        System.Text.Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{{\"seconds\":{(long)lease.TotalSeconds}}}"));

    /// <summary>The status, or the field that breaks the contract.</summary>
    /// <param name="secret">Must not come back in the agent's words.</param>
    public static (AgentStatus? Status, string? Problem) ReadStatus(byte[] body, string secret)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(body);
            return (StatusOf(document.RootElement, secret), null);
        }
        catch (ContractException broken)
        {
            return (null, broken.Message);
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            return (null, "the status is no readable JSON");
        }
    }

    private static AgentStatus StatusOf(JsonElement root, string secret)
    {
        Require(root.ValueKind == JsonValueKind.Object, "status");
        AgentPhase phase = PhaseOf(root);
        AgentStatus status = new(
            phase,
            ImagesOf(root),
            TimeOf(root, "training_started_at"),
            TimeOf(root, "training_ended_at"),
            WholeOf(root, "step", int.MaxValue),
            WholeOf(root, "total_steps", int.MaxValue),
            LossOf(root),
            ArtifactOf(root),
            WholeOf(root, "validation_images", PodAgentLimits.ValidationImages),
            Optional(root, "error") is not { } error ? null
                : error.ValueKind == JsonValueKind.String ? VendorText.Clean(error.GetString()!, [secret])
                : throw new ContractException("error"));

        // Without these the deadline could not be told, or a finished file not be fetched.
        Require(status.TrainingStartedAt is not null || phase is AgentPhase.Idle or AgentPhase.Failed or AgentPhase.Stopped, "training_started_at");
        Require(status.Artifact is not null || phase is not AgentPhase.Done, "artifact");
        return status;
    }

    private static AgentPhase PhaseOf(JsonElement root) =>
        Optional(root, "phase") is not { ValueKind: JsonValueKind.String } phase ? throw new ContractException("phase")
        : phase.GetString() switch
        {
            "idle" => AgentPhase.Idle,
            "training" => AgentPhase.Training,
            "validating" => AgentPhase.Validating,
            "done" => AgentPhase.Done,
            "failed" => AgentPhase.Failed,
            "stopped" => AgentPhase.Stopped,
            _ => throw new ContractException("phase"),
        };

    private static SortedSet<int> NumbersOf(JsonElement list)
    {
        SortedSet<int> numbers = [];
        foreach (JsonElement item in list.EnumerateArray())
        {
            Require(
                item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out int number) && number is >= 0 and < PodAgentLimits.Images && numbers.Add(number),
                "images_held");
        }

        return numbers;
    }

    private static IReadOnlyList<int> ImagesOf(JsonElement root)
    {
        JsonElement? list = Optional(root, "images_held");
        Require(list is { ValueKind: JsonValueKind.Array } && list.Value.GetArrayLength() <= PodAgentLimits.Images, "images_held");
        return [.. NumbersOf(list!.Value)];
    }

    private static ArtifactInfo? ArtifactOf(JsonElement root)
    {
        if (Optional(root, "artifact") is not { } artifact)
        {
            return null;
        }

        Require(artifact.ValueKind == JsonValueKind.Object, "artifact");
        Require(
            Optional(artifact, "size_bytes") is { ValueKind: JsonValueKind.Number } size && size.TryGetInt64(out long bytes) && bytes > 0,
            "artifact.size_bytes");
        Require(Optional(artifact, "sha256") is { ValueKind: JsonValueKind.String } hash && IsSha256(hash.GetString()!), "artifact.sha256");
        return new ArtifactInfo(artifact.GetProperty("size_bytes").GetInt64(), artifact.GetProperty("sha256").GetString()!.ToLowerInvariant());
    }

    private static bool IsSha256(string text) => text.Length == 64 && text.All(char.IsAsciiHexDigit);

    private static int WholeOf(JsonElement root, string name, int most)
    {
        int number = 0;
        Require(Optional(root, name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt32(out number) && number >= 0 && number <= most, name);
        return number;
    }

    private static double? LossOf(JsonElement root)
    {
        if (Optional(root, "loss") is not { } loss)
        {
            return null;
        }

        double number = 0;
        Require(loss.ValueKind == JsonValueKind.Number && loss.TryGetDouble(out number) && double.IsFinite(number), "loss");
        return number;
    }

    private static DateTimeOffset? TimeOf(JsonElement root, string name)
    {
        if (Optional(root, name) is not { } value)
        {
            return null;
        }

        DateTimeOffset time = default;
        Require(
            value.ValueKind == JsonValueKind.String && DateTimeOffset.TryParse(
                value.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time),
            name);
        return time;
    }

    private static JsonElement? Optional(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static void Require(bool holds, string field)
    {
        if (!holds)
        {
            throw new ContractException(field);
        }
    }

#pragma warning disable CA1032, CA1064 // Never leaves this file: carries the broken field to the one place that tells of it.
    private sealed class ContractException(string field) : Exception($"the status breaks the contract in \"{field}\"");
#pragma warning restore CA1032, CA1064
}
