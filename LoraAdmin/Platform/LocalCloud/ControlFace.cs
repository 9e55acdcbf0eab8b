using System.Text.Json;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>What people and tests tell LocalCloud, and ask it: faults and the truth.</summary>
internal sealed class ControlFace(LocalCloudWorld world)
{
    private const int MaxCount = 1_000_000;
    private const double MaxSeconds = 30 * 86400;

    public VendorResponse Handle(VendorRequest request, VendorBody body) =>
        (request.Method, request.Path[LocalCloudFace.Prefix.Length..]) switch
        {
            ("GET", "/truth") => Answers.Json(200, WriteTruth),
            ("GET", "/faults") => Answers.Json(200, WriteFaults),
            ("POST", "/faults") => Add(body),
            ("DELETE", "/faults") => Clear(),
            (_, "/truth") => Answers.Problem(405, "Use GET.").With("Allow", "GET"),
            (_, "/faults") => Answers.Problem(405, "Use GET, POST or DELETE.").With("Allow", "DELETE, GET, POST"),
            _ => Answers.Problem(404, "There is no such path."),
        };

    private VendorResponse Add(VendorBody body)
    {
        if (body.TooLarge)
        {
            return Answers.Problem(413, "The fault is too large.");
        }

        if (!JsonFields.TryParse(body.Bytes, out JsonElement json, out VendorResponse? refused))
        {
            return refused;
        }

        List<string> errors = [];
        JsonFields fields = new(json, "$", errors, ["kind", "count", "match", "probability", "seconds"]);
        string? kind = fields.Text("kind", required: true);
        long? count = fields.Whole("count", required: false, 1, MaxCount);
        string? match = fields.Text("match", required: false);
        double? probability = fields.Number("probability");
        double? seconds = fields.Number("seconds");
        if (kind is not null && FaultKind.Find(kind) is null)
        {
            errors.Add($"$.kind: '{kind}' is unknown; use one of {string.Join(", ", FaultKind.All.Select(known => known.Kind))}");
        }

        if (probability is not (null or (> 0 and <= 1)))
        {
            errors.Add("$.probability: must be above 0 and at most 1");
        }

        if (seconds is not (null or (> 0 and <= MaxSeconds)))
        {
            errors.Add($"$.seconds: must be above 0 and at most {MaxSeconds}");
        }

        if (errors.Count > 0)
        {
            return Answers.Problem(422, "The fault can't be set: " + string.Join("; ", errors), errors);
        }

        Fault fault = world.Faults.Add(kind!, (int)(count ?? 1), match ?? "", probability ?? 1, seconds);
        return Answers.Json(201, writer => Write(writer, fault));
    }

    private VendorResponse Clear()
    {
        world.Faults.Clear();
        return Answers.Empty(204);
    }

    private void WriteFaults(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteStartArray("faults");
        foreach (Fault fault in world.Faults.Pending)
        {
            Write(writer, fault);
        }

        writer.WriteEndArray();
        writer.WriteStartArray("kinds");
        foreach (FaultKind kind in FaultKind.All)
        {
            writer.WriteStartObject();
            writer.WriteString("kind", kind.Kind);
            writer.WriteString("effect", kind.Effect);
            writer.WriteString("seconds", kind.Seconds ?? "the first hit opens a window of this length in which every matching call is hit");
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter writer, Fault fault)
    {
        writer.WriteStartObject();
        writer.WriteNumber("id", fault.Id);
        writer.WriteString("kind", fault.Kind);
        writer.WriteNumber("remaining", fault.Remaining);
        writer.WriteString("match", fault.Match);
        writer.WriteNumber("probability", fault.Probability);
        if (fault.Seconds is { } seconds)
        {
            writer.WriteNumber("seconds", seconds);
        }

        writer.WriteEndObject();
    }

    private void WriteTruth(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteStartArray("pods");
        foreach (PodRecord pod in world.Pods)
        {
            writer.WriteStartObject();
            writer.WriteString("id", pod.Id);
            writer.WriteString("name", pod.Name);
            writer.WriteString("status", pod.Status);
            writer.WriteString("created_at", PodJson.Iso(pod.CreatedAt));
            writer.WriteNumber("usd", Math.Round(BillingLedger.Total(pod, world.Now), 6));
            writer.WriteBoolean("bills", BillingLedger.PerSecond(pod, pod.Status).Total > 0);
            writer.WriteStartArray("history");
            foreach (StatusChange change in pod.History)
            {
                writer.WriteStartObject();
                writer.WriteString("at", PodJson.Iso(change.At));
                writer.WriteString("status", change.Status);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteNumber("requests", world.Account.Requests);
        writer.WriteNumber("rate_limit_violations", world.Account.RateLimitViolations);
        writer.WriteEndObject();
    }
}
