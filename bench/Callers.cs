using System.Diagnostics;

namespace LoraAdmin.Bench;

/// <summary>A closed loop of callers: each sends its next call when its last one was answered.</summary>
internal static class Callers
{
    /// <param name="call">Gets the caller's number and the number of its call.</param>
    public static async Task<(TimeSpan Elapsed, IReadOnlyCollection<TimeSpan> Latencies)> RunAsync(int callers, int callsEach, Func<int, int, Task> call)
    {
        TimeSpan[] latencies = new TimeSpan[callers * callsEach];
        long started = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Run(() => LoopAsync(caller))));
        return (Stopwatch.GetElapsedTime(started), latencies);

        async Task LoopAsync(int caller)
        {
            for (int number = 0; number < callsEach; number++)
            {
                long sent = Stopwatch.GetTimestamp();
                await call(caller, number);
                latencies[caller * callsEach + number] = Stopwatch.GetElapsedTime(sent);
            }
        }
    }
}
