using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Training;

/// <inheritdoc cref="IHostedTrainingStore"/>
internal sealed class HostedTrainingStore(LoraDb db) : IHostedTrainingStore
{
    private static readonly CompiledQuery<Func<LoraDb, IAsyncEnumerable<HostedTrainingRow>>> Open = new(
        static () => EF.CompileAsyncQuery<LoraDb, HostedTrainingRow>(
            db => db.Set<HostedTrainingRow>().AsNoTracking().Where(row => !row.IsSettled).OrderBy(row => row.RequestedAt).ThenBy(row => row.Name)));

    private DbSet<HostedTrainingRow> Trainings => db.Set<HostedTrainingRow>();

    public Task AddAsync(HostedTraining training, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(training);
        return db.SendNewAsync(HostedTrainingRow.From(training), $"The ledger of trainings has the name {training.Name} already.", cancellationToken);
    }

    public async Task<bool> SaveAsync(HostedTraining training, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(training);
        HostedTrainingRow next = HostedTrainingRow.From(training);
        return await Trainings
            .Where(row => row.Name == next.Name && row.Version == next.Version)
            .ExecuteUpdateAsync(
                set => set
                    .SetProperty(row => row.IsNeeded, next.IsNeeded)
                    .SetProperty(row => row.Reason, next.Reason)
                    .SetProperty(row => row.Saw, next.Saw)
                    .SetProperty(row => row.TrainingId, next.TrainingId)
                    .SetProperty(row => row.RequestedAt, next.RequestedAt)
                    .SetProperty(row => row.WantSince, next.WantSince)
                    .SetProperty(row => row.StartedAt, next.StartedAt)
                    .SetProperty(row => row.EndedAt, next.EndedAt)
                    .SetProperty(row => row.AbsentSince, next.AbsentSince)
                    .SetProperty(row => row.WorkedFor, next.WorkedFor)
                    .SetProperty(row => row.HourlyMicros, next.HourlyMicros)
                    .SetProperty(row => row.NextActionAt, next.NextActionAt)
                    .SetProperty(row => row.CancelAttempts, next.CancelAttempts)
                    .SetProperty(row => row.LastError, next.LastError)
                    .SetProperty(row => row.Permit, next.Permit)
                    .SetProperty(row => row.ImagesGone, next.ImagesGone)
                    .SetProperty(row => row.IsSettled, next.IsSettled)
                    .SetProperty(row => row.Version, next.Version + 1),
                cancellationToken) == 1;
    }

    public async Task<HostedTraining?> FindAsync(string name, CancellationToken cancellationToken) =>
        (await Trainings.AsNoTracking().SingleOrDefaultAsync(row => row.Name == name, cancellationToken))?.ToTraining();

    public async Task<HostedTraining?> FindByTrainingIdAsync(string trainingId, CancellationToken cancellationToken) =>
        (await Trainings.AsNoTracking().Where(row => row.TrainingId == trainingId).OrderByDescending(row => row.RequestedAt).FirstOrDefaultAsync(cancellationToken))
            ?.ToTraining();

    public async Task<HostedTraining?> FindRefusalAsync(HostedKind kind, DateTimeOffset until, CancellationToken cancellationToken)
    {
        long last = until.ToMillis();
        return await Trainings.AsNoTracking()
            .Where(row => row.Kind == kind && row.RequestedAt <= last && (row.TrainingId != null || row.Reason == HostedReasons.Refused))
            .OrderByDescending(row => row.RequestedAt)
            .ThenByDescending(row => row.Name)
            .FirstOrDefaultAsync(cancellationToken) is { TrainingId: null } refused
            ? refused.ToTraining()
            : null;
    }

    public Task<IReadOnlyList<HostedTraining>> ListForAttemptAsync(JobId job, int attempt, CancellationToken cancellationToken) =>
        ReadAsync(Trainings.Where(row => row.JobId == job.Value && row.Attempt == attempt).OrderBy(row => row.Try), cancellationToken);

    public Task<IReadOnlyList<HostedTraining>> ListOpenAsync(CancellationToken cancellationToken) =>
        Open.For(db)(db).ListAsync(static row => row.ToTraining(), cancellationToken);

    private static async Task<IReadOnlyList<HostedTraining>> ReadAsync(IQueryable<HostedTrainingRow> rows, CancellationToken cancellationToken) =>
        (await rows.AsNoTracking().ToListAsync(cancellationToken)).ConvertAll(row => row.ToTraining());
}
