using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>
/// RunPod as its REST v2 and the balance query of its GraphQL show it. Status codes, texts and shapes follow reference figures listed in
/// docs/localcloud.md; what LocalCloud does not rent (CPU pods, templates, clusters) is refused as the vendor refuses what it lacks.
/// </summary>
internal sealed class RunPodFace(LocalCloudWorld world, LocalCloudOptions options, LocalCloudKeys keys)
{
    public const string NoCapacity =
        "There are no longer any instances available with the requested specifications. Please refresh and try again.";

    private const int DefaultRetryAfter = 30;
    private const double DefaultHangSeconds = 600;
    private const double DefaultLateSeconds = 60;
    private const double DefaultSlowSeconds = 60;
    private const double DefaultHiddenSeconds = 15;

    /// <summary>A word that the vendor's contract does not have.</summary>
    private const string UnknownStatus = "MIGRATING";

    public VendorResponse Handle(string path, VendorRequest request, VendorBody body)
    {
        string[] parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        string? authorization = request.Header("Authorization");
        bool graph = parts is ["graphql"];
        if (graph && string.IsNullOrEmpty(authorization))
        {
            return Answers.Json(200, static writer => WriteNobody(writer));
        }

        PodRecord? pod = parts is ["v2", "pods", { } id, ..] ? world.Find(id) : null;
        string? name = NameOf(pod, parts, request, body);
        if (!LocalCloudFace.TokenMatches(authorization, keys.ApiKey) || world.Faults.Take(FaultKind.Unauth401, name, world.Now) is not null)
        {
            return Answers.Problem(401, string.IsNullOrEmpty(authorization) ? "missing bearer token" : "invalid bearer token");
        }

        if (graph)
        {
            return GraphQl(request, body);
        }

        if (world.Rates.Count(world.Now) is { } refused)
        {
            return TooMany(refused.Window, refused.RetryAfter);
        }

        if (world.Faults.Take(FaultKind.Rate429, name, world.Now) is { } limited)
        {
            return TooMany("minute", (int)Math.Ceiling(limited.Seconds ?? DefaultRetryAfter));
        }

        if (world.Faults.Take(FaultKind.Forbidden403, name, world.Now) is not null)
        {
            return WithRates(Answers.Problem(403, "access denied"));
        }

        if (body.TooLarge)
        {
            return WithRates(Answers.Problem(413, "request body too large"));
        }

        return WithRates(parts switch
        {
            ["v2", "pods"] => Pods(request, body),
            ["v2", "pods", { } one] => OnePod(one, pod, request, body),
            ["v2", "pods", { } one, "action"] => Act(one, pod, request, body),
            ["v2", "catalog", "gpus"] => Gpus(request),
            ["v2", "billing", "pods"] => BillingFace.Pods(world, request),
            _ => Answers.Problem(404, "resource not found"),
        });
    }

    /// <summary>The name of the pod that a call is about, for a create the one in its order; null: about none, or about one that is gone.</summary>
    private string? NameOf(PodRecord? pod, string[] parts, VendorRequest request, VendorBody body)
    {
        bool create = request.Method == "POST" && parts is ["v2", "pods"];
        if (!create || world.Faults.Pending.Count == 0)
        {
            return pod?.Name;
        }

        return JsonFields.TryParse(body.Bytes, out JsonElement json, out _) && json.ValueKind == JsonValueKind.Object
            && json.TryGetProperty("name", out JsonElement name) && name.ValueKind == JsonValueKind.String
            ? name.GetString()
            : null;
    }

    private VendorResponse Pods(VendorRequest request, VendorBody body) => request.Method switch
    {
        "GET" => List(),
        "POST" => Create(body),
        _ => NotAllowed("GET, POST"),
    };

    private VendorResponse List()
    {
        world.CountListing();
        if (world.Faults.Take(FaultKind.List500, null, world.Now) is not null)
        {
            return Answers.Problem(500, "internal server error");
        }

        IReadOnlyList<PodRecord> pods = world.Faults.Take(FaultKind.ListEmpty, null, world.Now) is not null ? [] : world.Alive;
        Fault? partial = world.Faults.Take(FaultKind.ListPartial, null, world.Now);
        Fault? unknown = world.Faults.Take(FaultKind.ListUnknownStatus, null, world.Now);
        VendorResponse listing = Answers.Json(200, writer => Write(writer, pods, partial, unknown));
        if (world.Faults.Take(FaultKind.ListSlow, null, world.Now) is { } slow)
        {
            listing.Hang = slow.Length(DefaultSlowSeconds);
        }

        return listing;
    }

    private void Write(Utf8JsonWriter writer, IReadOnlyList<PodRecord> pods, Fault? partial, Fault? unknown)
    {
        writer.WriteStartObject();
        writer.WriteStartArray("pods");
        for (int i = 0; i < pods.Count; i++)
        {
            bool missing = partial is not null && (partial.Match.Length == 0 ? i % 2 == 0 : partial.Names(pods[i].Name));
            if (!missing)
            {
                PodJson.Write(writer, pods[i], world.Now, unknown?.Names(pods[i].Name) == true ? UnknownStatus : null);
            }
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private VendorResponse Create(VendorBody body)
    {
        if (!CreateOrder.TryParse(body.Bytes, out CreateOrder? order, out VendorResponse? refused))
        {
            return refused;
        }

        string name = order.Name;
        DateTimeOffset now = world.Now;
        if (world.Faults.Take(FaultKind.Validate422, name, now) is not null)
        {
            return Answers.Problem(422, "Request validation failed.", ["$.gpu.id: value is not one of the allowed values"]);
        }

        LocalGpu? gpu = LocalGpu.Find(order.GpuId);
        if (gpu is null)
        {
            return Answers.Problem(400, $"gpu id '{order.GpuId}' is not a known GPU type");
        }

        decimal? price = order.Cloud == "COMMUNITY" ? gpu.Community : gpu.Secure;

        // A create without a count matches no machine at the vendor, and says so in the words of missing capacity.
        if (price is null || order.GpuCount is not { } count || world.FreeGpus(gpu.Id) < count
            || world.Faults.Take(FaultKind.NoCapacity, name, now) is not null)
        {
            return Answers.Problem(400, NoCapacity);
        }

        if (world.BalanceUsd < price.Value * count || world.Faults.Take(FaultKind.Balance402, name, now) is not null)
        {
            return Answers.Problem(402, "Your balance is too low to deploy this pod. Please add funds and try again.");
        }

        if (world.Faults.Take(FaultKind.Create500, name, now) is not null)
        {
            return SomethingWrong();
        }

        if (world.Faults.Take(FaultKind.CreateHangThenLate, name, now) is { } late)
        {
            world.CreateLate((id, at) => order.ToRecord(id, at, price.Value * count), late.Length(DefaultLateSeconds));
            VendorResponse broken = SomethingWrong();
            broken.Hang = TimeSpan.FromSeconds(DefaultHangSeconds);
            return broken;
        }

        PodRecord pod = world.Create((id, at) => order.ToRecord(id, at, price.Value * count));
        if (world.Faults.Take(FaultKind.Early404, name, now) is { } early)
        {
            pod.HiddenUntil = now + early.Length(DefaultHiddenSeconds);
        }

        if (world.Faults.Take(FaultKind.Create500ButCreated, name, now) is not null)
        {
            return SomethingWrong();
        }

        VendorResponse created = Answers.Json(201, writer => PodJson.Write(writer, pod, now));
        if (world.Faults.Take(FaultKind.CreateHangButCreated, name, now) is { } hang)
        {
            created.Hang = hang.Length(DefaultHangSeconds);
        }

        return created;
    }

    private VendorResponse OnePod(string id, PodRecord? pod, VendorRequest request, VendorBody body)
    {
        if (request.Method == "DELETE")
        {
            return Terminate(id, pod);
        }

        if (Hidden(pod))
        {
            return Answers.Problem(404, "resource not found");
        }

        return request.Method switch
        {
            "GET" => Answers.Json(200, writer => PodJson.Write(writer, pod!, world.Now)),
            "PATCH" => Patch(pod!, body),
            _ => NotAllowed("DELETE, GET, PATCH"),
        };
    }

    private VendorResponse Act(string id, PodRecord? pod, VendorRequest request, VendorBody body)
    {
        if (request.Method != "POST")
        {
            return NotAllowed("POST");
        }

        if (!JsonFields.TryParse(body.Bytes, out JsonElement json, out VendorResponse? refused))
        {
            return Hidden(pod) ? Answers.Problem(404, "resource not found") : refused;
        }

        List<string> errors = [];
        JsonFields fields = new(json, "$", errors, ["action"]);
        string? action = fields.Text("action", required: true);
        if (action is not (null or "start" or "stop" or "restart" or "terminate"))
        {
            errors.Add("$.action: value must be one of 'start', 'stop', 'restart', 'terminate'");
        }

        if (action == "terminate" && errors.Count == 0)
        {
            return Terminate(id, pod);
        }

        if (Hidden(pod))
        {
            return Answers.Problem(404, "resource not found");
        }

        if (errors.Count > 0)
        {
            return Answers.Problem(422, JsonFields.Failed, errors);
        }

        if (action == "start" && pod!.CanStart
            && (world.BalanceUsd < pod.GpuRate || world.Faults.Take(FaultKind.Balance402, pod.Name, world.Now) is not null))
        {
            return Answers.Problem(402, "Your balance is too low to start this pod. Please add funds and try again.");
        }

        PodRefusal refusal = action switch
        {
            "start" => world.Start(pod!),
            "stop" => world.Stop(pod!),
            _ => world.Restart(pod!),
        };
        return refusal switch
        {
            PodRefusal.None => Answers.Json(200, writer => PodJson.Write(writer, pod!, world.Now)),
            PodRefusal.NoGpu => Answers.Problem(400, "There are not enough free GPUs on the host machine to start this pod."),
            _ => Answers.Problem(409, $"action '{action}' is not allowed while the pod is {pod!.Status}{(pod.Locked ? " and locked" : "")}"),
        };
    }

    private VendorResponse Terminate(string id, PodRecord? pod)
    {
        world.CountTerminate(id);
        if (Hidden(pod))
        {
            return Answers.Problem(404, "resource not found");
        }

        if (world.Faults.Take(FaultKind.Delete500, pod!.Name, world.Now) is not null)
        {
            return Answers.Problem(500, "internal server error");
        }

        if (world.Faults.Take(FaultKind.Delete404, pod.Name, world.Now) is not null)
        {
            return Answers.Problem(404, "resource not found");
        }

        if (world.Faults.Take(FaultKind.DeleteIgnored, pod.Name, world.Now) is null)
        {
            world.Terminate(pod);
        }

        return Answers.Empty(204);
    }

    private VendorResponse Patch(PodRecord pod, VendorBody body)
    {
        if (!JsonFields.TryParse(body.Bytes, out JsonElement json, out VendorResponse? refused))
        {
            return refused;
        }

        List<string> errors = [];
        JsonFields fields = new(json, "$", errors, ["name", "locked"]);
        string? name = fields.Text("name", required: false);
        bool? locked = fields.Flag("locked");
        if (name is "")
        {
            errors.Add("$.name: length must be at least 1");
        }

        if (errors.Count > 0)
        {
            return Answers.Problem(422, JsonFields.Failed, errors);
        }

        pod.Name = name ?? pod.Name;
        pod.Locked = locked ?? pod.Locked;
        world.Touch(pod);
        return Answers.Json(200, writer => PodJson.Write(writer, pod, world.Now));
    }

    private VendorResponse Gpus(VendorRequest request)
    {
        if (request.Method != "GET")
        {
            return NotAllowed("GET");
        }

        QueryValues query = new(request.Query);
        bool availability = string.Equals(query["include"], "AVAILABILITY", StringComparison.OrdinalIgnoreCase);
        if (availability && query["product"] is null)
        {
            return Answers.Problem(400, "product is required when include is AVAILABILITY");
        }

        return Answers.Json(200, writer =>
        {
            writer.WriteStartObject();
            writer.WriteStartArray("gpus");
            foreach (LocalGpu gpu in LocalGpu.Catalog)
            {
                Write(writer, gpu, availability ? Stock(world.FreeGpus(gpu.Id)) : null);
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        });
    }

    private static void Write(Utf8JsonWriter writer, LocalGpu gpu, string? availability)
    {
        writer.WriteStartObject();
        writer.WriteString("id", gpu.Id);
        writer.WriteString("name", gpu.Name);
        writer.WriteNumber("memory", gpu.MemoryGb);
        writer.WriteBoolean("secure", true);
        writer.WriteBoolean("community", gpu.Community is not null);
        writer.WriteStartObject("price");
        writer.WriteNumber("secure", gpu.Secure);
        writer.WriteNumber("community", gpu.Community ?? 0);
        writer.WriteEndObject();
        writer.WriteStartObject("maxCount");
        writer.WriteNumber("secure", 8);
        writer.WriteNumber("community", gpu.Community is null ? 0 : 8);
        writer.WriteEndObject();
        if (availability is not null)
        {
            writer.WriteString("availability", availability);
        }

        writer.WriteEndObject();
    }

    private static string Stock(int free) => free switch
    {
        <= 0 => "NONE",
        < 4 => "LOW",
        < 16 => "MEDIUM",
        _ => "HIGH",
    };

    private VendorResponse GraphQl(VendorRequest request, VendorBody body)
    {
        if (request.Method != "POST")
        {
            return NotAllowed("POST");
        }

        if (!JsonFields.TryParse(body.Bytes, out JsonElement json, out _)
            || !json.TryGetProperty("query", out JsonElement query) || query.ValueKind != JsonValueKind.String)
        {
            return Answers.Json(400, static writer => WriteErrors(writer, "Must provide query string.", "BAD_REQUEST"));
        }

        string text = query.GetString()!;
        if (!text.Contains("myself", StringComparison.Ordinal))
        {
            return Answers.Json(200, static writer => WriteErrors(writer, "Cannot query this field on type \"Query\".", "GRAPHQL_VALIDATION_FAILED"));
        }

        return Answers.Json(200, writer =>
        {
            writer.WriteStartObject();
            writer.WriteStartObject("data");
            writer.WriteStartObject("myself");
            writer.WriteNumber("clientBalance", Math.Round(world.BalanceUsd, 6));
            writer.WriteNumber("currentSpendPerHr", Math.Round(world.SpendPerHourUsd, 6));
            writer.WriteNumber("spendLimit", options.SpendLimitUsdPerHour);
            writer.WriteEndObject();
            writer.WriteEndObject();
            writer.WriteEndObject();
        });
    }

    private static void WriteNobody(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteStartObject("data");
        writer.WriteNull("myself");
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void WriteErrors(Utf8JsonWriter writer, string message, string code)
    {
        writer.WriteStartObject();
        writer.WriteStartArray("errors");
        writer.WriteStartObject();
        writer.WriteString("message", message);
        writer.WriteStartObject("extensions");
        writer.WriteString("code", code);
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private bool Hidden([NotNullWhen(false)] PodRecord? pod) => pod is null || pod.HiddenUntil > world.Now;

    private VendorResponse TooMany(string window, int seconds) =>
        WithRates(Answers.Problem(429, $"rate limit exceeded for the {window} window"))
            .With("Retry-After", seconds.ToString(CultureInfo.InvariantCulture));

    private VendorResponse WithRates(VendorResponse response) =>
        response.With("RateLimit-Policy", world.Rates.Policy).With("RateLimit", world.Rates.Left(world.Now));

    private static VendorResponse SomethingWrong() => Answers.Problem(500, "Something went wrong. Please try again later or contact support.");

    private static VendorResponse NotAllowed(string allow) => Answers.Problem(405, "method not allowed").With("Allow", allow);
}
