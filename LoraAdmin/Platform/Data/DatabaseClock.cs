using System.Diagnostics;
using LoraAdmin.Domain.Shared;
using Npgsql;

namespace LoraAdmin.Platform.Data;

/// <summary>
/// The database's wall clock, followed from here: instances that share a PostgreSQL agree on leases and months even if their own clocks differ.
/// Timers and durations stay the machine's own.
/// </summary>
public sealed class DatabaseClock(TimeProvider machine) : TimeProvider
{
    private const int Samples = 3;

    private ClockReading.Read? last;

    /// <summary>The machine's clock beside the database's, as it was measured last; null: it was not yet.</summary>
    public ClockReading.Read? Last => Volatile.Read(ref last);

    /// <summary>How far the database is ahead of this machine; negative when it is behind.</summary>
    public TimeSpan Offset => -(Last?.Ahead ?? TimeSpan.Zero);

    public override TimeZoneInfo LocalTimeZone => machine.LocalTimeZone;

    public override long TimestampFrequency => machine.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => machine.GetUtcNow() + Offset;

    public override long GetTimestamp() => machine.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        machine.CreateTimer(callback, state, dueTime, period);

    /// <summary>
    /// Measures the offset anew. Of a few readings the one with the shortest round trip counts; the database read its clock half-way through.
    /// </summary>
    public async Task MeasureAsync(NpgsqlDataSource dataSource, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(dataSource);
        await using NpgsqlConnection connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using NpgsqlCommand command = new("SELECT clock_timestamp()", connection);
        (DateTimeOffset Database, DateTimeOffset Sent, TimeSpan RoundTrip) best = (default, default, TimeSpan.MaxValue);
        for (int sample = 0; sample < Samples; sample++)
        {
            DateTimeOffset sent = machine.GetUtcNow();
            long started = machine.GetTimestamp();
            object? read = await command.ExecuteScalarAsync(cancellationToken);
            TimeSpan roundTrip = machine.GetElapsedTime(started);
            if (read is not DateTime database)
            {
                throw new UnreachableException("clock_timestamp() gave no instant.");
            }

            if (roundTrip < best.RoundTrip)
            {
                best = (new DateTimeOffset(database, TimeSpan.Zero), sent, roundTrip);
            }
        }

        Follow(best.Database, best.Sent, best.RoundTrip);
    }

    /// <summary>Takes over a reading of the database's clock.</summary>
    /// <param name="sent">When the question left, by this machine's clock.</param>
    public void Follow(DateTimeOffset database, DateTimeOffset sent, TimeSpan roundTrip) =>
        Volatile.Write(ref last, ClockReading.Between(database, TimeSpan.Zero, sent, sent + roundTrip, roundTrip));
}

/// <summary>Follows the clock of PostgreSQL; SQLite has none of its own. When the database is away the last offset holds.</summary>
internal sealed partial class DatabaseClockService(
    DatabaseClock clock, LoraDbFactory contexts, ClockStandings clocks, Func<ClockRules> rules, ILogger<DatabaseClockService> logger)
    : PortalLoop(started: null, clock, logger)
{
    /// <summary>What the start has measured is known before any loop asks for it.</summary>
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        NoteLast();
        return base.StartAsync(cancellationToken);
    }

    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        try
        {
            await clock.MeasureAsync(contexts.DataSource!, stoppingToken);
            NoteLast();
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException)
        {
            NotMeasured(logger, clock.Offset, exception);
            clocks.Note(ClockStandings.Database, new ClockReading.Unread(exception.Message));
        }

        return rules().MeasureEvery;
    }

    private void NoteLast()
    {
        if (clock.Last is { } reading)
        {
            clocks.Note(ClockStandings.Database, reading);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The database's clock could not be read; its last offset of {Offset} holds.")]
    private static partial void NotMeasured(ILogger logger, TimeSpan offset, Exception exception);
}
