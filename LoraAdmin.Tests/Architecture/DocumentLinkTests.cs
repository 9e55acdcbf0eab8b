namespace LoraAdmin.Tests.Architecture;

public sealed class DocumentLinkTests
{
    [Fact]
    public void Documents_OfTheRepository_LeadToWhatExists() => Rule.Holds(DocumentLinks.Dead(
        Repository.Texts.Where(file => file.Name.EndsWith(".md", StringComparison.Ordinal)), Repository.Exists));

    [Theory]
    [InlineData("[API](api.md)", "docs/api.md")]
    [InlineData("[up](../README.md#test-it)", "README.md")]
    [InlineData("see `LoraAdmin/Gone.cs`", "LoraAdmin/Gone.cs")]
    public void Link_ToNothing_IsCaught(string text, string named) =>
        Rule.Catches($"leads to {named},", DocumentLinks.Dead([new SourceFile("docs/a.md", text)], _ => false));

    [Theory]
    [InlineData("[a](https://example.org/x) [b](#below) `LoraAdmin/<Feature>/*Store.cs`")]
    public void Link_ElsewhereOrBelow_Passes(string text) => Rule.Holds(DocumentLinks.Dead([new SourceFile("docs/a.md", text)], _ => false));
}
