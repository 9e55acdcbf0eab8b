using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Pods;

internal sealed class BalanceReadingRow : IEntityTypeConfiguration<BalanceReadingRow>
{
    public string Provider { get; set; } = "";
    public long? BalanceMicros { get; set; }
    public long? HourlyMicros { get; set; }
    public long? ReadAt { get; set; }
    public long? FailingSince { get; set; }
    public string? Failure { get; set; }
    public EventSeverity? LowTold { get; set; }
    public bool FailureTold { get; set; }

    public void Configure(EntityTypeBuilder<BalanceReadingRow> builder)
    {
        builder.ToTable("balance_readings");
        builder.HasKey(row => row.Provider);
        builder.Property(row => row.LowTold).HasConversion<WordConverter<EventSeverity>>();
    }

    public KeptBalance ToBalance() => new(
        Provider,
        BalanceMicros is { } balance && ReadAt is { } at ? new BalanceReading.Read(new Usd(balance), new Usd(HourlyMicros ?? 0), Instants.FromMillis(at)) : null,
        Instants.FromMillis(FailingSince),
        Failure)
    {
        LowTold = LowTold,
        FailureTold = FailureTold,
    };
}

/// <inheritdoc cref="IBalanceStore"/>
internal sealed class BalanceStore(LoraDb db) : IBalanceStore
{
    public async Task<KeptBalance?> FindAsync(string provider, CancellationToken cancellationToken) =>
        (await db.Set<BalanceReadingRow>().AsNoTracking().SingleOrDefaultAsync(row => row.Provider == provider, cancellationToken))?.ToBalance();

    public Task SaveAsync(KeptBalance balance, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(balance);
        (long? money, long? hourly, long? readAt) = (balance.Last?.Balance.Micros, balance.Last?.SpendPerHour.Micros, balance.Last?.At.ToMillis());
        (long? failingSince, string? failure) = (balance.FailingSince.ToMillis(), balance.Failure);
        string? low = balance.LowTold is { } told ? Words<EventSeverity>.Of(told) : null;
        return db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO balance_readings (provider, balance_micros, hourly_micros, read_at, failing_since, failure, low_told, failure_told)
            VALUES ({balance.Provider}, {money}, {hourly}, {readAt}, {failingSince}, {failure}, {low}, {balance.FailureTold})
            ON CONFLICT (provider) DO UPDATE SET balance_micros = excluded.balance_micros, hourly_micros = excluded.hourly_micros, read_at = excluded.read_at,
                failing_since = excluded.failing_since, failure = excluded.failure, low_told = excluded.low_told, failure_told = excluded.failure_told
            """,
            cancellationToken);
    }
}
