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

    public async Task<PaidWorkNow> ReadAsync(
        IUnit unit, int mostWaiting, DateTimeOffset completedSince, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        IReadOnlyList<Answer> answers = await ((EfUnit)unit).Db.RunAsync(
            [
                new Statement(Waiting, [mostWaiting]) { Returns = true },
                new Statement(CountWaiting, []) { Returns = true },
                new Statement(CountCompleted, [completedSince.ToMillis()]) { Returns = true },
            ],
            cancellationToken);
        return new PaidWorkNow(
            [.. answers[0].Rows.Select(ToWaiting)],
            (int)answers[1].Number(0),
            await RunningAsync(unit, now, cancellationToken),
            (int)answers[2].Number(0));
    }

    private static async Task<IReadOnlyList<RunningCost>> RunningAsync(IUnit unit, DateTimeOffset now, CancellationToken cancellationToken)
    {
        IEnumerable<RunningCost> pods = (await unit.Store<IPodLedger>().ListAliveAsync(cancellationToken))
            .Select(pod => new RunningCost(pod.Job, pod.Attempt, pod.CostUntil(now), pod.PodId is null ? Usd.Zero : pod.HourlyRate ?? Usd.Zero));
        IEnumerable<RunningCost> hosted = (await unit.Store<IHostedTrainingStore>().ListOpenAsync(cancellationToken))
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

    private static WaitingJob ToWaiting(IReadOnlyList<object> row) => new(
        new JobId(row[0] is Guid id ? id : Guid.Parse((string)row[0])),
        Convert.ToInt32(row[1], System.Globalization.CultureInfo.InvariantCulture),
        (string)row[2],
        Instants.FromMillis(Convert.ToInt64(row[3], System.Globalization.CultureInfo.InvariantCulture)));
}
