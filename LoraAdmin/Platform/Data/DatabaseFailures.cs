using System.Net.Sockets;
using LoraAdmin.Domain.Shared;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace LoraAdmin.Platform.Data;

internal enum DatabaseFailure
{
    /// <summary>Neither contention nor an outage: a mistake of ours or of the caller.</summary>
    Other,

    /// <summary>Busy, deadlock, serialisation: the same again will do.</summary>
    Contention,

    /// <summary>Somebody else inserted the same key at the same moment: run again and read theirs.</summary>
    UniqueRace,

    /// <summary>The database can't be reached or can't write.</summary>
    Unavailable,
}

/// <summary>Reads what a database's exception means, whichever driver it comes from.</summary>
internal static class DatabaseFailures
{
    public static DatabaseFailure Classify(Exception exception) => Driver(exception) switch
    {
        ConcurrentWriteException => DatabaseFailure.Contention,
        PostgresException postgres => Classify(postgres),
        NpgsqlException { IsTransient: true } => DatabaseFailure.Unavailable,
        NpgsqlException { InnerException: SocketException or IOException or TimeoutException } => DatabaseFailure.Unavailable,
        SqliteException sqlite => Classify(sqlite),
        SocketException or TimeoutException => DatabaseFailure.Unavailable,
        _ => DatabaseFailure.Other,
    };

    public static bool IsUniqueViolation(Exception exception) => Classify(exception) == DatabaseFailure.UniqueRace;

    // EF wraps what the driver threw: a failed save in DbUpdateException, a transient failure in InvalidOperationException. An exception of ours
    // that merely carries a driver's one as its cause is not unwrapped.
    private static Exception Driver(Exception exception) => exception switch
    {
        DbUpdateException { InnerException: { } inner } => Driver(inner),
        InvalidOperationException { InnerException: NpgsqlException { IsTransient: true } inner } => inner,
        _ => exception,
    };

    private static DatabaseFailure Classify(PostgresException exception) => exception.SqlState switch
    {
        PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.LockNotAvailable =>
            DatabaseFailure.Contention,
        PostgresErrorCodes.UniqueViolation => DatabaseFailure.UniqueRace,
        PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification =>
            DatabaseFailure.Unavailable,
        { } state when state.StartsWith("08", StringComparison.Ordinal)
            || state.StartsWith("53", StringComparison.Ordinal)
            || state.StartsWith("57P", StringComparison.Ordinal)
            || state.StartsWith("58", StringComparison.Ordinal) => DatabaseFailure.Unavailable,
        _ => DatabaseFailure.Other,
    };

    // Primary codes: 5 busy, 6 locked, 8 read-only, 10 I/O, 13 full, 14 can't open. Extended: 1555 primary key, 2067 unique.
    private static DatabaseFailure Classify(SqliteException exception) => exception switch
    {
        { SqliteErrorCode: 5 or 6 } => DatabaseFailure.Contention,
        { SqliteExtendedErrorCode: 1555 or 2067 } => DatabaseFailure.UniqueRace,
        { SqliteErrorCode: 8 or 10 or 13 or 14 } => DatabaseFailure.Unavailable,
        _ => DatabaseFailure.Other,
    };
}
