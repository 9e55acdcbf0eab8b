using System.IO.Compression;
using System.Text.Json;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Pods;

internal sealed class AccountLookRow : IEntityTypeConfiguration<AccountLookRow>
{
    public string Provider { get; set; } = "";
    public long Number { get; set; }
    public long? ListedAt { get; set; }

    /// <summary>Packed JSON: an account can have ten thousand of them, and each look writes them.</summary>
    public byte[] Pods { get; set; } = [];
    public int HeldBack { get; set; }
    public long? FailingSince { get; set; }

    /// <summary>JSON; null while listing works.</summary>
    public string? Error { get; set; }

    public void Configure(EntityTypeBuilder<AccountLookRow> builder)
    {
        builder.ToTable("account_looks");
        builder.HasKey(row => row.Provider);
    }
}

/// <inheritdoc cref="IAccountLookStore"/>
internal sealed class AccountLookStore(LoraDb db) : IAccountLookStore
{
    private const string RunPod = "runpod";

    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private IQueryable<AccountLookRow> Looks => db.Set<AccountLookRow>().AsNoTracking().Where(row => row.Provider == RunPod);

    public Task<long> FindNumberAsync(CancellationToken cancellationToken) => Looks.Select(row => row.Number).SingleOrDefaultAsync(cancellationToken);

    public async Task<AccountLook> FindAsync(CancellationToken cancellationToken) =>
        await Looks.SingleOrDefaultAsync(cancellationToken) is { } row
            ? new AccountLook(
                row.Number,
                Instants.FromMillis(row.ListedAt),
                Unpack(row.Pods),
                row.HeldBack,
                Instants.FromMillis(row.FailingSince),
                row.Error is { } error ? JsonSerializer.Deserialize<ErrorText>(error, Json)!.ToError() : null)
            : AccountLook.None;

    public async Task<bool> TryWriteAsync(AccountLook look, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(look);
        byte[] pods = Pack(look.Pods);
        return await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO account_looks (provider, number, listed_at, pods, held_back)
            VALUES ({RunPod}, {look.Number}, {look.ListedAt.ToMillis()}, {pods}, {look.HeldBack})
            ON CONFLICT (provider) DO UPDATE SET number = excluded.number, listed_at = excluded.listed_at, pods = excluded.pods,
                held_back = excluded.held_back, failing_since = NULL, error = NULL
            WHERE account_looks.number = excluded.number - 1
            """,
            cancellationToken) > 0;
    }

    public async Task<bool> TryNoteFailureAsync(long number, DateTimeOffset at, ProviderError error, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(error);
        string text = JsonSerializer.Serialize(ErrorText.Of(error), Json);
        byte[] none = Pack([]);
        return await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO account_looks (provider, number, pods, held_back, failing_since, error)
            VALUES ({RunPod}, {number}, {none}, 0, {at.ToMillis()}, {text})
            ON CONFLICT (provider) DO UPDATE SET number = excluded.number, error = excluded.error,
                failing_since = COALESCE(account_looks.failing_since, excluded.failing_since)
            WHERE account_looks.number = excluded.number - 1
            """,
            cancellationToken) > 0;
    }

    /// <summary>Piece by piece: a text of all pods would be megabytes, several times over.</summary>
    private static byte[] Pack(IReadOnlyList<ListedPod> pods)
    {
        using MemoryStream packed = new();
        using (GZipStream zip = new(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            JsonSerializer.Serialize(zip, pods.Select(PodText.Of), Json);
        }

        return packed.ToArray();
    }

    private static IReadOnlyList<ListedPod> Unpack(byte[] packed)
    {
        using GZipStream zip = new(new MemoryStream(packed), CompressionMode.Decompress);
        return [.. (JsonSerializer.Deserialize<IReadOnlyList<PodText>>(zip, Json) ?? []).Select(static pod => pod.ToPod())];
    }

    /// <summary>A pod as it stands in the row: instants as milliseconds, the provider's status as our word.</summary>
    private sealed record PodText(
        string Id, string Name, string Status, string StatusText, string? Gpu, long Hourly, long? CreatedAt, long? StartedAt, bool Locked, bool Known)
    {
        public static PodText Of(ListedPod listed)
        {
            ProviderPod pod = listed.Pod;
            return new(
                pod.Id,
                pod.Name,
                Words<ProviderPodStatus>.Of(pod.Status),
                pod.StatusText,
                pod.GpuType,
                pod.HourlyRate.Micros,
                pod.CreatedAt.ToMillis(),
                pod.StartedAt.ToMillis(),
                pod.Locked,
                listed.IsKnown);
        }

        public ListedPod ToPod() => new(
            new ProviderPod(
                Id, Name, Words<ProviderPodStatus>.Parse(Status), StatusText, Gpu, new Usd(Hourly), Instants.FromMillis(CreatedAt), Instants.FromMillis(StartedAt), Locked),
            Known);
    }

    private sealed record ErrorText(string Failure, int? Status, string Detail, long? RetryAfterMs, string? RequestId)
    {
        public static ErrorText Of(ProviderError error) =>
            new(Words<ProviderFailure>.Of(error.Failure), error.Status, error.Detail, (long?)error.RetryAfter?.TotalMilliseconds, error.RequestId);

        public ProviderError ToError() =>
            new(Words<ProviderFailure>.Parse(Failure), Status, Detail, RetryAfterMs is { } wait ? TimeSpan.FromMilliseconds(wait) : null, RequestId);
    }
}
