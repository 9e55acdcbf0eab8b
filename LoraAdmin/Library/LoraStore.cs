using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Library;

internal sealed class LoraStore(LoraDb db) : ILoraStore
{
    private DbSet<LoraModelRow> Models => db.Set<LoraModelRow>();

    private DbSet<ValidationImageRow> Images => db.Set<ValidationImageRow>();

    public Task AddAsync(Lora lora, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(lora);
        db.AddNew(LoraModelRow.From(lora));
        return Task.CompletedTask;
    }

    public async Task<Lora?> FindAsync(LoraId id, CancellationToken cancellationToken)
    {
        LoraModelRow? row = await Models.AsNoTracking().SingleOrDefaultAsync(model => model.Id == id.Value, cancellationToken);
        return row?.ToLora();
    }

    public async Task SaveAsync(Lora lora, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(lora);
        LoraModelRow next = LoraModelRow.From(lora);
        int written = await Models.Where(row => row.Id == next.Id).ExecuteUpdateAsync(
            set => set
                .SetProperty(row => row.CreatorEmail, next.CreatorEmail)
                .SetProperty(row => row.CreatorName, next.CreatorName)
                .SetProperty(row => row.Name, next.Name)
                .SetProperty(row => row.Status, next.Status)
                .SetProperty(row => row.StoragePath, next.StoragePath)
                .SetProperty(row => row.FileSizeBytes, next.FileSizeBytes)
                .SetProperty(row => row.FileSha256, next.FileSha256)
                .SetProperty(row => row.ErrorMessage, next.ErrorMessage)
                .SetProperty(row => row.IsPrivate, next.IsPrivate)
                .SetProperty(row => row.LastUsedAt, next.LastUsedAt)
                .SetProperty(row => row.UpdatedAt, next.UpdatedAt),
            cancellationToken);
        if (written == 0)
        {
            throw new InvalidOperationException($"There is no LoRA {lora.Id}.");
        }
    }

    public async Task SaveValidationImagesAsync(LoraId lora, IReadOnlyList<ValidationImage> images, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(images);
        foreach (IGrouping<int, ValidationImage> attempt in images.GroupBy(image => image.Attempt))
        {
            int[] indexes = [.. attempt.Select(image => image.Index)];
            await Images.Where(row => row.LoraId == lora.Value && row.Attempt == attempt.Key && indexes.Contains(row.Index)).ExecuteDeleteAsync(cancellationToken);
        }

        db.AddNew(images.Select(ValidationImageRow.From));
        IReadOnlyList<ValidationImage> all = await ListValidationImagesAsync(lora, cancellationToken);
        List<string> keys = [.. all.OfStoredAttempt().Where(image => !image.IsPending).Select(image => image.Key)];
        await Models.Where(row => row.Id == lora.Value)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.ValidationImageUrls, keys), cancellationToken);
    }

    public async Task<IReadOnlyList<ValidationImage>> ListValidationImagesAsync(LoraId lora, CancellationToken cancellationToken)
    {
        List<ValidationImageRow> rows = await Images.AsNoTracking()
            .Where(row => row.LoraId == lora.Value)
            .OrderBy(row => row.Attempt).ThenBy(row => row.Index)
            .ToListAsync(cancellationToken);
        return rows.ConvertAll(row => row.ToImage());
    }
}
