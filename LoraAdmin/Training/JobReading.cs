using System.Data.Common;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Training;

/// <summary>What a poller over the API is told of a job.</summary>
/// <param name="Cost">All attempts together; null until each is settled.</param>
/// <param name="File">Of the trained file in storage; null until it is there.</param>
/// <param name="CleanupStatus">Of <see cref="CleanupWords"/>, as the job was last over; null until it first is.</param>
/// <param name="Attempts">By number.</param>
public sealed record JobReading(
    JobId Id,
    LoraId LoraId,
    UserId UserId,
    string Name,
    TrainingState State,
    string? WaitReason,
    JobFailure? Failure,
    TrainingFigures? Figures,
    Usd? Cost,
    ArtifactInfo? File,
    DateTimeOffset CreatedAt,
    DateTimeOffset? StartedAt,
    DateTimeOffset? CompletedAt,
    string? CleanupStatus,
    IReadOnlyList<TrainingAttempt> Attempts)
{
    /// <summary>Why nobody judged the LoRA although it completed; null: it was judged, or has not come that far.</summary>
    public string? NotValidated { get; init; }
}

/// <summary>Reads one job for <c>GET /api/v1/training-jobs/{id}</c>, the most called route.</summary>
public interface IJobReader
{
    /// <summary>The newest committed state, in one statement.</summary>
    /// <exception cref="StoreUnavailableException">The database is away.</exception>
    ValueTask<JobReading?> FindAsync(JobId id, CancellationToken cancellationToken);
}

internal sealed class JobReader(LoraDbFactory databases) : IJobReader, IDisposable
{
    // One row per attempt; a job without one yet has a row without one.
    private const string Sql =
        """
        SELECT p.job_id, p.lora_id, p.user_id, p.name, p.state, p.wait_reason, p.failure_code, p.failure_detail, p.step, p.total_steps, p.loss,
               p.heartbeat_at, p.step_at, p.cost_micros, p.created_at, p.started_at, p.completed_at,
               l.storage_path, l.file_size_bytes, l.file_sha256,
               a.number, a.provider, a.state, a.started_at, a.ended_at, a.failure_code, a.cost_micros,
               p.cleanup_status, p.not_validated
        FROM training_progress p
        JOIN lora_models l ON l.id = p.lora_id
        LEFT JOIN training_attempts a ON a.job_id = p.job_id
        WHERE p.job_id = @id
        ORDER BY a.number
        """;

    private readonly PreparedRead statement = new(databases, Sql);

    public ValueTask<JobReading?> FindAsync(JobId id, CancellationToken cancellationToken) => statement.RunAsync(id.Value, Read, cancellationToken);

    public void Dispose() => statement.Dispose();

    private static JobReading? Read(DbDataReader row)
    {
        if (!row.Read())
        {
            return null;
        }

        JobId id = new(row.GetGuid(0));
        List<TrainingAttempt> attempts = [];
        JobReading reading = new(
            id,
            new LoraId(row.GetGuid(1)),
            new UserId(row.GetGuid(2)),
            row.GetString(3),
            Words<TrainingState>.Parse(row.GetString(4)),
            Text(row, 5),
            TrainingProgressRow.ToFailure(Text(row, 6), Text(row, 7)),
            TrainingProgressRow.ToFigures(Int(row, 8), Int(row, 9), row.IsDBNull(10) ? null : row.GetDouble(10), Long(row, 11), Long(row, 12)),
            Money(row, 13),
            Text(row, 17) is null || Long(row, 18) is not { } bytes || Text(row, 19) is not { } sha256 ? null : new ArtifactInfo(bytes, sha256),
            Instants.FromMillis(row.GetInt64(14)),
            Instants.FromMillis(Long(row, 15)),
            Instants.FromMillis(Long(row, 16)),
            Text(row, 27),
            attempts)
        {
            NotValidated = Text(row, 28),
        };
        do
        {
            if (Int(row, 20) is { } number)
            {
                attempts.Add(new TrainingAttempt(
                    id,
                    number,
                    row.GetString(21),
                    Words<AttemptState>.Parse(row.GetString(22)),
                    Instants.FromMillis(row.GetInt64(23)),
                    Instants.FromMillis(Long(row, 24)),
                    TrainingProgressRow.ToFailure(Text(row, 25), null)?.Code,
                    Money(row, 26)));
            }
        }
        while (row.Read());

        return attempts.TrueForAll(static attempt => attempt.Cost is not null) ? reading : reading with { Cost = null };
    }

    private static string? Text(DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static int? Int(DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetInt32(column);

    private static long? Long(DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetInt64(column);

    private static Usd? Money(DbDataReader row, int column) => row.IsDBNull(column) ? null : new Usd(row.GetInt64(column));
}
