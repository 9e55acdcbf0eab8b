using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Pods;

internal sealed class PodLedgerRow : IEntityTypeConfiguration<PodLedgerRow>
{
    public string Name { get; set; } = "";
    public Guid JobId { get; set; }
    public int Attempt { get; set; }
    public int Try { get; set; }
    public PodWant Want { get; set; }
    public string? WantReason { get; set; }
    public long? WantSince { get; set; }
    public FileProof Proof { get; set; }
    public long? ProofAt { get; set; }
    public PodSaw Saw { get; set; }
    public string? PodId { get; set; }
    public string GpuType { get; set; } = "";
    public long? HourlyMicros { get; set; }
    public long RequestedAt { get; set; }
    public long? CreatedAt { get; set; }
    public long? LastSeenAt { get; set; }
    public long? HeardAt { get; set; }
    public long? AbsentSince { get; set; }
    public int MissingReads { get; set; }
    public long? LiveUntil { get; set; }
    public long? GoneAt { get; set; }
    public int TerminateAttempts { get; set; }
    public long? NextActionAt { get; set; }
    public string? LastError { get; set; }
    public string? Permit { get; set; }
    public long BilledMicros { get; set; }
    public long? BilledUntil { get; set; }
    public string? EarlierPrices { get; set; }
    public string? BillHold { get; set; }
    public long? BillHoldAt { get; set; }
    public long? FetchUntil { get; set; }
    public long? NextFetchAt { get; set; }
    public int StopAttempts { get; set; }
    public long? ToldAt { get; set; }
    public long Version { get; set; }

    public void Configure(EntityTypeBuilder<PodLedgerRow> builder)
    {
        builder.ToTable("pod_ledger");
        builder.HasKey(row => row.Name);
        builder.Property(row => row.Try).HasColumnName("try_number");
        builder.Property(row => row.Want).HasConversion<WordConverter<PodWant>>();
        builder.Property(row => row.Proof).HasColumnName("file_proof").HasConversion<WordConverter<FileProof>>();
        builder.Property(row => row.Permit).HasColumnName("creation_permit");
        builder.Property(row => row.Saw).HasConversion<WordConverter<PodSaw>>();

        // Not unique: a pod that was found under a name of ours is noted beside the try whose name it bears.
        builder.HasIndex(row => new { row.JobId, row.Attempt, row.Try });

        // The sweep counts what it ended in the last hour, however long the history.
        builder.HasIndex(row => row.WantSince);
        builder.HasIndex(row => row.PodId);

        // Those of the last weeks are held against the provider's bills.
        builder.HasIndex(row => row.GoneAt, "ix_pod_ledger_gone").HasFilter("gone_at IS NOT NULL");

        // Those that no attempt of ours asked for: few, and money that nobody reserved.
        builder.HasIndex(row => row.GoneAt, "ix_pod_ledger_apart").HasFilter("gpu_type = '' OR attempt = 0");
        builder.HasIndex(row => new { row.RequestedAt, row.Name }, "ix_pod_ledger_alive").HasFilter("saw <> 'gone'");
    }

    public static PodLedgerRow From(LedgerPod pod) => new()
    {
        Name = pod.Name,
        JobId = pod.Job.Value,
        Attempt = pod.Attempt,
        Try = pod.Try,
        Want = pod.Want,
        WantReason = pod.WantReason,
        WantSince = pod.WantSince.ToMillis(),
        Proof = pod.Proof,
        ProofAt = pod.ProofAt.ToMillis(),
        Saw = pod.Saw,
        PodId = pod.PodId,
        GpuType = pod.GpuType,
        HourlyMicros = pod.HourlyRate?.Micros,
        RequestedAt = pod.RequestedAt.ToMillis(),
        CreatedAt = pod.CreatedAt.ToMillis(),
        LastSeenAt = pod.LastSeenAt.ToMillis(),
        HeardAt = pod.HeardAt.ToMillis(),
        AbsentSince = pod.AbsentSince.ToMillis(),
        MissingReads = pod.MissingReads,
        LiveUntil = pod.LiveUntil.ToMillis(),
        GoneAt = pod.GoneAt.ToMillis(),
        TerminateAttempts = pod.TerminateAttempts,
        NextActionAt = pod.NextActionAt.ToMillis(),
        LastError = pod.LastError,
        Permit = pod.Permit?.ToString(),
        BilledMicros = pod.Billed.Micros,
        BilledUntil = pod.BilledUntil.ToMillis(),
        EarlierPrices = pod.EarlierPrices?.Text,
        BillHold = pod.BillHold,
        BillHoldAt = pod.BillHoldAt.ToMillis(),
        FetchUntil = pod.FetchUntil.ToMillis(),
        NextFetchAt = pod.NextFetchAt.ToMillis(),
        StopAttempts = pod.StopAttempts,
        ToldAt = pod.ToldAt.ToMillis(),
        Version = pod.Version,
    };

    public LedgerPod ToPod() => new()
    {
        Name = Name,
        Job = new JobId(JobId),
        Attempt = Attempt,
        Try = Try,
        Want = Want,
        WantReason = WantReason,
        WantSince = Instants.FromMillis(WantSince),
        Proof = Proof,
        ProofAt = Instants.FromMillis(ProofAt),
        Saw = Saw,
        PodId = PodId,
        GpuType = GpuType,
        HourlyRate = HourlyMicros is { } rate ? new Usd(rate) : null,
        RequestedAt = Instants.FromMillis(RequestedAt),
        CreatedAt = Instants.FromMillis(CreatedAt),
        LastSeenAt = Instants.FromMillis(LastSeenAt),
        HeardAt = Instants.FromMillis(HeardAt),
        AbsentSince = Instants.FromMillis(AbsentSince),
        MissingReads = MissingReads,
        LiveUntil = Instants.FromMillis(LiveUntil),
        GoneAt = Instants.FromMillis(GoneAt),
        TerminateAttempts = TerminateAttempts,
        NextActionAt = Instants.FromMillis(NextActionAt),
        LastError = LastError,
        Permit = Permit is { } permit ? CreationPermit.Parse(permit) : null,
        Billed = new Usd(BilledMicros),
        BilledUntil = Instants.FromMillis(BilledUntil),
        EarlierPrices = EarlierPrices is { } prices ? PriceHistory.Parse(prices) : null,
        BillHold = BillHold,
        BillHoldAt = Instants.FromMillis(BillHoldAt),
        FetchUntil = Instants.FromMillis(FetchUntil),
        NextFetchAt = Instants.FromMillis(NextFetchAt),
        StopAttempts = StopAttempts,
        ToldAt = Instants.FromMillis(ToldAt),
        Version = Version,
    };
}
