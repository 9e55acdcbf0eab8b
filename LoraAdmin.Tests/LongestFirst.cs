using LoraAdmin.Tests;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(LongestFirst))]

namespace LoraAdmin.Tests;

/// <summary>
/// Begins with what takes minutes: the long simulation, and the tests of the whole portal, which wait for processes, browsers and real seconds. Begun last,
/// they would leave a processor idle at the end of the run.
/// </summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection =>
        [
            .. testCollections
                .OrderByDescending(static collection => collection.TestCollectionDisplayName == nameof(EndToEnd.Browser))
                .ThenByDescending(static collection => Has(collection, nameof(Simulation.LongSimulationTests)))
                .ThenByDescending(static collection => Has(collection, nameof(EndToEnd))),
        ];

    private static bool Has(ITestCollection collection, string name) => collection.TestCollectionDisplayName.Contains(name, StringComparison.Ordinal);
}
