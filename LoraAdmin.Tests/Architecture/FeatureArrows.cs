using System.Text.RegularExpressions;

namespace LoraAdmin.Tests.Architecture;

/// <summary>One folder of a project that names another.</summary>
/// <param name="OfDomain">The target is a folder of LoraAdmin.Domain, else of the host.</param>
/// <param name="At">Where it stands.</param>
internal sealed record Arrow(string From, string To, bool OfDomain, string At);

/// <summary>
/// Which feature may know which. Domain holds the table; the host's features never meet: what needs two of them is composed in the root files.
/// </summary>
internal static partial class FeatureArrows
{
    private const string Shared = "Shared";

    /// <summary>A new feature is entered here first: what it may know is a decision, not a consequence.</summary>
    private static readonly Dictionary<string, string[]> Knows = new()
    {
        ["Shared"] = [],
        ["Operations"] = [Shared],
        ["Clocks"] = [Shared],
        ["Access"] = [Shared],
        ["Alerts"] = [Shared],
        ["Budget"] = [Shared, "Operations"],
        ["Limits"] = [Shared, "Operations"],
        ["Library"] = [Shared],
        ["Storage"] = [Shared, "Operations"],
        ["Pods"] = [Shared, "Operations"],
        ["Breaker"] = [Shared, "Operations"],
        ["Training"] = [Shared, "Operations", "Pods", "Breaker", "Budget", "Limits", "Storage", "Library"],
        ["Archival"] = [Shared, "Operations", "Storage", "Library"],
        ["Generation"] = [Shared, "Library", "Storage"],
    };

    /// <summary>What every host folder may use, and what stands above the features.</summary>
    private static readonly string[] HostShared = ["Platform", "Shell"];
    private static readonly string[] HostAbove = ["Api", "Commands"];

    private static IEnumerable<string> Features => Knows.Keys.Where(name => name != Shared);

    public static IEnumerable<string> Problems(IEnumerable<SourceFile> files)
    {
        foreach (SourceFile file in files.Where(file => file.Parts[0] is "LoraAdmin" or "LoraAdmin.Domain"))
        {
            foreach (string problem in Places(file).Concat(Arrows(file).Select(arrow => Problem(file, arrow)).OfType<string>()))
            {
                yield return problem;
            }
        }
    }

    /// <summary>Every circle of Domain's features, found from the arrows alone: the table could be wrong, too.</summary>
    public static IEnumerable<string> Circles(IEnumerable<SourceFile> files)
    {
        Dictionary<string, string[]> targets = files.Where(file => file.Parts is ["LoraAdmin.Domain", _, _, ..])
            .SelectMany(Arrows).Where(arrow => arrow.From != arrow.To)
            .GroupBy(arrow => arrow.From).ToDictionary(group => group.Key, group => group.Select(arrow => arrow.To).Distinct().ToArray());

        // Taking away what points nowhere leaves only the circles and what leads to them.
        while (targets.FirstOrDefault(from => !from.Value.Any(targets.ContainsKey)).Key is { } end)
        {
            targets.Remove(end);
        }

        return targets.Count == 0 ? [] : [$"A circle in Domain: {string.Join("; ", targets.Select(from => $"{from.Key} → {string.Join(", ", from.Value)}"))}"];
    }

    /// <summary>What a file names outside of its own folder.</summary>
    public static IEnumerable<Arrow> Arrows(SourceFile file)
    {
        bool domain = file.Parts[0] == "LoraAdmin.Domain";
        string from = file.Parts.Length > 2 ? file.Parts[1] : "";
        foreach (Match match in Name().Matches(file.Code))
        {
            bool whole = match.Groups["root"].Success;
            bool ofDomain = match.Groups["domain"].Success || (domain && !whole);
            string to = match.Groups["to"].Value;

            // Without the root only the folders' own names count: other words before a dot are types and values.
            bool named = whole || match.Groups["domain"].Success || (Knows.ContainsKey(to) && (domain || to != Shared)) || HostShared.Contains(to) || HostAbove.Contains(to);
            if (named && (to != from || ofDomain != domain))
            {
                yield return new Arrow(from, to, ofDomain, file.At(match.Index));
            }
        }
    }

    /// <summary>A file's namespace is its folder: else the rule could be walked around.</summary>
    private static IEnumerable<string> Places(SourceFile file)
    {
        string folder = string.Join('.', file.Parts[..^1]);
        if (Namespace().Match(file.Code) is { Success: true } match && match.Groups["name"].Value != folder)
        {
            yield return $"{file.Path} declares the namespace {match.Groups["name"].Value}";
        }

        if (GlobalUsing().Match(file.Code) is { Success: true } hidden)
        {
            yield return $"{file.At(hidden.Index)} hides an arrow in a global using";
        }

        string from = file.Parts.Length > 2 ? file.Parts[1] : "";
        bool known = file.Parts[0] == "LoraAdmin.Domain"
            ? Knows.ContainsKey(from)
            : from is "" or "Properties" || Features.Contains(from) || HostShared.Contains(from) || HostAbove.Contains(from);
        if (!known)
        {
            yield return $"{file.Path} stands in {(from.Length == 0 ? "no feature" : $"{from}, which is not in the table of features")}";
        }
    }

    private static string? Problem(SourceFile file, Arrow arrow)
    {
        bool fromDomain = file.Parts[0] == "LoraAdmin.Domain";
        bool allowed = fromDomain ? arrow.OfDomain && Knows.GetValueOrDefault(arrow.From, []).Contains(arrow.To)
            : arrow.OfDomain ? MayDecideWith(arrow.From, arrow.To, file)
            : MayConnectWith(arrow.From, arrow.To, file);
        return allowed ? null : $"{arrow.At}: {(arrow.From.Length == 0 ? file.Name : arrow.From)} must not know {(arrow.OfDomain ? "Domain." : "")}{arrow.To}";
    }

    /// <summary>A host folder's use of Domain follows Domain's own arrows; permissions are words that pages and routes of every feature use.</summary>
    private static bool MayDecideWith(string from, string to, SourceFile file) =>
        to is Shared or "Access"
        || from == to

        // Incidents of every feature are put into words in one place; facts reach it as words alone.
        || file.Name == "AlertsPageTexts.cs"
        || HostAbove.Contains(from)
        || (from.Length == 0 && file.Name != "_Imports.razor")
        || (Features.Contains(from) && Knows[from].Contains(to));

    private static bool MayConnectWith(string from, string to, SourceFile file) => from switch
    {
        "" => file.Name != "_Imports.razor" || HostShared.Contains(to),
        "Platform" => to == "Platform",
        "Shell" => HostShared.Contains(to),
        _ when HostAbove.Contains(from) => to != "Commands",
        _ => HostShared.Contains(to),
    };

    [GeneratedRegex(@"(?<![\w.])(?:global::)?(?<root>LoraAdmin\s*\.\s*)?(?<domain>Domain\s*\.\s*)?(?<to>(?!Domain\b|LoraAdmin\b)[A-Z]\w*)\b(?(root)|(?=\s*\.))")]
    private static partial Regex Name();

    [GeneratedRegex(@"^\s*@?namespace\s+(?<name>[\w.]+)", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"\bglobal\s+using\s+(?:static\s+)?(?:\w+\s*=\s*)?(?:global::)?LoraAdmin\b")]
    private static partial Regex GlobalUsing();
}
