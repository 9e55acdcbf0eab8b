using System.Diagnostics;

namespace LoraAdmin.Tests.EndToEnd.Processes;

/// <summary>The one place where a test waits for something outside it: a condition, looked at again and again, with a deadline.</summary>
public static class Until
{
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(25);

    /// <param name="look">Null while the awaited thing is not there yet.</param>
    /// <param name="seen">What stood there instead when the deadline passes; for the message.</param>
    /// <exception cref="TimeoutException">The deadline passed.</exception>
    public static async Task<T> SeenAsync<T>(string what, Func<Task<T?>> look, TimeSpan within, Func<string>? seen = null, TimeSpan? every = null)
        where T : class
    {
        long began = Stopwatch.GetTimestamp();
        while (true)
        {
            if (await look() is { } found)
            {
                return found;
            }

            if (Stopwatch.GetElapsedTime(began) > within)
            {
                throw new TimeoutException($"{what}: not within {within.TotalSeconds:0} s. {seen?.Invoke()}");
            }

            await Task.Delay(every ?? Between, TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }

    /// <inheritdoc cref="SeenAsync"/>
    public static Task TrueAsync(string what, Func<Task<bool>> look, TimeSpan within, Func<string>? seen = null, TimeSpan? every = null) =>
        SeenAsync(what, async () => await look() ? "" : null, within, seen, every);
}
