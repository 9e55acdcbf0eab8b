using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using LoraAdmin.Platform.Vendors;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>Fetches what an input points at; null: the link is dead.</summary>
public delegate Task<byte[]?> FetchInput(Uri link, CancellationToken cancellationToken);

/// <summary>
/// Replicate as its HTTP API shows it: trainings, predictions, models, and the files that they make. Status codes, texts and shapes follow reference figures
/// listed in docs/localcloud.md.
/// </summary>
internal sealed class ReplicateFace(LocalCloudWorld world, LocalCloudOptions options, LocalCloudKeys keys, FetchInput fetch)
{
    /// <summary>The trainer that there is.</summary>
    public const string Trainer = "localcloud/lora-trainer";

    /// <summary>The model that trained versions can go to.</summary>
    public const string Destination = "localcloud/loras";

    /// <summary>The model that makes validation images with scores.</summary>
    public const string Validator = "localcloud/lora-validation";

    /// <summary>The trainer's input that takes the link to the zip.</summary>
    public const string InputField = "input_images";

    /// <summary>The validation model's input that takes the link to the weights.</summary>
    public const string WeightsField = "lora_weights";

    public static readonly string TrainerVersion = VersionOf(Trainer);
    public static readonly string ValidatorVersion = VersionOf(Validator);

    private const int PageSize = 100;
    private const int DefaultReset = 30;
    private const double DefaultHangSeconds = 600;
    private const double DefaultLateSeconds = 60;
    private const int MaxValidationImages = 20;
    private const string Trainings = "trainings";
    private const string Predictions = "predictions";

    /// <summary>Signs webhooks; the account's own, derived from its key.</summary>
    public string WebhookSecret { get; } = WebhookSecretOf(keys);

    public static string WebhookSecretOf(LocalCloudKeys keys) =>
        WebhookSignature.SecretPrefix + Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes($"webhooks:{keys.ApiKey}")));

    /// <summary>How many images the prediction was asked for.</summary>
    public static int ImagesWanted(ReplicateRecord record)
    {
        using JsonDocument input = JsonDocument.Parse(record.Input);
        return input.RootElement.TryGetProperty("images", out JsonElement images) && images.TryGetInt32(out int wanted) ? Math.Clamp(wanted, 0, MaxValidationImages) : 0;
    }

    /// <summary>Before the world is entered: looks at what an input points at, as its model does a moment later.</summary>
    /// <returns>What the model says of it; null: nothing is wrong, or it is no call that makes something.</returns>
    public async Task<string?> ReadInputAsync(VendorRequest request, VendorBody body, CancellationToken cancellationToken)
    {
        string? field = request.Path.EndsWith($"/{Trainings}", StringComparison.Ordinal) ? InputField
            : request.Path.EndsWith($"/{Predictions}", StringComparison.Ordinal) ? WeightsField
            : null;
        if (request.Method != "POST" || field is null || body.TooLarge
            || !JsonFields.TryParse(body.Bytes, out JsonElement json, out _) || json.ValueKind != JsonValueKind.Object
            || !json.TryGetProperty("input", out JsonElement input) || input.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        if (!input.TryGetProperty(field, out JsonElement link) || link.ValueKind != JsonValueKind.String)
        {
            return Invalid(field, "field required");
        }

        if (!Uri.TryCreate(link.GetString(), UriKind.Absolute, out Uri? target) || target.Scheme is not ("http" or "https"))
        {
            return Invalid(field, "invalid or missing URL scheme");
        }

        if (IsOurFile(link.GetString()!, request.Root))
        {
            // Its own files it has at hand, and knows only in the world whether it still does.
            return null;
        }

        return await fetch(target, cancellationToken) switch
        {
            null => CanNotDownload(field),
            { } zip when field == InputField && !HoldsImages(zip) => "The archive holds no images",
            _ => null,
        };
    }

    /// <param name="path">Below <c>/localcloud/replicate</c>.</param>
    /// <param name="inputProblem">What <see cref="ReadInputAsync"/> said.</param>
    public VendorResponse Handle(string path, VendorRequest request, VendorBody body, string? inputProblem)
    {
        string[] parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        ReplicateRecord? record = parts switch
        {
            ["v1", Trainings or Predictions, { } id, ..] => world.Replicate.Find(id),
            ["files", { } id, _] => world.Replicate.Find(id),
            _ => null,
        };
        string? subject = record is not null ? ReplicateWorld.SubjectOf(record) : SubjectOf(request, body);
        if (!LocalCloudFace.TokenMatches(request.Header("Authorization"), keys.ApiKey) || Strikes(FaultKind.ReplicateUnauth401, subject))
        {
            return Answers.Problem(401, "You did not pass a valid authentication token");
        }

        if (world.Faults.Take(FaultKind.ReplicateThrottled, subject, world.Now) is { } throttled)
        {
            return Throttled((int)Math.Ceiling(throttled.Seconds ?? DefaultReset));
        }

        if (body.TooLarge)
        {
            return Answers.Problem(413, "The request body is too large");
        }

        return (request.Method, parts) switch
        {
            ("POST", ["v1", "models", { } owner, { } name, "versions", { } version, Trainings]) => Train($"{owner}/{name}", version, request, body, inputProblem),
            ("GET", ["v1", "models", { } owner, { } name]) => Model($"{owner}/{name}"),
            ("GET", ["v1", "models", { } owner, { } name, "versions", { } version]) => Version($"{owner}/{name}", version),
            ("GET", ["v1", Trainings]) => List(request, Trainings),
            ("GET", ["v1", Predictions]) => List(request, Predictions),
            ("POST", ["v1", Predictions]) => Predict(request, body, inputProblem),
            ("GET", ["v1", Trainings or Predictions, _]) => One(record, parts[1], subject),
            ("POST", ["v1", Trainings or Predictions, _, "cancel"]) => Cancel(record, parts[1], subject),
            ("GET", ["v1", "webhooks", "default", "secret"]) => Answers.Json(200, writer =>
            {
                writer.WriteStartObject();
                writer.WriteString("key", WebhookSecret);
                writer.WriteEndObject();
            }),
            ("GET", ["files", _, { } file]) => File(record, file, subject),
            _ => NotFound(),
        };
    }

    private static string VersionOf(string model) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(model)));

    private static string CanNotDownload(string field) => $"Failed to download {field}";

    private static string FilesOf(string root) => $"{root}/replicate/files/";

    private static bool IsOurFile(string link, string root) => link.StartsWith(FilesOf(root), StringComparison.Ordinal);

    private static string Invalid(string field, string problem) =>
        "Prediction input failed validation: {\"detail\":[{\"loc\":[\"body\",\"input\",\"" + field + "\"],\"msg\":\"" + problem + "\"}]}";

    private static bool HoldsImages(byte[] zip)
    {
        try
        {
            using ZipArchive archive = new(new MemoryStream(zip, writable: false));
            return archive.Entries.Any(static entry => entry.Length > 0 && Path.GetExtension(entry.Name) is ".jpg" or ".png" or ".webp");
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    private static VendorResponse Throttled(int seconds) => Answers.Json(429, writer =>
    {
        writer.WriteStartObject();
        writer.WriteString("detail", string.Create(CultureInfo.InvariantCulture, $"Request was throttled. Your rate limit resets in ~{seconds}s."));
        writer.WriteEndObject();
    });

    private static VendorResponse NotFound() => Answers.Problem(404, "The requested resource could not be found.");

    private static VendorResponse UnknownVersion() =>
        Answers.Problem(422, "The specified version does not exist (or perhaps you don't have permission to use it?)");

    private static VendorResponse SomethingWrong() => Answers.Problem(500, "Internal server error");

    /// <summary>What a fault's <c>match</c> is part of, for a call that makes something; null: it is about no one thing.</summary>
    private static string? SubjectOf(VendorRequest request, VendorBody body)
    {
        if (request.Method != "POST" || body.TooLarge || !JsonFields.TryParse(body.Bytes, out JsonElement json, out _) || json.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        string? webhook = json.TryGetProperty("webhook", out JsonElement hook) && hook.ValueKind == JsonValueKind.String ? hook.GetString() : null;
        return ReplicateWorld.Subject(webhook, json.TryGetProperty("input", out JsonElement input) ? input.GetRawText() : "");
    }

    private bool Strikes(string kind, string? subject) => world.Faults.Take(kind, subject, world.Now) is not null;

    private VendorResponse Train(string model, string version, VendorRequest request, VendorBody body, string? inputProblem)
    {
        if (!TryRead(body, ["destination", "input", "webhook", "webhook_events_filter"], "destination", out Asked? asked, out VendorResponse? refused))
        {
            return refused;
        }

        if (model != Trainer || version != TrainerVersion)
        {
            return UnknownVersion();
        }

        if (asked.Target != Destination)
        {
            return Answers.Problem(404, "The specified training destination does not exist");
        }

        return Make(new ReplicateOrder(false, model, version, asked.Target, asked.Input, asked.Webhook, asked.Events, request.Root, inputProblem));
    }

    private VendorResponse Predict(VendorRequest request, VendorBody body, string? inputProblem)
    {
        if (!TryRead(body, ["version", "input", "webhook", "webhook_events_filter"], "version", out Asked? asked, out VendorResponse? refused))
        {
            return refused;
        }

        string? problem = inputProblem ?? (HasWeights(asked.Input, request.Root) ? null : CanNotDownload(WeightsField));
        return asked.Target == ValidatorVersion
            ? Make(new ReplicateOrder(true, Validator, ValidatorVersion, null, asked.Input, asked.Webhook, asked.Events, request.Root, problem))
            : UnknownVersion();
    }

    /// <summary>False: the input names a file of a training's here, and it is not there (any more).</summary>
    private bool HasWeights(string input, string root)
    {
        using JsonDocument json = JsonDocument.Parse(input);
        string link = json.RootElement.TryGetProperty(WeightsField, out JsonElement field) && field.ValueKind == JsonValueKind.String ? field.GetString()! : "";
        return !IsOurFile(link, root)
            || (link[FilesOf(root).Length..].Split('/') is [{ } id, { } file] && world.Replicate.Find(id) is { IsPrediction: false } made
                && HasFile(made) && file == ReplicateJson.FileName(made));
    }

    private bool HasFile(ReplicateRecord record) => record.Status == ReplicateStatus.Succeeded && !record.IsRemovedAt(world.Now);

    private VendorResponse Make(ReplicateOrder order)
    {
        string subject = ReplicateWorld.Subject(order.Webhook, order.Input);
        if (Strikes(FaultKind.ReplicateBalance402, subject))
        {
            return Answers.Problem(402, "You have insufficient credit to run this model. Go to your billing page to purchase credit.");
        }

        if (Strikes(FaultKind.ReplicateCreate500, subject))
        {
            return SomethingWrong();
        }

        if (world.Faults.Take(FaultKind.ReplicateCreateHangThenLate, subject, world.Now) is { } late)
        {
            world.Replicate.Create(order, world.Now, late.Length(DefaultLateSeconds));
            VendorResponse broken = SomethingWrong();
            broken.Hang = TimeSpan.FromSeconds(DefaultHangSeconds);
            return broken;
        }

        ReplicateRecord record = world.Replicate.Create(order, world.Now);
        if (Strikes(FaultKind.ReplicateCreate500ButCreated, subject))
        {
            return SomethingWrong();
        }

        VendorResponse created = Answers.Json(201, writer => ReplicateJson.Write(writer, record, options, world.Now));
        if (world.Faults.Take(FaultKind.ReplicateCreateHangButCreated, subject, world.Now) is { } hang)
        {
            created.Hang = hang.Length(DefaultHangSeconds);
        }

        return created;
    }

    private VendorResponse One(ReplicateRecord? record, string kind, string? subject) =>
        record is null || record.IsPrediction != (kind == Predictions) || Strikes(FaultKind.ReplicateRead404, subject) ? NotFound()
        : Strikes(FaultKind.ReplicateRead500, subject) ? SomethingWrong()
        : Shown(
            record,
            record.Status == ReplicateStatus.Succeeded && Strikes(FaultKind.ReplicateOutputLate, subject),
            record.IsRemovedAt(world.Now) && Strikes(FaultKind.ReplicateRemovalUntold, subject) ? record.CompletedAt : null);

    /// <param name="asOf">Shown as it was then; null: as it is.</param>
    private VendorResponse Shown(ReplicateRecord record, bool isWithoutOutput, DateTimeOffset? asOf = null) =>
        Answers.Json(200, writer => ReplicateJson.Write(writer, record, options, asOf ?? world.Now, isWithoutOutput));

    private VendorResponse Cancel(ReplicateRecord? record, string kind, string? subject)
    {
        if (record is null || record.IsPrediction != (kind == Predictions) || Strikes(FaultKind.ReplicateRead404, subject))
        {
            return NotFound();
        }

        if (Strikes(FaultKind.ReplicateCancel500, subject))
        {
            return SomethingWrong();
        }

        world.Replicate.Cancel(record, isTaken: !Strikes(FaultKind.ReplicateCancelIgnored, subject), world.Now);
        return Answers.Json(200, writer => ReplicateJson.Write(writer, record, options, world.Now));
    }

    private VendorResponse List(VendorRequest request, string kind)
    {
        if (Strikes(FaultKind.ReplicateList500, null))
        {
            return SomethingWrong();
        }

        // The cursor is the place of the page's first one, counted from the oldest: what is made meanwhile moves nothing.
        ReplicateRecord[] all = [.. world.Replicate.Records.Where(record => !record.IsLost && record.IsPrediction == (kind == Predictions))];
        string? cursor = new QueryValues(request.Query)["cursor"];
        if (cursor is null || !int.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out int end) || end > all.Length)
        {
            end = all.Length;
        }

        int start = Math.Max(0, end - PageSize);
        string url = $"{request.Root}/replicate/v1/{kind}?cursor=";
        return Answers.Json(200, writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("next", start == 0 ? null : string.Create(CultureInfo.InvariantCulture, $"{url}{start}"));
            writer.WriteString("previous", end == all.Length ? null : string.Create(CultureInfo.InvariantCulture, $"{url}{Math.Min(all.Length, end + PageSize)}"));
            writer.WriteStartArray("results");
            for (int i = end - 1; i >= start; i--)
            {
                ReplicateJson.Write(writer, all[i], options, world.Now);
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        });
    }

    private static VendorResponse Model(string model)
    {
        string? version = model switch { Trainer => TrainerVersion, Validator => ValidatorVersion, _ => null };
        return version is null && model != Destination
            ? NotFound()
            : Answers.Json(200, writer =>
            {
                writer.WriteStartObject();
                writer.WriteString("owner", model[..model.IndexOf('/', StringComparison.Ordinal)]);
                writer.WriteString("name", model[(model.IndexOf('/', StringComparison.Ordinal) + 1)..]);
                writer.WriteString("visibility", "private");
                if (version is null)
                {
                    writer.WriteNull("latest_version");
                }
                else
                {
                    writer.WriteStartObject("latest_version");
                    writer.WriteString("id", version);
                    writer.WriteEndObject();
                }

                writer.WriteEndObject();
            });
    }

    private static VendorResponse Version(string model, string version) =>
        (model, version) == (Trainer, TrainerVersion) || (model, version) == (Validator, ValidatorVersion)
            ? Answers.Json(200, writer =>
            {
                writer.WriteStartObject();
                writer.WriteString("id", version);
                writer.WriteEndObject();
            })
            : NotFound();

    private VendorResponse File(ReplicateRecord? record, string name, string? subject)
    {
        if (record is { IsPrediction: false } && Strikes(FaultKind.ReplicateWeights403, subject))
        {
            return Answers.Problem(403, "You do not have permission to read this file.");
        }

        if (record is null || !HasFile(record))
        {
            return NotFound();
        }

        if (record.IsPrediction)
        {
            return int.TryParse(Path.GetFileNameWithoutExtension(name), NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number < ImagesWanted(record)
                ? new VendorResponse
                {
                    Status = 200,
                    ContentType = "image/jpeg",
                    Body = Strikes(FaultKind.ReplicateImageCorrupt, subject)
                        ? "<html>no image</html>"u8.ToArray()
                        : ValidationPictures.Draw(world.SeedOf(record), number, options.ValidationPixels),
                }
                : NotFound();
        }

        if (name != ReplicateJson.FileName(record))
        {
            return NotFound();
        }

        Stream weights = new ArtifactStream(world.Layout, world.SeedOf(record), 0, world.Layout.TotalBytes);
        weights = record.AsTar ? ReplicateTar.Around(weights) : weights;
        if (Strikes(FaultKind.ReplicateWeightsTruncated, subject))
        {
            weights = new BrokenStream(weights, weights.Length / 2);
        }

        return new VendorResponse { Status = 200, ContentType = "application/octet-stream", Stream = weights };
    }

    private static bool TryRead(
        VendorBody body, ReadOnlySpan<string> known, string target, [NotNullWhen(true)] out Asked? asked, [NotNullWhen(false)] out VendorResponse? refused)
    {
        asked = null;
        if (!JsonFields.TryParse(body.Bytes, out JsonElement json, out refused))
        {
            return false;
        }

        List<string> errors = [];
        JsonFields fields = new(json, "$", errors, known);
        string? named = fields.Text(target, required: true);
        JsonElement? input = fields.Object("input");
        string? webhook = fields.Text("webhook", required: false);
        List<string> events = fields.Texts("webhook_events_filter");
        if (input is null)
        {
            errors.Add("$.input: must be an object");
        }

        // The vendor takes https alone; on one machine there is nobody to hide from.
        if (webhook is not null && !(Uri.TryCreate(webhook, UriKind.Absolute, out Uri? hook) && (hook.Scheme == Uri.UriSchemeHttps || hook.IsLoopback)))
        {
            errors.Add("$.webhook: must be an HTTPS URL");
        }

        if (!events.TrueForAll(static one => one is "start" or "output" or "logs" or "completed"))
        {
            errors.Add("$.webhook_events_filter: values must be among 'start', 'output', 'logs', 'completed'");
        }

        if (errors.Count > 0)
        {
            refused = Answers.Problem(422, "- " + string.Join("\n- ", errors));
            return false;
        }

        asked = new Asked(named!, input!.Value.GetRawText(), webhook, events);
        return true;
    }

    private sealed record Asked(string Target, string Input, string? Webhook, List<string> Events);
}
