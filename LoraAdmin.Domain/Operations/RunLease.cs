using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Operations;

/// <summary>
/// Renews a run's lease while it works, however long one of its items takes, and hears when a person asks for its end: the item that it is at is let
/// end. When the lease is lost, the work is broken off: another instance goes on with it.
/// </summary>
internal sealed class RunLease : IAsyncDisposable
{
    private readonly OperationRun run;
    private readonly IUnitOfWork work;
    private readonly TimeProvider clock;
    private readonly TimeSpan leaseFor;
    private readonly bool isAlone;
    private readonly CancellationTokenSource stop;
    private readonly CancellationTokenSource asked;
    private readonly CancellationTokenSource over = new();
    private readonly Task renewing;
    private bool disposed;

    /// <param name="isAlone">Nobody can take the run over: a renewal that waits behind the run's own statement loses nothing.</param>
    public RunLease(OperationRun run, IUnitOfWork work, TimeProvider clock, TimeSpan leaseFor, bool isAlone, CancellationToken cancellationToken)
    {
        this.run = run;
        this.work = work;
        this.clock = clock;
        this.leaseFor = leaseFor;
        this.isAlone = isAlone;
        stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        asked = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
        renewing = RenewAsync();
    }

    /// <summary>Cancelled when the portal ends or the lease is lost.</summary>
    public CancellationToken Token => stop.Token;

    /// <summary>Cancelled also when a person asks for the end: for what has changed nothing when it is broken off.</summary>
    public CancellationToken Asked => asked.Token;

    public bool IsLost { get; private set; }

    public CancelAsk? Cancel { get; private set; }

    /// <summary>Takes in what a write of the run has read of its row.</summary>
    public void Hear(RunPulse pulse)
    {
        if (pulse.Cancel is { } ask && Cancel is null)
        {
            Cancel = ask;
            asked.Cancel();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (disposed)
        {
            return;
        }

        disposed = true;
        await over.CancelAsync();
        await renewing;
        over.Dispose();
        asked.Dispose();
        stop.Dispose();
    }

    private async Task RenewAsync()
    {
        DateTimeOffset until = run.LeaseUntil;
        while (true)
        {
            await Task.Delay(leaseFor / 3, clock, over.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (over.IsCancellationRequested)
            {
                return;
            }

            DateTimeOffset began = clock.GetUtcNow();
            bool? renewed = await TryRenewAsync(began, until - began);
            if (renewed == true)
            {
                until = began + leaseFor;
            }
            else if (!over.IsCancellationRequested && (renewed == false || (!isAlone && clock.GetUtcNow() >= until)))
            {
                await LoseAsync();
                return;
            }
        }
    }

    /// <param name="left">What is left of the lease: when it is over another instance may go on with the run, whatever the database does meanwhile.</param>
    /// <returns>False: the run is not at work any more. Null: it could not be asked for, which says nothing about who has it.</returns>
    private async Task<bool?> TryRenewAsync(DateTimeOffset began, TimeSpan left)
    {
        // One that is over already, because this process slept, is asked for once and not for long.
        TimeSpan shortest = leaseFor / 10;
        using CancellationTokenSource end = new(left > shortest ? left : shortest, clock);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(over.Token, end.Token);
        try
        {
            RunPulse? pulse = await work.RunAsync(
                (unit, token) => unit.Store<IOperationRunStore>().TouchAsync(run.Id, run.Number, ended: null, began + leaseFor, token), either.Token);
            if (pulse is not null)
            {
                Hear(pulse);
            }

            return pulse is not null;
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            return null;
        }
    }

    private async Task LoseAsync()
    {
        IsLost = true;
        await stop.CancelAsync();
    }
}
