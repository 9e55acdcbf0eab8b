using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.LocalCloud;
using Xunit;

namespace LoraAdmin.Tests.Pods;

/// <summary>Each way in which LocalCloud's bills can be odd, as the portal's client sees it.</summary>
public sealed class VendorFaultBillingTests : IDisposable
{
    private readonly FaultyAccount account = new();

    [Fact]
    public async Task Bills_OfTwoPodsOverMidnight_AreWhatTheyCost()
    {
        (string first, string second) = await TwoPodsAsync();
        Assert.IsType<PodActionOutcome.Accepted>(await account.TerminateAsync(first));

        BillSheet sheet = await ReadAsync();

        Assert.Empty(sheet.Oddities);
        Assert.Equal([Day(0), Day(1)], sheet.Pods[first].Select(record => record.BucketStart));
        foreach (string id in new[] { first, second })
        {
            PodRecord pod = account.Cloud.World.Pods.Single(one => one.Id == id);
            decimal cost = BillingLedger.Total(pod, account.Cloud.World.Now);
            Assert.Equal(cost, SumOf(sheet, id).Dollars, 5);
            Assert.All(sheet.Pods[id], record => Assert.InRange((record.Total - record.Gpu - record.Disk - record.Cpu).Micros, -1, 1));
        }
    }

    [Fact]
    [Trait("Fault", FaultKind.Billing500)]
    public async Task Billing500_IsUnavailable()
    {
        account.Faults.Add(FaultKind.Billing500);

        BillReading.Unavailable answer = Assert.IsType<BillReading.Unavailable>(await account.Billing.ReadAsync(Day(0), Now, CancellationToken.None));

        Assert.Equal((ProviderFailure.Ambiguous, 500), (answer.Error.Failure, answer.Error.Status));
    }

    [Fact]
    [Trait("Fault", FaultKind.BillingGap)]
    public async Task BillingGap_LeavesOutThePodsThatItNames()
    {
        (string first, string second) = await TwoPodsAsync();
        account.Faults.Add(FaultKind.BillingGap, match: "-2");

        BillSheet sheet = await ReadAsync();

        Assert.Equal([first], sheet.Pods.Keys);
        Assert.Empty(sheet.Oddities);
        account.Faults.Add(FaultKind.BillingGap);
        Assert.Equal([(first, Day(1)), (second, Day(1))], (await ReadAsync()).Pods.SelectMany(pod => pod.Value).Select(record => (record.PodId, record.BucketStart)));
    }

    [Fact]
    [Trait("Fault", FaultKind.BillingTwice)]
    public async Task BillingTwice_CountsOnceAndIsListed()
    {
        (string first, string second) = await TwoPodsAsync();
        BillSheet before = await ReadAsync();
        account.Faults.Add(FaultKind.BillingTwice, match: "-2");

        BillSheet sheet = await ReadAsync();

        Assert.Equal(SumOf(before, second), SumOf(sheet, second));
        Assert.Equal(SumOf(before, first), SumOf(sheet, first));
        Assert.Equal(
            [(BillOddityKind.Repeated, second, Day(0)), (BillOddityKind.Repeated, second, Day(1))],
            sheet.Oddities.Select(oddity => (oddity.Kind, oddity.PodId!, oddity.Bucket!.Value)));
        Assert.Empty(sheet.HeldBack);
    }

    [Fact]
    [Trait("Fault", FaultKind.BillingLate)]
    public async Task BillingLate_HasOnlyWhatIsOldEnough()
    {
        (string first, string second) = await TwoPodsAsync();
        account.Faults.Add(FaultKind.BillingLate, seconds: TimeSpan.FromHours(3).TotalSeconds);
        BillSheet sheet = await ReadAsync();
        Assert.Empty(sheet.Pods);

        account.Pass(TimeSpan.FromHours(2));
        account.Faults.Add(FaultKind.BillingLate, seconds: TimeSpan.FromHours(3).TotalSeconds);
        Assert.Equal([(first, Day(0)), (second, Day(0))], (await ReadAsync()).Pods.SelectMany(pod => pod.Value).Select(record => (record.PodId, record.BucketStart)));
    }

    [Fact]
    [Trait("Fault", FaultKind.BillingUnknownPod)]
    public async Task BillingUnknownPod_IsARecordLikeAnother()
    {
        (string first, string second) = await TwoPodsAsync();
        account.Faults.Add(FaultKind.BillingUnknownPod);

        BillSheet sheet = await ReadAsync();

        Assert.Equal(new[] { first, second, BillingFace.UnknownPod }.Order(StringComparer.Ordinal), sheet.Pods.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(Usd.FromDollars(1.25m), SumOf(sheet, BillingFace.UnknownPod));
    }

    [Fact]
    [Trait("Fault", FaultKind.BillingNegative)]
    public async Task BillingNegative_HoldsThePodBack()
    {
        (string first, string second) = await TwoPodsAsync();
        account.Faults.Add(FaultKind.BillingNegative, match: "-1");

        BillSheet sheet = await ReadAsync();

        Assert.Equal([second], sheet.Pods.Keys);
        Assert.Equal([first], sheet.HeldBack);
        Assert.Equal([BillOddityKind.Negative, BillOddityKind.Negative], sheet.Oddities.Select(oddity => oddity.Kind));
    }

    [Fact]
    [Trait("Fault", FaultKind.BillingDearer)]
    public async Task BillingDearer_IsATenthMore()
    {
        (string first, string second) = await TwoPodsAsync();
        BillSheet before = await ReadAsync();
        account.Faults.Add(FaultKind.BillingDearer, match: "-1");

        BillSheet sheet = await ReadAsync();

        Assert.Equal(SumOf(before, first).Dollars * 1.1m, SumOf(sheet, first).Dollars, 4);
        Assert.Equal(SumOf(before, second), SumOf(sheet, second));
    }

    public void Dispose() => account.Dispose();

    private DateTimeOffset Now => account.Cloud.Clock.GetUtcNow();

    private static DateTimeOffset Day(int number) => new DateTimeOffset(2026, 3, 1, 0, 0, 0, TimeSpan.Zero).AddDays(number);

    private static Usd SumOf(BillSheet sheet, string pod) => sheet.Pods[pod].Aggregate(Usd.Zero, (sum, record) => sum + record.Total);

    /// <summary>Two pods that have been there from noon until two hours after midnight, in order of their ids.</summary>
    private async Task<(string First, string Second)> TwoPodsAsync()
    {
        string first = await account.CreatedAsync("pod-1");
        string second = await account.CreatedAsync("pod-2");
        account.Pass(TimeSpan.FromHours(14));
        return (first, second);
    }

    private async Task<BillSheet> ReadAsync() =>
        BillSheet.Of(Assert.IsType<BillReading.Read>(await account.Billing.ReadAsync(Day(0), Now, CancellationToken.None)));
}
