using System.Text.RegularExpressions;
using LoraAdmin.Platform.Vendors;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Training;

/// <summary>Section <c>Replicate</c>: the account that trains when RunPod makes no pods. Without a token there is no fallback.</summary>
public sealed class ReplicateOptions
{
    public const string Section = "Replicate";

    /// <summary>Root of the HTTP API; ends in <c>/v1</c>.</summary>
    public string BaseUrl { get; set; } = "https://api.replicate.com/v1";

    /// <summary>Bearer token. Never logged or shown. Empty: Replicate is not used.</summary>
    public string ApiToken { get; set; } = "";

    /// <summary>The trainer, <c>owner/name</c>.</summary>
    public string Model { get; set; } = "";

    /// <summary>The trainer's version: 64 hex digits.</summary>
    public string Version { get; set; } = "";

    /// <summary>The model that trained versions go to, <c>owner/name</c>; it must exist.</summary>
    public string Destination { get; set; } = "";

    /// <summary>The trainer's input that takes the link to one zip of images.</summary>
    public string InputField { get; set; } = "input_images";

    /// <summary>Dollars per second of the trainer's hardware.</summary>
    public decimal UsdPerSecond { get; set; } = 0.0014m;

    /// <summary>The model that makes the validation images, <c>owner/name:version</c>. Empty: LoRAs that are trained there complete as not validated.</summary>
    public string ValidationModel { get; set; } = "";

    /// <summary>Dollars per second of the validation model's hardware.</summary>
    public decimal ValidationUsdPerSecond { get; set; } = 0.0014m;

    /// <summary>How long the validation images of one LoRA may take, all tries together.</summary>
    public TimeSpan ValidationWithin { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>How long one call may take; a create that takes longer is in doubt.</summary>
    public TimeSpan CallTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>How long fetching the weights may take.</summary>
    public TimeSpan WeightsTimeout { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>Signs webhooks, <c>whsec_…</c>. Empty: asked of the account.</summary>
    public string WebhookSecret { get; set; } = "";

    /// <summary>The part of <see cref="ValidationModel"/> that is sent.</summary>
    internal string ValidationModelVersion => ValidationModel[(ValidationModel.IndexOf(':', StringComparison.Ordinal) + 1)..];

    public override string ToString() => $"Replicate at {BaseUrl}";
}

/// <summary>Each message names the key and the remedy.</summary>
internal sealed partial class ReplicateOptionsValidator : IValidateOptions<ReplicateOptions>
{
    public ValidateOptionsResult Validate(string? name, ReplicateOptions options)
    {
        List<string> problems = [];
        if (!VendorUrls.IsRoot(options.BaseUrl) || !options.BaseUrl.TrimEnd('/').EndsWith("/v1", StringComparison.Ordinal))
        {
            problems.Add(
                $"Replicate:BaseUrl is \"{VendorUrls.Shown(options.BaseUrl)}\": give an absolute http or https URL that ends in /v1, like https://api.replicate.com/v1.");
        }

        if (options.ApiToken.Any(c => c is <= ' ' or > '~'))
        {
            problems.Add("Replicate:ApiToken has blanks or line breaks in it: copy the token of the Replicate account anew.");
        }

        bool used = options.ApiToken.Length > 0;
        if (!used && (options.Model.Length > 0 || options.Version.Length > 0 || options.Destination.Length > 0 || options.ValidationModel.Length > 0))
        {
            problems.Add(
                "Replicate:ApiToken is empty although a model is named: set it, or remove Replicate:Model, :Version, :Destination and :ValidationModel to work without a fallback.");
        }

        Check(problems, !used || ModelName().IsMatch(options.Model), "Model", options.Model, "the trainer as owner/name");
        Check(problems, !used || VersionId().IsMatch(options.Version), "Version", options.Version, "the trainer's version, 64 hex digits");
        Check(problems, !used || ModelName().IsMatch(options.Destination), "Destination", options.Destination, "a model of yours as owner/name; it must exist");
        Check(
            problems, options.ValidationModel.Length == 0 || VersionedModel().IsMatch(options.ValidationModel), "ValidationModel", options.ValidationModel,
            "a model of yours as owner/name:version, the version 64 hex digits, or leave it empty to complete without validation");
        Check(problems, FieldName().IsMatch(options.InputField), "InputField", options.InputField, "the trainer's input for the zip, such as input_images");
        Check(
            problems, options.WebhookSecret.Length == 0 || WebhookSignature.IsSecret(options.WebhookSecret), "WebhookSecret", "…",
            "the secret of the account, whsec_ and base64, or leave it empty to ask the account");
        Price(problems, "UsdPerSecond", options.UsdPerSecond);
        Price(problems, "ValidationUsdPerSecond", options.ValidationUsdPerSecond);
        Length(problems, "ValidationWithin", options.ValidationWithin, TimeSpan.FromHours(1));
        Length(problems, "CallTimeout", options.CallTimeout, TimeSpan.FromMinutes(1));
        Length(problems, "WeightsTimeout", options.WeightsTimeout, TimeSpan.FromHours(1));
        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    private static void Check(List<string> problems, bool holds, string key, string value, string remedy)
    {
        if (!holds)
        {
            problems.Add($"Replicate:{key} is \"{value}\": give {remedy}.");
        }
    }

    private static void Price(List<string> problems, string key, decimal value)
    {
        if (value is <= 0 or > 1)
        {
            problems.Add($"Replicate:{key} is {value}: give dollars per second above 0 and up to 1.");
        }
    }

    private static void Length(List<string> problems, string key, TimeSpan value, TimeSpan most)
    {
        if (value < TimeSpan.FromSeconds(1) || value > most)
        {
            problems.Add($"Replicate:{key} is {value}: give a duration from 00:00:01 to {most}.");
        }
    }

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]{0,99}/[A-Za-z0-9][A-Za-z0-9._-]{0,99}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex ModelName();

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]{0,99}/[A-Za-z0-9][A-Za-z0-9._-]{0,99}:[0-9a-f]{64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex VersionedModel();

    [GeneratedRegex("^[0-9a-f]{64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex VersionId();

    [GeneratedRegex("^[A-Za-z_][A-Za-z0-9_]{0,63}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex FieldName();
}
