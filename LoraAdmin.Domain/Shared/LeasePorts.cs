namespace LoraAdmin.Domain.Shared;

/// <summary>Named leases: work that one instance at a time does, such as listing the provider's account. Bound to a unit of work.</summary>
public interface ILeaseStore
{
    /// <summary>Takes or prolongs the lease. False: another instance holds it and its time is not over.</summary>
    Task<bool> TryTakeAsync(string name, string owner, DateTimeOffset now, TimeSpan duration, CancellationToken cancellationToken);

    /// <summary>Gives the lease back at a clean end, so that another instance need not wait for it.</summary>
    Task GiveBackAsync(string name, string owner, CancellationToken cancellationToken);
}
