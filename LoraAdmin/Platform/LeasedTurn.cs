using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Platform;

/// <summary>
/// Runs a turn of work that one instance at a time does. The lease is renewed while the turn runs, however long it takes; when it is lost all the same,
/// the turn is cancelled, because another instance has begun its own. An instance whose clock is far off gives the lease back after each turn: there is
/// work that it must not do, and the next turn is another's if there is one.
/// </summary>
internal sealed partial class LeasedTurn(IUnitOfWork work, PortalInstance instance, ClockStandings clocks, TimeProvider clock, ILogger<LeasedTurn> logger)
{
    /// <returns>False: another instance holds the lease, or came to hold it while the turn ran.</returns>
    /// <exception cref="StoreUnavailableException">The lease could not be asked for.</exception>
    public async Task<bool> TryRunAsync(string lease, TimeSpan leaseFor, Func<CancellationToken, Task> turn, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(turn);
        DateTimeOffset until = clock.GetUtcNow() + leaseFor;
        if (!await TakeAsync(lease, leaseFor, cancellationToken))
        {
            return false;
        }

        using CancellationTokenSource lost = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using CancellationTokenSource over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task renewing = RenewAsync(lease, leaseFor, until, lost, over.Token);
        try
        {
            await turn(lost.Token);
            if (lost.IsCancellationRequested)
            {
                return false;
            }
        }
        catch (OperationCanceledException) when (lost.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return false;
        }
        finally
        {
            await over.CancelAsync();
            await renewing;
        }

        if (clocks.WhyHeld() is not null)
        {
            await GiveBackAsync(lease, cancellationToken);
        }

        return true;
    }

    /// <summary>
    /// The same for turns that leave work to an instance whose clock is vouched for: until this one's is, the lease is given back after each of them too.
    /// </summary>
    /// <inheritdoc cref="TryRunAsync"/>
    public async Task<bool> TryRunForTheVouchedAsync(string lease, TimeSpan leaseFor, Func<CancellationToken, Task> turn, CancellationToken cancellationToken)
    {
        bool hasRun = await TryRunAsync(lease, leaseFor, turn, cancellationToken);
        if (hasRun && clocks.WhyUnvouched() is not null)
        {
            await GiveBackAsync(lease, cancellationToken);
        }

        return hasRun;
    }

    /// <summary>So that another instance need not wait for the lease to run out.</summary>
    public Task GiveBackAsync(string lease, CancellationToken cancellationToken) =>
        work.RunAsync((unit, token) => unit.Store<ILeaseStore>().GiveBackAsync(lease, instance.Id, token), cancellationToken);

    private Task<bool> TakeAsync(string lease, TimeSpan leaseFor, CancellationToken cancellationToken) => work.RunAsync(
        (unit, token) => unit.Store<ILeaseStore>().TryTakeAsync(lease, instance.Id, clock.GetUtcNow(), leaseFor, token), cancellationToken);

    private async Task RenewAsync(string lease, TimeSpan leaseFor, DateTimeOffset until, CancellationTokenSource lost, CancellationToken over)
    {
        while (true)
        {
            await Task.Delay(leaseFor / 3, clock, over).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (over.IsCancellationRequested)
            {
                return;
            }

            DateTimeOffset asked = clock.GetUtcNow();
            bool? renewed = asked < until ? await TryRenewAsync(lease, leaseFor, until - asked, over) : false;
            if (renewed == true)
            {
                until = asked + leaseFor;
            }
            else if (!over.IsCancellationRequested && (renewed == false || clock.GetUtcNow() >= until))
            {
                LogLost(logger, lease);
                await lost.CancelAsync();
                return;
            }
        }
    }

    /// <returns>Null: it could not be asked for, which says nothing about who holds it.</returns>
    private async Task<bool?> TryRenewAsync(string lease, TimeSpan leaseFor, TimeSpan left, CancellationToken over)
    {
        using CancellationTokenSource end = new(left, clock);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(over, end.Token);
        try
        {
            return await TakeAsync(lease, leaseFor, either.Token);
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested)
        {
            return null;
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            LogNotRenewed(logger, lease, failure);
            return null;
        }
    }

    [LoggerMessage(EventId = 111, Level = LogLevel.Warning, Message = "The lease {Lease} was lost while its turn ran; the turn is broken off")]
    private static partial void LogLost(ILogger logger, string lease);

    [LoggerMessage(EventId = 112, Level = LogLevel.Warning, Message = "The lease {Lease} could not be renewed; it is tried again")]
    private static partial void LogNotRenewed(ILogger logger, string lease, Exception exception);
}
