using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;

namespace LoraAdmin.Commands;

/// <summary>Tries the account as far as can be told without making a pod.</summary>
internal static class RunPodChecks
{
    private const string Network = "Check RunPod:BaseUrl and the network.";

    /// <summary>An id that no pod has: RunPod's have 14 characters. Ending it needs the right and does nothing.</summary>
    private const string NoPod = "loraadmincheckthatnosuchpodisthere";

    public static IEnumerable<CheckedPart> Of(IServiceProvider services)
    {
        IPodProvider provider = services.GetRequiredService<IPodProvider>();
        TrainingRules rules = services.GetRequiredService<TrainingRules>();
        return
        [
            new("runpod", Network, async token => await provider.ListAsync(token) is PodListing.Unavailable { Error: var error } ? Said(error, "list pods") : null),
            new("rights", Network, async token =>
                await provider.TerminateAsync(NoPod, token) is PodActionOutcome.Failed { Error: var error } ? Said(error, "end pods") : null),
            new("image", "", _ => Task.FromResult(ImageProblem(rules.Image))),
            new("gpu types", Network, token => GpuTypesAsync(services.GetRequiredService<IGpuCatalog>(), rules, token)),
            new("balance", Network, token => BalanceAsync(services.GetRequiredService<IAccountBalance>(), token)),
        ];
    }

    private static string Said(ProviderError error, string right) => error.Failure switch
    {
        ProviderFailure.Unauthorized => $"The key is not accepted. Set a valid {CloudAttachment.RunPodKey}.",
        ProviderFailure.Forbidden => $"{CloudAttachment.RunPodKey} may not {right}. Give the key read and write access to pods.",
        ProviderFailure.Unreachable => $"It can't be reached: {error.Detail} {Network}",
        ProviderFailure.RateLimited => $"It was asked too often: {error.Detail} Try again in a minute.",
        _ => $"It could not be asked to {right}: {error.Detail} Try again; if it stays so, {char.ToLowerInvariant(Network[0])}{Network[1..]}",
    };

    private static string? ImageProblem(string image)
    {
        string name = image[(image.LastIndexOf('/') + 1)..];
        return image.Any(char.IsWhiteSpace) || name.Length == 0
            ? $"RunPod:Image is \"{image}\", which is no image. Write registry/name:version."
            : name.Contains(':', StringComparison.Ordinal) || image.Contains('@', StringComparison.Ordinal)
                ? null
                : $"RunPod:Image \"{image}\" names no version, so that pods may train by different programs. Add a tag or a digest.";
    }

    private static async Task<string?> GpuTypesAsync(IGpuCatalog catalog, TrainingRules rules, CancellationToken cancellationToken)
    {
        switch (await catalog.ReadAsync(cancellationToken))
        {
            case CatalogReading.Read read:
                List<string> unknown = [.. rules.GpuTypes.Except(read.Offers.Select(offer => offer.Id))];
                return unknown.Count == 0 ? null : $"RunPod's catalog does not have {string.Join(", ", unknown)}. Correct RunPod:GpuTypes.";
            case CatalogReading.Unavailable unavailable:
                return Said(unavailable.Error, "read the catalog");
            default:
                return $"The catalog could not be read. {Network}";
        }
    }

    private static async Task<string?> BalanceAsync(IAccountBalance balance, CancellationToken cancellationToken) => await balance.ReadAsync(cancellationToken) switch
    {
        BalanceReading.Read { Balance: var left } when left <= Usd.Zero => $"The balance is {left}. Add credit: at zero RunPod ends pods with their data.",
        BalanceReading.Read => null,
        BalanceReading.Unavailable unavailable => $"The balance could not be read: {unavailable.Error.Detail} Check RunPod:GraphQlUrl and the key's rights.",
        _ => "The balance could not be read. Check RunPod:GraphQlUrl and the key's rights.",
    };
}
