using System.Globalization;
using System.Text.Json;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Vendors;

namespace LoraAdmin.Pods;

/// <summary>
/// RunPod REST v2 bodies. Reads leniently what can be missing (unknown fields and statuses, numbers as strings) and strictly what makes
/// a pod ours: id and name. <c>env</c> is never read.
/// </summary>
internal static class RunPodJson
{
    private const decimal HighestPrice = 100_000m;
    private const decimal HighestBalance = 1_000_000_000m;

    public static byte[] Create(PodSpec spec)
    {
        using MemoryStream body = new();
        using (Utf8JsonWriter json = new(body))
        {
            json.WriteStartObject();
            json.WriteString("name", spec.Name);
            json.WriteString("image", spec.Image);
            json.WriteStartObject("gpu");
            json.WriteString("id", spec.GpuType);
            // Left out, it matches no machine and is answered like missing stock.
            json.WriteNumber("count", 1);
            json.WriteEndObject();
            json.WriteString("cloud", "SECURE");
            json.WriteNumber("disk", spec.DiskGb);
            WriteMounts(json, spec);
            json.WriteStartArray("ports");
            foreach (string port in spec.Ports)
            {
                json.WriteStringValue(port);
            }

            json.WriteEndArray();
            json.WriteStartObject("env");
            foreach ((string name, string value) in spec.Environment)
            {
                json.WriteString(name, value);
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        return body.ToArray();
    }

    public static byte[] Action(string action) => [.. "{\"action\":\""u8, .. System.Text.Encoding.ASCII.GetBytes(action), .. "\"}"u8];

    /// <summary>One pod, or why it can't be read.</summary>
    public static (ProviderPod? Pod, string? Problem) ReadPod(VendorAnswer answer) =>
        Read<ProviderPod>(answer, root => PodOf(root) is { } pod ? (pod, null) : (null, "the pod has no usable id or name"));

    /// <summary>
    /// All pods, or why not: one pod that can't be read could be ours, so it spoils the listing. Each pod is read by itself: a document of a whole
    /// account with thousands of pods would be as large as the answer once more.
    /// </summary>
    public static (IReadOnlyList<ProviderPod>? Pods, string? Problem) ReadList(VendorAnswer answer) =>
        Read<IReadOnlyList<ProviderPod>>(answer, static body =>
        {
            Utf8JsonReader json = new(body);
            PodList list = new();
            if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
            {
                return (null, "the listing has no pods");
            }

            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                list.Read(ref json);
            }

            // Nothing may follow the object: the reader throws when it does.
            json.Read();
            return list.Result();
        });

    /// <summary>The catalog and how many of its entries could not be read.</summary>
    public static (IReadOnlyList<GpuOffer>? Offers, int LeftOut, string? Problem) ReadCatalog(VendorAnswer answer)
    {
        int leftOut = 0;
        (IReadOnlyList<GpuOffer>? offers, string? problem) = Read<IReadOnlyList<GpuOffer>>(answer, root =>
        {
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("gpus", out JsonElement list) || list.ValueKind != JsonValueKind.Array)
            {
                return (null, "the catalog has no gpus");
            }

            List<GpuOffer> read = [];
            foreach (JsonElement item in list.EnumerateArray())
            {
                if (OfferOf(item) is { } offer)
                {
                    read.Add(offer);
                }
                else
                {
                    leftOut++;
                }
            }

            return read.Count == 0 && leftOut > 0 ? (null, "no entry of the catalog can be read") : (read, null);
        });
        return (offers, leftOut, problem);
    }

    /// <summary>Money as a number or a string of one; null when it is neither or out of all proportion.</summary>
    public static Usd? MoneyOf(JsonElement parent, string name, bool mayBeNegative = false)
    {
        if (parent.ValueKind != JsonValueKind.Object || !parent.TryGetProperty(name, out JsonElement value))
        {
            return null;
        }

        decimal dollars;
        bool read = value.ValueKind switch
        {
            JsonValueKind.Number => value.TryGetDecimal(out dollars),
            JsonValueKind.String => decimal.TryParse(value.GetString(), NumberStyles.Float, CultureInfo.InvariantCulture, out dollars),
            _ => Nothing(out dollars),
        };
        bool inProportion = mayBeNegative ? Math.Abs(dollars) <= HighestBalance : dollars is >= 0 and <= HighestPrice;
        return read && inProportion ? Usd.FromDollars(dollars) : null;
    }

    public static (T? Value, string? Problem) Read<T>(VendorAnswer answer, Func<JsonElement, (T? Value, string? Problem)> read)
        where T : class =>
        Read<T>(answer, body =>
        {
            using JsonDocument document = JsonDocument.Parse(body);
            return read(document.RootElement);
        });

    private static (T? Value, string? Problem) Read<T>(VendorAnswer answer, Func<byte[], (T? Value, string? Problem)> read)
        where T : class
    {
        if (answer.Body is not { } body)
        {
            return (null, answer.BodyProblem ?? "the answer has no body");
        }

        try
        {
            return read(body);
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a string that is not valid UTF-8.
            return (null, "the answer is no readable JSON");
        }
    }

    private static void WriteMounts(Utf8JsonWriter json, PodSpec spec)
    {
        json.WriteStartObject("mounts");
        if (spec.NetworkVolumeId is { } volume)
        {
            json.WriteStartArray("network");
            json.WriteStartObject();
            json.WriteString("volumeId", volume);
            json.WriteString("path", spec.MountPath);
            json.WriteEndObject();
            json.WriteEndArray();
        }
        else
        {
            json.WriteStartObject("persistent");
            json.WriteNumber("size", spec.MountGb);
            json.WriteString("path", spec.MountPath);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static ProviderPod? PodOf(JsonElement pod)
    {
        if (pod.ValueKind != JsonValueKind.Object || TextOf(pod, "id") is not { } id || !PodIds.IsValid(id) || TextOf(pod, "name") is not { } name)
        {
            return null;
        }

        string status = TextOf(pod, "status") ?? "";
        return new ProviderPod(
            id,
            name,
            StatusOf(status),
            status.Length > 64 ? status[..64] : status,
            pod.TryGetProperty("gpu", out JsonElement gpu) ? TextOf(gpu, "id") : null,
            RateOf(pod),
            TimeOf(pod, "createdAt"),
            TimeOf(pod, "startedAt"),
            pod.TryGetProperty("locked", out JsonElement locked) && locked.ValueKind == JsonValueKind.True);
    }

    /// <summary>The vendor's <c>cost</c> is the GPU alone; container disk and persistent mount are billed beside it while the pod runs.</summary>
    private static Usd RateOf(JsonElement pod)
    {
        if (MoneyOf(pod, "cost") is not { } gpu || gpu <= Usd.Zero)
        {
            return Usd.Zero;
        }

        int mount = pod.TryGetProperty("mounts", out JsonElement mounts) && mounts.ValueKind == JsonValueKind.Object
            && mounts.TryGetProperty("persistent", out JsonElement persistent) && persistent.ValueKind == JsonValueKind.Object
                ? Math.Max(0, NumberOf(persistent, "size") ?? 0)
                : 0;
        long gigabytes = Math.Max(0, NumberOf(pod, "disk") ?? 0) + (long)mount;
        return gpu + PodPricing.DiskPerHour((int)Math.Min(gigabytes, int.MaxValue));
    }

    private static ProviderPodStatus StatusOf(string status) => status.ToUpperInvariant() switch
    {
        "PROVISIONING" => ProviderPodStatus.Provisioning,
        "STARTING" => ProviderPodStatus.Starting,
        "RUNNING" => ProviderPodStatus.Running,
        "EXITED" => ProviderPodStatus.Exited,
        "ERROR" => ProviderPodStatus.Error,
        "TERMINATED" => ProviderPodStatus.Terminated,
        _ => ProviderPodStatus.Unknown,
    };

    private static GpuOffer? OfferOf(JsonElement gpu)
    {
        if (gpu.ValueKind != JsonValueKind.Object || TextOf(gpu, "id") is not { Length: > 0 } id)
        {
            return null;
        }

        bool offered = !(gpu.TryGetProperty("secure", out JsonElement secure) && secure.ValueKind == JsonValueKind.False)
            && !(gpu.TryGetProperty("maxCount", out JsonElement most) && NumberOf(most, "secure") is 0);
        // The catalog lists placeholder prices for clouds on which a GPU is not offered.
        Usd? price = offered && gpu.TryGetProperty("price", out JsonElement prices) ? MoneyOf(prices, "secure") : null;
        return new GpuOffer(id, TextOf(gpu, "name") ?? id, NumberOf(gpu, "memory") ?? 0, price, offered && HasStock(gpu));
    }

    /// <summary>A word we don't know is no reason not to ask: the create itself decides.</summary>
    private static bool HasStock(JsonElement gpu) =>
        !gpu.TryGetProperty("availability", out JsonElement availability)
        || (availability.ValueKind != JsonValueKind.Null && !string.Equals(TextOf(gpu, "availability"), "NONE", StringComparison.OrdinalIgnoreCase));

    /// <summary>REST v2 has no pages today. Should it get them, a first page must not pass as the whole account.</summary>
    public static bool SaysThereIsMore(JsonElement element) =>
        element.ValueKind == JsonValueKind.Object && element.EnumerateObject().Any(property => SaysThereIsMore(property.Name, property.Value));

    private static bool SaysThereIsMore(string name, JsonElement value) => name switch
    {
        "hasNextPage" or "hasMore" => value.ValueKind == JsonValueKind.True,
        "nextCursor" or "nextPageToken" or "next" => value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 },
        _ => false,
    };

    public static string? TextOf(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    public static int? NumberOf(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number
        && value.TryGetDouble(out double number) && number is >= 0 and <= int.MaxValue
            ? (int)number
            : null;

    public static DateTimeOffset? TimeOf(JsonElement parent, string name) =>
        DateTimeOffset.TryParse(
            TextOf(parent, name),
            CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
            out DateTimeOffset time)
            ? time
            : null;

    private static bool Nothing(out decimal value)
    {
        value = 0;
        return false;
    }

    /// <summary>The properties of a listing, one after the other.</summary>
    private sealed class PodList
    {
        private readonly Dictionary<string, ProviderPod> pods = new(StringComparer.Ordinal);
        private bool isThere;
        private bool isFirstPage;
        private int listed;
        private int unreadable;

        /// <summary>Reads the property at which the reader stands, to its end.</summary>
        public void Read(ref Utf8JsonReader json)
        {
            bool isPods = json.ValueTextEquals("pods"u8);
            string name = json.GetString()!;
            json.Read();
            if (isPods)
            {
                ReadPods(ref json);
                return;
            }

            using JsonDocument value = JsonDocument.ParseValue(ref json);
            isFirstPage |= SaysThereIsMore(name, value.RootElement) || (name == "pagination" && SaysThereIsMore(value.RootElement));
        }

        public (IReadOnlyList<ProviderPod>? Pods, string? Problem) Result() =>
            !isThere ? (null, "the listing has no pods")
            : isFirstPage ? (null, "the listing is only the first page")
            : unreadable > 0 ? (null, string.Create(CultureInfo.InvariantCulture, $"{unreadable} of {listed} listed pods have no usable id or name"))
            : ([.. pods.Values], null);

        private void ReadPods(ref Utf8JsonReader json)
        {
            isThere = json.TokenType == JsonTokenType.StartArray;
            if (!isThere)
            {
                json.Skip();
                return;
            }

            while (json.Read() && json.TokenType != JsonTokenType.EndArray)
            {
                using JsonDocument item = JsonDocument.ParseValue(ref json);
                listed++;
                if (PodOf(item.RootElement) is { } pod)
                {
                    pods.TryAdd(pod.Id, pod);
                }
                else
                {
                    unreadable++;
                }
            }
        }
    }
}
