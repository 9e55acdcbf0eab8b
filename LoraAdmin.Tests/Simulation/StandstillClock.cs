namespace LoraAdmin.Tests.Simulation;

/// <summary>
/// For what makes its caller wait: the waiting process stands still until the wait is over, and the world goes on. A real one would do other things
/// meanwhile; that one thing is done at a time is what makes a seed repeatable.
/// </summary>
internal sealed class StandstillClock(TimeProvider truth, Mortality mortality) : TimeProvider
{
    public override TimeZoneInfo LocalTimeZone => truth.LocalTimeZone;

    public override long TimestampFrequency => truth.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => truth.GetUtcNow();

    public override long GetTimestamp() => truth.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        mortality.StandStill(truth.GetUtcNow() + dueTime);
        return truth.CreateTimer(callback, state, dueTime, period);
    }
}
