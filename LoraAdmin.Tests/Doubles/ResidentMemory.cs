using System.Globalization;

namespace LoraAdmin.Tests.Doubles;

/// <summary>The operating system's account of a process's memory, in bytes (proc(5), <c>/proc/pid/status</c>).</summary>
public static class ResidentMemory
{
    public static long Now(int processId) => Read(processId, "VmRSS:");

    /// <summary>The most since the process began.</summary>
    public static long Peak(int processId) => Read(processId, "VmHWM:");

    private static long Read(int processId, string field)
    {
        string line = File.ReadLines($"/proc/{processId.ToString(CultureInfo.InvariantCulture)}/status").First(one => one.StartsWith(field, StringComparison.Ordinal));
        return long.Parse(line[field.Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture) * 1024;
    }
}
