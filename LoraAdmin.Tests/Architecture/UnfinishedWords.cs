using System.Text.RegularExpressions;

namespace LoraAdmin.Tests.Architecture;

/// <summary>Words that tell of unfinished work, of where a developer works, or of where packages come from. None belongs to what is handed over.</summary>
internal static class UnfinishedWords
{
    // Each word is put together from halves, so that this file passes its own rule.
    private static readonly (string Subject, Regex Words)[] All =
    [
        ("unfinished", Of(@"\b(?:TO" + @"DO|FIX" + @"ME|HA" + @"CK|X" + @"XX)\b")),
        ("unfinished", Of(@"\bfor" + @"\s+now\b", RegexOptions.IgnoreCase)),
        ("unfinished", Of(@"\bNotImplemented" + "Exception")),
        ("a skipped test", Of(@"\b(?:Fact|Theory|InlineData)\b.*\bSk" + @"ip\s*=")),
        ("a package registry", Of(
            @"\b(?:[\w-]+\.)*(?:nu" + @"get\.org|npm" + @"js\.(?:org|com)|py" + @"pi\.org|jf" + @"rog\.io|pkgs\.dev\.az" + @"ure\.com|golang" + @"\.org|docker" + @"\.io|ghcr" + @"\.io|artifact" + "ory)\\b",
            RegexOptions.IgnoreCase)),
        ("a path of one machine", Of(@"(?<![\w.}/-])/(?:ho" + @"me|Us" + @"ers|ro" + @"ot|wo" + @"rk|workspace)/[\w.-]")),
        ("a path of one machine", Of(@"\b[A-Za-z]:\\{1,2}(?:Us" + @"ers|src|dev|work)\b", RegexOptions.IgnoreCase)),
    ];

    public static IEnumerable<string> Problems(IEnumerable<SourceFile> files) =>
        from file in files
        from rule in All
        from Match match in rule.Words.Matches(file.Text)
        select $"{file.At(match.Index)}: {rule.Subject}: {match.Value}";

    private static Regex Of(string pattern, RegexOptions options = RegexOptions.None) => new(pattern, options | RegexOptions.CultureInvariant);
}
