using System.Globalization;
using System.Web;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Storage;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Storage;

[Trait("Requirement", "S3")]
public sealed class LinkSignerTests
{
    private static readonly ObjectRef Target = new(Buckets.Models, "u/l/model.safetensors");

    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));

    [Fact]
    public void Sign_ThenCheck_IsValidUntilItsHourIsOver()
    {
        LinkSigner signer = NewSigner();
        SignedLink link = signer.Sign(Target);
        (string expires, string signature) = Parts(link);

        Assert.Equal(clock.GetUtcNow().AddHours(1), link.ExpiresAt);
        Assert.Equal(LinkCheck.Valid, signer.Check(Target, expires, signature));
        clock.Advance(TimeSpan.FromMinutes(59));
        Assert.Equal(LinkCheck.Valid, signer.Check(Target, expires, signature));
        clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(LinkCheck.Expired, signer.Check(Target, expires, signature));
    }

    [Fact]
    public void Sign_WithAShorterLifetime_EndsThen()
    {
        LinkSigner signer = new(new byte[32], () => "", TimeSpan.FromMinutes(10), clock);
        SignedLink link = signer.Sign(Target);
        (string expires, string signature) = Parts(link);

        Assert.Equal((TimeSpan.FromMinutes(10), clock.GetUtcNow().AddMinutes(10)), (signer.Lifetime, link.ExpiresAt));
        clock.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(LinkCheck.Expired, signer.Check(Target, expires, signature));
    }

    [Fact]
    public void Check_AnyPartChanged_IsTampered()
    {
        LinkSigner signer = NewSigner();
        (string expires, string signature) = Parts(signer.Sign(Target));

        Assert.Equal(LinkCheck.Tampered, signer.Check(Target with { Key = "u/l/other" }, expires, signature));
        Assert.Equal(LinkCheck.Tampered, signer.Check(Target with { Bucket = Buckets.TrainingImages }, expires, signature));
        Assert.Equal(LinkCheck.Tampered, signer.Check(Target, expires + "0", signature));
        Assert.Equal(LinkCheck.Tampered, signer.Check(Target, "+" + expires, signature));
        Assert.Equal(LinkCheck.Tampered, signer.Check(Target, null, signature));
        Assert.Equal(LinkCheck.Tampered, signer.Check(Target, expires, null));
        Assert.Equal(LinkCheck.Tampered, signer.Check(Target, expires, ""));
        Assert.Equal(LinkCheck.Tampered, signer.Check(Target, expires, new string('!', 43)));
        Assert.Equal(LinkCheck.Tampered, signer.Check(Target, expires, signature + "A"));
        for (int position = 0; position < 42; position++)
        {
            char other = signature[position] == 'A' ? 'B' : 'A';
            string changed = $"{signature[..position]}{other}{signature[(position + 1)..]}";
            Assert.Equal(LinkCheck.Tampered, signer.Check(Target, expires, changed));
        }
    }

    [Fact]
    public void Check_OtherKey_IsTampered()
    {
        (string expires, string signature) = Parts(NewSigner().Sign(Target));

        Assert.Equal(LinkCheck.Tampered, NewSigner(fill: 2).Check(Target, expires, signature));
    }

    [Fact]
    public void Check_PartsMovedBetweenBucketAndKey_IsTampered()
    {
        LinkSigner signer = NewSigner();
        (string expires, string signature) = Parts(signer.Sign(new ObjectRef("abc", "d/e")));

        Assert.Equal(LinkCheck.Tampered, signer.Check(new ObjectRef("abc/d", "e"), expires, signature));
    }

    [Theory]
    [InlineData("", "/objects/")]
    [InlineData("https://portal.example", "https://portal.example/objects/")]
    [InlineData("https://portal.example/sub/", "https://portal.example/sub/objects/")]
    public void Sign_Url_BeginsWithThePortalsAddress(string baseUrl, string start) =>
        Assert.StartsWith(start, new LinkSigner(new byte[32], () => baseUrl, LinkSigner.MaxLifetime, clock).Sign(Target).Url, StringComparison.Ordinal);

    [Fact]
    public void Signer_ShortKey_IsRefused() => Assert.Throws<ArgumentException>(() => new LinkSigner(new byte[31], () => "", LinkSigner.MaxLifetime, clock));

    [Fact]
    public void Sign_WrongKey_Throws() => Assert.Throws<ArgumentException>(() => NewSigner().Sign(new ObjectRef("b", "../x")));

    [Theory]
    [InlineData("00:00:00")]
    [InlineData("01:00:01")]
    public void Signer_WrongLifetime_IsRefused(string lifetime) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new LinkSigner(new byte[32], () => "", TimeSpan.Parse(lifetime, CultureInfo.InvariantCulture), clock));

    private static (string Expires, string Signature) Parts(SignedLink link)
    {
        System.Collections.Specialized.NameValueCollection query = HttpUtility.ParseQueryString(link.Url[(link.Url.IndexOf('?', StringComparison.Ordinal) + 1)..]);
        return (query["expires"]!, query["signature"]!);
    }

    private LinkSigner NewSigner(byte fill = 1)
    {
        byte[] key = new byte[32];
        Array.Fill(key, fill);
        return new LinkSigner(key, () => "", LinkSigner.MaxLifetime, clock);
    }
}
