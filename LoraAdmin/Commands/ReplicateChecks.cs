using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Training;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Commands;

/// <summary>Tries the fallback's account as far as can be told without a training, or says why it is not used.</summary>
internal static class ReplicateChecks
{
    private const string Network = "Check Replicate:BaseUrl and the network.";

    /// <summary>Why there is no fallback, for a person; null: there is one, and <see cref="Of"/> tries it.</summary>
    public static string? WhyNot(IServiceProvider services) => services.GetRequiredService<HostedRules>().WhyNot;

    public static IEnumerable<CheckedPart> Of(IServiceProvider services)
    {
        ReplicateClient client = services.GetRequiredService<ReplicateClient>();
        ReplicateOptions options = services.GetRequiredService<IOptions<ReplicateOptions>>().Value;
        CheckedPart[] validation = options.ValidationModel.Length == 0 ? [] :
        [
            new("validation", Network, async token =>
                await client.LookAsync(options.ValidationModel.Replace(":", "/versions/", StringComparison.Ordinal), token) is { } error
                    ? Said(error, "Replicate:ValidationModel")
                    : null),
        ];
        return
        [
            new("replicate", Network, async token =>
                await client.LookAsync($"{options.Model}/versions/{options.Version}", token) is { } error ? Said(error, "Replicate:Model and Replicate:Version") : null),
            new("destination", Network, async token =>
                await client.LookAsync(options.Destination, token) is { } error ? Said(error, "Replicate:Destination") : null),
            .. validation,
            new("webhooks", Network, async token =>
                options.WebhookSecret.Length > 0 || (await client.ReadWebhookSecretAsync(token)).Error is not { } error ? null : Said(error, "the account's webhook secret")),
        ];
    }

    private static string Said(ProviderError error, string what) => error.Failure switch
    {
        ProviderFailure.Unauthorized => "The token is not accepted. Set a valid Replicate:ApiToken.",
        ProviderFailure.Unreachable => $"It can't be reached: {error.Detail} {Network}",
        ProviderFailure.RateLimited => $"It was asked too often: {error.Detail} Try again in a minute.",
        _ when error.Status == 404 => $"It does not know {what}. Correct the key, or make the model at Replicate: a destination must exist before the first training.",
        _ => $"It could not be asked for {what}: {error.Detail} Try again; if it stays so, {char.ToLowerInvariant(Network[0])}{Network[1..]}",
    };
}
