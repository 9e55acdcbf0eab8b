using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Pods;
using LoraAdmin.Tests.Platform.Vendors;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Pods;

public sealed class RunPodBalanceTests : IDisposable
{
    private const string Key = "rpa_0123456789ABCDEF";

    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));
    private readonly ScriptedVendor vendor = new(Key);

    [Theory]
    [InlineData("""{"data":{"myself":{"clientBalance":12.5,"currentSpendPerHr":0.44,"spendLimit":80}}}""", 12.5, 0.44)]
    [InlineData("""{"data":{"myself":{"clientBalance":"12.5","currentSpendPerHr":"0.44"}},"errors":[]}""", 12.5, 0.44)]
    [InlineData("""{"data":{"myself":{"clientBalance":-0.02,"currentSpendPerHr":null}}}""", -0.02, 0)]
    public async Task Read_200_GivesTheMoney(string body, double balance, double spend)
    {
        vendor.Answer(200, body);

        BalanceReading.Read read = Assert.IsType<BalanceReading.Read>(await Balance().ReadAsync(CancellationToken.None));

        Assert.Equal(new BalanceReading.Read(Usd.FromDollars((decimal)balance), Usd.FromDollars((decimal)spend), clock.GetUtcNow()), read);
        Assert.Equal("https://api.example.org/graphql", vendor.Last.Uri.AbsoluteUri);
        Assert.Contains("clientBalance", vendor.Last.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(Key, vendor.Last.Uri.AbsoluteUri, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(200, """{"data":{"myself":null}}""", ProviderFailure.Unauthorized)]
    [InlineData(200, """{"errors":[{"message":"Something went wrong"}],"data":null}""", ProviderFailure.Ambiguous)]
    [InlineData(200, """{"errors":[17]}""", ProviderFailure.Ambiguous)]
    [InlineData(200, """{"data":{"myself":{}}}""", ProviderFailure.Ambiguous)]
    [InlineData(200, """{"data":{"myself":{"clientBalance":"much"}}}""", ProviderFailure.Ambiguous)]
    [InlineData(200, """{"data":[]}""", ProviderFailure.Ambiguous)]
    [InlineData(200, "[]", ProviderFailure.Ambiguous)]
    [InlineData(200, "", ProviderFailure.Ambiguous)]
    [InlineData(401, "", ProviderFailure.Unauthorized)]
    [InlineData(429, "", ProviderFailure.RateLimited)]
    [InlineData(500, "", ProviderFailure.Ambiguous)]
    public async Task Read_AnyOtherAnswer_IsUnavailable(int status, string body, ProviderFailure failure)
    {
        vendor.Answer(status, body);
        Assert.Equal(failure, Assert.IsType<BalanceReading.Unavailable>(await Balance().ReadAsync(CancellationToken.None)).Error.Failure);
    }

    public void Dispose() => vendor.Dispose();

    private RunPodBalance Balance() => new(new RunPodWire(
        vendor.Client(),
        Options.Create(new RunPodOptions { BaseUrl = "https://api.example.org/v2", ApiKey = Key }),
        clock,
        new RememberingLogger<RunPodWire>()));
}
