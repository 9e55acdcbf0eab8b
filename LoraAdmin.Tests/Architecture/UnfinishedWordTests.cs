namespace LoraAdmin.Tests.Architecture;

public sealed class UnfinishedWordTests
{
    [Fact]
    public void Texts_OfTheRepository_AreFinished() => Rule.Holds(UnfinishedWords.Problems(Repository.Texts));

    [Theory]
    [InlineData("// TO", "DO: later", "unfinished")]
    [InlineData("/* FIX", "ME */", "unfinished")]
    [InlineData("# HA", "CK around it", "unfinished")]
    [InlineData("Good enough for", " now.", "unfinished")]
    [InlineData("Good enough For", "\n   now.", "unfinished")]
    [InlineData("throw new NotImplemented", "Exception();", "unfinished")]
    [InlineData("[Fact(Sk", "ip = \"flaky\")]", "a skipped test")]
    [InlineData("https://api.nu", "get.org/v3/index.json", "a package registry")]
    [InlineData("registry.npm", "js.org", "a package registry")]
    [InlineData("cd /ho", "me/someone/lora", "a path of one machine")]
    [InlineData("\"/wo", "rk/lora\"", "a path of one machine")]
    [InlineData("C:\\Us", "ers\\someone", "a path of one machine")]
    public void Text_WrongSample_IsCaught(string first, string second, string named) =>
        Rule.Catches(named, UnfinishedWords.Problems([new SourceFile("README.md", first + second)]));

    [Theory]
    [InlineData("Publish it to /opt/loraadmin.")]
    [InlineData("The hackney carriage knows nothing, for nowhere is far.")]
    [InlineData("{root}/work/pods and ./home/x")]
    [InlineData("mastodon")]
    public void Text_RightSample_Passes(string text) => Rule.Holds(UnfinishedWords.Problems([new SourceFile("README.md", text)]));
}
