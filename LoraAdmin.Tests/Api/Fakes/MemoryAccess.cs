using System.Collections.Concurrent;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Tests.Api.Fakes;

/// <summary>Tokens, links and LoRAs in memory behind a unit of work that can go away.</summary>
public sealed class MemoryAccess : IUnitOfWork, IUnit, IAccessStore, ILoraStore, IEventSink
{
    private readonly ConcurrentDictionary<string, ApiToken> tokens = new();
    private readonly ConcurrentDictionary<string, DateTimeOffset> links = new();
    private readonly ConcurrentDictionary<LoraId, Lora> loras = new();
    private readonly ConcurrentDictionary<LoraId, IReadOnlyList<ValidationImage>> images = new();
    private readonly ConcurrentDictionary<Guid, SignInSession> sessions = new();
    private int reads;

    public bool Away { get; set; }

    public int Reads => reads;

    public IReadOnlyCollection<ApiToken> Tokens => [.. tokens.Values];

    public IReadOnlyCollection<SignInSession> Sessions => [.. sessions.Values];

    public IReadOnlyCollection<string> LinkHashes => [.. links.Keys];

    public IEventSink Events => this;

    public Task<T> RunAsync<T>(Func<IUnit, CancellationToken, Task<T>> work, CancellationToken cancellationToken) =>
        Away ? throw new StoreUnavailableException("The database is away.") : work(this, cancellationToken);

    public Task<T> ReadAsync<T>(Func<IUnit, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref reads);
        return RunAsync(read, cancellationToken);
    }

    public TStore Store<TStore>()
        where TStore : class => (TStore)(object)this;

    public Task<ApiToken?> FindTokenAsync(string sha256, CancellationToken cancellationToken) => Task.FromResult(tokens.GetValueOrDefault(sha256));

    public Task SaveTokenAsync(ApiToken token, CancellationToken cancellationToken)
    {
        foreach (ApiToken old in tokens.Values.Where(known => known.Name == token.Name))
        {
            tokens.TryRemove(old.Sha256, out _);
        }

        tokens[token.Sha256] = token;
        return Task.CompletedTask;
    }

    public Task<bool> RevokeTokenAsync(string name, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ApiToken? token = tokens.Values.SingleOrDefault(known => known.Name == name && known.RevokedAt is null);
        if (token is not null)
        {
            tokens[token.Sha256] = token with { RevokedAt = now };
        }

        return Task.FromResult(token is not null);
    }

    public Task AddSignInLinkAsync(string sha256, DateTimeOffset createdAt, DateTimeOffset expiresAt, CancellationToken cancellationToken)
    {
        links[sha256] = expiresAt;
        return Task.CompletedTask;
    }

    public Task<bool> SpendSignInLinkAsync(string sha256, DateTimeOffset now, CancellationToken cancellationToken) =>
        Task.FromResult(links.TryGetValue(sha256, out DateTimeOffset end) && now < end && links.TryRemove(sha256, out _));

    public Task AddSessionAsync(SignInSession session, CancellationToken cancellationToken)
    {
        sessions[session.Id] = session;
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<SignInSession>> ListSessionsAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<SignInSession>>([.. sessions.Values.Where(session => ids.Contains(session.Id))]);

    public Task<bool> EndSessionAsync(Guid id, DateTimeOffset now, CancellationToken cancellationToken) =>
        Task.FromResult(sessions.TryGetValue(id, out SignInSession? open) && open.EndedAt is null && sessions.TryUpdate(id, open with { EndedAt = now }, open));

    public Task AddAsync(Lora lora, CancellationToken cancellationToken)
    {
        loras[lora.Id] = lora;
        return Task.CompletedTask;
    }

    public Task<Lora?> FindAsync(LoraId id, CancellationToken cancellationToken) => Task.FromResult(loras.GetValueOrDefault(id));

    public Task SaveAsync(Lora lora, CancellationToken cancellationToken) => AddAsync(lora, cancellationToken);

    public Task SaveValidationImagesAsync(LoraId lora, IReadOnlyList<ValidationImage> images, CancellationToken cancellationToken)
    {
        this.images[lora] = images;
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<ValidationImage>> ListValidationImagesAsync(LoraId lora, CancellationToken cancellationToken) =>
        Task.FromResult(images.GetValueOrDefault(lora) ?? []);

    public Task AppendAsync(OperationalEvent fact, CancellationToken cancellationToken) => Task.CompletedTask;
}
