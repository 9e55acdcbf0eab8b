using System.Globalization;
using LoraAdmin.Tests.Simulation;

namespace LoraAdmin.Bench.Simulation;

/// <summary>Measures one run of the simulation. The first violation of an invariant ends it with an error.</summary>
internal static class SimulatedSpan
{
    public static string Replay(string name) => $"dotnet run -c Release --project bench -- {name}";

    /// <returns>Seconds.</returns>
    public static async Task<double> MeasureAsync(SimulationPlan plan, Func<Task<SimulationReport>> run, TextWriter output)
    {
        TimeSpan processorBefore = Environment.CpuUsage.TotalTime;
        long began = TimeProvider.System.GetTimestamp();
        SimulationReport report = await run();
        double seconds = TimeProvider.System.GetElapsedTime(began).TotalSeconds;
        await output.WriteLineAsync(report.ToString());
        await output.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"{plan.Length.TotalDays / seconds:0.0} simulated days a second, the invariants checked {report.Looks} times, 0 violations; "
            + $"{(Environment.CpuUsage.TotalTime - processorBefore).TotalSeconds:0.0} s of processor time"));
        return seconds;
    }
}
