using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;

namespace LoraAdmin.Tests.Training;

/// <summary>Upload rows in memory behind the unit of work, which may be away.</summary>
internal sealed class MemoryUploads : IUnitOfWork, IUnit, ITrainingUploadStore
{
    public Dictionary<Guid, TrainingUpload> Rows { get; } = [];

    public bool IsAway { get; set; }

    public IEventSink Events => throw new NotSupportedException("Staging appends no facts.");

    public TStore Store<TStore>() where TStore : class => (TStore)(object)this;

    public Task<T> RunAsync<T>(Func<IUnit, CancellationToken, Task<T>> work, CancellationToken cancellationToken) =>
        IsAway ? throw new StoreUnavailableException("The database is away.") : work(this, cancellationToken);

    public Task<T> ReadAsync<T>(Func<IUnit, CancellationToken, Task<T>> read, CancellationToken cancellationToken) => RunAsync(read, cancellationToken);

    public Task AddAsync(TrainingUpload upload, CancellationToken cancellationToken)
    {
        Rows.Add(upload.Id, upload);
        return Task.CompletedTask;
    }

    public Task<TrainingUpload?> FindAsync(Guid upload, CancellationToken cancellationToken) => Task.FromResult(Rows.GetValueOrDefault(upload));

    public Task<IReadOnlySet<Guid>> FindExistingAsync(IReadOnlyCollection<Guid> uploads, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlySet<Guid>>(uploads.Where(Rows.ContainsKey).ToHashSet());

    public Task<bool> ClaimAsync(Guid upload, UserId user, JobId job, CancellationToken cancellationToken)
    {
        bool isFree = Rows.TryGetValue(upload, out TrainingUpload? row) && row.User == user && row.ClaimedBy is null;
        if (isFree)
        {
            Rows[upload] = row! with { ClaimedBy = job };
        }

        return Task.FromResult(isFree);
    }

    public Task<IReadOnlyList<TrainingUpload>> ListUnclaimedAsync(DateTimeOffset before, int max, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<TrainingUpload>>(
            [.. Rows.Values.Where(row => row.ClaimedBy is null && row.CreatedAt < before).OrderBy(row => row.CreatedAt).Take(max)]);

    public Task<IReadOnlyList<Guid>> ListClaimedByAsync(JobId job, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<Guid>>([.. Rows.Values.Where(row => row.ClaimedBy == job).Select(row => row.Id)]);

    public Task DeleteAsync(Guid upload, CancellationToken cancellationToken)
    {
        Rows.Remove(upload);
        return Task.CompletedTask;
    }
}

/// <summary>A store whose deletes or puts fail while told so.</summary>
internal sealed class FaultyStore(IObjectStore inner) : IObjectStore
{
    public bool FailsDeletes { get; set; }

    public bool FailsPuts { get; set; }

    public Task<PutOutcome> PutAsync(ObjectRef target, Stream content, string contentType, CancellationToken cancellationToken) =>
        FailsPuts ? Task.FromResult<PutOutcome>(new PutOutcome.Failed("No room.")) : inner.PutAsync(target, content, contentType, cancellationToken);

    public Task<ObjectReading> OpenAsync(ObjectRef target, CancellationToken cancellationToken) => inner.OpenAsync(target, cancellationToken);

    public Task<bool> DeleteAsync(ObjectRef target, CancellationToken cancellationToken) =>
        FailsDeletes ? Task.FromResult(false) : inner.DeleteAsync(target, cancellationToken);
}
