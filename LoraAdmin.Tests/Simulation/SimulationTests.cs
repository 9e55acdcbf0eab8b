using System.Runtime.CompilerServices;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.LocalCloud;
using Xunit;

namespace LoraAdmin.Tests.Simulation;

/// <summary>The main job, with the process dying anywhere, over simulated days. A failing seed prints how to replay it.</summary>
public sealed class SimulationTests(ITestOutputHelper output)
{
    public static TheoryData<int> Seeds => [.. AskedSeeds.Of(1, 20)];

    /// <summary>Jobs that are cancelled and retried all the time take many times the steps.</summary>
    public static TheoryData<int> FewSeeds => [.. AskedSeeds.Of(1, 6)];

    [Theory]
    [MemberData(nameof(Seeds))]
    [Trait("Requirement", "J1")]
    public async Task TwoDays_ProcessDiesAnywhere_EveryJobCompletesAndEveryPodIsGone(int seed)
    {
        SimulationReport report = await RunTwiceAsync(seed, SimulationPlans.Dying);

        Assert.True(report.Deaths > 0, "The process never died: the run proves nothing about crashes.");
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    [Trait("Requirement", "E4")]
    public async Task TwoDays_VendorAndStorageFailAndPeopleInterfere_InvariantsHoldAndNothingBillsAtRest(int seed)
    {
        SimulationReport report = await RunTwiceAsync(seed, SimulationPlans.Troubled);

        Assert.True(report.Setbacks > 0, "Nothing went wrong: the run proves nothing about trouble.");
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task TwoDays_TwoPortalsThatDieAndStandStill_InvariantsHoldAndNothingBillsAtRest(int seed)
    {
        SimulationReport report = await RunTwiceAsync(seed, SimulationPlans.TwoPortals);

        Assert.True(report.Freezes > 0, "No process ever stood still: the run proves nothing about lost leases.");
    }

    [Theory]
    [MemberData(nameof(FewSeeds))]
    public async Task ThreeDays_PeopleCancelAndRetryWhateverThereIs_InvariantsHoldAndNothingBillsAtRest(int seed)
    {
        SimulationReport report = await RunTwiceAsync(seed, SimulationPlans.Impatient);

        Assert.True(report.Events.Any(line => line.Contains(" cancels ", StringComparison.Ordinal)), "Nobody cancelled anything: the run proves nothing about people.");
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    [Trait("Requirement", "C1")]
    public async Task TwoDays_BothProvidersFailAndJobsGoFromOneToTheOther_InvariantsHoldAndNothingBillsAtRest(int seed)
    {
        SimulationReport report = await RunTwiceAsync(seed, SimulationPlans.Diverted);

        Assert.True(report.Events.Any(line => line.Contains(" training.handed_over ", StringComparison.Ordinal)), "No job was diverted: the run proves nothing about the fallback.");
    }

    [Theory]
    [MemberData(nameof(FewSeeds))]
    [Trait("Requirement", "M6")]
    public async Task TwoDays_TheMonthHasHardlyRoomForTheOtherProvider_InvariantsHoldAndNothingBillsAtRest(int seed)
    {
        SimulationReport report = await RunTwiceAsync(seed, SimulationPlans.Pinched);

        Assert.True(report.Events.Any(line => line.Contains("Replicate would reserve up to", StringComparison.Ordinal)), "There was always room: the run proves nothing about a month without.");
    }

    [Fact]
    [Trait("Requirement", "C1")]
    public async Task TwoDays_OfSomeSeedsWithBothProviders_MeetEachEndOfATrainingElsewhere()
    {
        const string Cancelled = "cancelled while it used a machine";
        string[] ends =
        [
            "training.hosted_lost",
            Cancelled,
            "CUDA out of memory",
            "Failed to create trained image",
            "Replicate does not accept the token",
            "Replicate's credit is used up",
        ];
        HashSet<string> met = [];
        foreach (int seed in AskedSeeds.Of(1, 20))
        {
            SimulationPlan plan = SimulationPlans.Diverted.Vary(seed);
            SimulatedWorld world = new(seed, start: plan.Start);
            SimulationReport report = await Task.Run(() => new SimulationRun(seed, plan, AskedSeeds.Replay("SimulationTests.*"), world).RunAsync(TestContext.Current.CancellationToken));
            met.UnionWith(ends.Where(end => report.Events.Any(line => line.Contains(end, StringComparison.Ordinal))));
            met.UnionWith(world.Cloud.World.Replicate.Records.Where(static one => one.Status == ReplicateStatus.Canceled && one.StartedAt is not null).Select(static _ => Cancelled));
            if (met.Count == ends.Length)
            {
                return;
            }
        }

        Assert.Empty(ends.Except(met));
    }

    [Fact]
    public async Task Violation_AnyInvariant_PrintsSeedLastEventsAndTheCommandThatRunsItAgain()
    {
        SimulationPlan plan = SimulationPlans.Dying.Vary(7);
        SimulationRun run = new(7, plan, AskedSeeds.Replay("ThisTest")) { Violate = static world => Overspend(world) };

        SimulationFailedException failed = await Assert.ThrowsAsync<SimulationFailedException>(() => Task.Run(() => run.RunAsync(TestContext.Current.CancellationToken)));

        string[] lines = failed.Message.Split(Environment.NewLine);
        Assert.StartsWith($"Seed 7 failed at {plan.Start + (plan.Length / 2):yyyy-MM-dd HH:mm:ss}Z: Invariant 4:", lines[0], StringComparison.Ordinal);
        Assert.Contains("LORAADMIN_SEED=7 ./test.sh -- -method \"*.ThisTest\"", failed.Message, StringComparison.Ordinal);
        Assert.True(lines.Count(line => line.StartsWith("20", StringComparison.Ordinal)) > 20, failed.Message);
    }

    [Fact]
    public async Task Violation_OfOneCommitAlone_IsThrownByTheNextCheck()
    {
        SimulatedWorld world = new(1);
        Invariants invariants = new(world);
        invariants.FollowCommits();
        MortalUnitOfWork work = new(world.Work, new Mortality(_ => false), () => world.Committed());
        Month month = Month.Of(world.Clock.GetUtcNow());

        await work.RunAsync((_, token) => Task.Run(() => Overspend(world), token), TestContext.Current.CancellationToken);
        await work.RunAsync((_, token) => Task.Run(() => world.Database.Months.Set(month, null), token), TestContext.Current.CancellationToken);

        InvariantViolatedException found = Assert.Throws<InvariantViolatedException>(invariants.CheckAlways);
        Assert.StartsWith("Invariant 4:", found.Message, StringComparison.Ordinal);
    }

    /// <summary>What no commit may leave behind.</summary>
    private static void Overspend(SimulatedWorld world)
    {
        Month month = Month.Of(world.Clock.GetUtcNow());
        world.Database.Months.Set(month, new BudgetMonth(month, world.Budget.MonthlyLimit, world.Budget.MonthlyLimit + new Usd(1), Usd.Zero));
    }

    private async Task<SimulationReport> RunTwiceAsync(int seed, SimulationPlan basis, [CallerMemberName] string test = "")
    {
        SimulationPlan plan = basis.Vary(seed);
        string replay = AskedSeeds.Replay(test);

        // Without the test framework's scheduler: whatever completes at once goes on at once, on this thread.
        (SimulationReport first, SimulationReport second) = await Task.Run(async () => (
            await new SimulationRun(seed, plan, replay).RunAsync(TestContext.Current.CancellationToken),
            await new SimulationRun(seed, plan, replay).RunAsync(TestContext.Current.CancellationToken)));

        output.WriteLine(first.ToString());
        int same = first.Events.Zip(second.Events).TakeWhile(pair => pair.First == pair.Second).Count();
        Assert.True(
            first.EventHash == second.EventHash,
            $"The same seed gave another run. Event {same}: {first.Events.ElementAtOrDefault(same)} / {second.Events.ElementAtOrDefault(same)}");
        Assert.True(first.Completed > 0, "No job completed.");
        return first;
    }
}
