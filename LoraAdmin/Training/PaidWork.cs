using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Training;

/// <summary>What the jobs, pods and trainings that run cost, and which jobs wait, for the figures about money.</summary>
internal sealed class PaidWork : IBatchedQuery<PaidWorkQuestion, PaidWorkNow>
{
    private const string Waiting =
        """
        SELECT job_id, attempt, name, state_since FROM training_progress
        WHERE is_open AND state IN ('queued', 'preparing') ORDER BY state_since, job_id LIMIT $1
        """;

    private const string CountWaiting = "SELECT COUNT(*) FROM training_progress WHERE is_open AND state IN ('queued', 'preparing')";

    private const string CountCompleted = "SELECT COUNT(*) FROM training_progress WHERE NOT is_open AND completed_at >= $1 AND state = 'completed'";

    private const string Hosted =
        """
        SELECT job_id, attempt, saw, hourly_micros, started_at, ended_at, worked_for, is_needed, training_id, last_error, absent_since, next_action_at
        FROM hosted_trainings WHERE NOT is_settled
        """;

    private const string Pods =
        """
        SELECT job_id, attempt, pod_id, hourly_micros, billed_micros, billed_until, created_at, requested_at, gone_at
        FROM pod_ledger WHERE saw <> 'gone'
        """;

    public IReadOnlyList<Statement> Ask(PaidWorkQuestion question)
    {
        ArgumentNullException.ThrowIfNull(question);
        return
        [
            new Statement(Waiting, [question.MostWaiting]) { Returns = true },
            new Statement(CountWaiting, []) { Returns = true },
            new Statement(CountCompleted, [question.CompletedSince.ToMillis()]) { Returns = true },
            new Statement(Hosted, []) { Returns = true },
            new Statement(Pods, []) { Returns = true },
        ];
    }

    public PaidWorkNow Read(PaidWorkQuestion question, IReadOnlyList<Answer> answers)
    {
        ArgumentNullException.ThrowIfNull(question);
        ArgumentNullException.ThrowIfNull(answers);
        return new PaidWorkNow(
            [.. answers[0].Rows.Select(ToWaiting)],
            (int)answers[1].Number(0),
            Running(answers[3].Rows, answers[4].Rows, question.Now),
            (int)answers[2].Number(0));
    }

    private static IReadOnlyList<RunningCost> Running(
        IReadOnlyList<IReadOnlyList<object>> trainings, IReadOnlyList<IReadOnlyList<object>> alive, DateTimeOffset now)
    {
        IEnumerable<RunningCost> pods = alive
            .Select(ToPod)
            .Select(pod => new RunningCost(pod.Job, pod.Attempt, pod.CostUntil(now), pod.PodId is null ? Usd.Zero : pod.HourlyRate ?? Usd.Zero));
        IEnumerable<RunningCost> hosted = trainings
            .Select(ToHosted)
            .Where(one => !one.IsFinal)
            .Select(one => new RunningCost(one.Job, one.Attempt, one.CostUntil(now), one.StartedAt is null ? Usd.Zero : one.HourlyRate, one.IsByClockAlone(now)));
        return
        [
            .. pods.Concat(hosted)
                .GroupBy(one => (one.Job, one.Attempt))
                .Select(group => new RunningCost(
                    group.Key.Job,
                    group.Key.Attempt,
                    group.Aggregate(Usd.Zero, (sum, one) => sum + one.UntilNow),
                    group.Aggregate(Usd.Zero, (sum, one) => sum + one.PerHour),
                    group.Any(one => one.IsByClockAlone))),
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
        IsNeeded = Cell.Number(row[7]) != 0,
        TrainingId = row[8] as string,
        LastError = row[9] as string,
        AbsentSince = Cell.NumberOrNull(row[10]),
        NextActionAt = Cell.NumberOrNull(row[11]),
    }.ToTraining();

    /// <summary>As far as its cost goes.</summary>
    private static LedgerPod ToPod(IReadOnlyList<object> row) => new()
    {
        Name = "",
        Job = new JobId(Cell.Id(row[0])),
        Attempt = (int)Cell.Number(row[1]),
        Try = 1,
        Want = PodWant.Needed,
        Saw = PodSaw.Running,
        PodId = row[2] as string,
        GpuType = "",
        HourlyRate = Cell.NumberOrNull(row[3]) is { } hourly ? new Usd(hourly) : null,
        Billed = new Usd(Cell.Number(row[4])),
        BilledUntil = Instants.FromMillis(Cell.NumberOrNull(row[5])),
        CreatedAt = Instants.FromMillis(Cell.NumberOrNull(row[6])),
        RequestedAt = Instants.FromMillis(Cell.Number(row[7])),
        GoneAt = Instants.FromMillis(Cell.NumberOrNull(row[8])),
    };

    private static WaitingJob ToWaiting(IReadOnlyList<object> row) =>
        new(new JobId(Cell.Id(row[0])), (int)Cell.Number(row[1]), (string)row[2], Instants.FromMillis(Cell.Number(row[3])));
}
