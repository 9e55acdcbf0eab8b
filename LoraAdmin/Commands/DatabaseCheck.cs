using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace LoraAdmin.Commands;

/// <summary>Reaches the database and looks whether the portal's user has the rights, whether the schema is this version's, and whose it is.</summary>
internal static class DatabaseCheck
{
    public static CheckedPart Of(IServiceProvider services)
    {
        LoraDbFactory factory = services.GetRequiredService<LoraDbFactory>();
        string remedy = factory.Target is DatabaseTarget.Postgres
            ? "Check ConnectionStrings:Database and that the server runs."
            : "Put back a good copy of loraadmin.db, or set Data:Path to another folder.";
        return new CheckedPart("database", remedy, token => TryAsync(services, factory, token));
    }

    private static async Task<string?> TryAsync(IServiceProvider services, LoraDbFactory factory, CancellationToken cancellationToken)
    {
        if (factory.Target is DatabaseTarget.Sqlite sqlite && !File.Exists(sqlite.File))
        {
            return $"There is no database in {Path.GetDirectoryName(sqlite.File)} yet. The first start of the portal makes it.";
        }

        await using LoraDb db = factory.CreateDbContext();
        await db.Database.OpenConnectionAsync(cancellationToken);
        if (factory.DataSource is { } dataSource && await RightsAsync(db, dataSource, cancellationToken) is { } missing)
        {
            return missing;
        }

        int pending = (await db.Database.GetPendingMigrationsAsync(cancellationToken)).Count();
        if (pending > 0)
        {
            return $"{pending} migrations are still to be applied. Start the portal once; it applies them.";
        }

        return await services.GetRequiredService<DatabaseStartup>().BindingOf(db).IsHereAsync(cancellationToken) == false
            ? "It belongs to an installation that lives elsewhere. Start the portal to be told what to do."
            : null;
    }

    private static async Task<string?> RightsAsync(LoraDb db, NpgsqlDataSource dataSource, CancellationToken cancellationToken)
    {
        string[] tables = [.. db.Model.GetEntityTypes().Select(type => type.GetTableName()).OfType<string>().Append(LoraDb.MigrationsHistory).Distinct()];
        await using NpgsqlCommand command = dataSource.CreateCommand(
            """
            SELECT current_schema(), current_user, pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean,
                COALESCE(has_schema_privilege(current_schema(), 'CREATE'), false),
                ARRAY(SELECT c.relname::text FROM pg_class c
                    WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND c.relkind IN ('r', 'p') AND c.relname = ANY ($1)
                        AND NOT pg_has_role(c.relowner, 'USAGE') ORDER BY 1)
            """);
        command.Parameters.Add(new NpgsqlParameter { Value = tables });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        if (await row.IsDBNullAsync(0, cancellationToken))
        {
            return "No schema of the search path is there. Create one, or name it in ConnectionStrings:Database (Search Path=…).";
        }

        string schema = row.GetString(0);
        string user = row.GetString(1);
        string[] foreign = row.GetFieldValue<string[]>(4);
        return row.GetBoolean(2) ? "It takes reads only. Name the primary server in ConnectionStrings:Database."
            : !row.GetBoolean(3) ? $"{user} may not create tables in schema {schema}. Run: GRANT CREATE, USAGE ON SCHEMA {schema} TO {user}."
            : foreign.Length > 0 ? $"{user} may not alter {string.Join(", ", foreign)}. Make {user} a member of the role that owns them."
            : null;
    }
}
