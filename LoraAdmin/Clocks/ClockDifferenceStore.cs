using LoraAdmin.Domain.Clocks;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Clocks;

internal sealed class ClockDifferenceRow : IEntityTypeConfiguration<ClockDifferenceRow>
{
    public string Instance { get; set; } = "";
    public string Subject { get; set; } = "";
    public string Host { get; set; } = "";
    public ClockGrade Grade { get; set; }
    public long AheadMs { get; set; }
    public long SeenAt { get; set; }

    public void Configure(EntityTypeBuilder<ClockDifferenceRow> builder)
    {
        builder.ToTable("clock_differences");
        builder.HasKey(row => new { row.Instance, row.Subject });
        builder.Property(row => row.Grade).HasConversion<WordConverter<ClockGrade>>();
    }
}

/// <inheritdoc cref="IClockDifferenceStore"/>
internal sealed class ClockDifferenceStore(LoraDb db) : IClockDifferenceStore
{
    public async Task<IReadOnlyList<ClockDifference>> ListAsync(CancellationToken cancellationToken)
    {
        List<ClockDifferenceRow> rows = await db.Set<ClockDifferenceRow>().AsNoTracking()
            .OrderBy(row => row.Instance).ThenBy(row => row.Subject)
            .ToListAsync(cancellationToken);
        return rows.ConvertAll(static row => new ClockDifference(
            row.Instance, row.Subject, row.Host, row.Grade, TimeSpan.FromMilliseconds(row.AheadMs), Instants.FromMillis(row.SeenAt)));
    }

    public Task SaveAsync(ClockDifference difference, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(difference);
        string grade = Words<ClockGrade>.Of(difference.Grade);
        long ahead = (long)difference.Ahead.TotalMilliseconds;
        return db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO clock_differences (instance, subject, host, grade, ahead_ms, seen_at)
            VALUES ({difference.Instance}, {difference.Subject}, {difference.Host}, {grade}, {ahead}, {difference.SeenAt.ToMillis()})
            ON CONFLICT (instance, subject) DO UPDATE SET
                host = excluded.host, grade = excluded.grade, ahead_ms = excluded.ahead_ms, seen_at = excluded.seen_at
            """,
            cancellationToken);
    }

    public async Task<bool> DeleteAsync(string instance, string subject, CancellationToken cancellationToken) =>
        await db.Set<ClockDifferenceRow>().Where(row => row.Instance == instance && row.Subject == subject).ExecuteDeleteAsync(cancellationToken) > 0;
}
