using LoraAdmin.Domain.Access;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Access;

internal sealed class ApiTokenRow : IEntityTypeConfiguration<ApiTokenRow>
{
    public Guid Id { get; set; }
    public string Name { get; set; } = "";
    public string Sha256 { get; set; } = "";

    /// <summary>Words parted by spaces.</summary>
    public string Scopes { get; set; } = "";

    public long CreatedAt { get; set; }
    public long? ExpiresAt { get; set; }
    public long? RevokedAt { get; set; }

    public void Configure(EntityTypeBuilder<ApiTokenRow> builder)
    {
        builder.ToTable("api_tokens");
        builder.HasKey(row => row.Id);
        builder.Property(row => row.Id).ValueGeneratedNever();
        builder.HasIndex(row => row.Sha256).IsUnique();
        builder.HasIndex(row => row.Name).IsUnique();
    }
}

internal sealed class SignInLinkRow : IEntityTypeConfiguration<SignInLinkRow>
{
    public string Sha256 { get; set; } = "";
    public long CreatedAt { get; set; }
    public long ExpiresAt { get; set; }
    public long? SpentAt { get; set; }

    public void Configure(EntityTypeBuilder<SignInLinkRow> builder)
    {
        builder.ToTable("sign_in_links");
        builder.HasKey(row => row.Sha256);
    }
}

internal sealed class SignInSessionRow : IEntityTypeConfiguration<SignInSessionRow>
{
    public Guid Id { get; set; }
    public string Person { get; set; } = "";
    public long CreatedAt { get; set; }
    public long EndsAt { get; set; }
    public long? EndedAt { get; set; }

    public void Configure(EntityTypeBuilder<SignInSessionRow> builder)
    {
        builder.ToTable("sign_in_sessions");
        builder.HasKey(row => row.Id);
        builder.Property(row => row.Id).ValueGeneratedNever();
    }
}

internal sealed class AccessStore(LoraDb db) : IAccessStore
{
    /// <summary>Spent and expired links, and ended sessions, tell for a day, to whoever looks, that they were made.</summary>
    private static readonly TimeSpan KeepEndedFor = TimeSpan.FromDays(1);

    private DbSet<ApiTokenRow> Tokens => db.Set<ApiTokenRow>();

    private DbSet<SignInLinkRow> Links => db.Set<SignInLinkRow>();

    private DbSet<SignInSessionRow> Sessions => db.Set<SignInSessionRow>();

    public static Task<int> DeleteEndedLinksAsync(LoraDb db, DateTimeOffset now, CancellationToken cancellationToken)
    {
        long ended = (now - KeepEndedFor).ToMillis();
        return db.Set<SignInLinkRow>().Where(row => row.ExpiresAt < ended || row.SpentAt < ended).ExecuteDeleteAsync(cancellationToken);
    }

    public static Task<int> DeleteEndedSessionsAsync(LoraDb db, DateTimeOffset now, CancellationToken cancellationToken)
    {
        long ended = (now - KeepEndedFor).ToMillis();
        return db.Set<SignInSessionRow>().Where(row => row.EndsAt < ended || row.EndedAt < ended).ExecuteDeleteAsync(cancellationToken);
    }

    public async Task<ApiToken?> FindTokenAsync(string sha256, CancellationToken cancellationToken)
    {
        ApiTokenRow? row = await Tokens.AsNoTracking().SingleOrDefaultAsync(token => token.Sha256 == sha256, cancellationToken);
        return row is null
            ? null
            : new ApiToken(
                row.Id,
                row.Name,
                row.Sha256,
                row.Scopes.Split(' ', StringSplitOptions.RemoveEmptyEntries),
                Instants.FromMillis(row.CreatedAt),
                Instants.FromMillis(row.ExpiresAt),
                Instants.FromMillis(row.RevokedAt));
    }

    public async Task SaveTokenAsync(ApiToken token, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(token);
        await Tokens.Where(row => row.Name == token.Name).ExecuteDeleteAsync(cancellationToken);
        db.AddNew(new ApiTokenRow
        {
            Id = token.Id,
            Name = token.Name,
            Sha256 = token.Sha256,
            Scopes = string.Join(' ', token.Scopes),
            CreatedAt = token.CreatedAt.ToMillis(),
            ExpiresAt = token.ExpiresAt.ToMillis(),
            RevokedAt = token.RevokedAt.ToMillis(),
        });
    }

    public async Task<bool> RevokeTokenAsync(string name, DateTimeOffset now, CancellationToken cancellationToken) =>
        await Tokens
            .Where(row => row.Name == name && row.RevokedAt == null)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.RevokedAt, (long?)now.ToMillis()), cancellationToken) == 1;

    public Task AddSignInLinkAsync(string sha256, DateTimeOffset createdAt, DateTimeOffset expiresAt, CancellationToken cancellationToken)
    {
        db.AddNew(new SignInLinkRow { Sha256 = sha256, CreatedAt = createdAt.ToMillis(), ExpiresAt = expiresAt.ToMillis() });
        return Task.CompletedTask;
    }

    public async Task<bool> SpendSignInLinkAsync(string sha256, DateTimeOffset now, CancellationToken cancellationToken)
    {
        long at = now.ToMillis();
        return await Links
            .Where(row => row.Sha256 == sha256 && row.SpentAt == null && row.ExpiresAt > at)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.SpentAt, (long?)at), cancellationToken) == 1;
    }
    public Task AddSessionAsync(SignInSession session, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(session);
        db.AddNew(new SignInSessionRow
        {
            Id = session.Id,
            Person = session.Person,
            CreatedAt = session.CreatedAt.ToMillis(),
            EndsAt = session.EndsAt.ToMillis(),
            EndedAt = session.EndedAt.ToMillis(),
        });
        return Task.CompletedTask;
    }

    public async Task<IReadOnlyList<SignInSession>> ListSessionsAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken)
    {
        List<SignInSessionRow> rows = await Sessions.AsNoTracking().Where(row => ids.Contains(row.Id)).ToListAsync(cancellationToken);
        return
        [
            .. rows.Select(static row => new SignInSession(
                row.Id, row.Person, Instants.FromMillis(row.CreatedAt), Instants.FromMillis(row.EndsAt), Instants.FromMillis(row.EndedAt))),
        ];
    }

    public async Task<bool> EndSessionAsync(Guid id, DateTimeOffset now, CancellationToken cancellationToken) =>
        await Sessions
            .Where(row => row.Id == id && row.EndedAt == null)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.EndedAt, (long?)now.ToMillis()), cancellationToken) == 1;
}
