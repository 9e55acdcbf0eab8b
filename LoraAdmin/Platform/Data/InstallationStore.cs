using LoraAdmin.Domain.Shared;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Platform.Data;

internal sealed class InstallationRow : IEntityTypeConfiguration<InstallationRow>
{
    public const int TheOne = 1;

    /// <summary>Always 1: a database is one installation.</summary>
    public int Key { get; set; } = TheOne;

    public string Id { get; set; } = "";
    public CloudKind Cloud { get; set; }

    /// <summary>Secret.</summary>
    public byte[] AgentKey { get; set; } = [];

    public long CreatedAt { get; set; }

    /// <summary>The store that it lives in (<see cref="InstallationBinding"/>); null until its first start by a version that knows of it.</summary>
    public string? BoundTo { get; set; }

    public void Configure(EntityTypeBuilder<InstallationRow> builder)
    {
        builder.ToTable("installation");
        builder.HasKey(row => row.Key);
        builder.Property(row => row.Key).HasColumnName("only_row").ValueGeneratedNever();
        builder.Property(row => row.Cloud).HasConversion<WordConverter<CloudKind>>();
    }
}

/// <summary>Reads the installation, or makes it. Two instances that start at once on a new database agree on the first one's.</summary>
internal sealed class InstallationStore(LoraDb db, IIds ids, TimeProvider clock)
{
    public const int IdBytes = 4;
    public const int AgentKeyBytes = 32;

    /// <returns>Null: no portal has started on the database yet.</returns>
    public async Task<Installation?> FindAsync(CancellationToken cancellationToken) =>
        await db.Set<InstallationRow>().AsNoTracking().SingleOrDefaultAsync(cancellationToken) is { } row
            ? new Installation(row.Id, row.Cloud, row.AgentKey, Instants.FromMillis(row.CreatedAt))
            : null;

    public async Task<Installation> FindOrAddAsync(CloudKind cloud, CancellationToken cancellationToken)
    {
        Installation? present = await FindAsync(cancellationToken);
        if (present is null)
        {
            string id = Convert.ToHexStringLower(ids.Secret(IdBytes));
            byte[] agentKey = ids.Secret(AgentKeyBytes);
            string cloudWord = Words<CloudKind>.Of(cloud);
            long now = clock.GetUtcNow().ToMillis();
            await db.Database.ExecuteSqlAsync(
                $"""
                INSERT INTO installation (only_row, id, cloud, agent_key, created_at)
                VALUES ({InstallationRow.TheOne}, {id}, {cloudWord}, {agentKey}, {now}) ON CONFLICT (only_row) DO NOTHING
                """,
                cancellationToken);
            present = await FindAsync(cancellationToken);
        }

        return present ?? throw new InvalidOperationException("The installation's row was removed while the portal started.");
    }
}
