using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Training;

internal sealed partial class TrainingStore
{
    public async Task AddAttemptAsync(TrainingAttempt attempt, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(attempt);
        await db.SendNewAsync(
            TrainingAttemptRow.From(attempt), $"Job {attempt.Job} has an active attempt, or attempt {attempt.Number}, already.", cancellationToken);

        // What the attempts before it cost is a part now, and who reads the shared column must not take it for the whole.
        await Shared.Where(row => row.Id == attempt.Job.Value && row.CostUsd != null)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.CostUsd, (decimal?)null), cancellationToken);
    }

    public async Task SaveAttemptAsync(TrainingAttempt attempt, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(attempt);
        TrainingAttemptRow next = TrainingAttemptRow.From(attempt);
        int written = await db.Set<TrainingAttemptRow>()
            .Where(row => row.JobId == next.JobId && row.Number == next.Number)
            .ExecuteUpdateAsync(
                set => set
                    .SetProperty(row => row.Provider, next.Provider)
                    .SetProperty(row => row.State, next.State)
                    .SetProperty(row => row.StartedAt, next.StartedAt)
                    .SetProperty(row => row.EndedAt, next.EndedAt)
                    .SetProperty(row => row.FailureCode, next.FailureCode),
                cancellationToken);
        if (written == 0)
        {
            throw new InvalidOperationException($"Job {attempt.Job} has no attempt {attempt.Number}.");
        }
    }

    public async Task SetAttemptCostAsync(JobId id, int number, Usd cost, CancellationToken cancellationToken) =>
        await db.Set<TrainingAttemptRow>()
            .Where(row => row.JobId == id.Value && row.Number == number)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.CostMicros, cost.Micros), cancellationToken);

    public async Task<bool> AddAttemptCostAsync(JobId id, int number, Usd cost, CancellationToken cancellationToken) =>
        await db.Set<TrainingAttemptRow>()
            .Where(row => row.JobId == id.Value && row.Number == number && row.CostMicros != null)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.CostMicros, row => row.CostMicros + cost.Micros), cancellationToken) == 1;

    public async Task<IReadOnlySet<(JobId Job, int Number)>> ListActiveAttemptsAsync(CancellationToken cancellationToken)
    {
        var rows = await db.Set<TrainingAttemptRow>().Where(row => row.State == AttemptState.Active).Select(row => new { row.JobId, row.Number }).ToListAsync(cancellationToken);
        return rows.Select(row => (new JobId(row.JobId), row.Number)).ToHashSet();
    }

    public async Task<IReadOnlyList<TrainingAttempt>> ListAttemptsAsync(JobId id, CancellationToken cancellationToken)
    {
        List<TrainingAttemptRow> rows = await db.Set<TrainingAttemptRow>().AsNoTracking()
            .Where(row => row.JobId == id.Value)
            .OrderBy(row => row.Number)
            .ToListAsync(cancellationToken);
        return rows.ConvertAll(row => row.ToAttempt());
    }
}
