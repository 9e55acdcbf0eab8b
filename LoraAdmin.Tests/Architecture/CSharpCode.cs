using System.Text.RegularExpressions;

namespace LoraAdmin.Tests.Architecture;

/// <summary>
/// What is left of C# source without its comments and literals. Code in the holes of interpolated strings stays: a forbidden call could stand there.
/// </summary>
internal static partial class CSharpCode
{
    public static string Of(string text) => new Scanner(text).Run();

    [GeneratedRegex(@"\G'(?:\\[^\r\n]?[^'\r\n]*|[^'\\\r\n])'")]
    private static partial Regex CharLiteral();

    private sealed class Scanner(string text)
    {
        private readonly char[] left = text.ToCharArray();
        private int at;

        public string Run()
        {
            Code(inHole: false);
            return new string(left);
        }

        /// <summary>Reads to the end, or in a hole to the brace that closes it.</summary>
        private void Code(bool inHole)
        {
            int braces = 0;
            while (at < text.Length)
            {
                char here = text[at];
                if (Starts("//"))
                {
                    BlankUntil("\n", inclusive: false);
                }
                else if (Starts("/*"))
                {
                    BlankUntil("*/", inclusive: true);
                }
                else if (here == '\'' && CharLiteral().Match(text, at) is { Success: true } literal)
                {
                    Blank(literal.Length);
                }
                else if (here is '"' or '$' or '@' && TryLiteral())
                {
                    continue;
                }
                else if (inHole && here == '}' && braces == 0)
                {
                    return;
                }
                else
                {
                    braces += here switch { '{' => 1, '}' => -1, _ => 0 };
                    at++;
                }
            }
        }

        private bool TryLiteral()
        {
            int start = at;
            while (start < text.Length && text[start] is '$' or '@')
            {
                start++;
            }

            if (start >= text.Length || text[start] != '"')
            {
                return false;
            }

            string marks = text[at..start];
            int dollars = marks.Count(mark => mark == '$');
            bool verbatim = marks.Contains('@');
            int quotes = Run('"', start);
            at = start;
            if (!verbatim && quotes >= 3)
            {
                at += quotes;
                Raw(quotes, dollars);
            }
            else
            {
                at++;
                Plain(dollars > 0, verbatim);
            }

            return true;
        }

        private void Plain(bool interpolated, bool verbatim)
        {
            while (at < text.Length)
            {
                char here = text[at];
                if (here == '"')
                {
                    if (!verbatim || Run('"', at) == 1)
                    {
                        at++;
                        return;
                    }

                    Blank(2);
                }
                else if (here == '\\' && !verbatim)
                {
                    Blank(2);
                }
                else if (interpolated && here == '{' && !Starts("{{"))
                {
                    Hole(1);
                }
                else
                {
                    Blank(here == '{' && interpolated ? 2 : 1);
                }
            }
        }

        private void Raw(int quotes, int dollars)
        {
            while (at < text.Length)
            {
                if (Run('"', at) >= quotes)
                {
                    at += Run('"', at);
                    return;
                }

                int braces = Run('{', at);
                if (dollars > 0 && braces >= dollars)
                {
                    Blank(braces - dollars);
                    Hole(dollars);
                }
                else
                {
                    Blank(Math.Max(1, braces));
                }
            }
        }

        private void Hole(int braces)
        {
            at += braces;
            Code(inHole: true);
            at += braces;
        }

        private bool Starts(string what) => string.CompareOrdinal(text, at, what, 0, what.Length) == 0;

        private int Run(char what, int from)
        {
            int end = from;
            while (end < text.Length && text[end] == what)
            {
                end++;
            }

            return end - from;
        }

        private void BlankUntil(string what, bool inclusive)
        {
            int end = text.IndexOf(what, at, StringComparison.Ordinal);
            Blank((end < 0 ? text.Length : inclusive ? end + what.Length : end) - at);
        }

        private void Blank(int count)
        {
            for (int end = Math.Min(text.Length, at + count); at < end; at++)
            {
                left[at] = text[at] is '\n' or '\r' ? text[at] : ' ';
            }
        }
    }
}
