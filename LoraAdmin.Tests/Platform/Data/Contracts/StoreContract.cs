using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.Doubles;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data.Contracts;

/// <summary>
/// What every set of stores has to do, whatever it keeps rows in. Written against the ports only; each suite is inherited once per kind of store.
/// </summary>
public abstract class StoreContract : IAsyncLifetime
{
    protected static readonly DateTimeOffset Start = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    private readonly SeededIds ids = new(7);
    private IAsyncDisposable? owner;
    private IUnitOfWork? work;

    protected IUnitOfWork Work => work ?? throw new InvalidOperationException("Not initialised.");

    protected static CancellationToken None => CancellationToken.None;

    /// <summary>Fresh, empty stores, and what to dispose afterwards.</summary>
    protected abstract ValueTask<(IUnitOfWork Work, IAsyncDisposable? Owner)> CreateAsync();

    public async ValueTask InitializeAsync() => (work, owner) = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        if (owner is not null)
        {
            await owner.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    protected Guid NextId() => ids.Next();

    protected JobId NextJob() => new(NextId());

    protected UserId NextUser() => new(NextId());

    /// <summary>Runs one store call in a transaction of its own.</summary>
    protected Task<T> In<TStore, T>(Func<TStore, Task<T>> call) where TStore : class =>
        Work.RunAsync((unit, _) => call(unit.Store<TStore>()), None);

    /// <inheritdoc cref="In{TStore,T}"/>
    protected Task In<TStore>(Func<TStore, Task> call) where TStore : class =>
        Work.RunAsync((unit, _) => call(unit.Store<TStore>()), None);

    protected Task<T> Read<TStore, T>(Func<TStore, Task<T>> call) where TStore : class =>
        Work.ReadAsync((unit, _) => call(unit.Store<TStore>()), None);

    protected TrainingJob NewJob(DateTimeOffset? due = null) => new()
    {
        Id = NextJob(),
        LoraId = new LoraId(NextId()),
        UserId = NextUser(),
        Name = "Mara",
        CreatorEmail = "mara@example.org",
        State = TrainingState.Queued,
        StateSince = Start,
        CreatedAt = Start,
        UpdatedAt = Start,
        Attempt = 1,
        Admission = 1,
        DueAt = due ?? Start,
    };

    protected async Task<TrainingJob> AddedJob(DateTimeOffset? due = null)
    {
        TrainingJob job = NewJob(due);
        await In<ITrainingStore>(store => store.AddAsync(job, [], null, None));
        return job;
    }

    protected Lora NewLora() => new()
    {
        Id = new LoraId(NextId()),
        UserId = NextUser(),
        CreatorEmail = "mara@example.org",
        Name = "Mara",
        Status = LoraStatus.Training,
        CreatedAt = Start,
        UpdatedAt = Start,
    };

    protected static OperationalEvent Fact(JobId? job = null, string kind = TrainingEvents.Accepted) => new()
    {
        Kind = kind,
        Message = "Something happened.",
        Actor = Actor.Portal("tests"),
        Job = job,
    };
}
