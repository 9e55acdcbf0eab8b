using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Pods;

internal sealed class PodClaimRow : IEntityTypeConfiguration<PodClaimRow>
{
    public string PodId { get; set; } = "";
    public ClaimVerdict Verdict { get; set; }
    public ActorKind ByKind { get; set; }
    public string ByName { get; set; } = "";
    public string Reason { get; set; } = "";
    public long ClaimedAt { get; set; }

    public void Configure(EntityTypeBuilder<PodClaimRow> builder)
    {
        builder.ToTable("pod_claims");
        builder.HasKey(row => row.PodId);
        builder.Property(row => row.Verdict).HasConversion<WordConverter<ClaimVerdict>>();
        builder.Property(row => row.ByKind).HasConversion<WordConverter<ActorKind>>();
    }

    public PodClaim ToClaim() => new(PodId, Verdict, new Actor(ByKind, ByName), Reason, Instants.FromMillis(ClaimedAt));
}

/// <inheritdoc cref="IPodClaimStore"/>
internal sealed class PodClaimStore(LoraDb db) : IPodClaimStore
{
    private static readonly CompiledQuery<Func<LoraDb, IAsyncEnumerable<PodClaimRow>>> Every = new(
        static () => EF.CompileAsyncQuery<LoraDb, PodClaimRow>(
            db => db.Set<PodClaimRow>().AsNoTracking().OrderBy(row => row.ClaimedAt).ThenBy(row => row.PodId)));

    public Task<IReadOnlyList<PodClaim>> ListAsync(CancellationToken cancellationToken) =>
        Every.For(db)(db).ListAsync(static row => row.ToClaim(), cancellationToken);

    public async Task<PodClaim?> FindAsync(string podId, CancellationToken cancellationToken) =>
        (await db.Set<PodClaimRow>().AsNoTracking().SingleOrDefaultAsync(row => row.PodId == podId, cancellationToken))?.ToClaim();

    public Task SaveAsync(PodClaim claim, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(claim);
        string verdict = Words<ClaimVerdict>.Of(claim.Verdict);
        string kind = Words<ActorKind>.Of(claim.By.Kind);
        long at = claim.At.ToMillis();
        return db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO pod_claims (pod_id, verdict, by_kind, by_name, reason, claimed_at)
            VALUES ({claim.PodId}, {verdict}, {kind}, {claim.By.Name}, {claim.Reason}, {at})
            ON CONFLICT (pod_id) DO UPDATE SET verdict = excluded.verdict, by_kind = excluded.by_kind, by_name = excluded.by_name,
                reason = excluded.reason, claimed_at = excluded.claimed_at
            """,
            cancellationToken);
    }
}
