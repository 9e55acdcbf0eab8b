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

    /// <summary>Who waits there asks again first; while somebody does, the refusal is renewed before it counts no more.</summary>
    public static readonly TimeSpan CountsFor = AskAgainAfter + TimeSpan.FromMinutes(1);

    /// <summary>Held by the one job that is handed over to find out whether the provider still refuses.</summary>
    public const string LeaseName = "training.hosted_refused";

    /// <summary>Longer than it takes to ask.</summary>
    private static readonly TimeSpan FindingOutTakes = TimeSpan.FromMinutes(2);

    /// <summary>
    /// Why the provider takes no jobs, and what helps; null: nobody has been refused lately. One refusal says nothing for ever: nobody asks while no job
    /// needs it, and a person may have mended it long ago.
    /// </summary>
    public Task<string?> WhyAsync(CancellationToken cancellationToken) => WhyAsync(CountsFor, cancellationToken);

    /// <summary>The same as long as nobody should ask again, not even who waits there.</summary>
    public Task<string?> WhyHeldAsync(CancellationToken cancellationToken) => WhyAsync(AskAgainAfter, cancellationToken);

    /// <summary>Why this job should not be handed over before it is known whether the refusal lasts; null: there is none, or this job finds out for all.</summary>
    public async Task<string?> WhyNotTriedAsync(JobId job, CancellationToken cancellationToken) =>
        await FindAsync(cancellationToken) is { LastError: { } words } && !await work.RunAsync(
            (unit, token) => unit.Store<ILeaseStore>().TryTakeAsync(LeaseName, job.ToString(), clock.GetUtcNow(), FindingOutTakes, token), cancellationToken)
            ? $"One job finds out whether that lasts: {words}"
            : null;

    private async Task<string?> WhyAsync(TimeSpan counts, CancellationToken cancellationToken) =>
        await FindAsync(cancellationToken) is { EndedAt: { } at, LastError: var words } && clock.GetUtcNow() < at + counts ? words : null;

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

    /// <summary>What was noted by a clock that was ahead would hold, when that is set back, until its time has come.</summary>
    private Task<HostedTraining?> FindAsync(CancellationToken cancellationToken) => work.ReadAsync(
        (unit, token) => unit.Store<IHostedTrainingStore>().FindRefusalAsync(HostedKind.Training, clock.GetUtcNow(), token), cancellationToken);
}
