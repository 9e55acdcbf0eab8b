using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Pods;

internal sealed class GpuPriceRow : IEntityTypeConfiguration<GpuPriceRow>
{
    public string GpuType { get; set; } = "";
    public long ValidFrom { get; set; }
    public long? ValidUntil { get; set; }
    public long HourlyMicros { get; set; }

    public void Configure(EntityTypeBuilder<GpuPriceRow> builder)
    {
        builder.ToTable("gpu_prices");
        builder.HasKey(row => new { row.GpuType, row.ValidFrom });

        // A type has one price at a time, however many instances see a change.
        builder.HasIndex(row => row.GpuType, "ix_gpu_prices_current").IsUnique().HasFilter("valid_until IS NULL");
        builder.HasIndex(row => row.ValidFrom);
    }

    public GpuPrice ToPrice() => new(GpuType, new Usd(HourlyMicros), Instants.FromMillis(ValidFrom), Instants.FromMillis(ValidUntil));
}

/// <inheritdoc cref="IGpuPriceStore"/>
internal sealed class GpuPriceStore(LoraDb db) : IGpuPriceStore
{
    /// <summary>
    /// One change after the other, as SQLite has them anyway: between two statements of one, another must not end what the first goes by. Whoever reads waits for
    /// nobody, and prices change seldom.
    /// </summary>
    private const string OneByOne = "LOCK TABLE gpu_prices IN SHARE ROW EXCLUSIVE MODE";

    /// <summary>Noted by a clock that was far ahead of the one that tells now.</summary>
    private const string TakeOut = "DELETE FROM gpu_prices WHERE gpu_type = $1 AND valid_from > $2";

    private const string EndNow = "UPDATE gpu_prices SET valid_until = $2 WHERE gpu_type = $1 AND valid_until > $3 AND valid_from < $2";

    private const string End =
        "UPDATE gpu_prices SET valid_until = $2 WHERE gpu_type = $1 AND valid_until IS NULL AND valid_from < $2 AND hourly_micros <> $3";

    private const string Begin =
        """
        INSERT INTO gpu_prices (gpu_type, valid_from, hourly_micros) SELECT $1, $2, $3
        WHERE NOT EXISTS (SELECT 1 FROM gpu_prices WHERE gpu_type = $1 AND (valid_until IS NULL OR valid_from >= $2))
        ON CONFLICT DO NOTHING
        """;

    /// <summary>No price at all: every price is another one.</summary>
    private const long None = -1;

    private IQueryable<GpuPriceRow> Prices => db.Set<GpuPriceRow>().AsNoTracking();

    public async Task<IReadOnlyList<GpuPrice>> ListNewestAsync(CancellationToken cancellationToken)
    {
        List<GpuPriceRow> rows = await Prices
            .Where(row => !Prices.Any(later => later.GpuType == row.GpuType && later.ValidFrom > row.ValidFrom))
            .ToListAsync(cancellationToken);
        return [.. rows.OrderBy(row => row.GpuType, StringComparer.Ordinal).Select(row => row.ToPrice())];
    }

    public Task ChangeAsync(string gpuType, Usd? hourly, DateTimeOffset at, CancellationToken cancellationToken)
    {
        long now = at.ToMillis();
        long ahead = (at + GpuPriceBook.AtMostEvery).ToMillis();
        List<Statement> all = db.IsPostgres ? [new(OneByOne, [])] : [];
        all.AddRange([new(TakeOut, [gpuType, ahead]), new(EndNow, [gpuType, now, ahead]), new(End, [gpuType, now, hourly?.Micros ?? None])]);
        if (hourly is { } price)
        {
            all.Add(new Statement(Begin, [gpuType, now, price.Micros]));
        }

        return db.RunAsync(all, cancellationToken);
    }

    public async Task<IReadOnlyList<GpuPrice>> ListAsync(int max, CancellationToken cancellationToken)
    {
        List<GpuPriceRow> rows = await Prices.OrderByDescending(row => row.ValidFrom).ThenBy(row => row.GpuType).Take(max).ToListAsync(cancellationToken);
        return rows.ConvertAll(row => row.ToPrice());
    }
}
