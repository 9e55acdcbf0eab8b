using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Training;

/// <summary>The pause that is on; no row: none is.</summary>
internal sealed class TrainingPauseRow : IEntityTypeConfiguration<TrainingPauseRow>
{
    /// <summary>The table has this one row at most.</summary>
    public const int TheOne = 1;

    public int Id { get; set; }
    public string Reason { get; set; } = "";
    public ActorKind ByKind { get; set; }
    public string ByName { get; set; } = "";
    public long PausedAt { get; set; }
    public long? PausedUntil { get; set; }

    public void Configure(EntityTypeBuilder<TrainingPauseRow> builder)
    {
        builder.ToTable("training_pause");
        builder.HasKey(row => row.Id);
        builder.Property(row => row.Id).ValueGeneratedNever();
        builder.Property(row => row.ByKind).HasConversion<WordConverter<ActorKind>>();
    }
}

/// <inheritdoc cref="ITrainingPauseStore"/>
internal sealed class TrainingPauseStore(LoraDb db) : ITrainingPauseStore
{
    public async Task<TrainingPause?> FindAsync(CancellationToken cancellationToken)
    {
        TrainingPauseRow? row = await db.Set<TrainingPauseRow>().AsNoTracking().SingleOrDefaultAsync(cancellationToken);
        return row is null
            ? null
            : new TrainingPause(row.Reason, new Actor(row.ByKind, row.ByName), Instants.FromMillis(row.PausedAt), Instants.FromMillis(row.PausedUntil));
    }

    public async Task SaveAsync(TrainingPause? pause, CancellationToken cancellationToken)
    {
        if (pause is null)
        {
            await db.Set<TrainingPauseRow>().ExecuteDeleteAsync(cancellationToken);
            return;
        }

        string kind = Words<ActorKind>.Of(pause.By.Kind);
        long since = pause.Since.ToMillis();
        long? until = pause.Until.ToMillis();
        await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO training_pause (id, reason, by_kind, by_name, paused_at, paused_until)
            VALUES ({TrainingPauseRow.TheOne}, {pause.Reason}, {kind}, {pause.By.Name}, {since}, {until})
            ON CONFLICT (id) DO UPDATE SET reason = excluded.reason, by_kind = excluded.by_kind, by_name = excluded.by_name,
                paused_at = excluded.paused_at, paused_until = excluded.paused_until
            """,
            cancellationToken);
    }
}
