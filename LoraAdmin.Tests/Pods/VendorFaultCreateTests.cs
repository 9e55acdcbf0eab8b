using LoraAdmin.Domain.Pods;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.LocalCloud;
using Xunit;

namespace LoraAdmin.Tests.Pods;

/// <summary>Faults of the account and of creates, as our client tells them, beside what is true.</summary>
public sealed class VendorFaultCreateTests : IDisposable
{
    private readonly FaultyAccount account = new();

    [Fact]
    [Trait("Requirement", "E1")]
    [Trait("Fault", FaultKind.NoCapacity)]
    public async Task NoCapacity_OnCreate_IsNoCapacityAndNoPod()
    {
        account.Faults.Add(FaultKind.NoCapacity);
        ProviderError error = Assert.IsType<CreateOutcome.NoCapacityOrBadRequest>(await account.CreateAsync()).Error;
        Assert.Contains("no longer any instances available", error.Detail, StringComparison.Ordinal);
        Assert.Equal(0, await account.PodsEverAsync());
        await account.CreatedAsync();
    }

    [Theory]
    [Trait("Requirement", "E1")]
    [Trait("Fault", FaultKind.Balance402)]
    [Trait("Fault", FaultKind.Unauth401)]
    [Trait("Fault", FaultKind.Forbidden403)]
    [Trait("Fault", FaultKind.Validate422)]
    [Trait("Fault", FaultKind.Rate429)]
    [InlineData(FaultKind.Balance402, ProviderFailure.InsufficientBalance)]
    [InlineData(FaultKind.Unauth401, ProviderFailure.Unauthorized)]
    [InlineData(FaultKind.Forbidden403, ProviderFailure.Forbidden)]
    [InlineData(FaultKind.Validate422, ProviderFailure.Rejected)]
    [InlineData(FaultKind.Rate429, ProviderFailure.RateLimited)]
    public async Task Refusal_OnCreate_IsRefusedAndNoPod(string kind, ProviderFailure failure)
    {
        account.Faults.Add(kind, match: FaultyAccount.Name, seconds: kind == FaultKind.Rate429 ? 7 : null);
        await account.CreatedAsync("other");
        ProviderError error = Assert.IsType<CreateOutcome.Refused>(await account.CreateAsync()).Error;
        Assert.Equal(failure, error.Failure);
        Assert.Equal(kind == FaultKind.Rate429 ? TimeSpan.FromSeconds(7) : null, error.RetryAfter);
        Assert.Equal(1, await account.PodsEverAsync());
        Assert.Equal(0, (int)(await account.Cloud.TruthAsync())["rate_limit_violations"]!);
    }

    [Theory]
    [InlineData(FaultKind.Unauth401, ProviderFailure.Unauthorized)]
    [InlineData(FaultKind.Forbidden403, ProviderFailure.Forbidden)]
    [InlineData(FaultKind.Rate429, ProviderFailure.RateLimited)]
    public async Task AccountFault_OnListAndTerminate_IsToldAndThePodStays(string kind, ProviderFailure failure)
    {
        string id = await account.CreatedAsync();
        account.Faults.Add(kind);
        Assert.Equal(failure, Assert.IsType<PodListing.Unavailable>(await account.Pods.ListAsync(CancellationToken.None)).Error.Failure);
        account.Pass(TimeSpan.FromMinutes(2));
        account.Faults.Add(kind, match: FaultyAccount.Name);
        Assert.Equal(failure, Assert.IsType<PodActionOutcome.Failed>(await account.TerminateAsync(id)).Error.Failure);
        Assert.True((await account.TruthAsync()).Bills);
        account.Pass(TimeSpan.FromMinutes(2));
        Assert.IsType<PodActionOutcome.Accepted>(await account.TerminateAsync(id));
    }

    [Fact]
    [Trait("Requirement", "E1")]
    [Trait("Fault", FaultKind.Create500)]
    public async Task Create500_Always_IsInDoubtAndNoPod()
    {
        account.Faults.Add(FaultKind.Create500);
        Assert.Equal(500, Assert.IsType<CreateOutcome.InDoubt>(await account.CreateAsync()).Error.Status);
        Assert.Equal(0, await account.PodsEverAsync());
    }

    [Theory]
    [Trait("Requirement", "E1")]
    [Trait("Fault", FaultKind.Create500ButCreated)]
    [Trait("Fault", FaultKind.CreateHangButCreated)]
    [InlineData(FaultKind.Create500ButCreated)]
    [InlineData(FaultKind.CreateHangButCreated)]
    public async Task Create_AmbiguousButCreated_IsInDoubtAndThePodIsListedByItsName(string kind)
    {
        account.Faults.Add(kind);
        Assert.Equal(ProviderFailure.Ambiguous, Assert.IsType<CreateOutcome.InDoubt>(await account.CreateAsync()).Error.Failure);
        Assert.Equal(FaultyAccount.Name, Assert.Single(await account.ListedAsync()).Name);
        Assert.True((await account.TruthAsync()).Bills);
    }

    [Fact]
    [Trait("Requirement", "E1")]
    [Trait("Fault", FaultKind.CreateHangThenLate)]
    public async Task CreateHangThenLate_Always_IsInDoubtAndThePodAppearsOnlyLater()
    {
        account.Faults.Add(FaultKind.CreateHangThenLate, seconds: 300);
        DateTimeOffset asked = account.Cloud.Clock.GetUtcNow();
        Assert.IsType<CreateOutcome.InDoubt>(await account.CreateAsync());
        Assert.Empty(await account.ListedAsync());
        account.Pass(TimeSpan.FromSeconds(300) - TimeSpan.FromTicks(1));
        Assert.Empty(await account.ListedAsync());
        Assert.Equal(0, await account.PodsEverAsync());
        account.Pass(TimeSpan.FromMinutes(1));
        ProviderPod pod = Assert.Single(await account.ListedAsync());
        Assert.Equal((FaultyAccount.Name, asked.AddSeconds(300)), (pod.Name, pod.CreatedAt));
        Assert.True((await account.TruthAsync()).Bills);
        Assert.IsType<PodActionOutcome.Accepted>(await account.TerminateAsync(pod.Id));
        Assert.False((await account.TruthAsync()).Bills);
    }

    [Fact]
    [Trait("Fault", FaultKind.Early404)]
    public async Task Early404_AfterCreate_IsNotFoundToGetAndTerminateButListed()
    {
        account.Faults.Add(FaultKind.Early404);
        string id = await account.CreatedAsync();
        Assert.IsType<PodReading.NotFound>(await account.Pods.GetAsync(id, CancellationToken.None));
        Assert.IsType<PodActionOutcome.NotFound>(await account.TerminateAsync(id));
        Assert.Equal(id, Assert.Single(await account.ListedAsync()).Id);
        Assert.Equal(new PodTruth("PROVISIONING", true, 1), await account.TruthAsync());
        account.Pass(TimeSpan.FromSeconds(15));
        Assert.IsType<PodReading.Found>(await account.Pods.GetAsync(id, CancellationToken.None));
    }

    public void Dispose() => account.Dispose();
}
