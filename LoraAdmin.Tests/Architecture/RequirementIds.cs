using System.Text.RegularExpressions;

namespace LoraAdmin.Tests.Architecture;

/// <summary>Each id that a test names stands in <c>docs/requirements.md</c>, and each rule that stands there is named by a test.</summary>
internal static partial class RequirementIds
{
    private const string Document = "docs/requirements.md";

    public static IEnumerable<string> Problems(string document, IEnumerable<SourceFile> tests)
    {
        Dictionary<string, bool> promised = Row().Matches(document).ToDictionary(row => row.Groups["id"].Value, row => !row.Groups["rule"].Value.TrimEnd().EndsWith('–'));
        HashSet<string> proven = [];
        foreach ((SourceFile file, Match trait) in tests.SelectMany(file => Trait().Matches(file.Text).Select(match => (file, match))))
        {
            string id = trait.Groups["id"].Value;
            proven.Add(id);
            if (!promised.GetValueOrDefault(id))
            {
                yield return $"{file.At(trait.Index)}: {Document} has no rule {id}";
            }
        }

        foreach (string id in promised.Where(one => one.Value && !proven.Contains(one.Key)).Select(one => one.Key))
        {
            yield return $"{Document}: no test proves {id}";
        }
    }

    [GeneratedRegex(@"^\| (?<id>[A-Z]\d+) \|(?<rule>.*)\|\s*$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"Trait\(""Requirement"", ""(?<id>[^""]+)""\)")]
    private static partial Regex Trait();
}
