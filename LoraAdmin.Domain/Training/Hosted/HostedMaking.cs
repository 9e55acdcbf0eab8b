using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training.Hosted;

/// <summary>What the provider is given to work with.</summary>
public abstract record HostedInput
{
    private HostedInput()
    {
    }

    public sealed record Ready(string Link) : HostedInput;

    /// <summary>Trying again may help.</summary>
    public sealed record Later(string Reason) : HostedInput;

    /// <summary>It is not there any more, or not what was checked.</summary>
    public sealed record Bad(string Reason) : HostedInput;
}

/// <summary>What a <see cref="HostedLauncher"/> has the provider make.</summary>
public interface IHostedMaking
{
    HostedKind Kind { get; }

    IHostedRuns Provider { get; }

    /// <param name="name">The ledger name of the try.</param>
    Task<HostedInput> PrepareAsync(TrainingJob job, string name, CancellationToken cancellationToken);

    /// <param name="link">Of the prepared input.</param>
    Task<HostedCreation> CreateAsync(string name, string link, CreationPermit permit, CancellationToken cancellationToken);
}

/// <summary>Trainings, from a zip of the job's images.</summary>
public sealed class TrainingMaking(IHostedTrainings provider, HostedImages images) : IHostedMaking
{
    public HostedKind Kind => HostedKind.Training;

    public IHostedRuns Provider => provider;

    public Task<HostedInput> PrepareAsync(TrainingJob job, string name, CancellationToken cancellationToken) => images.PackAsync(job, name, cancellationToken);

    public Task<HostedCreation> CreateAsync(string name, string link, CreationPermit permit, CancellationToken cancellationToken) =>
        provider.CreateAsync(new HostedOrder(name, link) { Permit = permit }, cancellationToken);
}

/// <summary>Validation images, from what the attempt's training made. The provider keeps that for an hour.</summary>
public sealed class PredictionMaking(
    IUnitOfWork work, IHostedTrainings trainings, IHostedPredictions provider, TimeProvider clock, Func<TrainingRules> rules, ClockStandings clocks) : IHostedMaking
{
    public HostedKind Kind => HostedKind.Prediction;

    public IHostedRuns Provider => provider;

    public async Task<HostedInput> PrepareAsync(TrainingJob job, string name, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        if (await HostedLedger.CurrentAsync(work, job, cancellationToken) is not { } training)
        {
            return new HostedInput.Bad("the ledger has no training for this attempt");
        }

        // What is to be noted of the training is of no use any more: its file is safe.
        (HostedReading reading, _) = await HostedAbsence.ReadAsync(trainings, training, clock, clocks, cancellationToken);
        return reading switch
        {
            HostedReading.Found { Training: { WeightsLink: { } link } } => new HostedInput.Ready(link),
            HostedReading.Found { Training.IsRemoved: true } => new HostedInput.Bad($"Replicate has removed the weights of training {training.TrainingId}"),
            HostedReading.Found => new HostedInput.Later($"it does not say where the weights of training {training.TrainingId} are"),
            HostedReading.Unavailable { Error: var error } => new HostedInput.Later(error.Detail),
            _ => new HostedInput.Bad($"Replicate does not know training {training.TrainingId} any more"),
        };
    }

    public Task<HostedCreation> CreateAsync(string name, string link, CreationPermit permit, CancellationToken cancellationToken) =>
        provider.CreateAsync(new HostedPredictionOrder(name, link, rules().ValidationImages), cancellationToken);
}

/// <summary>
/// Holds no creation back and counts none (docs/decisions/0071): a prediction that can't be made costs a LoRA its validation and no job its training.
/// </summary>
public sealed class UngatedCreations : ICreationGate
{
    private static readonly CreationPermit Permit = new(Once: false, "ungated");

    public Task<CreationVerdict> AskAsync(string name, CancellationToken cancellationToken) => Task.FromResult<CreationVerdict>(new CreationVerdict.Go(Permit));

    public Task<string?> WhyWithdrawnAsync(CreationPermit permit, CancellationToken cancellationToken) => Task.FromResult<string?>(null);

    public Task TellAsync(CreationPermit permit, string name, CreationResult result, CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>What people call what the provider runs.</summary>
internal static class HostedWords
{
    public static string Noun(HostedKind kind) => kind == HostedKind.Training ? "training" : "prediction";

    /// <summary>The same at the beginning of a sentence.</summary>
    public static string Subject(HostedKind kind) => kind == HostedKind.Training ? "Training" : "Prediction";

    /// <summary>What the provider does in it.</summary>
    public static string Does(HostedKind kind) => kind == HostedKind.Training ? "trains" : "makes the validation images";
}
