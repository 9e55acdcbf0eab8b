using System.Text;
using LoraAdmin.Platform.Vendors;
using Xunit;

namespace LoraAdmin.Tests.Platform.Vendors;

public sealed class WebhookSignatureTests
{
    /// <summary>The example of the standard's reference libraries.</summary>
    private const string Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    private const string Id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    private const string Known = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    private static readonly byte[] Body = Encoding.UTF8.GetBytes("""{"test": 2432232314}""");
    private static readonly DateTimeOffset At = DateTimeOffset.FromUnixTimeSeconds(1614265330);

    [Fact]
    public void Sign_TheStandardsExample_GivesItsSignature() => Assert.Equal(Known, WebhookSignature.Sign(Secret, Id, At, Body));

    [Theory]
    [InlineData(Known, WebhookCheck.Valid)]
    [InlineData("v1,AAAA v2,other " + Known, WebhookCheck.Valid)]
    [InlineData("v1,AAAA", WebhookCheck.Wrong)]
    [InlineData("v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", WebhookCheck.Wrong)]
    [InlineData("g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", WebhookCheck.Wrong)]
    [InlineData("v1,not base64", WebhookCheck.Wrong)]
    [InlineData("", WebhookCheck.NotSigned)]
    [InlineData(null, WebhookCheck.NotSigned)]
    public void Check_OfAHeader_Judges(string? signatures, WebhookCheck expected) => Assert.Equal(expected, Check(signatures, At));

    [Theory]
    [InlineData(299, WebhookCheck.Valid)]
    [InlineData(-299, WebhookCheck.Valid)]
    [InlineData(301, WebhookCheck.Stale)]
    [InlineData(-301, WebhookCheck.Stale)]
    public void Check_SomeSecondsAway_KeepsTheTolerance(int seconds, WebhookCheck expected) => Assert.Equal(expected, Check(Known, At.AddSeconds(seconds)));

    [Theory]
    [InlineData("whsec_")]
    [InlineData("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    [InlineData("whsec_no base64!")]
    [InlineData("")]
    public void Secret_ThatIsNone_SignsNothing(string secret)
    {
        Assert.False(WebhookSignature.IsSecret(secret));
        Assert.Equal(WebhookCheck.NotSigned, WebhookSignature.Check(secret, Id, "1614265330", Known, Body, At));
        Assert.Throws<FormatException>(() => WebhookSignature.Sign(secret, Id, At, Body));
    }

    [Fact]
    public void Check_OfAnotherBodyOrIdOrTime_IsWrong()
    {
        Assert.Equal(WebhookCheck.Wrong, WebhookSignature.Check(Secret, Id, "1614265330", Known, "{}"u8, At));
        Assert.Equal(WebhookCheck.Wrong, WebhookSignature.Check(Secret, "msg_other", "1614265330", Known, Body, At));
        Assert.Equal(WebhookCheck.Wrong, WebhookSignature.Check(Secret, Id, "1614265331", Known, Body, At));
        Assert.Equal(WebhookCheck.NotSigned, WebhookSignature.Check(Secret, Id, "soon", Known, Body, At));
    }

    private static WebhookCheck Check(string? signatures, DateTimeOffset now) => WebhookSignature.Check(Secret, Id, "1614265330", signatures, Body, now);
}
