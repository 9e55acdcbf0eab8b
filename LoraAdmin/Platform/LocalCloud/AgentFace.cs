using System.Globalization;
using System.Text.Json;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>The agents behind the vendor's proxy, held to docs/pod-agent.openapi.json by a test.</summary>
internal sealed class AgentFace(LocalCloudWorld world, LocalCloudOptions options)
{
    public const long MaxImageBytes = 20 * 1024 * 1024;
    public const long MaxRangeBytes = 64 * 1024 * 1024;
    public const int MaxImages = 100;
    public const int MaxValidationImages = 10;
    public const long MaxLeaseSeconds = 7 * 86400;

    /// <summary>The environment variable by which a pod learns its token.</summary>
    public const string TokenVariable = "LORA_AGENT_TOKEN";

    private const double SlowSeconds = 120;
    private const long MaxTrainingSeconds = 7 * 86400;

    /// <summary>The vendor's proxy ends a connection that has no answer by then.</summary>
    private static readonly TimeSpan ProxyPatience = TimeSpan.FromSeconds(100);

    public VendorResponse Handle(string podId, string path, VendorRequest request, VendorBody body)
    {
        PodRecord? pod = world.Find(podId);
        if (pod is null || pod.Status == PodStatus.Exited)
        {
            return Answers.Proxy(404);
        }

        if (pod.Status != PodStatus.Running || world.Faults.Take(FaultKind.AgentUnreachable, pod.Name, world.Now) is not null)
        {
            return Answers.Proxy(502);
        }

        if (!LocalCloudFace.TokenMatches(request.Header("Authorization"), pod.Env.GetValueOrDefault(TokenVariable, "")))
        {
            return Answers.Problem(401, "The bearer token is missing or is not this pod's.");
        }

        string[] parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (world.IsSilent(pod, readsStatus: request.Method == "GET" && parts is ["v1", "status"]))
        {
            return GivenUp();
        }

        world.Renew(pod);
        return (request.Method, parts) switch
        {
            ("GET", ["v1", "status"]) => Status(pod),
            ("PUT", ["v1", "images", { } number]) => PutImage(pod, number, request, body),
            ("POST", ["v1", "start"]) => Start(pod, body),
            ("GET", ["v1", "artifact"]) => Artifact(pod, request),
            ("GET", ["v1", "validation", { } number]) => Validation(pod, number),
            ("POST", ["v1", "lease"]) => Lease(pod, body),
            ("POST", ["v1", "stop"]) => Stop(pod),
            _ => Unknown(parts),
        };
    }

    /// <summary>No answer until the proxy ends the connection.</summary>
    private static VendorResponse GivenUp()
    {
        VendorResponse silence = Answers.Proxy(524);
        silence.Hang = ProxyPatience;
        return silence;
    }

    private static VendorResponse Unknown(string[] parts)
    {
        string? allow = parts switch
        {
            ["v1", "status"] or ["v1", "artifact"] or ["v1", "validation", _] => "GET",
            ["v1", "images", _] => "PUT",
            ["v1", "start"] or ["v1", "lease"] or ["v1", "stop"] => "POST",
            _ => null,
        };
        return allow is null
            ? Answers.Problem(404, "There is no such path.")
            : Answers.Problem(405, $"Use {allow}.").With("Allow", allow);
    }

    private VendorResponse Status(PodRecord pod)
    {
        AgentView view = world.View(pod);
        return Answers.Json(200, writer => Write(writer, pod.Agent, view, pod));
    }

    private void Write(Utf8JsonWriter writer, AgentRecord agent, AgentView view, PodRecord pod)
    {
        writer.WriteStartObject();
        writer.WriteString("phase", view.Phase);
        writer.WriteStartArray("images_held");
        foreach (int number in agent.Images.Keys)
        {
            writer.WriteNumberValue(number);
        }

        writer.WriteEndArray();
        Instant(writer, "training_started_at", agent.TrainingStartedAt);
        Instant(writer, "training_ended_at", agent.TrainingEndedAt);
        writer.WriteNumber("step", view.Step);
        writer.WriteNumber("total_steps", view.TotalSteps);
        if (view.Loss is { } loss)
        {
            writer.WriteNumber("loss", loss);
        }
        else
        {
            writer.WriteNull("loss");
        }

        if (agent.HasArtifact)
        {
            writer.WriteStartObject("artifact");
            writer.WriteNumber("size_bytes", world.Layout.TotalBytes);
            writer.WriteString("sha256", world.ArtifactSha256(pod));
            writer.WriteEndObject();
        }
        else
        {
            writer.WriteNull("artifact");
        }

        writer.WriteNumber("validation_images", view.ValidationImages);
        if (agent.Error is null)
        {
            writer.WriteNull("error");
        }
        else
        {
            writer.WriteString("error", agent.Error);
        }

        writer.WriteEndObject();
    }

    private VendorResponse PutImage(PodRecord pod, string text, VendorRequest request, VendorBody body)
    {
        if (!TryNumber(text, MaxImages - 1, out int number))
        {
            return Answers.Problem(404, $"Images are numbered from 0 to {MaxImages - 1}.");
        }

        if (body.TooLarge)
        {
            return Answers.Problem(413, $"An image may have {MaxImageBytes} bytes at most.");
        }

        string? announced = request.Header("X-Content-SHA256");
        if (announced is null || body.Length == 0 || !announced.Equals(body.Sha256, StringComparison.OrdinalIgnoreCase))
        {
            return Answers.Problem(422, "The body does not match the SHA-256 in X-Content-SHA256; send the image again.");
        }

        if (pod.Agent.Order is not null || pod.Agent.Stopped)
        {
            return pod.Agent.Images.TryGetValue(number, out string? held) && held == body.Sha256
                ? Answers.Empty(204)
                : Answers.Problem(409, "The training was started or stopped: images can't change any more.");
        }

        world.HoldImage(pod, number, body.Sha256!);
        return Answers.Empty(204);
    }

    private VendorResponse Start(PodRecord pod, VendorBody body)
    {
        if (!TryOrder(body, out AgentOrder? order, out VendorResponse? refused))
        {
            return refused!;
        }

        AgentRecord agent = pod.Agent;
        if (agent.Order is not null)
        {
            return agent.Order == order ? Status(pod) : Answers.Problem(409, "Another training was ordered of this pod; an agent trains once.");
        }

        if (agent.Stopped)
        {
            return Answers.Problem(409, "The agent was stopped before a training; make a new pod.");
        }

        if (agent.Images.Count < order!.Images)
        {
            return Answers.Problem(409, $"The order needs {order.Images} images, {agent.Images.Count} are held; send the others first.");
        }

        world.StartTraining(pod, order);
        return Status(pod);
    }

    private static bool TryOrder(VendorBody body, out AgentOrder? order, out VendorResponse? refused)
    {
        order = null;
        if (body.TooLarge)
        {
            refused = Answers.Problem(413, "The order is too large.");
            return false;
        }

        if (!JsonFields.TryParse(body.Bytes, out JsonElement json, out refused))
        {
            return false;
        }

        List<string> errors = [];
        JsonFields fields = new(
            json, "$", errors, ["job_id", "lora_id", "name", "images", "validation_images", "max_duration_seconds"]);
        string? job = fields.Text("job_id", required: true);
        string? lora = fields.Text("lora_id", required: true);
        string? name = fields.Text("name", required: true);
        long? images = fields.Whole("images", required: true, 1, MaxImages);
        long? validation = fields.Whole("validation_images", required: true, 0, MaxValidationImages);
        long? seconds = fields.Whole("max_duration_seconds", required: true, 1, MaxTrainingSeconds);
        if ((job is not null && !Guid.TryParse(job, out _)) || (lora is not null && !Guid.TryParse(lora, out _)))
        {
            errors.Add("$: job_id and lora_id must be UUIDs");
        }

        if (errors.Count > 0)
        {
            refused = Answers.Problem(422, JsonFields.Failed, errors);
            return false;
        }

        order = new AgentOrder(job!, lora!, name!, (int)images!.Value, (int)validation!.Value, seconds!.Value);
        return true;
    }

    private VendorResponse Artifact(PodRecord pod, VendorRequest request)
    {
        if (!pod.Agent.HasArtifact)
        {
            return Answers.Problem(404, "There is no finished file.");
        }

        TimeSpan? late = world.Faults.Take(FaultKind.ArtifactSlow, pod.Name, world.Now)?.Length(SlowSeconds);
        if (late >= ProxyPatience)
        {
            return GivenUp();
        }

        VendorResponse answer = Range(pod, request);
        answer.Hang = late;
        return answer;
    }

    private VendorResponse Range(PodRecord pod, VendorRequest request)
    {
        long total = world.Layout.TotalBytes;
        string? range = request.Header("Range");
        if (range is null)
        {
            return Piece(pod, 200, 0, total);
        }

        if (!TryRange(range, total, out long first, out long last))
        {
            return Answers.Problem(416, $"Ask for bytes=FIRST-LAST within the file's {total} bytes.")
                .With("Content-Range", string.Create(CultureInfo.InvariantCulture, $"bytes */{total}"));
        }

        long length = Math.Min(last - first + 1, MaxRangeBytes);
        return Piece(pod, 206, first, length)
            .With("Content-Range", string.Create(CultureInfo.InvariantCulture, $"bytes {first}-{first + length - 1}/{total}"));
    }

    private VendorResponse Piece(PodRecord pod, int status, long offset, long length)
    {
        Stream stream = new ArtifactStream(world.Layout, world.SeedOf(pod), offset, length, !pod.Agent.MakesNoSafetensors);
        if (world.Faults.Take(FaultKind.ArtifactAltered, pod.Name, world.Now) is not null)
        {
            stream = new AlteredStream(stream, length / 2, 1);
        }

        if (world.Faults.Take(FaultKind.ArtifactTruncated, pod.Name, world.Now) is not null)
        {
            stream = new BrokenStream(stream, length / 2);
        }

        return new VendorResponse { Status = status, ContentType = "application/octet-stream", Stream = stream }.With("Accept-Ranges", "bytes");
    }

    private VendorResponse Validation(PodRecord pod, string text)
    {
        if (!TryNumber(text, world.View(pod).ValidationImages - 1, out int number))
        {
            return Answers.Problem(404, "That validation image does not exist, or not yet.");
        }

        ulong seed = world.SeedOf(pod);
        return new VendorResponse
        {
            Status = 200,
            ContentType = "image/jpeg",
            Body = ValidationPictures.Draw(seed, number, options.ValidationPixels),
        }.With("X-Validation-Score", ValidationPictures.Score(seed, number, pod.Agent.MakesBadImages).ToString("0.0000", CultureInfo.InvariantCulture));
    }

    private VendorResponse Lease(PodRecord pod, VendorBody body)
    {
        if (!JsonFields.TryParse(body.Bytes, out JsonElement json, out VendorResponse? refused))
        {
            return refused;
        }

        List<string> errors = [];
        long? seconds = new JsonFields(json, "$", errors, ["seconds"]).Whole("seconds", required: true, 1, MaxLeaseSeconds);
        if (errors.Count > 0)
        {
            return Answers.Problem(422, JsonFields.Failed, errors);
        }

        world.SetLease(pod, TimeSpan.FromSeconds(seconds!.Value));
        return Answers.Empty(204);
    }

    private VendorResponse Stop(PodRecord pod)
    {
        world.StopTraining(pod);
        return Answers.Empty(204);
    }

    private static bool TryNumber(string text, int highest, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number <= highest;

    /// <summary>One range of the shape <c>bytes=FIRST-</c> or <c>bytes=FIRST-LAST</c>; a last byte beyond the file is cut.</summary>
    private static bool TryRange(string text, long total, out long first, out long last)
    {
        const string unit = "bytes=";
        first = 0;
        last = total - 1;
        int dash = text.IndexOf('-', StringComparison.Ordinal);
        if (!text.StartsWith(unit, StringComparison.Ordinal) || dash < 0
            || !long.TryParse(text.AsSpan(unit.Length, dash - unit.Length), NumberStyles.None, CultureInfo.InvariantCulture, out first))
        {
            return false;
        }

        ReadOnlySpan<char> end = text.AsSpan(dash + 1);
        if (end.Length > 0 && !long.TryParse(end, NumberStyles.None, CultureInfo.InvariantCulture, out last))
        {
            return false;
        }

        last = Math.Min(last, total - 1);
        return first <= last;
    }

    private static void Instant(Utf8JsonWriter writer, string name, DateTimeOffset? at)
    {
        if (at is { } instant)
        {
            writer.WriteString(name, PodJson.Iso(instant));
        }
        else
        {
            writer.WriteNull(name);
        }
    }
}
