using System.Text.RegularExpressions;

namespace LoraAdmin.Tests.Architecture;

/// <summary>What Domain shows to strangers: ports that say what they promise, kinds of facts that are really appended.</summary>
internal static partial class DomainContracts
{
    /// <summary>Kinds of facts that nothing in Domain appends or asks for.</summary>
    public static IEnumerable<string> UnusedEvents(IReadOnlyCollection<SourceFile> domain, IReadOnlyCollection<SourceFile> product) =>
        from found in Events(domain)
        let used = new Regex($@"\b{found.Class}\s*\.\s*{found.Name}\b")
        where !product.Any(file => used.IsMatch(file.Code))
        select $"{found.At}: nothing appends {found.Class}.{found.Name}";

    /// <summary>A kind says which feature it comes from, and stands for one thing.</summary>
    public static IEnumerable<string> MisnamedEvents(IReadOnlyCollection<SourceFile> domain)
    {
        (string Class, string Name, string Value, string Feature, string At)[] all = [.. Events(domain)];
        foreach ((string type, string name, string value, string feature, string at) in all)
        {
            if (!EventValue().IsMatch(value) || !value.StartsWith($"{feature}.", StringComparison.OrdinalIgnoreCase))
            {
                yield return $"{at}: {type}.{name} is \"{value}\", not {feature.ToLowerInvariant()}.some_words";
            }
        }

        foreach (IGrouping<string, (string Class, string Name, string Value, string Feature, string At)> same in all.GroupBy(found => found.Value).Where(group => group.Count() > 1))
        {
            yield return $"{same.Last().At}: {string.Join(" and ", same.Select(found => $"{found.Class}.{found.Name}"))} are both \"{same.Key}\"";
        }
    }

    /// <summary>Public ports without a doc comment that says something.</summary>
    public static IEnumerable<string> UndocumentedPorts(IEnumerable<SourceFile> domain) =>
        from file in domain
        from Match match in Port().Matches(file.Code)
        where !IsDocumented(file.Text[..match.Index])
        select $"{file.At(match.Index)}: {match.Groups["name"].Value} has no doc comment";

    public static IEnumerable<(string Class, string Name, string Value, string Feature, string At)> Events(IEnumerable<SourceFile> domain) =>
        from file in domain
        from Match type in EventsClass().Matches(file.Code)
        let end = file.Code.IndexOf("\n}", type.Index, StringComparison.Ordinal)
        let body = file.Text[type.Index..(end < 0 ? file.Text.Length : end)]
        from Match constant in EventConstant().Matches(body)
        select (type.Groups["name"].Value, constant.Groups["name"].Value, constant.Groups["value"].Value, file.Parts[1], file.At(type.Index + constant.Index));

    private static bool IsDocumented(string before)
    {
        string[] comment =
        [
            .. before.TrimEnd().Split('\n').Reverse()
                .Select(line => line.Trim())
                .SkipWhile(line => line.StartsWith('['))
                .TakeWhile(line => line.StartsWith("///", StringComparison.Ordinal)),
        ];
        return comment.Any(line => line.Contains("<summary>", StringComparison.Ordinal) || line.Contains("<inheritdoc", StringComparison.Ordinal))
            && Tag().Replace(string.Concat(comment), "").Count(char.IsLetter) >= 10;
    }

    [GeneratedRegex(@"\bstatic\s+class\s+(?<name>\w+Events)\b")]
    private static partial Regex EventsClass();

    [GeneratedRegex("""\bconst\s+string\s+(?<name>\w+)\s*=\s*"(?<value>[^"]*)"\s*;""")]
    private static partial Regex EventConstant();

    [GeneratedRegex(@"^[a-z]+\.[a-z_]+$")]
    private static partial Regex EventValue();

    [GeneratedRegex(@"^[ \t]*public\s+(?:partial\s+)?interface\s+(?<name>\w+)", RegexOptions.Multiline)]
    private static partial Regex Port();

    [GeneratedRegex(@"<[^>]*>")]
    private static partial Regex Tag();
}
