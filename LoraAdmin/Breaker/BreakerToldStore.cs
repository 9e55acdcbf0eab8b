using System.Text.Json;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Breaker;

/// <summary>What is told of a provider's breaker; the table has one row for each at most.</summary>
internal sealed class BreakerToldRow : IEntityTypeConfiguration<BreakerToldRow>
{
    public int Id { get; set; }
    public string Born { get; set; } = "";
    public long Entries { get; set; }

    /// <summary>The circuit as JSON, by the portal's clock.</summary>
    public string Circuit { get; set; } = "";

    public static int IdOf(string provider) => provider == BreakerSubject.RunPod.Provider ? 1 : 2;

    public void Configure(EntityTypeBuilder<BreakerToldRow> builder)
    {
        builder.ToTable("breaker_told");
        builder.HasKey(row => row.Id);
        builder.Property(row => row.Id).ValueGeneratedNever();
    }
}

/// <inheritdoc cref="IBreakerToldStore"/>
internal sealed class BreakerToldStore(LoraDb db) : IBreakerToldStore
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public async Task<BreakerTold?> FindAsync(string provider, CancellationToken cancellationToken)
    {
        int id = BreakerToldRow.IdOf(provider);
        BreakerToldRow? row = await db.Set<BreakerToldRow>().AsNoTracking().SingleOrDefaultAsync(one => one.Id == id, cancellationToken);
        return row is null ? null : new BreakerTold(row.Born, row.Entries, JsonSerializer.Deserialize<Circuit>(row.Circuit, Json) ?? Circuit.Fresh);
    }

    public async Task<bool> SaveAsync(string provider, BreakerTold? before, BreakerTold next, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(next);
        int id = BreakerToldRow.IdOf(provider);
        string circuit = JsonSerializer.Serialize(next.Circuit, Json);
        if (before is null)
        {
            return await db.Database.ExecuteSqlAsync(
                $"""
                INSERT INTO breaker_told (id, born, entries, circuit) VALUES ({id}, {next.Born}, {next.Entries}, {circuit})
                ON CONFLICT (id) DO NOTHING
                """,
                cancellationToken) == 1;
        }

        return await db.Set<BreakerToldRow>()
            .Where(row => row.Id == id && row.Born == before.Born && row.Entries == before.Entries)
            .ExecuteUpdateAsync(
                set => set.SetProperty(row => row.Born, next.Born).SetProperty(row => row.Entries, next.Entries).SetProperty(row => row.Circuit, circuit),
                cancellationToken) == 1;
    }
}
