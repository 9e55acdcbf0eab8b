using Microsoft.EntityFrameworkCore.Design;
using Npgsql;

namespace LoraAdmin.Platform.Data;

/// <summary>For <c>dotnet ef migrations add NAME --context SqliteLoraDb -o Platform/Data/Migrations/Sqlite</c>.</summary>
internal sealed class SqliteDesignTimeFactory : IDesignTimeDbContextFactory<SqliteLoraDb>
{
    public SqliteLoraDb CreateDbContext(string[] args) => new(LoraDbFactory.SqliteOptions(":memory:"));
}

/// <summary>For <c>dotnet ef migrations add NAME --context PostgresLoraDb -o Platform/Data/Migrations/Postgres</c>; connects to nothing.</summary>
internal sealed class PostgresDesignTimeFactory : IDesignTimeDbContextFactory<PostgresLoraDb>
{
    public PostgresLoraDb CreateDbContext(string[] args) =>
        new(LoraDbFactory.PostgresOptions(NpgsqlDataSource.Create("Host=localhost;Database=design")));
}
