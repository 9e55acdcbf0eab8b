using System.Text.RegularExpressions;

namespace LoraAdmin.Tests.Architecture;

/// <summary>
/// Calls that nobody may write, in no project: the analyzer that bans symbols is not in Domain, and a pragma can turn it off.
/// </summary>
internal static partial class ForbiddenCalls
{
    public static IEnumerable<string> Problems(IEnumerable<SourceFile> files)
    {
        foreach (SourceFile file in files)
        {
            foreach (Match match in Forbidden().Matches(file.Code))
            {
                yield return $"{file.At(match.Index)}: {Space().Replace(match.Value, " ")}";
            }

            foreach (Match match in Delay().Matches(file.Code))
            {
                string[] arguments = Arguments(file.Code, match.Index + match.Length);
                if (arguments.Length < 2 || !Clock().IsMatch(arguments[1]))
                {
                    yield return $"{file.At(match.Index)}: Task.Delay without a TimeProvider";
                }
            }
        }
    }

    /// <summary>The arguments of a call whose name ends at <paramref name="at"/>; none when it is not called there.</summary>
    private static string[] Arguments(string code, int at)
    {
        List<string> arguments = [];
        int depth = 0;
        int start = at + 1;
        for (; at < code.Length; at++)
        {
            bool ends = depth == 1 && code[at] is ',' or ')';
            if (ends && depth == 1)
            {
                arguments.Add(code[start..at].Trim());
                start = at + 1;
            }

            depth += code[at] switch { '(' or '[' or '{' => 1, ')' or ']' or '}' => -1, _ => 0 };
            if (depth == 0)
            {
                break;
            }
        }

        return [.. arguments];
    }

    [GeneratedRegex(@"\basync\s+void\b|\bThread\s*\.\s*Sleep\b|\bDateTime(?:Offset)?\s*\.\s*(?:Now|UtcNow|Today)\b")]
    private static partial Regex Forbidden();

    [GeneratedRegex(@"\bTask\s*\.\s*Delay\b\s*")]
    private static partial Regex Delay();

    [GeneratedRegex(@"clock|\btime\b|TimeProvider", RegexOptions.IgnoreCase)]
    private static partial Regex Clock();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}
