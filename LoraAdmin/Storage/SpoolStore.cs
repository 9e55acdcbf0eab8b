using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Storage;

internal sealed class SpoolFileRow : IEntityTypeConfiguration<SpoolFileRow>
{
    public Guid JobId { get; set; }
    public int Attempt { get; set; }
    public string Instance { get; set; } = "";
    public string Name { get; set; } = "";
    public long SizeBytes { get; set; }
    public string Sha256 { get; set; } = "";
    public long VerifiedAt { get; set; }

    public void Configure(EntityTypeBuilder<SpoolFileRow> builder)
    {
        builder.ToTable("spool_files");
        builder.HasKey(row => row.JobId);
        builder.Property(row => row.JobId).ValueGeneratedNever();
        builder.HasIndex(row => row.Instance);
    }
}

/// <summary>One proven file per job: a later attempt's file takes the place of an earlier one's.</summary>
internal sealed class SpoolStore(LoraDb db) : ISpoolStore
{
    private DbSet<SpoolFileRow> Files => db.Set<SpoolFileRow>();

    public async Task SaveAsync(SpoolEntry entry, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(entry);
        await DeleteAsync(entry.Job, cancellationToken);
        db.AddNew(new SpoolFileRow
        {
            JobId = entry.Job.Value,
            Attempt = entry.Attempt,
            Instance = entry.Instance,
            Name = entry.Name,
            SizeBytes = entry.SizeBytes,
            Sha256 = entry.Sha256,
            VerifiedAt = entry.VerifiedAt.ToMillis(),
        });
    }

    public async Task<SpoolEntry?> FindAsync(JobId job, CancellationToken cancellationToken)
    {
        SpoolFileRow? row = await Files.AsNoTracking().SingleOrDefaultAsync(file => file.JobId == job.Value, cancellationToken);
        return row is null ? null : EntryOf(row);
    }

    public async Task<IReadOnlyList<SpoolEntry>> ListAsync(string instance, CancellationToken cancellationToken)
    {
        List<SpoolFileRow> rows = await Files.AsNoTracking()
            .Where(file => file.Instance == instance)
            .OrderBy(file => file.VerifiedAt).ThenBy(file => file.JobId)
            .ToListAsync(cancellationToken);
        return rows.ConvertAll(EntryOf);
    }

    public Task DeleteAsync(JobId job, CancellationToken cancellationToken) =>
        Files.Where(row => row.JobId == job.Value).ExecuteDeleteAsync(cancellationToken);

    private static SpoolEntry EntryOf(SpoolFileRow row) => new(
        new JobId(row.JobId), row.Attempt, row.Instance, row.Name, row.SizeBytes, row.Sha256, Instants.FromMillis(row.VerifiedAt));
}
