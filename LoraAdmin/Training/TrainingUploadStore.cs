using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Training;

internal sealed class TrainingUploadStore(LoraDb db) : ITrainingUploadStore
{
    private DbSet<TrainingUploadRow> Uploads => db.Set<TrainingUploadRow>();

    public Task AddAsync(TrainingUpload upload, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(upload);
        db.AddNew(new TrainingUploadRow
        {
            Id = upload.Id,
            UserId = upload.User.Value,
            CreatedAt = upload.CreatedAt.ToMillis(),
            ClaimedBy = upload.ClaimedBy?.Value,
        });
        return Task.CompletedTask;
    }

    public async Task<TrainingUpload?> FindAsync(Guid upload, CancellationToken cancellationToken) =>
        (await Uploads.AsNoTracking().SingleOrDefaultAsync(row => row.Id == upload, cancellationToken))?.ToUpload();

    public async Task<IReadOnlySet<Guid>> FindExistingAsync(IReadOnlyCollection<Guid> uploads, CancellationToken cancellationToken)
    {
        List<Guid> wanted = [.. uploads];
        return wanted.Count == 0 ? new HashSet<Guid>() : (await Uploads.Where(row => wanted.Contains(row.Id)).Select(row => row.Id).ToListAsync(cancellationToken)).ToHashSet();
    }

    public async Task<bool> ClaimAsync(Guid upload, UserId user, JobId job, CancellationToken cancellationToken) =>
        await Uploads
            .Where(row => row.Id == upload && row.UserId == user.Value && row.ClaimedBy == null)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.ClaimedBy, (Guid?)job.Value), cancellationToken) == 1;

    public async Task<IReadOnlyList<TrainingUpload>> ListUnclaimedAsync(DateTimeOffset before, int max, CancellationToken cancellationToken)
    {
        long limit = before.ToMillis();
        List<TrainingUploadRow> rows = await Uploads.AsNoTracking()
            .Where(row => row.ClaimedBy == null && row.CreatedAt < limit)
            .OrderBy(row => row.CreatedAt).ThenBy(row => row.Id)
            .Take(max)
            .ToListAsync(cancellationToken);
        return rows.ConvertAll(row => row.ToUpload());
    }

    public async Task<IReadOnlyList<Guid>> ListClaimedByAsync(JobId job, CancellationToken cancellationToken) =>
        await Uploads.Where(row => row.ClaimedBy == job.Value).Select(row => row.Id).ToListAsync(cancellationToken);

    public Task DeleteAsync(Guid upload, CancellationToken cancellationToken) =>
        Uploads.Where(row => row.Id == upload).ExecuteDeleteAsync(cancellationToken);
}
