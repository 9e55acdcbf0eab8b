using System.Text;
using LoraAdmin.Platform.Vendors;
using Xunit;

namespace LoraAdmin.Tests.Platform.Vendors;

public sealed class VendorTextTests
{
    [Theory]
    [InlineData("""{"title":"Bad Request","status":400,"detail":"no stock"}""", "no stock")]
    [InlineData("""{"title":"Unprocessable","detail":"Request validation failed.","errors":["$: bogus","b"]}""", "Request validation failed.; $: bogus; b")]
    [InlineData("""{"errors":[{"message":"inner"}]}""", "inner")]
    [InlineData("""{"message":"old style"}""", "old style")]
    [InlineData("""{"title":"Bad Gateway"}""", "Bad Gateway")]
    [InlineData("""{"detail":17}""", """{"detail":17}""")]
    [InlineData("<html>\n\n  <b>oops</b></html>", "<html> <b>oops</b></html>")]
    [InlineData("", "HTTP 500 without a body")]
    public void OfError_AnyShape_GivesTheWords(string body, string words) =>
        Assert.Equal(words, VendorText.OfError(new VendorAnswer(500, Encoding.UTF8.GetBytes(body), null, null, null, null, null), []));

    [Fact]
    public void Clean_LongText_IsCutTo500()
    {
        string clean = VendorText.Clean(new string('x', 5000), []);
        Assert.Equal(500, clean.Length);
        Assert.EndsWith("…", clean, StringComparison.Ordinal);
    }

    [Fact]
    public void Clean_SecretAcrossTheCut_LeavesNoPartOfIt()
    {
        string clean = VendorText.Clean(new string('x', 495) + "top-secret-value", ["top-secret-value"]);
        Assert.DoesNotContain("top", clean, StringComparison.Ordinal);
    }

    [Fact]
    public void Clean_SecretInsideASecret_HidesTheLongerWhole() =>
        Assert.Equal("key ***", VendorText.Clean("key abcdef-ghijkl", ["abcdef", "abcdef-ghijkl"]));

    [Fact]
    public void Clean_ShortValues_AreNoSecrets() => Assert.Equal("step 1 of 10", VendorText.Clean("step 1 of 10", ["1", "10"]));
}
