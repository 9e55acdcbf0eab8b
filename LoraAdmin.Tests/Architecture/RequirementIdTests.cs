namespace LoraAdmin.Tests.Architecture;

public sealed class RequirementIdTests
{
    private const string Document = "| C1 | opens on the third |\n| C9 | opens never – |\n";

    [Fact]
    public void Requirements_OfTheDocument_AreThoseThatTestsProve() => Rule.Holds(RequirementIds.Problems(
        Repository.Text("docs/requirements.md").Text, Repository.Source.Where(file => file.Parts[0] == "LoraAdmin.Tests")));

    [Theory]
    [InlineData("C1", "Z9", "has no rule Z9")]
    [InlineData("C1", "C9", "has no rule C9")]
    [InlineData("", "", "no test proves C1")]
    public void Id_OfOneSideAlone_IsCaught(string first, string second, string named) => Rule.Catches(
        named,
        RequirementIds.Problems(Document, [new SourceFile("LoraAdmin.Tests/A.cs", string.Concat(new[] { first, second }.Where(id => id.Length > 0).Select(TraitOf)))]));

    [Fact]
    public void Ids_OfBothSides_Pass() => Rule.Holds(RequirementIds.Problems(Document, [new SourceFile("LoraAdmin.Tests/A.cs", TraitOf("C1"))]));

    private static string TraitOf(string id) => $"[Trait(\"Requirement\", \"{id}\")]\n";
}
