using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Library;

/// <inheritdoc cref="ILoraFiles"/>
internal sealed class LoraFileStore(LoraDb db) : ILoraFiles
{
    private DbSet<LoraModelRow> Models => db.Set<LoraModelRow>();

    public async Task<IReadOnlySet<LoraId>> FindExistingAsync(IReadOnlyCollection<LoraId> ids, CancellationToken cancellationToken)
    {
        List<Guid> wanted = [.. ids.Select(id => id.Value)];
        List<Guid> found = wanted.Count == 0 ? [] : await Models.Where(row => wanted.Contains(row.Id)).Select(row => row.Id).ToListAsync(cancellationToken);
        return found.Select(id => new LoraId(id)).ToHashSet();
    }

    public async Task<IReadOnlySet<string>> FindPathsAsync(IReadOnlyCollection<string> paths, CancellationToken cancellationToken)
    {
        List<string?> wanted = [.. paths];
        List<string?> found = await Models.Where(row => wanted.Contains(row.StoragePath)).Select(row => row.StoragePath).ToListAsync(cancellationToken);
        return found.OfType<string>().ToHashSet(StringComparer.Ordinal);
    }

    public async Task<IReadOnlySet<string>> ListImageKeysAsync(IReadOnlyCollection<LoraId> ids, CancellationToken cancellationToken)
    {
        if (ids.Count == 0)
        {
            return new HashSet<string>(StringComparer.Ordinal);
        }

        List<Guid> wanted = [.. ids.Select(id => id.Value)];
        List<string> own = await db.Set<ValidationImageRow>().Where(row => wanted.Contains(row.LoraId)).Select(row => row.Key).ToListAsync(cancellationToken);
        List<LoraModelRow> rows = await Models.AsNoTracking().Where(row => wanted.Contains(row.Id)).ToListAsync(cancellationToken);
        return own.Concat(rows.SelectMany(row => row.ToImageKeys())).ToHashSet(StringComparer.Ordinal);
    }

    public async Task<IReadOnlyList<StoredLora>> ListCompletedAsync(StoredLora? after, int most, CancellationToken cancellationToken)
    {
        // In the order of bytes, as object stores list: a database's own order of texts may be a language's.
        string path = db.IsPostgres ? "COALESCE(storage_path, '') COLLATE \"C\"" : "COALESCE(storage_path, '')";
        Statement statement = new(
            $"""
            SELECT CAST(id AS TEXT), CAST(user_id AS TEXT), COALESCE(storage_path, '') FROM lora_models
            WHERE status = 'completed' AND ({path} > $1 OR ({path} = $1 AND CAST(id AS TEXT) > $2))
            ORDER BY {path}, CAST(id AS TEXT) LIMIT $3
            """,
            [after?.Path ?? "", after?.Id.ToString() ?? "", most])
        {
            Returns = true,
        };
        return
        [
            .. (await db.RunAsync([statement], cancellationToken))[0].Rows.Select(row => new StoredLora(
                new LoraId(Guid.Parse((string)row[0])), new UserId(Guid.Parse((string)row[1])), (string)row[2])),
        ];
    }
}
