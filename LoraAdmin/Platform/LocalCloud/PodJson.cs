using System.Globalization;
using System.Text.Json;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>A pod as REST v2 answers it.</summary>
internal static class PodJson
{
    /// <param name="status">The word to show instead of the pod's own.</param>
    public static void Write(Utf8JsonWriter writer, PodRecord pod, DateTimeOffset now, string? status = null)
    {
        writer.WriteStartObject();
        writer.WriteString("id", pod.Id);
        writer.WriteString("name", pod.Name);
        writer.WriteString("status", status ?? pod.Status);
        Texts(writer, "actions", Actions(pod.Status));
        writer.WriteString("image", pod.Image);
        writer.WriteString("args", pod.Args);
        writer.WriteNumber("disk", pod.DiskGb);
        WriteMounts(writer, pod);
        Texts(writer, "ports", pod.Ports);
        writer.WriteStartObject("env");
        foreach ((string name, string value) in pod.Env)
        {
            writer.WriteString(name, value);
        }

        writer.WriteEndObject();
        writer.WriteNull("registry");
        writer.WriteString("cloud", pod.Cloud);
        WriteText(writer, "dataCenterId", pod.DataCenterIds is [string first, ..] ? first : null);
        writer.WriteNull("cudaVersion");
        writer.WriteStartObject("ssh");
        writer.WriteNull("proxy");
        writer.WriteNull("direct");
        writer.WriteEndObject();
        writer.WriteNull("template");
        writer.WriteNumber("cost", pod.Occupies ? pod.GpuRate : 0.0m);
        writer.WriteBoolean("locked", pod.Locked);
        WriteRuntime(writer, pod, now);
        writer.WriteString("createdAt", Iso(pod.CreatedAt));
        WriteText(writer, "startedAt", pod.StartedAt is { } started ? Iso(started) : null);
        writer.WriteStartObject("globalNetworking");
        writer.WriteBoolean("enabled", false);
        writer.WriteEndObject();
        writer.WriteStartObject("gpu");
        writer.WriteString("id", pod.GpuId);
        writer.WriteNumber("count", pod.GpuCount);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    public static string Iso(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);

    /// <summary>Absent while nothing runs; empty as soon as there is a container to speak of; filled once it is healthy.</summary>
    private static void WriteRuntime(Utf8JsonWriter writer, PodRecord pod, DateTimeOffset now)
    {
        if (pod.Status is not (PodStatus.Starting or PodStatus.Running))
        {
            writer.WriteNull("runtime");
            return;
        }

        writer.WriteStartObject("runtime");
        if (pod is { Status: PodStatus.Running, StartedAt: { } started })
        {
            writer.WriteNumber("uptime", (long)(now - started).TotalSeconds);
            writer.WriteStartArray("gpus");
            bool busy = pod.Agent.WorkingSince is not null;
            for (int i = 0; i < pod.GpuCount; i++)
            {
                writer.WriteStartObject();
                writer.WriteNumber("util", busy ? 97 : 0);
                writer.WriteNumber("memoryUtil", busy ? 71 : 2);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteStartArray("ports");
            foreach (string port in pod.Ports)
            {
                int slash = port.IndexOf('/', StringComparison.Ordinal);
                writer.WriteStartObject();
                writer.WriteNumber("private", int.Parse(port.AsSpan(0, slash), CultureInfo.InvariantCulture));
                writer.WriteNull("public");
                writer.WriteString("type", port.AsSpan(slash + 1));
                writer.WriteNull("ip");
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        }

        writer.WriteEndObject();
    }

    private static void WriteMounts(Utf8JsonWriter writer, PodRecord pod)
    {
        writer.WriteStartObject("mounts");
        if (pod.MountGb > 0)
        {
            writer.WriteStartObject("persistent");
            writer.WriteNumber("size", pod.MountGb);
            writer.WriteString("path", pod.MountPath);
            writer.WriteEndObject();
        }
        else if (pod.NetworkVolumeId is not null)
        {
            writer.WriteStartArray("network");
            writer.WriteStartObject();
            writer.WriteString("volumeId", pod.NetworkVolumeId);
            writer.WriteString("path", pod.MountPath);
            writer.WriteEndObject();
            writer.WriteEndArray();
        }

        writer.WriteEndObject();
    }

    private static string[] Actions(string status) => status switch
    {
        PodStatus.Running => ["stop", "restart", "terminate"],
        PodStatus.Exited or PodStatus.Error => ["start", "terminate"],
        PodStatus.Provisioning or PodStatus.Starting => ["stop", "terminate"],
        _ => [],
    };

    private static void Texts(Utf8JsonWriter writer, string name, IEnumerable<string> texts)
    {
        writer.WriteStartArray(name);
        foreach (string text in texts)
        {
            writer.WriteStringValue(text);
        }

        writer.WriteEndArray();
    }

    private static void WriteText(Utf8JsonWriter writer, string name, string? value)
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
