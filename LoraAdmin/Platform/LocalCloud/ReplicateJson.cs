using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>A training or prediction as Replicate answers it, and as a webhook tells it.</summary>
internal static class ReplicateJson
{
    public static byte[] Bytes(ReplicateRecord record, LocalCloudOptions options, DateTimeOffset now)
    {
        ArrayBufferWriter<byte> buffer = new(1024);
        using (Utf8JsonWriter writer = new(buffer))
        {
            Write(writer, record, options, now);
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <param name="isWithoutOutput">Its output is not there yet.</param>
    public static void Write(Utf8JsonWriter writer, ReplicateRecord record, LocalCloudOptions options, DateTimeOffset now, bool isWithoutOutput = false)
    {
        bool removed = record.IsRemovedAt(now);
        writer.WriteStartObject();
        writer.WriteString("id", record.Id);
        writer.WriteString("model", record.Model);
        writer.WriteString("version", record.Version);
        if (removed)
        {
            writer.WriteBoolean("data_removed", true);
        }

        writer.WritePropertyName("input");
        writer.WriteRawValue(removed ? "{}" : record.Input);
        WriteOutput(writer, record, options, removed || isWithoutOutput);
        Text(writer, "error", record.Error);
        Text(writer, "logs", removed ? null : LogsOf(record));
        writer.WriteString("source", "api");
        writer.WriteString("status", record.Status);
        writer.WriteString("created_at", Iso(record.CreatedAt));
        Text(writer, "started_at", record.StartedAt is { } started ? Iso(started) : null);
        Text(writer, "completed_at", record.CompletedAt is { } completed ? Iso(completed) : null);
        Text(writer, "webhook", record.Webhook);
        if (record is { CompletedAt: { } end, TellsNoMetrics: false })
        {
            writer.WriteStartObject("metrics");
            writer.WriteNumber("predict_time", Math.Round(record.PredictSeconds(now), 6));
            writer.WriteNumber("total_time", Math.Round((end - record.CreatedAt).TotalSeconds, 6));
            writer.WriteEndObject();
        }

        // The vendor points at predictions even for a training.
        string url = $"{record.Root}/replicate/v1/predictions/{record.Id}";
        writer.WriteStartObject("urls");
        writer.WriteString("get", url);
        writer.WriteString("cancel", $"{url}/cancel");
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    public static string FileName(ReplicateRecord record) => record.AsTar ? "trained_model.tar" : "lora.safetensors";

    private static void WriteOutput(Utf8JsonWriter writer, ReplicateRecord record, LocalCloudOptions options, bool isWithout)
    {
        if (isWithout || record.Status != ReplicateStatus.Succeeded)
        {
            writer.WriteNull("output");
            return;
        }

        string files = $"{record.Root}/replicate/files/{record.Id}";
        writer.WriteStartObject("output");
        if (record.IsPrediction)
        {
            writer.WriteStartArray("images");
            for (int number = 0; number < ReplicateFace.ImagesWanted(record); number++)
            {
                writer.WriteStartObject();
                writer.WriteString("image", string.Create(CultureInfo.InvariantCulture, $"{files}/{number}.jpg"));
                writer.WriteNumber("score", ValidationPictures.Score(ArtifactLayout.SeedOf(options.Seed, record.Id), number, record.MakesBadImages));
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        }
        else
        {
            writer.WriteString("version", $"{record.Destination}:{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(record.Id)))}");
            writer.WriteString("weights", $"{files}/{FileName(record)}");
        }

        writer.WriteEndObject();
    }

    private static string? LogsOf(ReplicateRecord record) => record.StartedAt is null ? null : "Loading the base model\nTraining\n";

    private static string Iso(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", CultureInfo.InvariantCulture);

    private static void Text(Utf8JsonWriter writer, string name, string? value)
    {
        if (value is null)
        {
            writer.WriteNull(name);
        }
        else
        {
            writer.WriteString(name, value);
        }
    }
}
