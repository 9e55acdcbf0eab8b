namespace LoraAdmin.Tests.Simulation;

/// <summary>
/// How long the pod loop has looked at the account, and each look came when it was due, was whole, and found nothing that hinders ends: bounds on what it
/// must get done are meant in this time. While processes are dead or frozen, or the vendor does not answer, it stands still.
/// </summary>
public sealed class WatchedTime
{
    private DateTimeOffset? last;
    private TimeSpan nextIn;

    public TimeSpan Total { get; private set; }

    /// <summary>The last look, if it was whole and nothing hindered ends.</summary>
    public DateTimeOffset? LastAt => last;

    /// <param name="next">When the loop means to look again.</param>
    public void Note(DateTimeOffset now, TimeSpan next, bool unhindered)
    {
        if (unhindered && last is { } before)
        {
            Total += now - before < nextIn ? now - before : nextIn;
        }

        last = unhindered ? now : null;
        nextIn = next;
    }
}
