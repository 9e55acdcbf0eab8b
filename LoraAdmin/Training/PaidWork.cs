using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Training;

/// <summary>What the jobs, pods and trainings that run cost, and which jobs wait, for the figures about money.</summary>
/// <param name="worstHourly">What a pod counts with whose price is not known yet.</param>
internal sealed class PaidWork(Usd worstHourly) : IBatchedQuery<PaidWorkQuestion, PaidWorkNow>
{
    private const string Waiting =
        """
        SELECT job_id, attempt, name, state_since FROM training_progress
        WHERE is_open AND state IN ('queued', 'preparing') ORDER BY state_since, job_id LIMIT $1
        """;

    private const string CountWaiting = "SELECT COUNT(*) FROM training_progress WHERE is_open AND state IN ('queued', 'preparing')";

    private const string CountCompleted = "SELECT COUNT(*) FROM training_progress WHERE NOT is_open AND completed_at >= $1 AND state = 'completed'";

    /// <summary>Attempts of which something is still there.</summary>
    private const string Runs =
        "(SELECT job_id, attempt FROM pod_ledger WHERE saw <> 'gone' UNION SELECT job_id, attempt FROM hosted_trainings WHERE NOT is_settled) runs";

    private const string Hosted =
        $"""
        SELECT h.job_id, h.attempt, h.saw, h.hourly_micros, h.started_at, h.ended_at, h.worked_for,
            h.is_needed, h.training_id, h.last_error, h.absent_since, h.next_action_at
        FROM {Runs} JOIN hosted_trainings h ON h.job_id = runs.job_id AND h.attempt = runs.attempt
        """;

    private const string Pods =
        $"""
        SELECT p.name, p.job_id, p.attempt, p.saw, p.want_reason, p.pod_id, p.hourly_micros, p.billed_micros, p.billed_until, p.created_at, p.requested_at, p.gone_at
        FROM {Runs} JOIN pod_ledger p ON p.job_id = runs.job_id AND p.attempt = runs.attempt
        """;

    private const string Reserved =
        $"""
        SELECT b.job_id, b.attempt, b.amount_micros, b.accrued_micros, b.beyond_micros, b.settled_at, b.accrued_at, b.month
        FROM {Runs} JOIN budget_reservations b ON b.job_id = runs.job_id AND b.attempt = runs.attempt
        """;

    private const string Booked =
        """
        SELECT e.pod, SUM(e.spent_micros), MAX(e.at) FROM pod_ledger p JOIN budget_entries e ON e.pod = p.name
        WHERE p.saw <> 'gone' AND e.pod IS NOT NULL AND e.kind <> 'correction' GROUP BY e.pod
        """;

    private const string Ended =
        "SELECT DISTINCT b.job_id FROM budget_reservations b JOIN training_progress p ON p.job_id = b.job_id WHERE b.settled_at IS NULL AND NOT p.is_open";

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
            new Statement(Reserved, []) { Returns = true },
            new Statement(Booked, []) { Returns = true },
            new Statement(Ended, []) { Returns = true },
        ];
    }

    public PaidWorkNow Read(PaidWorkQuestion question, IReadOnlyList<Answer> answers)
    {
        ArgumentNullException.ThrowIfNull(question);
        ArgumentNullException.ThrowIfNull(answers);
        return new PaidWorkNow(
            [.. answers[0].Rows.Select(ToWaiting)],
            (int)answers[1].Number(0),
            RunningCosts.Of(
                [.. answers[4].Rows.Select(ToPod)],
                [.. answers[3].Rows.Select(ToHosted)],
                [.. answers[5].Rows.Select(ToReservation)],
                answers[6].Rows.ToDictionary(
                    static row => (string)row[0], static row => (new Usd(Cell.Number(row[1])), Instants.FromMillis(Cell.Number(row[2]))), StringComparer.Ordinal),
                worstHourly,
                question.Now),
            (int)answers[2].Number(0))
        {
            Ended = answers[7].Rows.Select(static row => new JobId(Cell.Id(row[0]))).ToHashSet(),
        };
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
        Name = (string)row[0],
        Job = new JobId(Cell.Id(row[1])),
        Attempt = (int)Cell.Number(row[2]),
        Try = 1,
        Want = PodWant.Needed,
        Saw = Words<PodSaw>.Parse((string)row[3]),
        WantReason = row[4] as string,
        PodId = row[5] as string,
        GpuType = "",
        HourlyRate = Cell.NumberOrNull(row[6]) is { } hourly ? new Usd(hourly) : null,
        Billed = new Usd(Cell.Number(row[7])),
        BilledUntil = Instants.FromMillis(Cell.NumberOrNull(row[8])),
        CreatedAt = Instants.FromMillis(Cell.NumberOrNull(row[9])),
        RequestedAt = Instants.FromMillis(Cell.Number(row[10])),
        GoneAt = Instants.FromMillis(Cell.NumberOrNull(row[11])),
    };

    /// <summary>As far as what is booked of it goes.</summary>
    private static Reservation ToReservation(IReadOnlyList<object> row) => new(
        Guid.Empty,
        new JobId(Cell.Id(row[0])),
        (int)Cell.Number(row[1]),
        Month.Parse((string)row[7]),
        Amount: new Usd(Cell.Number(row[2])),
        CreatedAt: default,
        Actual: null,
        SettledAt: Instants.FromMillis(Cell.NumberOrNull(row[5])))
    {
        Accrued = new Usd(Cell.Number(row[3])),
        AccruedAt = Instants.FromMillis(Cell.NumberOrNull(row[6])),
        Beyond = new Usd(Cell.Number(row[4])),
    };

    private static WaitingJob ToWaiting(IReadOnlyList<object> row) =>
        new(new JobId(Cell.Id(row[0])), (int)Cell.Number(row[1]), (string)row[2], Instants.FromMillis(Cell.Number(row[3])));
}
