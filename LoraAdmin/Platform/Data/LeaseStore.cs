using LoraAdmin.Domain.Shared;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Platform.Data;

internal sealed class LoopLeaseRow : IEntityTypeConfiguration<LoopLeaseRow>
{
    public string Name { get; set; } = "";
    public string Owner { get; set; } = "";
    public long HeldUntil { get; set; }

    public void Configure(EntityTypeBuilder<LoopLeaseRow> builder)
    {
        builder.ToTable("loop_leases");
        builder.HasKey(row => row.Name);
    }
}

/// <inheritdoc cref="ILeaseStore"/>
internal sealed class LeaseStore(LoraDb db) : ILeaseStore
{
    public async Task<bool> TryTakeAsync(string name, string owner, DateTimeOffset now, TimeSpan duration, CancellationToken cancellationToken)
    {
        long present = now.ToMillis();
        long until = (now + duration).ToMillis();
        int taken = await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO loop_leases (name, owner, held_until) VALUES ({name}, {owner}, {until})
            ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, held_until = excluded.held_until
            WHERE loop_leases.owner = excluded.owner OR loop_leases.held_until <= {present}
            """,
            cancellationToken);
        return taken > 0;
    }

    public Task GiveBackAsync(string name, string owner, CancellationToken cancellationToken) =>
        db.Set<LoopLeaseRow>().Where(row => row.Name == name && row.Owner == owner).ExecuteDeleteAsync(cancellationToken);

    /// <summary>For a start that knows that nobody else is alive on this database.</summary>
    public static Task EndAllAsync(LoraDb db, CancellationToken cancellationToken) => db.Set<LoopLeaseRow>().ExecuteDeleteAsync(cancellationToken);
}
