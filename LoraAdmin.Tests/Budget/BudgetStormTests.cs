using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Budget;

/// <summary>Invariant 4 under 64 callers, whatever they do, however they meet, and wherever the database fails. <c>LORAADMIN_SEED</c> picks a seed.</summary>
public sealed class BudgetStormTests(ITestOutputHelper output)
{
    private const int Steps = 8;
    private const string Memory = "/dev/shm";

    /// <summary>How often each must have come, at least: a storm without it proves nothing about it.</summary>
    private static readonly (StormEvent What, int AtLeast)[] Came =
    [
        (StormEvent.Commit, 300), (StormEvent.Look, 20), (StormEvent.Refused, 10), (StormEvent.Died, 10), (StormEvent.FailedBefore, 3), (StormEvent.FailedAfter, 3),
        (StormEvent.CommitFailed, 3), (StormEvent.AnswerLost, 10), (StormEvent.FoundAgain, 1),
    ];

    public static TheoryData<int> Seeds => [.. AskedSeeds.Of(1, 2)];

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
        StormTally tally = new();
        StormFaults faults = new(tally, seed);

        // Nothing here is about what outlives a machine.
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, below: Directory.Exists(Memory) ? Memory : null, listener: faults);
        string happened = await new BudgetStorm(database, faults, tally, seed).RunAsync(Steps);

        output.WriteLine($"{kind}, seed {seed}: {BudgetStorm.Callers} callers, {Steps} steps each; {tally}; {happened}");
        Assert.All(Came, one => Assert.True(tally[one.What] >= one.AtLeast, $"Too seldom for a proof: {one.What}. {tally}"));
        Assert.True(kind == DatabaseKind.Postgres || tally[StormEvent.Look] >= tally[StormEvent.Commit], $"A commit was not looked at: {tally}");
        Assert.Equal(0, tally[StormEvent.Deadlock]);
    }
}
