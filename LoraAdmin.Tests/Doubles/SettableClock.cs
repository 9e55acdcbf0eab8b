using Microsoft.Extensions.Time.Testing;

namespace LoraAdmin.Tests.Doubles;

/// <summary>A machine's clock that somebody sets while its process lives on: its timestamps go on as time does, whatever the clock says.</summary>
public sealed class SettableClock(DateTimeOffset start) : FakeTimeProvider(start)
{
    private long set;

    /// <summary>No time passes: no timer fires, and a duration that is measured by timestamps stays as long as it is.</summary>
    public void Set(DateTimeOffset value)
    {
        long before = base.GetTimestamp();
        AdjustTime(value);
        set += base.GetTimestamp() - before;
    }

    public override long GetTimestamp() => base.GetTimestamp() - set;
}
