using LoraAdmin.Domain.Pods;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.LocalCloud;
using Xunit;

namespace LoraAdmin.Tests.Pods;

/// <summary>Terminates and starts that are refused or ignored, as our client tells them, beside what is true.</summary>
public sealed class VendorFaultTerminateTests : IDisposable
{
    private readonly FaultyAccount account = new();

    [Fact]
    [Trait("Requirement", "E4")]
    [Trait("Fault", FaultKind.Delete500)]
    public async Task Delete500_Always_FailsAndThePodBills()
    {
        string id = await account.CreatedAsync();
        account.Faults.Add(FaultKind.Delete500, 2);
        Assert.Equal(ProviderFailure.Ambiguous, Assert.IsType<PodActionOutcome.Failed>(await account.TerminateAsync(id)).Error.Failure);
        Assert.IsType<PodActionOutcome.Failed>(await account.TerminateAsync(id));
        Assert.Equal(new PodTruth("PROVISIONING", true, 2), await account.TruthAsync());
        Assert.IsType<PodActionOutcome.Accepted>(await account.TerminateAsync(id));
        Assert.Equal(new PodTruth("TERMINATED", false, 3), await account.TruthAsync());
    }

    [Fact]
    [Trait("Requirement", "E4")]
    [Trait("Fault", FaultKind.DeleteIgnored)]
    public async Task DeleteIgnored_ForADay_IsAcceptedAndTheCostRises()
    {
        string id = await account.CreatedAsync();
        account.Faults.Add(FaultKind.DeleteIgnored, seconds: 86400);
        Assert.IsType<PodActionOutcome.Accepted>(await account.TerminateAsync(id));
        Assert.Single(await account.ListedAsync());
        decimal before = await UsdAsync();
        account.Pass(TimeSpan.FromHours(23));
        Assert.IsType<PodActionOutcome.Accepted>(await account.TerminateAsync(id));
        Assert.InRange(await UsdAsync() - before, 23 * 0.40m, 23 * 0.45m);
        Assert.Equal(new PodTruth("RUNNING", true, 2), await account.TruthAsync());
        account.Pass(TimeSpan.FromHours(1));
        await account.TerminateAsync(id);
        Assert.Equal(new PodTruth("TERMINATED", false, 3), await account.TruthAsync());

        async Task<decimal> UsdAsync() => (decimal)(await account.Cloud.TruthAsync())["pods"]![0]!["usd"]!;
    }

    [Fact]
    [Trait("Requirement", "E4")]
    [Trait("Fault", FaultKind.Delete404)]
    public async Task Delete404_Always_IsNotFoundAndThePodIsListedAndBills()
    {
        string id = await account.CreatedAsync();
        account.Faults.Add(FaultKind.Delete404);
        Assert.IsType<PodActionOutcome.NotFound>(await account.TerminateAsync(id));
        Assert.Single(await account.ListedAsync());
        Assert.Equal(new PodTruth("PROVISIONING", true, 1), await account.TruthAsync());
    }

    [Fact]
    public async Task Terminate_OfAPodThatIsGone_IsNotFoundAndCounted()
    {
        string id = await account.CreatedAsync();
        await account.TerminateAsync(id);
        Assert.IsType<PodActionOutcome.NotFound>(await account.TerminateAsync(id));
        Assert.Equal(new PodTruth("TERMINATED", false, 2), await account.TruthAsync());
    }

    [Fact]
    [Trait("Fault", FaultKind.StartWithoutGpu)]
    public async Task StartWithoutGpu_OfAStoppedPod_IsRejectedAndItStaysStopped()
    {
        string id = await account.BootedAsync();
        Assert.IsType<PodActionOutcome.Accepted>(await account.Pods.StopAsync(id, CancellationToken.None));
        account.Faults.Add(FaultKind.StartWithoutGpu);
        ProviderError error = Assert.IsType<PodActionOutcome.Failed>(await account.Pods.StartAsync(id, CancellationToken.None)).Error;
        Assert.Equal((ProviderFailure.Rejected, 400), (error.Failure, error.Status));
        Assert.Contains("not enough free GPUs", error.Detail, StringComparison.Ordinal);
        Assert.Equal(ProviderPodStatus.Exited, await account.StatusAsync(id));
        Assert.IsType<PodActionOutcome.Accepted>(await account.Pods.StartAsync(id, CancellationToken.None));
    }

    [Fact]
    public async Task Balance402_OnStart_IsInsufficientBalance()
    {
        string id = await account.BootedAsync();
        await account.Pods.StopAsync(id, CancellationToken.None);
        account.Faults.Add(FaultKind.Balance402);
        ProviderError error = Assert.IsType<PodActionOutcome.Failed>(await account.Pods.StartAsync(id, CancellationToken.None)).Error;
        Assert.Equal(ProviderFailure.InsufficientBalance, error.Failure);
    }

    public void Dispose() => account.Dispose();
}
