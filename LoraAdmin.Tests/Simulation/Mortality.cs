using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Tests.Simulation;

/// <summary>The simulated process ended here: nothing after this line ran, and nothing in its memory is left.</summary>
public sealed class ProcessDiedException(string at) : Exception($"The process died at {at}.")
{
    public string At { get; } = at;
}

/// <summary>Decides at every crossing between the process and the outside whether it dies there. Once dead, every crossing throws.</summary>
public sealed class Mortality(Func<string, bool> diesAt)
{
    private string? diedAt;

    public bool IsDead => diedAt is not null;

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
public sealed class MortalUnitOfWork(IUnitOfWork inner, Mortality mortality) : IUnitOfWork
{
    public async Task<T> RunAsync<T>(Func<IUnit, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        mortality.Cross("before transaction");
        T result = await inner.RunAsync(
            async (unit, token) =>
            {
                T inside = await work(unit, token);
                mortality.Cross("before commit");
                return inside;
            },
            cancellationToken);
        mortality.Cross("after commit");
        return result;
    }

    public async Task<T> ReadAsync<T>(Func<IUnit, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        mortality.Cross("before read");
        return await inner.ReadAsync(read, cancellationToken);
    }
}

/// <summary>A vendor call that the process may not live to send, or to hear the answer of.</summary>
public sealed class MortalHandler(HttpMessageHandler inner, Mortality mortality) : DelegatingHandler(inner)
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        string call = $"{request.Method} {request.RequestUri!.AbsolutePath.Split('/')[2]}";
        mortality.Cross($"before {call}");
        HttpResponseMessage response = await base.SendAsync(request, cancellationToken);
        mortality.Cross($"after {call}");
        return response;
    }
}

public sealed class MortalObjectStore(IObjectStore inner, Mortality mortality) : IObjectStore
{
    public async Task<PutOutcome> PutAsync(ObjectRef target, Stream content, string contentType, CancellationToken cancellationToken)
    {
        mortality.Cross("before put");
        PutOutcome outcome = await inner.PutAsync(target, content, contentType, cancellationToken);
        mortality.Cross("after put");
        return outcome;
    }

    public Task<ObjectReading> OpenAsync(ObjectRef target, CancellationToken cancellationToken) => inner.OpenAsync(target, cancellationToken);

    public Task<bool> DeleteAsync(ObjectRef target, CancellationToken cancellationToken)
    {
        mortality.Cross("before object delete");
        return inner.DeleteAsync(target, cancellationToken);
    }
}

public sealed class MortalSpool(ISpool inner, Mortality mortality) : ISpool
{
    public string Instance => inner.Instance;

    public Task<SpoolFile?> FindAsync(string name, CancellationToken cancellationToken) => inner.FindAsync(name, cancellationToken);

    public async Task<SpoolOutcome> AppendAsync(string name, long offset, Stream content, CancellationToken cancellationToken)
    {
        mortality.Cross("before spool append");
        SpoolOutcome outcome = await inner.AppendAsync(name, offset, content, cancellationToken);
        mortality.Cross("after spool append");
        return outcome;
    }

    public Task<SpoolDigest?> DigestAsync(string name, CancellationToken cancellationToken) => inner.DigestAsync(name, cancellationToken);

    public async Task<SpoolOutcome> SealAsync(string name, CancellationToken cancellationToken)
    {
        mortality.Cross("before seal");
        SpoolOutcome outcome = await inner.SealAsync(name, cancellationToken);
        mortality.Cross("after seal");
        return outcome;
    }

    public Task<Stream?> OpenAsync(string name, CancellationToken cancellationToken) => inner.OpenAsync(name, cancellationToken);

    public async Task DeleteAsync(string name, CancellationToken cancellationToken)
    {
        mortality.Cross("before spool delete");
        await inner.DeleteAsync(name, cancellationToken);
        mortality.Cross("after spool delete");
    }
}
