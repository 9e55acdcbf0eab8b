using System.Text.RegularExpressions;

namespace LoraAdmin.Tests.Architecture;

/// <summary>Documents lead to files that exist: by links, and by the paths that they name in code style.</summary>
internal static partial class DocumentLinks
{
    public static IEnumerable<string> Dead(IEnumerable<SourceFile> documents, Func<string, bool> exists) =>
        from document in documents
        from target in Targets(document)
        where !exists(target.Path)
        select $"{document.At(target.Index)} leads to {target.Path}, which does not exist";

    private static IEnumerable<(string Path, int Index)> Targets(SourceFile document)
    {
        foreach (Match link in Link().Matches(document.Text))
        {
            string target = link.Groups["target"].Value.Split('#')[0];
            if (target.Length > 0 && !target.Contains(':', StringComparison.Ordinal))
            {
                yield return (Joined(document.Parts[..^1], target), link.Index);
            }
        }

        foreach (Match named in NamedPath().Matches(document.Text))
        {
            yield return (named.Groups["path"].Value.TrimEnd('/'), named.Index);
        }
    }

    private static string Joined(string[] folder, string target)
    {
        List<string> parts = target.StartsWith('/') ? [] : [.. folder];
        foreach (string part in target.Split('/').Where(part => part is not ("" or ".")))
        {
            if (part != "..")
            {
                parts.Add(part);
            }
            else if (parts.Count > 0)
            {
                parts.RemoveAt(parts.Count - 1);
            }
        }

        return string.Join('/', parts);
    }

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"`(?<path>(?:LoraAdmin(?:\.Domain|\.Tests)?|docs|wwwroot)/[\w./-]+)`")]
    private static partial Regex NamedPath();
}
