using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Files;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace LoraAdmin.Platform.Data;

/// <summary>
/// Ties an installation to the store that it was made in, so that a copy of its database is not taken for itself: two portals of one installation
/// would end each other's pods. PostgreSQL is told by its cluster and the database in it, SQLite by a marker beside the file, in its folder.
/// </summary>
internal sealed class InstallationBinding(LoraDb db, LoraDbFactory contexts, DataFolder folder, IIds ids)
{
    /// <summary>Lies in <c>Data:Path</c>, never in the database.</summary>
    public const string MarkerName = "installation-marker";

    private const int MarkerBytes = 16;

    private string MarkerPath => Path.Combine(folder.Path, MarkerName);

    private DbSet<InstallationRow> Rows => db.Set<InstallationRow>();

    /// <summary>Where the store is, for a person.</summary>
    public string Place => db.IsPostgres ? "this PostgreSQL database" : $"the folder {folder.Path}";

    /// <summary>Whether the installation belongs here; null: it was never bound.</summary>
    public async Task<bool?> IsHereAsync(CancellationToken cancellationToken)
    {
        string? bound = await Rows.Select(row => row.BoundTo).SingleOrDefaultAsync(cancellationToken);
        return bound is null ? null : bound == await HereAsync(make: false, cancellationToken);
    }

    /// <summary>Binds an installation that never was; of two instances that do at once, the first decides.</summary>
    /// <exception cref="StartupRefusedException">It is bound to another store.</exception>
    public async Task EnsureAsync(CancellationToken cancellationToken)
    {
        if (await IsHereAsync(cancellationToken) is null)
        {
            string here = (await HereAsync(make: true, cancellationToken))!;
            await Rows.Where(row => row.BoundTo == null).ExecuteUpdateAsync(set => set.SetProperty(row => row.BoundTo, here), cancellationToken);
        }

        if (await IsHereAsync(cancellationToken) == false)
        {
            throw Elsewhere();
        }
    }

    /// <summary>The same installation lives here from now on.</summary>
    public async Task MoveHereAsync(CancellationToken cancellationToken)
    {
        string here = (await HereAsync(make: true, cancellationToken))!;
        await Rows.ExecuteUpdateAsync(set => set.SetProperty(row => row.BoundTo, here), cancellationToken);
    }

    /// <summary>Another installation lives here from now on: its pods have other names and tokens.</summary>
    public async Task RenewHereAsync(CloudKind cloud, CancellationToken cancellationToken)
    {
        string here = (await HereAsync(make: true, cancellationToken))!;
        string id = Convert.ToHexStringLower(ids.Secret(InstallationStore.IdBytes));
        byte[] agentKey = ids.Secret(InstallationStore.AgentKeyBytes);
        await Rows.ExecuteUpdateAsync(
            set => set
                .SetProperty(row => row.Id, id)
                .SetProperty(row => row.AgentKey, agentKey)
                .SetProperty(row => row.Cloud, cloud)
                .SetProperty(row => row.BoundTo, here),
            cancellationToken);
    }

    private StartupRefusedException Elsewhere() => new(
        db.IsPostgres ? DataOptions.ConnectionStringKey : $"{DataOptions.Section}:{nameof(DataOptions.Path)}",
        $"The database in {Place} belongs to an installation that lives elsewhere: it was copied or moved here.",
        "If it moved and the original runs no more: dotnet run --project LoraAdmin -- installation moved. "
        + "If it is a copy: dotnet run --project LoraAdmin -- installation copied, which leaves the original's pods alone.");

    private async Task<string?> HereAsync(bool make, CancellationToken cancellationToken)
    {
        if (contexts.DataSource is { } dataSource)
        {
            return await PostgresAsync(dataSource, cancellationToken);
        }

        if (make)
        {
            DurableFiles.ReadOrCreate(MarkerPath, () => System.Text.Encoding.ASCII.GetBytes(Convert.ToHexStringLower(ids.Secret(MarkerBytes))));
        }
        else if (!File.Exists(MarkerPath))
        {
            return null;
        }

        // The marker's bytes go along when the whole folder is copied; the file itself is another one then.
        string file = DurableFiles.IdentityOf(MarkerPath);
        string marker = (await File.ReadAllTextAsync(MarkerPath, cancellationToken)).Trim();
        return $"folder:{marker}/{file}";
    }

    /// <summary>The cluster's identifier is made by initdb and goes along with no dump. A server that keeps it secret is told by its address.</summary>
    private static async Task<string> PostgresAsync(NpgsqlDataSource dataSource, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await dataSource.OpenConnectionAsync(cancellationToken);
        try
        {
            return await ScalarAsync(
                connection,
                "SELECT 'cluster:' || system_identifier || '/' || (SELECT oid FROM pg_database WHERE datname = current_database()) FROM pg_control_system()",
                cancellationToken);
        }
        catch (PostgresException refused) when (refused.SqlState is PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.UndefinedFunction)
        {
            string database = await ScalarAsync(
                connection, "SELECT oid || '/' || datname FROM pg_database WHERE datname = current_database()", cancellationToken);
            return $"server:{connection.Host}:{connection.Port}/{database}";
        }
    }

    private static async Task<string> ScalarAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = connection.CreateCommand();
        command.CommandText = sql;
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
