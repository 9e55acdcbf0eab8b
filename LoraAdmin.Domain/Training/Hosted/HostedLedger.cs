using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training.Hosted;

/// <summary>The trainings of a job's attempt, as the ledger has them.</summary>
internal static class HostedLedger
{
    /// <summary>The name by which the job's shared columns and its attempts know the provider.</summary>
    public const string Provider = "replicate";

    /// <summary>As people know it.</summary>
    public const string ProviderName = "Replicate";

    /// <summary>What an incident about refusals is about: this provider as it is configured.</summary>
    public static string RefusedAs(HostedRules rules) => rules.Mark.Length == 0 ? Provider : $"{Provider}/{rules.Mark}";

    public static bool IsHosted(TrainingJob job) => job.Provider == Provider;

    public static Task<IReadOnlyList<HostedTraining>> ListAsync(IUnitOfWork work, TrainingJob job, CancellationToken cancellationToken) => work.ReadAsync(
        (unit, token) => unit.Store<IHostedTrainingStore>().ListForAttemptAsync(job.Id, job.Attempt, token), cancellationToken);

    /// <summary>The training that the attempt works with; null when it has none.</summary>
    public static async Task<HostedTraining?> CurrentAsync(IUnitOfWork work, TrainingJob job, CancellationToken cancellationToken) =>
        CurrentOf(await ListAsync(work, job, cancellationToken), HostedKind.Training);

    /// <summary>The training or prediction that the attempt works with, of all that it has.</summary>
    public static HostedTraining? CurrentOf(IReadOnlyList<HostedTraining> all, HostedKind kind) =>
        all.LastOrDefault(one => one.Kind == kind && one is { IsNeeded: true, TrainingId: not null });

    /// <exception cref="ConcurrentWriteException">Somebody else wrote the row meanwhile: the whole transaction runs again on what is true now.</exception>
    public static async Task SaveAsync(IUnit unit, HostedTraining training, CancellationToken cancellationToken)
    {
        if (!await unit.Store<IHostedTrainingStore>().SaveAsync(training, cancellationToken))
        {
            throw new ConcurrentWriteException($"Training {training.Name} was written meanwhile.");
        }
    }

    /// <summary>Notes in the caller's transaction how the provider shows the training now.</summary>
    public static async Task NoteAsync(IUnit unit, string name, HostedView view, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (await unit.Store<IHostedTrainingStore>().FindAsync(name, cancellationToken) is { IsFinal: false } row && row.Seen(view, now) is var seen && seen != row)
        {
            await SaveAsync(unit, seen, cancellationToken);
        }
    }

    /// <summary>Wishes the end of whatever the attempt has at the provider; what was never sent is over at once.</summary>
    /// <returns>Whether something of it is still to be ended or to be looked for.</returns>
    public static async Task<bool> ReleaseAsync(IUnit unit, JobId job, int attempt, DateTimeOffset now, CancellationToken cancellationToken)
    {
        IReadOnlyList<HostedTraining> tries = await unit.Store<IHostedTrainingStore>().ListForAttemptAsync(job, attempt, cancellationToken);
        foreach (HostedTraining one in tries.Where(one => one.IsNeeded))
        {
            await SaveAsync(unit, one.Released(HostedReasons.JobEnded, now), cancellationToken);
        }

        return tries.Any(static one => !one.IsFinal && one.Saw != HostedSaw.Packing);
    }

    /// <summary>What became of it is known, whether or not people had heard that it was not.</summary>
    public static IncidentSignal Resolved(HostedTraining training) =>
        new(HostedIncidents.Unresolved, training.Name, "The account was listed again, and what became of it is known", Over: true);

    public static OperationalEvent FactOf(
        HostedTraining training, string kind, string message, Actor actor, EventSeverity severity = EventSeverity.Info, string? reason = null) => new()
        {
            Kind = kind,
            Message = message,
            Severity = severity,
            Actor = actor,
            Job = training.Job,
            Attempt = training.Attempt,
            Reason = reason,
        };
}
