using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Tests.Simulation;

/// <summary>The simulated process ended here: nothing after this line ran, and nothing in its memory is left.</summary>
public sealed class ProcessDiedException(string at) : Exception($"The process died at {at}.")
{
    public string At { get; } = at;
}

/// <summary>
/// Decides at every crossing between the process and the outside whether it dies or stands still there. Once dead, every crossing throws; while it
/// stands still, whatever of it reaches a crossing waits there, its timers too.
/// </summary>
public sealed class Mortality(Func<string, bool> diesAt)
{
    private string? diedAt;
    private readonly List<TaskCompletionSource> waiting = [];

    /// <summary>Until when the process stands still at this crossing; null: it goes on.</summary>
    public Func<string, DateTimeOffset?>? FreezesUntil { get; init; }

    public bool IsFrozen => FrozenUntil is not null;

    public DateTimeOffset? FrozenUntil { get; private set; }

    public bool IsDead => diedAt is not null;

    /// <summary>A crossing at which nothing is held that others wait for: here the process may also stand still.</summary>
    public async Task CrossAsync(string point)
    {
        if (!IsDead && !IsFrozen)
        {
            FrozenUntil = FreezesUntil?.Invoke(point);
        }

        // One source for each: the runtime would put the second waiter of a shared one on a thread of its own.
        while (IsFrozen)
        {
            TaskCompletionSource thaw = new();
            waiting.Add(thaw);
            await thaw.Task;
        }

        Cross(point);
    }

    /// <summary>The process stands still until then, where it is.</summary>
    public void StandStill(DateTimeOffset until) => FrozenUntil = FrozenUntil > until ? FrozenUntil : until;

    /// <summary>Lets everything that waits go on, in the order in which it came to wait.</summary>
    public void Thaw()
    {
        List<TaskCompletionSource> thawed = [.. waiting];
        waiting.Clear();
        FrozenUntil = null;
        thawed.ForEach(one => one.SetResult());
    }

    public void Cross(string point)
    {
        if (diedAt is null && diesAt(point))
        {
            diedAt = point;
        }

        if (diedAt is { } at)
        {
            throw new ProcessDiedException(at);
        }
    }
}

/// <summary>A database that the process can lose touch with before a transaction, inside it, or after its commit.</summary>
/// <param name="committed">Called after each commit, also of a process that does not live to hear of it.</param>
public sealed class MortalUnitOfWork(IUnitOfWork inner, Mortality mortality, Action committed) : IUnitOfWork
{
    public async Task<T> RunAsync<T>(Func<IUnit, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        await mortality.CrossAsync("before transaction");
        T result = await inner.RunAsync(
            async (unit, token) =>
            {
                T inside = await work(unit, token);
                mortality.Cross("before commit");
                return inside;
            },
            cancellationToken);
        committed();
        await mortality.CrossAsync("after commit");
        return result;
    }

    public async Task<T> ReadAsync<T>(Func<IUnit, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        await mortality.CrossAsync("before read");
        return await inner.ReadAsync(read, cancellationToken);
    }
}

/// <summary>A vendor call that the process may not live to send, or to hear the answer of.</summary>
public sealed class MortalHandler(HttpMessageHandler inner, Mortality mortality) : DelegatingHandler(inner)
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        string call = $"{request.Method} {request.RequestUri!.AbsolutePath.Split('/')[2]}";
        await mortality.CrossAsync($"before {call}");
        HttpResponseMessage response = await base.SendAsync(request, cancellationToken);
        await mortality.CrossAsync($"after {call}");
        return response;
    }
}

/// <summary>A Redis that the process may not live to ask, or to hear.</summary>
public sealed class MortalCircuitStore(ICircuitStore inner, Mortality mortality) : ICircuitStore
{
    public async Task<StoreAnswer> CallAsync(CircuitCall call, CancellationToken cancellationToken)
    {
        string verb = call?.GetType().Name ?? "";
        await mortality.CrossAsync($"before breaker {verb}");
        StoreAnswer answer = await inner.CallAsync(call!, cancellationToken);
        await mortality.CrossAsync($"after breaker {verb}");
        return answer;
    }
}

public sealed class MortalObjectStore(IObjectStore inner, Mortality mortality) : IObjectStore
{
    public async Task<PutOutcome> PutAsync(ObjectRef target, Stream content, string contentType, CancellationToken cancellationToken)
    {
        await mortality.CrossAsync("before put");
        PutOutcome outcome = await inner.PutAsync(target, content, contentType, cancellationToken);
        await mortality.CrossAsync("after put");
        return outcome;
    }

    public Task<ObjectReading> OpenAsync(ObjectRef target, CancellationToken cancellationToken) => inner.OpenAsync(target, cancellationToken);

    public async Task<bool> DeleteAsync(ObjectRef target, CancellationToken cancellationToken)
    {
        await mortality.CrossAsync("before object delete");
        return await inner.DeleteAsync(target, cancellationToken);
    }
}

public sealed class MortalSpool(ISpool inner, Mortality mortality) : ISpool
{
    public string Id => inner.Id;

    public Task<long?> ReadRoomAsync(CancellationToken cancellationToken) => inner.ReadRoomAsync(cancellationToken);

    public Task<SpoolReading<IReadOnlyList<SpoolListed>>> ListAsync(CancellationToken cancellationToken) => inner.ListAsync(cancellationToken);

    public Task<SpoolReading<SpoolFile>> FindAsync(string name, CancellationToken cancellationToken) => inner.FindAsync(name, cancellationToken);

    public async Task<SpoolOutcome> AppendAsync(string name, long offset, Stream content, CancellationToken cancellationToken)
    {
        await mortality.CrossAsync("before spool append");
        SpoolOutcome outcome = await inner.AppendAsync(name, offset, content, cancellationToken);
        await mortality.CrossAsync("after spool append");
        return outcome;
    }

    public Task<SpoolReading<SpoolDigest>> DigestAsync(string name, CancellationToken cancellationToken) => inner.DigestAsync(name, cancellationToken);

    public async Task<SpoolOutcome> SealAsync(string name, CancellationToken cancellationToken)
    {
        await mortality.CrossAsync("before seal");
        SpoolOutcome outcome = await inner.SealAsync(name, cancellationToken);
        await mortality.CrossAsync("after seal");
        return outcome;
    }

    public Task<SpoolReading<Stream>> OpenAsync(string name, CancellationToken cancellationToken) => inner.OpenAsync(name, cancellationToken);

    public async Task<bool> DeleteAsync(string name, CancellationToken cancellationToken)
    {
        await mortality.CrossAsync("before spool delete");
        bool deleted = await inner.DeleteAsync(name, cancellationToken);
        await mortality.CrossAsync("after spool delete");
        return deleted;
    }
}
