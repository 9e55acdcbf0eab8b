namespace LoraAdmin.Platform.Vendors;

/// <summary>
/// The caller's token joined with a time-out of ours that runs on the portal's clock. Tells the two apart: the caller's cancellation goes on as an
/// <see cref="OperationCanceledException"/>, ours becomes an outcome.
/// </summary>
public sealed class VendorDeadline : IDisposable
{
    private readonly CancellationTokenSource timer;
    private readonly CancellationTokenSource joined;
    private readonly CancellationToken caller;

    public VendorDeadline(TimeSpan limit, TimeProvider clock, CancellationToken caller)
    {
        Limit = limit;
        this.caller = caller;
        timer = new CancellationTokenSource(limit, clock);
        joined = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, caller);
    }

    public TimeSpan Limit { get; }

    public CancellationToken Token => joined.Token;

    public bool HasPassed => timer.IsCancellationRequested;

    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public void ThrowIfCallerGaveUp() => caller.ThrowIfCancellationRequested();

    public void Dispose()
    {
        joined.Dispose();
        timer.Dispose();
    }
}
