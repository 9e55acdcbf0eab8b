using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>What people and tests tell LocalCloud, and ask it: faults, pods to fill the account with, and the truth.</summary>
internal sealed class ControlFace(LocalCloudWorld world)
{
    private const int MaxCount = 1_000_000;
    private const double MaxSeconds = 30 * 86400;
    private const int MaxPods = 100_000;
    private const double MaxUsdPerHour = 1000;
    private static readonly string[] Statuses =
        [PodStatus.Provisioning, PodStatus.Starting, PodStatus.Running, PodStatus.Exited, PodStatus.Error];

    public VendorResponse Handle(VendorRequest request, VendorBody body) =>
        (request.Method, request.Path[LocalCloudFace.Prefix.Length..]) switch
        {
            ("GET", "/truth") => Answers.Json(200, WriteTruth),
            ("GET", "/faults") => Answers.Json(200, WriteFaults),
            ("POST", "/faults") => Add(body),
            ("DELETE", "/faults") => Clear(),
            ("POST", "/faults/take") => Take(body),
            ("POST", "/pods") => Fill(body),
            (_, "/truth") => Answers.Problem(405, "Use GET.").With("Allow", "GET"),
            (_, "/faults/take" or "/pods") => Answers.Problem(405, "Use POST.").With("Allow", "POST"),
            (_, "/faults") => Answers.Problem(405, "Use GET, POST or DELETE.").With("Allow", "DELETE, GET, POST"),
            _ => Answers.Problem(404, "There is no such path."),
        };

    private static bool TryRead(VendorBody body, out JsonElement json, [NotNullWhen(false)] out VendorResponse? refused)
    {
        if (!body.TooLarge)
        {
            return JsonFields.TryParse(body.Bytes, out json, out refused);
        }

        json = default;
        refused = Answers.Problem(413, "The body is too large.");
        return false;
    }

    private VendorResponse Add(VendorBody body)
    {
        if (!TryRead(body, out JsonElement json, out VendorResponse? refused))
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

        // Pods that are there already are hit now, not at the next call.
        world.AdvanceTo(world.Now);
        return Answers.Json(201, writer => Write(writer, fault));
    }

    /// <summary>Asked by a portal in another process before each call on its own store or spool.</summary>
    private VendorResponse Take(VendorBody body)
    {
        if (!TryRead(body, out JsonElement json, out VendorResponse? refused))
        {
            return refused;
        }

        List<string> errors = [];
        JsonFields fields = new(json, "$", errors, ["kinds", "subject"]);
        List<string> kinds = fields.Texts("kinds");
        string? subject = fields.Text("subject", required: true);
        if (kinds.Count == 0 || !kinds.TrueForAll(static kind => FaultKind.Find(kind) is { IsOfStores: true }))
        {
            string known = string.Join(", ", FaultKind.All.Where(static kind => kind.IsOfStores).Select(static kind => kind.Kind));
            errors.Add($"$.kinds: give at least one of {known}");
        }

        if (subject is null && errors.Count == 0)
        {
            errors.Add("$.subject: must be a string");
        }

        if (errors.Count > 0)
        {
            return Answers.Problem(422, "No fault can be taken: " + string.Join("; ", errors), errors);
        }

        return world.TakeStoreFault(kinds, subject!) is { } fault
            ? Answers.Json(200, writer =>
            {
                writer.WriteStartObject();
                writer.WriteString("kind", fault.Kind);
                if (fault.Seconds is { } seconds)
                {
                    writer.WriteNumber("seconds", seconds);
                }

                writer.WriteEndObject();
            })
            : Answers.Empty(204);
    }

    private VendorResponse Fill(VendorBody body)
    {
        if (!TryRead(body, out JsonElement json, out VendorResponse? refused))
        {
            return refused;
        }

        List<string> errors = [];
        JsonFields fields = new(json, "$", errors, ["count", "name_prefix", "status", "usd_per_hour", "age_seconds"]);
        long? count = fields.Whole("count", required: true, 1, MaxPods);
        string? prefix = fields.Text("name_prefix", required: true);
        string status = fields.Text("status", required: false) ?? PodStatus.Running;
        double usd = fields.Number("usd_per_hour") ?? 0.40;
        double age = fields.Number("age_seconds") ?? 0;
        if (prefix is "")
        {
            errors.Add("$.name_prefix: length must be at least 1");
        }

        if (!Statuses.Contains(status))
        {
            errors.Add($"$.status: use one of {string.Join(", ", Statuses)}");
        }

        if (usd is not (>= 0 and <= MaxUsdPerHour))
        {
            errors.Add($"$.usd_per_hour: must be from 0 to {MaxUsdPerHour}");
        }

        if (age is not (>= 0 and <= 100 * MaxSeconds))
        {
            errors.Add($"$.age_seconds: must be from 0 to {100 * MaxSeconds}");
        }

        if (errors.Count > 0)
        {
            return Answers.Problem(422, "The pods can't be made: " + string.Join("; ", errors), errors);
        }

        IReadOnlyList<PodRecord> made = world.AddForeign(prefix!, (int)count!.Value, status, (decimal)usd, TimeSpan.FromSeconds(age));
        return Answers.Json(201, writer =>
        {
            writer.WriteStartObject();
            writer.WriteStartArray("ids");
            foreach (PodRecord pod in made)
            {
                writer.WriteStringValue(pod.Id);
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        });
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
            writer.WriteString("where", kind.Where);
            writer.WriteString("effect", kind.Effect);
            writer.WriteString("seconds", kind.Seconds ?? "the first hit opens a window of this length in which everything that fits is hit");
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
            writer.WriteNumber("terminate_requests", pod.TerminateRequests);
            WriteHistory(writer, pod.History);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        WriteTrainings(writer);
        writer.WriteNumber("requests", world.Account.Requests);
        writer.WriteNumber("listings", world.Account.Listings);
        writer.WriteNumber("rate_limit_violations", world.Account.RateLimitViolations);
        writer.WriteEndObject();
    }

    private void WriteTrainings(Utf8JsonWriter writer)
    {
        writer.WriteStartArray("trainings");
        foreach (ReplicateRecord record in world.Replicate.Records)
        {
            writer.WriteStartObject();
            writer.WriteString("id", record.Id);
            writer.WriteString("kind", record.IsPrediction ? "prediction" : "training");
            writer.WriteString("status", record.IsLost ? "lost" : record.Status);
            writer.WriteString("webhook", record.Webhook);
            writer.WriteString("created_at", PodJson.Iso(record.CreatedAt));
            writer.WriteNumber("usd", Math.Round(ReplicateWorld.UsdOf(record, world.Now), 6));
            writer.WriteBoolean("bills", record.Status == ReplicateStatus.Processing);
            writer.WriteNumber("cancel_requests", record.CancelRequests);
            WriteHistory(writer, record.History);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static void WriteHistory(Utf8JsonWriter writer, List<StatusChange> history)
    {
        writer.WriteStartArray("history");
        foreach (StatusChange change in history)
        {
            writer.WriteStartObject();
            writer.WriteString("at", PodJson.Iso(change.At));
            writer.WriteString("status", change.Status);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }
}
