using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// The right to work on one job. It is prolonged by a timer while a step runs; when it is lost, <see cref="Lost"/> is cancelled and every guarded
/// transaction refuses.
/// </summary>
public sealed class JobLease : IAsyncDisposable
{
    private readonly IUnitOfWork work;
    private readonly TimeProvider clock;
    private readonly TimeSpan duration;
    private readonly CancellationTokenSource lost;
    private readonly ITimer keeper;
    private Task renewal = Task.CompletedTask;

    public JobLease(LeasedJob leased, IUnitOfWork work, TimeProvider clock, TimeSpan duration, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(leased);
        this.work = work;
        this.clock = clock;
        this.duration = duration;
        Id = leased.Job.Id;
        Fence = leased.Fence;
        lost = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Lost = lost.Token;
        TimeSpan every = duration / 3;
        keeper = clock.CreateTimer(static state => ((JobLease)state!).Renew(), this, every, every);
    }

    public JobId Id { get; }

    public long Fence { get; }

    /// <summary>Cancelled when the lease is lost or the caller ends.</summary>
    public CancellationToken Lost { get; }

    /// <summary>
    /// Proves inside a transaction that the job is still ours, and gives it a whole new duration, so that a call sent after the commit ends before
    /// the lease does.
    /// </summary>
    /// <exception cref="LeaseLostException">Another instance has taken over.</exception>
    public Task GuardAsync(IUnit unit, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        return unit.Store<ITrainingStore>().RenewAsync(Id, Fence, clock.GetUtcNow() + duration, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await keeper.DisposeAsync();
        await renewal;
        lost.Dispose();
    }

    private void Renew()
    {
        if (renewal.IsCompleted && !lost.IsCancellationRequested)
        {
            renewal = RenewAsync();
        }
    }

    private async Task RenewAsync()
    {
        try
        {
            await work.RunAsync(GuardAsync, lost.Token);
        }
        catch (LeaseLostException)
        {
            lost.Cancel();
        }
        catch (Exception failure) when (failure is StoreUnavailableException or OperationCanceledException)
        {
            // The next tick tries again; should the lease run out meanwhile, the fence refuses whatever this step writes.
        }
    }
}
