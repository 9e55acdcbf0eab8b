using System.Globalization;
using LoraAdmin.Tests.Architecture;

namespace LoraAdmin.Tests.Simulation.PlantedBugs;

/// <summary>
/// Proves the proof: each planted bug is caught by the simulation or by the enumeration of crashes, and each thing that they check is violated by at least
/// one. <c>LORAADMIN_BUG</c> picks the bugs whose name contains it.
/// </summary>
public sealed class PlantedBugTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>Bugs that are caught within seconds, one of each kind.</summary>
    public static TheoryData<string> Quick =>
    [
        "write the ledger row after the create",
        "release the pod before the spool's file is verified",
        "settle an attempt before its pods are gone",
        "give back an attempt's whole reservation although a part is accrued",
        "take every installation's pods for ours",
    ];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void Table_AsItIs_FitsTheSourceAndCompiles() =>
        Rule.Holds(PlantedBugTable.All.SelectMany(bug => ProblemsOf(() => PatchedDomain.Check(bug))));

    [Fact]
    public void Table_AsItIs_NamesEachBugOnceAndWhatItViolates() => Rule.Holds(
    [
        .. PlantedBugTable.All.GroupBy(bug => bug.Name).Where(same => same.Count() > 1).Select(same => $"Two bugs are called \"{same.Key}\""),
        .. PlantedBugTable.All.SelectMany(bug => ProblemsOf(() => InvariantTexts.Find(bug.Violates)).Select(problem => $"\"{bug}\": {problem}")),
    ]);

    [Fact]
    public void Invariants_AllOfThem_AreViolatedByAPlantedBug()
    {
        HashSet<string> violated = [.. PlantedBugTable.All.Select(bug => bug.Violates)];

        Rule.Holds(InvariantTexts.All.Where(one => !violated.Contains(one.Text)).Select(one => $"{one.At}: no planted bug violates \"{one.Text}\", so nothing proves that it is checked"));
    }

    [Fact]
    public void Invariants_OfTheSource_AreFound()
    {
        // If the reader of invariants went blind, everything would be proven.
        SourceFile sample = new(
            "LoraAdmin.Tests/Simulation/InvariantsSample.cs",
            "class A { void B() { Require(x > 1, $\"1: pod {x} is {y}\"); if (z) { throw new InvariantViolatedException(\"plain\"); } } void Require(bool a, string b) => throw new InvariantViolatedException(b); }");

        Assert.Equal(["1: pod … is …", "plain"], InvariantTexts.Of(sample).Select(one => one.Text));
        Assert.Matches(InvariantTexts.Of(sample).First().Pattern, new InvariantViolatedException("1: pod 7 is up").Message);
        Assert.True(InvariantTexts.All.Count > 25, $"Only {InvariantTexts.All.Count} invariants are found.");
    }

    [Theory]
    [InlineData("absent()", "0 times")]
    [InlineData("twice();", "2 times")]
    public void Patch_LineThatIsNotThereOnce_SaysSo(string right, string said)
    {
        PlantedBug bug = new("sample", "A.cs", "", Grounds.Crash, right, "");

        Assert.Contains(said, Assert.Throws<PlantedBugException>(() => PatchedDomain.Patch(bug, "twice(); once(); twice();")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Hunt_WithoutABug_CatchesNothing() => await ProveSoundAsync(Grounds.Crash);

    [Theory]
    [MemberData(nameof(Quick))]
    public async Task Bug_OfTheQuickOnes_IsCaught(string name)
    {
        PlantedBug bug = PlantedBugTable.All.Single(one => one.Name == name);

        Catch caught = await HuntAsync(bug);

        output.WriteLine(RowOf(bug, caught));
        Rule.Holds(ProblemsOf(bug, caught));
    }

    [Fact]
    [Trait("Run", "Long")]
    public async Task Bugs_AllOfThem_AreCaught()
    {
        string wanted = Environment.GetEnvironmentVariable("LORAADMIN_BUG") ?? "";
        List<(PlantedBug Bug, Catch Catch)> caught = await HuntAllAsync([.. PlantedBugTable.All.Where(bug => bug.Name.Contains(wanted, StringComparison.Ordinal))]);

        // Not as the test's own output, which the runner shows of failed tests alone.
        await Console.Out.WriteLineAsync(string.Join(
            Environment.NewLine,
            ["| bug | caught by | where | invariant | first noticed |", "|---|---|---|---|---|", .. caught.Select(one => RowOf(one.Bug, one.Catch))]));
        Rule.Holds(caught.SelectMany(one => ProblemsOf(one.Bug, one.Catch)));
    }

    [Fact]
    [Trait("Run", "Long")]
    public async Task Hunt_WithoutABugOnEachGround_CatchesNothing()
    {
        foreach (string ground in PlantedBugTable.All.Select(bug => bug.Ground).Distinct())
        {
            await ProveSoundAsync(ground);
        }
    }

    private async Task ProveSoundAsync(string ground)
    {
        Catch control = await PatchedHarness.HuntAsync(null, ground, "", Token);

        output.WriteLine($"without a bug, {ground}: {control.Runs} runs, nothing violated");
        Assert.True(control.FirstWhere.Length == 0, $"Without a bug, {ground}, {control.FirstWhere}: {control.FirstWhat}");
    }

    private static async Task<List<(PlantedBug Bug, Catch Catch)>> HuntAllAsync(PlantedBug[] bugs)
    {
        Catch[] caught = new Catch[bugs.Length];
        await Parallel.ForAsync(0, bugs.Length, new ParallelOptions { MaxDegreeOfParallelism = 2, CancellationToken = Token }, async (index, _) => caught[index] = await HuntAsync(bugs[index]));
        return [.. bugs.Zip(caught)];
    }

    private static async Task<Catch> HuntAsync(PlantedBug bug)
    {
        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(Token);
        patience.CancelAfter(Patience);
        try
        {
            return await PatchedHarness.HuntAsync(bug, bug.Ground, InvariantTexts.Find(bug.Violates).Pattern, patience.Token);
        }
        catch (OperationCanceledException) when (!Token.IsCancellationRequested)
        {
            return new Catch(0, "", "", "", $"nothing within {Patience.TotalMinutes:0} minutes");
        }
    }

    private static IEnumerable<string> ProblemsOf(PlantedBug bug, Catch caught)
    {
        if (!caught.IsCaught)
        {
            yield return $"\"{bug}\" does not violate \"{bug.Violates}\" in {caught.Runs} runs of {bug.Ground}. First noticed: {caught.FirstWhere} {caught.FirstWhat}";
        }
    }

    private static IEnumerable<string> ProblemsOf(Action check)
    {
        try
        {
            check();
            return [];
        }
        catch (PlantedBugException problem)
        {
            return [problem.Message];
        }
    }

    private static string RowOf(PlantedBug bug, Catch caught) => string.Create(
        CultureInfo.InvariantCulture,
        $"| {bug.Name} | {bug.Ground} | {(caught.IsCaught ? caught.Where : "not caught")} | {bug.Violates} | {caught.FirstWhere}: {caught.FirstWhat} |");
}
