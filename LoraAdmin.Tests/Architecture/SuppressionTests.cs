namespace LoraAdmin.Tests.Architecture;

public sealed class SuppressionTests
{
    private static readonly AllowedSuppression[] Sample = [new("A.cs", "CA1031", 1, "The outermost boundary.")];

    private static SourceFile[] Files =>
    [
        .. Repository.Source,
        .. Repository.Texts.Where(file => file.Name.EndsWith(".csproj", StringComparison.Ordinal) || file.Name.EndsWith(".props", StringComparison.Ordinal)),
    ];

    [Fact]
    public void Warnings_OfTheRepository_AreSilentOnlyWhereTheListSays() => Rule.Holds(Suppressions.Problems(Files, Suppressions.Allowed));

    [Fact]
    public void List_OfSilentWarnings_HasNoDeadEntry() => Rule.Holds(Suppressions.Dead(Files, Suppressions.Allowed));

    [Theory]
    [InlineData("A.cs", "#pragma warning disable CA2100 // Texts of the tests themselves.", "not in the list")]
    [InlineData("B.cs", "#pragma warning disable CA1031 // One page's broken read.", "not in the list")]
    [InlineData("A.cs", "    #pragma warning disable // Everything at once, it seems.", "not in the list")]
    [InlineData("A.cs", "#pragma warning disable CA1031", "without saying why")]
    [InlineData("A.cs", "#pragma warning disable CA1031 // why", "without saying why")]
    [InlineData("B.cs", "[SuppressMessage(\"Design\", \"CA1001:Types\", Justification = \"The last one disposes it.\")]", "CA1001")]
    [InlineData("B.csproj", "<!-- Has its reasons. --><NoWarn>$(NoWarn);CS1591</NoWarn>", "CS1591")]
    public void Warning_SilencedInAWrongSample_IsCaught(string path, string text, string named) =>
        Rule.Catches(named, Suppressions.Problems([new SourceFile(path, text)], Sample));

    [Fact]
    public void Warning_SilencedTwice_IsCaughtWhenTheListSaysOnce()
    {
        const string Line = "#pragma warning disable CA1031 // One page's broken read.\n";

        Rule.Holds(Suppressions.Problems([new SourceFile("A.cs", Line)], Sample));
        Assert.All(Suppressions.Problems([new SourceFile("A.cs", Line + Line)], Sample), problem => Assert.Contains("more often", problem, StringComparison.Ordinal));
        Assert.Equal(2, Suppressions.Problems([new SourceFile("A.cs", Line + Line)], Sample).Count());
    }

    [Fact]
    public void List_WithADeadEntry_IsCaught() => Rule.Catches("CA1031", Suppressions.Dead([new SourceFile("A.cs", "// #pragma warning disable CA1031")], Sample));
}
