using LoraAdmin.Domain.Pods;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.LocalCloud;
using Xunit;

namespace LoraAdmin.Tests.Pods;

/// <summary>Listings that fail or lie, as our client tells them, beside what is true.</summary>
public sealed class VendorFaultListTests : IDisposable
{
    private readonly FaultyAccount account = new();

    [Fact]
    [Trait("Fault", FaultKind.ListEmpty)]
    public async Task ListEmpty_ForFiveMinutes_IsACompleteListingWithoutThePodThatBills()
    {
        await account.CreatedAsync();
        account.Faults.Add(FaultKind.ListEmpty, seconds: 300);
        Assert.Empty(await account.ListedAsync());
        account.Pass(TimeSpan.FromSeconds(299));
        Assert.Empty(await account.ListedAsync());
        Assert.True((await account.TruthAsync()).Bills);
        account.Pass(TimeSpan.FromSeconds(1));
        Assert.Single(await account.ListedAsync());
        Assert.Equal(3, (int)(await account.Cloud.TruthAsync())["listings"]!);
    }

    [Fact]
    [Trait("Fault", FaultKind.ListPartial)]
    public async Task ListPartial_WithoutMatch_MissesEverySecondPod()
    {
        string[] names = ["a", "b", "c"];
        foreach (string name in names)
        {
            await account.CreatedAsync(name);
        }

        account.Faults.Add(FaultKind.ListPartial);
        Assert.Equal(["b"], (await account.ListedAsync()).Select(pod => pod.Name));
        Assert.Equal(names, (await account.ListedAsync()).Select(pod => pod.Name));
    }

    [Fact]
    public async Task ListPartial_WithMatch_MissesThosePods()
    {
        await account.CreatedAsync("a");
        await account.CreatedAsync("b");
        account.Faults.Add(FaultKind.ListPartial, match: "b");
        Assert.Equal(["a"], (await account.ListedAsync()).Select(pod => pod.Name));
    }

    [Fact]
    [Trait("Fault", FaultKind.List500)]
    public async Task List500_Always_IsUnavailable()
    {
        account.Faults.Add(FaultKind.List500);
        PodListing.Unavailable listing = Assert.IsType<PodListing.Unavailable>(await account.Pods.ListAsync(CancellationToken.None));
        Assert.Equal((ProviderFailure.Ambiguous, 500), (listing.Error.Failure, listing.Error.Status));
    }

    [Fact]
    [Trait("Fault", FaultKind.ListSlow)]
    public async Task ListSlow_InMemory_IsUnavailableAsAfterATimeOut()
    {
        account.Faults.Add(FaultKind.ListSlow, seconds: 5);
        PodListing.Unavailable listing = Assert.IsType<PodListing.Unavailable>(await account.Pods.ListAsync(CancellationToken.None));
        Assert.Equal((ProviderFailure.Ambiguous, null), (listing.Error.Failure, listing.Error.Status));
        Assert.Equal(1, (int)(await account.Cloud.TruthAsync())["listings"]!);
    }

    [Fact]
    [Trait("Fault", FaultKind.ListUnknownStatus)]
    public async Task ListUnknownStatus_WithMatch_IsKeptAsTheProvidersWord()
    {
        await account.CreatedAsync("a");
        await account.CreatedAsync("b");
        account.Faults.Add(FaultKind.ListUnknownStatus, match: "b");
        Assert.Equal(
            [(ProviderPodStatus.Provisioning, "PROVISIONING"), (ProviderPodStatus.Unknown, "MIGRATING")],
            (await account.ListedAsync()).Select(pod => (pod.Status, pod.StatusText)));
    }

    [Fact]
    public void Faults_EveryKind_HasATestThroughOurClients()
    {
        IEnumerable<string> tested = typeof(VendorFaultListTests).Assembly.GetTypes()
            .Where(type => type.Name.StartsWith("VendorFault", StringComparison.Ordinal))
            .SelectMany(type => type.GetMethods())
            .SelectMany(method => method.GetCustomAttributes(typeof(TraitAttribute), inherit: false).Cast<TraitAttribute>())
            .Where(trait => trait.Name == "Fault")
            .Select(trait => trait.Value);
        Assert.Equal(FaultKind.All.Select(kind => kind.Kind).Order(StringComparer.Ordinal), tested.Order(StringComparer.Ordinal));
    }

    public void Dispose() => account.Dispose();
}
