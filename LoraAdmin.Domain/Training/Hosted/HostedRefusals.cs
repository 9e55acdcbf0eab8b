using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training.Hosted;

/// <summary>
/// What the provider refuses since it last made a training, and what only a person can mend: credit, a right, the configuration. It counts in no breaker, because
/// the provider works; and it holds creations back like one, because each would be refused alike (docs/decisions/0080).
/// </summary>
public sealed class HostedRefusals(IUnitOfWork work, TimeProvider clock)
{
    /// <summary>Nothing tells that a person has mended it: so long after a refusal the provider is asked again.</summary>
    public static readonly TimeSpan AskAgainAfter = TimeSpan.FromMinutes(5);

    /// <summary>Why the last training that was asked for was refused, and what helps; null: it was not.</summary>
    public async Task<string?> WhyAsync(CancellationToken cancellationToken) => (await FindAsync(cancellationToken))?.LastError;

    /// <summary>The same as long as nobody should ask again.</summary>
    public async Task<string?> WhyHeldAsync(CancellationToken cancellationToken) =>
        await FindAsync(cancellationToken) is { EndedAt: { } at, LastError: var words } && clock.GetUtcNow() < at + AskAgainAfter ? words : null;

    /// <summary>A refusal with what helps.</summary>
    public static string WordsOf(ProviderError error)
    {
        ArgumentNullException.ThrowIfNull(error);
        return error.Failure switch
        {
            ProviderFailure.Unauthorized => "Replicate does not accept the token Replicate:ApiToken. Set a valid one",
            ProviderFailure.InsufficientBalance => "Replicate's credit is used up. Add credit to the account",
            ProviderFailure.Forbidden => $"The token Replicate:ApiToken may not ask for trainings. Give the account the right to train with Replicate:Model: {error.Detail}",
            _ when error.Status == 404 => $"Replicate does not know Replicate:Model or Replicate:Destination: {error.Detail}",
            _ => $"Replicate refuses the request as it is configured. Check Replicate:Model, Version, Destination and InputField: {error.Detail}",
        };
    }

    private Task<HostedTraining?> FindAsync(CancellationToken cancellationToken) =>
        work.ReadAsync((unit, token) => unit.Store<IHostedTrainingStore>().FindRefusalAsync(HostedKind.Training, token), cancellationToken);
}
