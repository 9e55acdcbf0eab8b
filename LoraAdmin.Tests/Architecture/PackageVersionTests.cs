namespace LoraAdmin.Tests.Architecture;

public sealed class PackageVersionTests
{
    private static SourceFile[] Ending(string end) => [.. Repository.Texts.Where(file => file.Path.EndsWith(end, StringComparison.Ordinal))];

    [Fact]
    public void Versions_OfTheRepository_AreUsed() => Rule.Holds(PackageVersions.Unused(
        Repository.Text("Directory.Packages.props"), [.. Ending(".csproj"), Repository.Text("Directory.Build.props")], Ending("packages.lock.json")));

    [Theory]
    [InlineData("Direct", "2.0.0")]
    [InlineData("CentralTransitive", "1.0.0")]
    public void Version_ThatNobodyUses_IsCaught(string type, string resolved) => Rule.Catches("Left 2.0.0", Unused(type, resolved));

    [Fact]
    public void Version_ThatIsAPin_Passes() => Rule.Holds(Unused("CentralTransitive", "2.0.0"));

    private static IEnumerable<string> Unused(string type, string resolved) => PackageVersions.Unused(
        new SourceFile("Directory.Packages.props", "<P><PackageVersion Include=\"Used\" Version=\"1.0.0\" /><PackageVersion Include=\"Left\" Version=\"2.0.0\" /></P>"),
        [new SourceFile("A.csproj", "<P><PackageReference Include=\"Used\" /></P>")],
        [new SourceFile("packages.lock.json", $$"""{"dependencies": {"net10.0": {"Left": {"type": "{{type}}", "resolved": "{{resolved}}"} } } }""")]);
}
