using System.Globalization;
using System.Runtime.CompilerServices;

namespace LoraAdmin.Tests.Simulation;

/// <summary>Which seeds to run: what a test runs by itself, or what <c>LORAADMIN_SEED</c> asks for: one (<c>7</c>) or a range (<c>21-80</c>).</summary>
internal static class AskedSeeds
{
    private const string Variable = "LORAADMIN_SEED";

    public static IEnumerable<int> Of(int first, int last)
    {
        int[] asked = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } words
            ? [.. words.Split('-').Select(static word => int.Parse(word, CultureInfo.InvariantCulture))]
            : [first, last];
        return Enumerable.Range(asked[0], asked[^1] - asked[0] + 1);
    }

    /// <summary>What follows the seed in the command that runs a test again.</summary>
    public static string Replay([CallerMemberName] string test = "") => $"./test.sh -- -method \"*.{test}\"";

    /// <summary>The same for a test of the long run.</summary>
    public static string ReplayLong([CallerMemberName] string test = "") => $"./test.sh --long -- -method \"*.{test}\"";
}
