using LoraAdmin.Tests.Doubles;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>A whole portal's schedules go by the machine's clock, which no test sets: at each full hour it uploads what waits, and sweeps.</summary>
internal static class FullHour
{
    private const int LastMinute = 58;

    /// <summary>For a test of a minute or two that counts on no scheduled run in it.</summary>
    public static Task IsFarAsync() => Eventually.TrueAsync(static () => TimeProvider.System.GetUtcNow().Minute < LastMinute, "the full hour is past");
}
