namespace LoraAdmin.Tests.Simulation;

/// <summary>
/// The clock of one machine: ahead of the truth or behind it, by a length that drifts, and set anew at any moment. Timers and durations are those of
/// the world.
/// </summary>
/// <param name="drift">Seconds gained in a second.</param>
public sealed class MachineClock(TimeProvider truth, TimeSpan ahead, double drift) : TimeProvider
{
    public static readonly TimeSpan MostAhead = TimeSpan.FromSeconds(30);

    /// <summary>What a quartz clock may gain or lose without anybody correcting it: 9 seconds a day.</summary>
    public const double MostDrift = 0.0001;

    private DateTimeOffset since = truth.GetUtcNow();
    private TimeSpan ahead = ahead;

    /// <summary>A clock that is wrong as a seed says.</summary>
    public static MachineClock Draw(TimeProvider truth, Random random) => new(truth, DrawAhead(random), ((random.NextDouble() * 2) - 1) * MostDrift);

    /// <summary>Somebody sets the clock, not always right.</summary>
    public void SetAnew(Random random)
    {
        since = truth.GetUtcNow();
        ahead = DrawAhead(random);
    }

    public override TimeZoneInfo LocalTimeZone => truth.LocalTimeZone;

    public override long TimestampFrequency => truth.TimestampFrequency;

    public override DateTimeOffset GetUtcNow()
    {
        DateTimeOffset now = truth.GetUtcNow();
        return now + ahead + ((now - since) * drift);
    }

    public override long GetTimestamp() => truth.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        truth.CreateTimer(callback, state, dueTime, period);

    private static TimeSpan DrawAhead(Random random) => ((random.NextDouble() * 2) - 1) * MostAhead;
}
