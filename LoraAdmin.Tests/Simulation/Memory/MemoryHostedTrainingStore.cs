using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Tests.Simulation.Memory;

internal sealed class MemoryHostedTrainingStore(MemoryDatabase database) : IHostedTrainingStore
{
    public Task AddAsync(HostedTraining training, CancellationToken cancellationToken)
    {
        if (database.Hosted.Find(training.Name) is not null)
        {
            throw new InvalidOperationException($"The ledger of trainings has the name {training.Name} already.");
        }

        database.Hosted.Set(training.Name, training);
        return Task.CompletedTask;
    }

    public Task<bool> SaveAsync(HostedTraining training, CancellationToken cancellationToken)
    {
        if (database.Hosted.Find(training.Name)?.Version != training.Version)
        {
            return Task.FromResult(false);
        }

        database.Hosted.Set(training.Name, training with { Version = training.Version + 1 });
        return Task.FromResult(true);
    }

    public Task<HostedTraining?> FindAsync(string name, CancellationToken cancellationToken) => Task.FromResult(database.Hosted.Find(name));

    public Task<HostedTraining?> FindByTrainingIdAsync(string trainingId, CancellationToken cancellationToken) =>
        Task.FromResult(database.Hosted.Rows.Where(one => one.TrainingId == trainingId).MaxBy(one => one.RequestedAt));

    public Task<HostedTraining?> FindRefusalAsync(HostedKind kind, DateTimeOffset until, CancellationToken cancellationToken)
    {
        HostedTraining? last = null;
        foreach (HostedTraining one in database.Hosted.Rows)
        {
            bool isAnswered = one.Kind == kind && one.RequestedAt <= until && (one.TrainingId is not null || one.Reason == HostedReasons.Refused);
            if (isAnswered && (last is null || (one.RequestedAt, one.Name).CompareTo((last.RequestedAt, last.Name)) > 0))
            {
                last = one;
            }
        }

        return Task.FromResult(last is { TrainingId: null } ? last : null);
    }

    public Task<IReadOnlyList<HostedTraining>> ListForAttemptAsync(JobId job, int attempt, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<HostedTraining>>([.. database.HostedOf[job].Where(one => one.Attempt == attempt).OrderBy(one => one.Try)]);

    public Task<IReadOnlyList<HostedTraining>> ListOpenAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<HostedTraining>>([.. database.OpenHosted.Rows.OrderBy(one => one.RequestedAt).ThenBy(one => one.Name, StringComparer.Ordinal)]);
}
