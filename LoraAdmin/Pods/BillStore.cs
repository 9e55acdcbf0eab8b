using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Pods;

internal sealed class BillingRecordRow : IEntityTypeConfiguration<BillingRecordRow>
{
    public string Provider { get; set; } = "";
    public string PodId { get; set; } = "";
    public long BucketStart { get; set; }
    public long TotalMicros { get; set; }
    public long GpuMicros { get; set; }
    public long CpuMicros { get; set; }
    public long DiskMicros { get; set; }
    public long ReadAt { get; set; }

    public void Configure(EntityTypeBuilder<BillingRecordRow> builder)
    {
        builder.ToTable("billing_records");
        builder.HasKey(row => new { row.Provider, row.PodId, row.BucketStart });
        builder.HasIndex(row => row.BucketStart);
    }

    public BillRecord ToRecord() => new(
        PodId, Instants.FromMillis(BucketStart), new Usd(TotalMicros), new Usd(GpuMicros), new Usd(CpuMicros), new Usd(DiskMicros));
}

/// <inheritdoc cref="IBillStore"/>
internal sealed class BillStore(LoraDb db) : IBillStore
{
    private const int AtOnce = 2_000;

    private const string Save =
        """
        INSERT INTO billing_records (provider, pod_id, bucket_start, total_micros, gpu_micros, cpu_micros, disk_micros, read_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (provider, pod_id, bucket_start) DO UPDATE SET total_micros = excluded.total_micros, gpu_micros = excluded.gpu_micros,
            cpu_micros = excluded.cpu_micros, disk_micros = excluded.disk_micros, read_at = excluded.read_at
            WHERE billing_records.read_at <= excluded.read_at
        """;

    private IQueryable<BillingRecordRow> Records => db.Set<BillingRecordRow>().AsNoTracking();

    public Task SaveAsync(string provider, IReadOnlyList<BillRecord> records, DateTimeOffset readAt, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(records);
        return records.Count == 0
            ? Task.CompletedTask
            : db.RunAsync(
                [
                    .. records.Select(record => new Statement(
                        Save,
                        [
                            provider, record.PodId, record.BucketStart.ToMillis(), record.Total.Micros, record.Gpu.Micros, record.Cpu.Micros, record.Disk.Micros,
                            readAt.ToMillis(),
                        ])),
                ],
                cancellationToken);
    }

    public async Task<IReadOnlyList<BillRecord>> ListAsync(string provider, IReadOnlyCollection<string> podIds, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(podIds);
        List<BillRecord> found = [];
        foreach (string[] some in podIds.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).Chunk(AtOnce))
        {
            List<BillingRecordRow> rows = await Records.Where(row => row.Provider == provider && some.Contains(row.PodId)).ToListAsync(cancellationToken);
            found.AddRange(rows.OrderBy(row => row.PodId, StringComparer.Ordinal).ThenBy(row => row.BucketStart).Select(row => row.ToRecord()));
        }

        return found;
    }

    public async Task<IReadOnlyList<string>> ListPodsAsync(string provider, DateTimeOffset from, DateTimeOffset until, CancellationToken cancellationToken)
    {
        (long first, long end) = (BillRecord.BucketOf(from).ToMillis(), until.ToMillis());
        List<string> pods = await Records.Where(row => row.Provider == provider && row.BucketStart >= first && row.BucketStart < end)
            .Select(row => row.PodId).Distinct()
            .ToListAsync(cancellationToken);
        return [.. pods.Order(StringComparer.Ordinal)];
    }
}
