using LoraAdmin.Domain.Shared;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace LoraAdmin.Platform.Data;

/// <summary>The installation, once <see cref="DatabaseStartup"/> has run.</summary>
public sealed class InstallationHolder
{
    private Installation? installation;

    public Installation Current
    {
        get => installation ?? throw new InvalidOperationException($"The installation is known only after {nameof(DatabaseStartup)} has run.");
        internal set => installation = value;
    }
}

/// <summary>
/// Makes the database ready before anything is served: folder lock, reachable, clock measured, migrated, installation read or made. Run once, by
/// Program; every refusal names the key and the remedy.
/// </summary>
public sealed partial class DatabaseStartup(
    LoraDbFactory contexts, DataFolder folder, InstallationHolder holder, IIds ids, TimeProvider clock, ILogger<DatabaseStartup> logger) : IDisposable
{
    private const string OtherDatabase = $"{DataOptions.ConnectionStringKey} or {DataOptions.Section}:{nameof(DataOptions.Path)}";

    private static readonly TimeSpan ReachWithin = TimeSpan.FromSeconds(10);

    /// <summary>How long another instance that starts at the same moment may take for its migrations.</summary>
    private static readonly TimeSpan MigratedWithin = TimeSpan.FromMinutes(5);

    private FolderLock? folderLock;

    /// <param name="cloud">Local unless at least one real vendor is configured.</param>
    /// <exception cref="StartupRefusedException">As configured, the portal can't start.</exception>
    public async Task<Installation> RunAsync(CloudKind cloud, CancellationToken cancellationToken)
    {
        await OpenAsync(cancellationToken);
        await using LoraDb db = contexts.CreateDbContext();
        Installation installation = await new InstallationStore(db, ids, clock).FindOrAddAsync(cloud, cancellationToken);
        if (installation.Cloud != cloud)
        {
            throw OtherCloud(installation.Cloud);
        }

        await BindingOf(db).EnsureAsync(cancellationToken);
        holder.Current = installation;
        Ready(logger, db.IsPostgres ? "PostgreSQL" : "SQLite", folder.Path, installation.Id, installation.Cloud);
        return installation;
    }

    /// <summary>For commands that only look: as <see cref="OpenAsync"/>, and the installation is known if there is one. None is made.</summary>
    /// <exception cref="StartupRefusedException">As configured, the portal can't start.</exception>
    internal async Task LookAsync(CancellationToken cancellationToken)
    {
        await OpenAsync(cancellationToken);
        await using LoraDb db = contexts.CreateDbContext();
        if (await new InstallationStore(db, ids, clock).FindAsync(cancellationToken) is { } installation)
        {
            holder.Current = installation;
        }
    }

    internal InstallationBinding BindingOf(LoraDb db) => new(db, contexts, folder, ids);

    /// <summary>Takes the folder's lock, reaches the database and brings it to this version's schema; whose it is, is not asked.</summary>
    /// <exception cref="StartupRefusedException">As configured, the portal can't start.</exception>
    internal async Task OpenAsync(CancellationToken cancellationToken)
    {
        folderLock ??= FolderLock.Take(folder.Path, TimeProvider.System);
        await ReachAsync(cancellationToken);
        await using LoraDb db = contexts.CreateDbContext();
        try
        {
            if (!db.IsPostgres)
            {
                await ClearStaleMigrationLockAsync(db, cancellationToken);
            }

            await MigrateAsync(db, cancellationToken);
        }
        catch (SqliteException exception)
        {
            throw new StartupRefusedException(
                $"{DataOptions.Section}:{nameof(DataOptions.Path)}",
                $"The database in {folder.Path} can't be used: {exception.Message}",
                "Put back a good copy of loraadmin.db, check the room on the disk, or set the key to another folder.",
                exception);
        }
        catch (Exception exception) when (exception is PostgresException or NpgsqlException)
        {
            throw new StartupRefusedException(
                DataOptions.ConnectionStringKey,
                $"The database could not be brought to this version's schema: {exception.Message}",
                "Give the portal's database user the right to create and alter its tables, correct what the message names, and start again.",
                exception);
        }
    }

    public void Dispose() => folderLock?.Dispose();

    private async Task ReachAsync(CancellationToken cancellationToken)
    {
        if (contexts.DataSource is not { } dataSource)
        {
            return;
        }

        using CancellationTokenSource timeout = new(ReachWithin, TimeProvider.System);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            await using NpgsqlConnection connection = await dataSource.OpenConnectionAsync(either.Token);
            if (clock is DatabaseClock databaseClock)
            {
                await databaseClock.MeasureAsync(dataSource, either.Token);
            }
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.InvalidCatalogName)
        {
            throw new StartupRefusedException(
                DataOptions.ConnectionStringKey,
                $"PostgreSQL answers, but has no such database: {exception.MessageText}.",
                "Create the database, or name an existing one.",
                exception);
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException
            || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            NpgsqlConnectionStringBuilder where = new(dataSource.ConnectionString);
            throw new StartupRefusedException(
                DataOptions.ConnectionStringKey,
                $"PostgreSQL at {where.Host}:{where.Port} could not be used within {ReachWithin.TotalSeconds} seconds: {exception.Message}",
                $"Check host, port, user and password in {DataOptions.ConnectionStringKey} and that the server runs, "
                + "or leave the key empty to work on SQLite.",
                exception);
        }
    }

    // EF's own lock is let go between two migrations, so that two instances that start at once on an older database would both apply the second. A
    // lock of a transaction holds behind a pooler too, and ends with its connection.
    private async Task MigrateAsync(LoraDb db, CancellationToken cancellationToken)
    {
        if (contexts.DataSource is not { } dataSource)
        {
            await db.Database.MigrateAsync(cancellationToken);
            return;
        }

        await using NpgsqlConnection connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using NpgsqlCommand wait = new("SELECT pg_advisory_xact_lock(7207421936514)", connection, transaction)
        {
            CommandTimeout = (int)MigratedWithin.TotalSeconds,
        };
        await wait.ExecuteNonQueryAsync(cancellationToken);
        await db.Database.MigrateAsync(cancellationToken);
    }

    // A process that was killed in a migration leaves EF's lock row behind and the next start would wait for it for ever. The folder lock proves
    // that nobody else can be migrating this file.
    private static async Task ClearStaleMigrationLockAsync(LoraDb db, CancellationToken cancellationToken)
    {
        if (!await db.GetService<IRelationalDatabaseCreator>().ExistsAsync(cancellationToken))
        {
            return;
        }

        int tables = await db.Database
            .SqlQuery<int>($"SELECT COUNT(*) AS \"Value\" FROM sqlite_master WHERE type = 'table' AND name = '__EFMigrationsLock'")
            .SingleAsync(cancellationToken);
        if (tables > 0)
        {
            await db.Database.ExecuteSqlRawAsync("DELETE FROM \"__EFMigrationsLock\"", cancellationToken);
        }
    }

    private static StartupRefusedException OtherCloud(CloudKind recorded) => recorded == CloudKind.Local
        ? new StartupRefusedException(
            "RunPod:ApiKey",
            "This database was made for the local cloud, but a real vendor is configured now.",
            $"Use another database for the real clouds ({OtherDatabase}), or remove the vendors' keys.")
        : new StartupRefusedException(
            "RunPod:ApiKey",
            "This database was made for real clouds, but no real vendor is configured now: its pods could be neither seen nor stopped.",
            $"Set RunPod:ApiKey, or use another database for the local cloud ({OtherDatabase}).");

    [LoggerMessage(Level = LogLevel.Information, Message = "{Database} is ready; data folder {Folder}; installation {Installation} on {Cloud} clouds.")]
    private static partial void Ready(ILogger logger, string database, string folder, string installation, CloudKind cloud);
}
