using System.Text.RegularExpressions;

namespace LoraAdmin.Tests.Architecture;

/// <summary>One place where a warning may be silent.</summary>
/// <param name="Path">File, from the root.</param>
/// <param name="Codes">As they stand there.</param>
/// <param name="Times">How often they stand in the file.</param>
/// <param name="Because">Why no other form of the code would do.</param>
internal sealed record AllowedSuppression(string Path, string Codes, int Times, string Because);

/// <summary>Warnings are errors; the few that are switched off are listed here, each with its reason, and the list has no dead entry.</summary>
internal static partial class Suppressions
{
    private const string Boundary = "A loop's or a request's outermost boundary: whatever it was is logged, and the work of others goes on.";

    public static readonly AllowedSuppression[] Allowed =
    [
        new("LoraAdmin.Domain/LoraAdmin.Domain.csproj", "CS1591;CS1573", 1, "Doc comments stand where a stranger calls; a rule of its own holds the ports."),
        new("LoraAdmin.Domain/Training/PodAgentPorts.cs", "CA1000", 1, "A reply is made by naming its type once."),
        new("LoraAdmin/Api/SubmitEndpoint.cs", "CA1031", 1, Boundary),
        new("LoraAdmin/Breaker/BreakerScripts.cs", "CA5350", 1, "Redis itself names scripts by their SHA-1."),
        new("LoraAdmin/Operations/OperationRunStore.cs", "CA1862, CA1304, CA1311", 1, "An expression that becomes lower() of the database."),
        new("LoraAdmin/Platform/SystemIds.cs", "RS0030", 1, "The one place where ids are really made."),
        new("LoraAdmin/Platform/Live/LiveSnapshot.cs", "CA1001", 1, "The last watcher disposes what runs."),
        new("LoraAdmin/Platform/Live/LiveSnapshot.cs", "CA1031", 1, Boundary),
        new("LoraAdmin/Platform/Web/Health.cs", "CA1031", 1, Boundary),
        new("LoraAdmin/Platform/Web/ProblemMiddleware.cs", "CA1031", 1, Boundary),
        new("LoraAdmin/Training/HttpPodAgentJson.cs", "CA1032, CA1064", 1, "An exception that never leaves its file."),
        new("LoraAdmin.Tests/LoraAdmin.Tests.csproj", "xUnit1051", 1, "Tests of pure code have nothing to cancel."),
        new("LoraAdmin.Tests/EndToEnd/AccessibilityTests.cs", "CS0618", 1, "The way that is to replace it opens a window of its own for every look."),
        new("LoraAdmin.Tests/EndToEnd/Processes/PortalDatabase.cs", "CA2100", 1, "SQL of the tests themselves."),
        new("LoraAdmin.Tests/Platform/Data/KeptConnectionTests.cs", "CA2100", 1, "SQL of the tests themselves."),
        new("LoraAdmin.Tests/Limits/MonthResetTests.cs", "EF1002", 1, "SQL of the tests themselves."),
        new("LoraAdmin.Tests/Operations/OperationRegistryTests.cs", "RS0030", 1, "One request: there is no connection to pool."),
        new("LoraAdmin.Tests/Platform/Data/SchemaTests.cs", "EF1002", 1, "SQL of the tests themselves."),
        new("LoraAdmin.Tests/Pods/PodImportTests.cs", "EF1002", 1, "SQL of the tests themselves."),
        new("LoraAdmin.Tests/Simulation/SimulatedPortal.cs", "RS0030", 1, "In memory: there is no connection to pool."),
        new("LoraAdmin.Tests/Storage/FileObjectStoreTests.cs", "CA1416", 1, "Modes of files on the systems that have them."),
        new("bench/BudgetPage/BudgetYear.cs", "CA2100", 1, "SQL of the benchmark itself."),
        new("bench/MonthlyReset/MonthlyResetBenchmark.cs", "CA2100", 1, "SQL of the benchmark itself."),
    ];

    /// <summary>Warnings that are silent in some other place, or more often, than the list says.</summary>
    public static IEnumerable<string> Problems(IEnumerable<SourceFile> files, IReadOnlyCollection<AllowedSuppression> allowed)
    {
        foreach (IGrouping<(string Path, string Codes), (string Codes, string Reason, string At)> group in
            from file in files
            from found in Found(file)
            group found by (file.Path, found.Codes))
        {
            int times = allowed.Where(entry => (entry.Path, entry.Codes) == group.Key).Sum(entry => entry.Times);
            foreach ((string codes, string reason, string at) in group)
            {
                if (times == 0 || group.Count() > times)
                {
                    yield return $"{at} silences {codes} {(times == 0 ? "and is not in the list" : $"more often than the list says ({times})")}";
                }
                else if (reason.Length < 10)
                {
                    yield return $"{at} silences {codes} without saying why";
                }
            }
        }
    }

    /// <summary>Entries of the list that the source has no use for any more.</summary>
    public static IEnumerable<string> Dead(IReadOnlyCollection<SourceFile> files, IEnumerable<AllowedSuppression> allowed) =>
        from entry in allowed
        let times = files.Where(file => file.Path == entry.Path).SelectMany(Found).Count(found => found.Codes == entry.Codes)
        where times < entry.Times || entry.Because.Length < 10
        select $"The list allows {entry.Codes} {entry.Times} times in {entry.Path}, which has it {times} times";

    private static IEnumerable<(string Codes, string Reason, string At)> Found(SourceFile file)
    {
        foreach (Match match in Pragma().Matches(file.Code))
        {
            // The reason is a comment, so it is read from the text itself.
            string line = file.Text[match.Index..].Split('\n', 2)[0];
            yield return (match.Groups["codes"].Value.Trim(), line.Contains("//", StringComparison.Ordinal) ? line[(line.IndexOf("//", StringComparison.Ordinal) + 2)..].Trim() : "", file.At(match.Index));
        }

        foreach (Match match in Attribute().Matches(file.Code))
        {
            Match whole = AttributeText().Match(file.Text, match.Index);
            yield return (whole.Groups["codes"].Value, whole.Groups["reason"].Value, file.At(match.Index));
        }

        if (file.Name.EndsWith(".csproj", StringComparison.Ordinal) || file.Name.EndsWith(".props", StringComparison.Ordinal))
        {
            foreach (Match match in NoWarn().Matches(file.Text))
            {
                // A comment stands above it.
                yield return (match.Groups["codes"].Value, match.Groups["reason"].Value.Trim(), file.At(match.Index));
            }
        }
    }

    [GeneratedRegex(@"^[ \t]*#pragma\s+warning\s+disable\b(?<codes>[^\r\n]*)", RegexOptions.Multiline)]
    private static partial Regex Pragma();

    [GeneratedRegex(@"\bSuppressMessage\s*\(")]
    private static partial Regex Attribute();

    [GeneratedRegex("""\GSuppressMessage\s*\(\s*"[^"]*"\s*,\s*"(?<codes>\w+)[^"]*"(?:\s*,\s*Justification\s*=\s*"(?<reason>[^"]*)")?""")]
    private static partial Regex AttributeText();

    [GeneratedRegex(@"(?:<!--(?<reason>[^>]*)-->\s*)?<NoWarn>(?:\$\(NoWarn\);)?(?<codes>[^<]*)</NoWarn>")]
    private static partial Regex NoWarn();
}
