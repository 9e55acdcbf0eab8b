using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Training;

/// <inheritdoc cref="IPaidWork"/>
internal sealed class PaidWork : IPaidWork
{
    private const string Waiting =
        """
        SELECT job_id, attempt, name, state_since FROM training_progress
        WHERE is_open AND state IN ('queued', 'preparing') ORDER BY state_since, job_id LIMIT $1
        """;

    private const string CountWaiting = "SELECT COUNT(*) FROM training_progress WHERE is_open AND state IN ('queued', 'preparing')";

    private const string CountCompleted = "SELECT COUNT(*) FROM training_progress WHERE NOT is_open AND completed_at >= $1 AND state = 'completed'";

    private const string Hosted = "SELECT job_id, attempt, saw, hourly_micros, started_at, ended_at, worked_for FROM hosted_trainings WHERE NOT is_settled";

    public async Task<PaidWorkNow> ReadAsync(
        IUnit unit, int mostWaiting, DateTimeOffset completedSince, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        IReadOnlyList<Answer> answers = await ((EfUnit)unit).Db.RunAsync(
            [
                new Statement(Waiting, [mostWaiting]) { Returns = true },
                new Statement(CountWaiting, []) { Returns = true },
                new Statement(CountCompleted, [completedSince.ToMillis()]) { Returns = true },
                new Statement(Hosted, []) { Returns = true },
            ],
            cancellationToken);
        return new PaidWorkNow(
            [.. answers[0].Rows.Select(ToWaiting)],
            (int)answers[1].Number(0),
            await RunningAsync(unit, answers[3].Rows, now, cancellationToken),
            (int)answers[2].Number(0));
    }

    private static async Task<IReadOnlyList<RunningCost>> RunningAsync(
        IUnit unit, IReadOnlyList<IReadOnlyList<object>> trainings, DateTimeOffset now, CancellationToken cancellationToken)
    {
        IEnumerable<RunningCost> pods = (await unit.Store<IPodLedger>().ListAliveAsync(cancellationToken))
            .Select(pod => new RunningCost(pod.Job, pod.Attempt, pod.CostUntil(now), pod.PodId is null ? Usd.Zero : pod.HourlyRate ?? Usd.Zero));
        IEnumerable<RunningCost> hosted = trainings
            .Select(ToHosted)
            .Where(one => !one.IsFinal)
            .Select(one => new RunningCost(one.Job, one.Attempt, one.CostUntil(now), one.StartedAt is null ? Usd.Zero : one.HourlyRate));
        return
        [
            .. pods.Concat(hosted)
                .GroupBy(one => (one.Job, one.Attempt))
                .Select(group => new RunningCost(
                    group.Key.Job,
                    group.Key.Attempt,
                    group.Aggregate(Usd.Zero, (sum, one) => sum + one.UntilNow),
                    group.Aggregate(Usd.Zero, (sum, one) => sum + one.PerHour))),
        ];
    }

    /// <summary>As far as its cost goes.</summary>
    private static HostedTraining ToHosted(IReadOnlyList<object> row) => new HostedTrainingRow
    {
        JobId = Cell.Id(row[0]),
        Attempt = (int)Cell.Number(row[1]),
        Saw = Words<HostedSaw>.Parse((string)row[2]),
        HourlyMicros = Cell.Number(row[3]),
        StartedAt = Cell.NumberOrNull(row[4]),
        EndedAt = Cell.NumberOrNull(row[5]),
        WorkedFor = Cell.NumberOrNull(row[6]),
    }.ToTraining();

    private static WaitingJob ToWaiting(IReadOnlyList<object> row) =>
        new(new JobId(Cell.Id(row[0])), (int)Cell.Number(row[1]), (string)row[2], Instants.FromMillis(Cell.Number(row[3])));
}
