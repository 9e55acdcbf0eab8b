using System.Text.RegularExpressions;

namespace LoraAdmin.Tests.Architecture;

/// <summary>What is left of a page without its comments; behind <c>@code</c> also without literals. Markup stays: expressions stand in it.</summary>
internal static partial class RazorCode
{
    public static string Of(string text)
    {
        string markup = Comment().Replace(text, match => Blank().Replace(match.Value, " "));
        int code = markup.IndexOf("\n@code", StringComparison.Ordinal);
        return code < 0 ? markup : markup[..code] + CSharpCode.Of(markup[code..]);
    }

    [GeneratedRegex(@"@\*.*?\*@|<!--.*?-->", RegexOptions.Singleline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"[^\r\n]")]
    private static partial Regex Blank();
}
