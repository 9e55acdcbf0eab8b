using System.Globalization;
using System.Net;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Vendors;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Platform.Vendors;

public sealed class OutsideClockHandlerTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, 700, TimeSpan.Zero);

    private readonly FakeTimeProvider clock = new(Now);
    private readonly ClockStandings clocks;

    public OutsideClockHandlerTests() => clocks = KnownClocks.New(clock);

    [Theory]
    [InlineData(0, 0.2)]
    [InlineData(-90, 90.2)]
    [InlineData(90, -89.8)]
    public async Task Date_OfAnAnswer_TellsTheDifferenceWithinHalfASecond(int vendorAhead, double expected)
    {
        await AskAsync(HttpStatusCode.OK, ("Date", Date(vendorAhead)));

        ClockStanding standing = Assert.Single(clocks.All);
        Assert.Equal(ClockStandings.Provider, standing.Subject);
        Assert.Equal(new ClockReading.Read(TimeSpan.FromSeconds(expected), TimeSpan.FromSeconds(0.5)), standing.Reading);
    }

    [Fact]
    public async Task Date_OfARefusal_CountsAsWell()
    {
        await AskAsync(HttpStatusCode.Unauthorized, ("Date", Date(-400)));

        Assert.NotNull(clocks.WhyHeld());
    }

    [Fact]
    public async Task Date_OfAnAnswerFromACache_IsAsOldAsTheCacheSays()
    {
        await AskAsync(HttpStatusCode.OK, ("Date", Date(-400)), ("Age", "400"));

        Assert.Equal(TimeSpan.FromSeconds(0.2), Assert.Single(clocks.All).Reading!.Ahead);
    }

    [Fact]
    public async Task Answer_ThatTookLong_IsAsVague()
    {
        await AskAsync(HttpStatusCode.OK, TimeSpan.FromSeconds(40), ("Date", Date(-70)));

        Assert.Equal(TimeSpan.FromSeconds(20.5), Assert.Single(clocks.All).Reading!.Margin);
        Assert.Equal(ClockGrade.Off, Assert.Single(clocks.All).Grade);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("yesterday")]
    [InlineData("")]
    public async Task Answer_WithoutAReadableDate_SaysNothing(string? date)
    {
        await (date is null ? AskAsync(HttpStatusCode.OK) : AskAsync(HttpStatusCode.OK, ("Date", date)));

        Assert.Empty(clocks.All);
    }

    private static string Date(int ahead) => Now.AddSeconds(ahead).ToString("R", CultureInfo.InvariantCulture);

    private Task AskAsync(HttpStatusCode status, params (string Name, string Value)[] headers) => AskAsync(status, TimeSpan.Zero, headers);

    private async Task AskAsync(HttpStatusCode status, TimeSpan takes, params (string Name, string Value)[] headers)
    {
        ScriptedVendor vendor = new ScriptedVendor("key").Answer(() =>
        {
            clock.Advance(takes);
            HttpResponseMessage answer = new(status);
            foreach ((string name, string value) in headers)
            {
                answer.Headers.TryAddWithoutValidation(name, value);
            }

            return answer;
        });
        using HttpMessageInvoker invoker = new(new OutsideClockHandler(clocks, ClockStandings.Provider, clock) { InnerHandler = vendor });
        using HttpRequestMessage request = new(HttpMethod.Get, "https://vendor.example.org/pods");
        request.Headers.Authorization = new("Bearer", "key");
        using HttpResponseMessage response = await invoker.SendAsync(request, CancellationToken.None);
    }
}
