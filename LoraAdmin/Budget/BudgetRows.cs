using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Budget;

internal sealed class BudgetMonthRow : IEntityTypeConfiguration<BudgetMonthRow>
{
    /// <summary><c>2026-11</c>.</summary>
    public string Month { get; set; } = "";

    /// <summary>The limit that the last reservation was held against.</summary>
    public long LimitMicros { get; set; }

    public long SpentMicros { get; set; }
    public long ReservedMicros { get; set; }

    /// <summary>
    /// The limit that was set over the options, copied from <see cref="BudgetLimitRow"/>: an admission that waits for this row goes by what stands in it
    /// when its turn comes, while any other table it would see as it was before it waited.
    /// </summary>
    public long? OverrideMicros { get; set; }

    public BudgetMode? OverrideMode { get; set; }

    public void Configure(EntityTypeBuilder<BudgetMonthRow> builder)
    {
        builder.ToTable("budget_months");
        builder.HasKey(row => row.Month);
        builder.Property(row => row.OverrideMode).HasConversion<WordConverter<BudgetMode>>();
    }
}

internal sealed class BudgetReservationRow : IEntityTypeConfiguration<BudgetReservationRow>
{
    public Guid Id { get; set; }
    public Guid JobId { get; set; }
    public int Attempt { get; set; }
    public string Month { get; set; } = "";
    public long AmountMicros { get; set; }
    public long CreatedAt { get; set; }
    public long AccruedMicros { get; set; }
    public long? AccruedAt { get; set; }
    public long BeyondMicros { get; set; }
    public long? ActualMicros { get; set; }
    public long? SettledAt { get; set; }
    public long? TrainingMicros { get; set; }
    public long? ValidationMicros { get; set; }
    public long? FailedMicros { get; set; }
    public long? IdleMicros { get; set; }

    public void Configure(EntityTypeBuilder<BudgetReservationRow> builder)
    {
        builder.ToTable("budget_reservations");
        builder.HasKey(row => row.Id);
        builder.Property(row => row.Id).ValueGeneratedNever();
        builder.Property(row => row.AccruedMicros).HasDefaultValue(0L);
        builder.Property(row => row.BeyondMicros).HasDefaultValue(0L);
        builder.HasOne<BudgetMonthRow>().WithMany().HasForeignKey(row => row.Month);
        builder.HasIndex(row => new { row.JobId, row.Attempt }).IsUnique();
        builder.HasIndex(row => new { row.CreatedAt, row.Id }, "ix_budget_reservations_open").HasFilter("settled_at IS NULL");
    }

    public static BudgetReservationRow From(Reservation reservation) => new()
    {
        Id = reservation.Id,
        JobId = reservation.Job.Value,
        Attempt = reservation.Attempt,
        Month = reservation.Month.ToString(),
        AmountMicros = reservation.Amount.Micros,
        CreatedAt = reservation.CreatedAt.ToMillis(),
        AccruedMicros = reservation.Accrued.Micros,
        AccruedAt = reservation.AccruedAt.ToMillis(),
        BeyondMicros = reservation.Beyond.Micros,
        ActualMicros = reservation.Actual?.Micros,
        SettledAt = reservation.SettledAt.ToMillis(),
        TrainingMicros = reservation.Split?.Training.Micros,
        ValidationMicros = reservation.Split?.Validation.Micros,
        FailedMicros = reservation.Split?.Failed.Micros,
        IdleMicros = reservation.Split?.Idle.Micros,
    };

    public Reservation ToReservation() => new(
        Id,
        new JobId(JobId),
        Attempt,
        Domain.Shared.Month.Parse(Month),
        new Usd(AmountMicros),
        Instants.FromMillis(CreatedAt),
        ActualMicros is { } actual ? new Usd(actual) : null,
        Instants.FromMillis(SettledAt))
    {
        Accrued = new Usd(AccruedMicros),
        AccruedAt = Instants.FromMillis(AccruedAt),
        Beyond = new Usd(BeyondMicros),
        Split = TrainingMicros is { } training
            ? new CostSplit(new Usd(training), new Usd(ValidationMicros ?? 0), new Usd(FailedMicros ?? 0), new Usd(IdleMicros ?? 0))
            : null,
    };
}

/// <summary>The ledger: append-only. The key is what makes an entry the only one of its kind, so it is the row's own.</summary>
internal sealed class BudgetEntryRow : IEntityTypeConfiguration<BudgetEntryRow>
{
    public string Key { get; set; } = "";
    public string Month { get; set; } = "";
    public long At { get; set; }
    public EntryKind Kind { get; set; }
    public long SpentMicros { get; set; }
    public long ReservedMicros { get; set; }
    public Guid? JobId { get; set; }
    public int? Attempt { get; set; }
    public string? Pod { get; set; }
    public string? Provider { get; set; }
    public CostPurpose? Purpose { get; set; }
    public string? Note { get; set; }

    public void Configure(EntityTypeBuilder<BudgetEntryRow> builder)
    {
        builder.ToTable("budget_entries");
        builder.HasKey(row => row.Key);
        builder.Property(row => row.Kind).HasConversion<WordConverter<EntryKind>>();
        builder.Property(row => row.Purpose).HasConversion<WordConverter<CostPurpose>>();
        builder.HasIndex(row => new { row.Month, row.At, row.Key });

        // The ledger's page finds a month's few leaks and corrections without reading the whole month.
        builder.HasIndex(row => new { row.Month, row.Kind, row.At, row.Key }).HasFilter(LedgerStatements.IsRare);
        builder.HasIndex(row => row.JobId);
        builder.HasIndex(row => row.Pod).HasFilter("pod IS NOT NULL");
    }

    public static BudgetEntryRow From(BudgetEntry entry) => new()
    {
        Key = entry.Key,
        Month = entry.Month.ToString(),
        At = entry.At.ToMillis(),
        Kind = entry.Kind,
        SpentMicros = entry.Spent.Micros,
        ReservedMicros = entry.Reserved.Micros,
        JobId = entry.Job?.Value,
        Attempt = entry.Attempt,
        Pod = entry.Pod,
        Provider = entry.Provider,
        Purpose = entry.Purpose,
        Note = entry.Note,
    };

    public BudgetEntry ToEntry() => new()
    {
        Key = Key,
        Month = Domain.Shared.Month.Parse(Month),
        At = Instants.FromMillis(At),
        Kind = Kind,
        Spent = new Usd(SpentMicros),
        Reserved = new Usd(ReservedMicros),
        Job = JobId is { } job ? new JobId(job) : null,
        Attempt = Attempt,
        Pod = Pod,
        Provider = Provider,
        Purpose = Purpose,
        Note = Note,
    };
}

/// <summary>The entries of a day, added up in the transaction that writes them.</summary>
internal sealed class BudgetDayRow : IEntityTypeConfiguration<BudgetDayRow>
{
    /// <summary>Purpose of entries that have none.</summary>
    public const string NoPurpose = "";

    /// <summary><c>2026-11-26</c>: the day of the entries' instants, in UTC.</summary>
    public string Day { get; set; } = "";

    /// <summary>The month that the entries count in: of an old reservation it is an earlier one than the day's.</summary>
    public string Month { get; set; } = "";

    public EntryKind Kind { get; set; }

    /// <summary>A word of <see cref="CostPurpose"/>, or <see cref="NoPurpose"/>.</summary>
    public string Purpose { get; set; } = "";

    public long Count { get; set; }
    public long SpentMicros { get; set; }
    public long ReservedMicros { get; set; }

    public void Configure(EntityTypeBuilder<BudgetDayRow> builder)
    {
        builder.ToTable("budget_days");
        builder.HasKey(row => new { row.Day, row.Month, row.Kind, row.Purpose });
        builder.Property(row => row.Kind).HasConversion<WordConverter<EntryKind>>();
        builder.Property(row => row.Count).HasColumnName("entries");
        builder.HasIndex(row => row.Month);
    }
}
