namespace LoraAdmin.Domain.Pods;

/// <summary>A pod as a look at the account saw it.</summary>
/// <param name="IsKnown">The ledger had an open row of it then. One whose row is closed since is gone, and no stranger.</param>
public sealed record ListedPod(ProviderPod Pod, bool IsKnown);

/// <summary>What the pod loop last saw of the account, whichever instance runs it: every instance shows the same.</summary>
/// <param name="Number">One more than that of the look before it; 0: nobody has looked yet.</param>
/// <param name="ListedAt">Start of the last complete listing, by the clock of the instance that listed; null: none yet.</param>
/// <param name="Pods">Every pod of that listing that was not terminated.</param>
/// <param name="HeldBack">How many items of the sweep's plan its caps held back; 0 when the whole sweep was paused or held.</param>
/// <param name="FailingSince">First of the failed listings in a row; null while listing works.</param>
/// <param name="Error">Of the last failed one; null while listing works.</param>
public sealed record AccountLook(
    long Number, DateTimeOffset? ListedAt, IReadOnlyList<ListedPod> Pods, int HeldBack, DateTimeOffset? FailingSince, ProviderError? Error)
{
    public static readonly AccountLook None = new(0, null, [], 0, null, null);
}

/// <summary>
/// The newest look at the account, one row. Only the pod loop writes it, in the transaction of what it tells of the look: a look that another one has
/// overtaken tells nothing. Bound to a unit of work.
/// </summary>
public interface IAccountLookStore
{
    /// <summary>Number of the newest look; 0: there is none.</summary>
    Task<long> FindNumberAsync(CancellationToken cancellationToken);

    /// <returns><see cref="AccountLook.None"/> before the first.</returns>
    Task<AccountLook> FindAsync(CancellationToken cancellationToken);

    /// <summary>Writes a complete listing, if the look before it is still the newest. False: another was written meanwhile, nothing was.</summary>
    Task<bool> TryWriteAsync(AccountLook look, CancellationToken cancellationToken);

    /// <summary>Notes that the account could not be listed, and keeps what was listed last. False: as <see cref="TryWriteAsync"/>.</summary>
    Task<bool> TryNoteFailureAsync(long number, DateTimeOffset at, ProviderError error, CancellationToken cancellationToken);
}
