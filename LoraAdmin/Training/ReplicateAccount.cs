using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Training.Hosted;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Training;

/// <summary>Replicate's account as far as it can be looked at without a training: what is wrong there is said with its remedy.</summary>
internal sealed class ReplicateAccount(ReplicateClient client, IOptions<ReplicateOptions> options) : IHostedAccount
{
    public const string Network = "Check Replicate:BaseUrl and the network.";

    public async Task<HostedAccountLook> LookAsync(CancellationToken cancellationToken)
    {
        if (await LookAtTrainerAsync(cancellationToken) is var trainer and not HostedAccountLook.Good)
        {
            return trainer;
        }

        if (await LookAtDestinationAsync(cancellationToken) is var destination and not HostedAccountLook.Good)
        {
            return destination;
        }

        HostedAccountLook validation = await LookAtValidationAsync(cancellationToken);
        return validation is HostedAccountLook.Wrong { Words: var words } ? new HostedAccountLook.Unjudged(words) : validation;
    }

    public async Task<HostedAccountLook> LookAtTrainerAsync(CancellationToken cancellationToken)
    {
        string trainer = $"{options.Value.Model}/versions/{options.Value.Version}";
        return LookOf(
            await client.LookAsync(trainer, cancellationToken),
            $"Replicate does not know the version of Replicate:Model {options.Value.Model} that Replicate:Version names. Copy both from the trainer's page at Replicate.");
    }

    public async Task<HostedAccountLook> LookAtDestinationAsync(CancellationToken cancellationToken) => LookOf(
        await client.LookAsync(options.Value.Destination, cancellationToken),
        $"Replicate does not know Replicate:Destination {options.Value.Destination}. Make this model at Replicate, which must be there before the first training, or correct the key.");

    /// <summary>The model that makes the validation images; one that is not configured need not be there.</summary>
    public async Task<HostedAccountLook> LookAtValidationAsync(CancellationToken cancellationToken) => options.Value.ValidationModel is { Length: 0 }
        ? new HostedAccountLook.Good()
        : LookOf(
            await client.LookAsync(options.Value.ValidationModel.Replace(":", "/versions/", StringComparison.Ordinal), cancellationToken),
            $"Replicate does not know Replicate:ValidationModel {options.Value.ValidationModel}. Copy it from the model's page at Replicate, or empty the key: LoRAs then complete as not validated.");

    /// <summary>The secret by which webhooks are checked; one that is configured need not be asked for.</summary>
    public async Task<HostedAccountLook> LookAtSecretAsync(CancellationToken cancellationToken) => options.Value.WebhookSecret.Length > 0
        ? new HostedAccountLook.Good()
        : LookOf((await client.ReadWebhookSecretAsync(cancellationToken)).Error, "Replicate has no secret for webhooks of this account. Set Replicate:WebhookSecret.");

    private static HostedAccountLook LookOf(ProviderError? error, string absent) => error switch
    {
        null => new HostedAccountLook.Good(),
        { Failure: ProviderFailure.Unauthorized } => new HostedAccountLook.Wrong("Replicate does not accept the token. Set a valid Replicate:ApiToken."),
        { Failure: ProviderFailure.Forbidden } => new HostedAccountLook.Wrong($"Replicate's token may not do that: {Ended(error.Detail)} Set a Replicate:ApiToken of the account that trains."),
        { Status: 404 } => new HostedAccountLook.Wrong(absent),
        { Failure: ProviderFailure.RateLimited } => new HostedAccountLook.Unavailable($"Replicate was asked too often: {Ended(error.Detail)} Try again in a minute."),
        { Failure: ProviderFailure.Unreachable } => new HostedAccountLook.Unavailable($"Replicate can't be reached: {Ended(error.Detail)} {Network}"),
        _ => new HostedAccountLook.Unavailable($"Replicate gave no answer that could be used: {Ended(error.Detail)} Try again; if it stays so, {char.ToLowerInvariant(Network[0])}{Network[1..]}"),
    };

    private static string Ended(string words) => $"{words.TrimEnd('.')}.";
}
