namespace LoraAdmin.Tests.Architecture;

/// <summary>The rules look at code alone: these tests hold the reader that finds it.</summary>
public sealed class CSharpCodeTests
{
    [Theory]
    [InlineData("a(); // b()", "a();")]
    [InlineData("a(/* b() */ 1);", "a( 1);")]
    [InlineData("a(\"b() \\\" // c\");", "a(\"\");")]
    [InlineData("a(@\"b\\\", \"c\");", "a(@\"\", \"\");")]
    [InlineData("a(@\"b\"\"c\", d);", "a(@\"\", d);")]
    [InlineData("a($\"{{b}} {c.D:0.0} e\");", "a($\"{c.D:0.0}\");")]
    [InlineData("a($\"{(b ? \"c\" : d)} e\", f);", "a($\"{(b ? \"\" : d)}\", f);")]
    [InlineData("a(\"\"\" b \"c\" \"\"\", d);", "a(\"\"\"\"\"\", d);")]
    [InlineData("a($$\"\"\" {b} {{c}} \"\"\", d);", "a($$\"\"\"{{c}}\"\"\", d);")]
    [InlineData("a('\"', b, '\\'', \"c\");", "a(, b, , \"\");")]
    [InlineData("a(\"\", b);", "a(\"\", b);")]
    public void Code_OfSource_HasNeitherCommentsNorLiterals(string source, string code)
    {
        string found = CSharpCode.Of(source);

        Assert.Equal(source.Length, found.Length);
        Assert.Equal(code.Replace(" ", "", StringComparison.Ordinal), found.Replace(" ", "", StringComparison.Ordinal));
    }

    [Fact]
    public void Code_OfAPage_KeepsMarkupAndLosesComments()
    {
        string found = RazorCode.Of("@* it's a() *@<p>@b</p>\n<!-- c() -->\n@code {\n  // d()\n  e(\"f\");\n}");

        Assert.Equal("<p>@b</p>@code{e(\"\");}", string.Concat(found.Where(character => !char.IsWhiteSpace(character))));
    }

    [Fact]
    public void Code_OfTheWholeRepository_HasBalancedBraces()
    {
        // A literal that is read wrongly swallows code up to some later quote: the braces would no longer match.
        Rule.Holds(Repository.Source.Where(file => file.Name.EndsWith(".cs", StringComparison.Ordinal))
            .Where(file => file.Code.Count('{') != file.Code.Count('}') || file.Code.Count('(') != file.Code.Count(')'))
            .Select(file => $"{file.Path}: the reader of code loses its way"));
    }

    [Fact]
    public void Repository_Source_HasEveryProject() =>
        Assert.Equal(Repository.Projects, Repository.Source.Select(file => file.Parts[0]).Distinct().Order(StringComparer.Ordinal));
}
