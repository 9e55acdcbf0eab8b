using Microsoft.AspNetCore.DataProtection.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace LoraAdmin.Platform.Data;

/// <summary>
/// The portal's one database context. Rows are configured beside their row classes. Only stores, queries and start-up touch it; everything else
/// asks a port.
/// </summary>
public abstract class LoraDb(DbContextOptions options) : DbContext(options), IDataProtectionKeyContext
{
    public const string MigrationsHistory = "__ef_migrations_history";

    public DbSet<DataProtectionKey> DataProtectionKeys => Set<DataProtectionKey>();

    /// <summary>Whether several instances may write at the same moment, so that rows have to be locked.</summary>
    public abstract bool IsPostgres { get; }

    /// <summary>Ends a SELECT that takes work which another instance may be taking at the same moment; SQLite has one writer and needs nothing.</summary>
    public string SkipLocked => IsPostgres ? "FOR UPDATE SKIP LOCKED" : "";

    /// <summary>Ends a SELECT whose rows nobody may write until the unit has ended; others may read them so at the same moment.</summary>
    public string ShareLocked => IsPostgres ? "FOR SHARE" : "";

    /// <summary>
    /// Ends a SELECT whose rows the unit is about to write, but for their keys: whoever only refers to such a row, as every foreign key does, waits for nobody.
    /// </summary>
    public string UpdateLocked => IsPostgres ? "FOR NO KEY UPDATE" : "";

    /// <summary>What waits for the unit's next statement; see <see cref="LoraDbStatements.AddNew"/>.</summary>
    internal List<object> NewRows { get; } = [];

    /// <summary>What the unit does last; see <see cref="ILastStatements"/>.</summary>
    internal List<ILastStatements> Last { get; } = [];

    /// <summary>An id as a parameter of hand-written SQL, which no conversion of the model reaches.</summary>
    public object SqlId(Guid id) => IsPostgres ? id : id.ToString("D");

    // Contexts go back to a pool: what a unit left behind must not reach the next one.
    public override void Dispose()
    {
        Forget();
        base.Dispose();
        GC.SuppressFinalize(this);
    }

    public override ValueTask DisposeAsync()
    {
        Forget();
        GC.SuppressFinalize(this);
        return base.DisposeAsync();
    }

    private void Forget()
    {
        NewRows.Clear();
        Last.Clear();
    }

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        ArgumentNullException.ThrowIfNull(modelBuilder);
        modelBuilder.ApplyConfigurationsFromAssembly(typeof(LoraDb).Assembly);
    }
}

/// <summary>One file below <c>Data:Path</c>; one process.</summary>
public sealed class SqliteLoraDb(DbContextOptions<SqliteLoraDb> options) : LoraDb(options)
{
    public override bool IsPostgres => false;

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        ArgumentNullException.ThrowIfNull(configurationBuilder);

        // The driver writes upper-case text by itself; lower case sorts as PostgreSQL's uuid does.
        configurationBuilder.Properties<Guid>().HaveConversion<GuidToStringConverter>();
        configurationBuilder.Properties<DateTimeOffset>().HaveConversion<InstantToMillis>();
    }

    private sealed class InstantToMillis() : ValueConverter<DateTimeOffset, long>(
        instant => instant.ToUnixTimeMilliseconds(),
        millis => DateTimeOffset.FromUnixTimeMilliseconds(millis));
}

/// <summary>A PostgreSQL database, shared by several instances and by the services beside the portal.</summary>
public sealed class PostgresLoraDb(DbContextOptions<PostgresLoraDb> options) : LoraDb(options)
{
    public override bool IsPostgres => true;

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        ArgumentNullException.ThrowIfNull(configurationBuilder);

        // timestamptz takes UTC only; milliseconds are what SQLite keeps.
        configurationBuilder.Properties<DateTimeOffset>().HaveConversion<InstantInUtc>();
    }

    private sealed class InstantInUtc() : ValueConverter<DateTimeOffset, DateTimeOffset>(
        instant => DateTimeOffset.FromUnixTimeMilliseconds(instant.ToUnixTimeMilliseconds()),
        stored => stored);
}
