using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Budget;

/// <summary>Invariant 4 under 64 callers, whatever they do and however they meet. <c>LORAADMIN_SEED</c> picks a seed.</summary>
public sealed class BudgetStormTests(ITestOutputHelper output)
{
    private const int Steps = 12;
    private const string Memory = "/dev/shm";

    public static TheoryData<int> Seeds => [.. AskedSeeds.Of(1, 3)];

    public static TheoryData<int> ManySeeds => [.. AskedSeeds.Of(1, 100)];

    [Theory]
    [MemberData(nameof(Seeds))]
    [Trait("Requirement", "M6")]
    public Task Months_OfSqliteUnderManyCallers_TieAtEveryCommit(int seed) => RunAsync(DatabaseKind.Sqlite, seed);

    [Theory]
    [MemberData(nameof(Seeds))]
    [Trait("Requirement", "M6")]
    public Task Months_OfPostgresUnderManyCallers_TieAtEveryCommit(int seed) => RunAsync(DatabaseKind.Postgres, seed);

    [Theory]
    [MemberData(nameof(ManySeeds))]
    [Trait("Run", "Long")]
    public async Task Months_OfBothDatabasesUnderManyCallers_TieAtEveryCommit(int seed)
    {
        await RunAsync(DatabaseKind.Sqlite, seed);
        await RunAsync(DatabaseKind.Postgres, seed);
    }

    private async Task RunAsync(DatabaseKind kind, int seed)
    {
        // Nothing here is about what outlives a machine.
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, below: Directory.Exists(Memory) ? Memory : null);
        BudgetStorm storm = new(database, seed);

        await storm.RunAsync(Steps);

        output.WriteLine($"{kind}, seed {seed}: {BudgetStorm.Callers} callers, {Steps} steps each, {storm.Refused} reservations refused, {storm.Looks} looks at the whole ledger");
        Assert.True(storm.Refused > 0, "The months were never full: the run proves nothing about their limit.");
        Assert.True(storm.Looks > 3, "Nobody looked while the ledger was written.");
    }
}
