using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using Xunit;

namespace LoraAdmin.Tests.Simulation;

/// <summary>
/// The process dies at every crossing between it and the outside: every provider call, every commit, every write to spool and storage of the main job,
/// before it and after it. Again with each way in which an answer can leave us in doubt.
/// </summary>
public sealed class CrashEnumerationTests
{
    private const string NoFault = "none";

    /// <summary>docs/crash-safety.md says so.</summary>
    private const int CrossingsAtLeast = 300;
    private const int CrossingsElsewhereAtLeast = 300;

    /// <summary>A job that ends early touches the outside less often.</summary>
    private const int CrossingsOfEndsAtLeast = 60;

    /// <summary>Nothing else, and each answer that does not say what was done.</summary>
    public static TheoryData<string> Faults =>
    [
        NoFault,
        CrashRun.AsAForm,
        FaultKind.Create500ButCreated,
        FaultKind.CreateHangButCreated,
        FaultKind.CreateHangThenLate,
        FaultKind.Early404,
        FaultKind.ListPartial,
        FaultKind.ListEmpty,
        FaultKind.ListSlow,
        FaultKind.DeleteIgnored,
        FaultKind.Delete404,
        FaultKind.Delete500,
        FaultKind.PodExits,
        FaultKind.AgentUnreachable,
        FaultKind.ArtifactTruncated,
        FaultKind.StorePutTimeout,
        FaultKind.StoreStoresOther,
        FaultKind.DeleteIgnored + CrashRun.During + FaultKind.ListEmpty,
        FaultKind.DeleteIgnored + CrashRun.During + FaultKind.ListPartial,
        FaultKind.Delete500 + CrashRun.During + FaultKind.ListPartial,
    ];

    /// <summary>Further answers that do not say what was done, or that say it wrongly.</summary>
    public static TheoryData<string> FurtherFaults =>
    [
        FaultKind.HeartbeatStops,
        FaultKind.List500,
        FaultKind.ArtifactAltered,
        FaultKind.ImageCorruptOnce,
        FaultKind.StorePutFails,
        FaultKind.SpoolFull,
        FaultKind.Create500ButCreated + CrashRun.During + FaultKind.List500,
    ];

    /// <summary>The same at the fallback provider, and weights that come in other ways.</summary>
    public static TheoryData<string> FaultsElsewhere =>
    [
        NoFault,
        FaultKind.ReplicateCreate500ButCreated,
        FaultKind.ReplicateCreateHangThenLate,
        FaultKind.ReplicateRead404,
        FaultKind.ReplicateWeightsTruncated,
    ];

    public static TheoryData<string> FurtherFaultsElsewhere =>
    [
        FaultKind.ReplicateCreate500,
        FaultKind.ReplicateCreateHangButCreated,
        FaultKind.ReplicateThrottled,
        FaultKind.ReplicateBalance402,
        CrashRun.GoesBack,
        FaultKind.ReplicateRead500,
        FaultKind.ReplicateList500,
        FaultKind.ReplicateWeightsTar,
    ];

    /// <summary>What ends a training there, or keeps it from being made or read: each job ends by its rule, and none is paid twice.</summary>
    public static TheoryData<string> EndsElsewhere => [CrashRun.Cancelled, FaultKind.ReplicateTrainingFails];

    public static TheoryData<string> FurtherEndsElsewhere =>
    [
        CrashRun.Cancelled + CrashRun.During + FaultKind.ReplicateCancel500,
        CrashRun.Cancelled + CrashRun.During + FaultKind.ReplicateRead404,
        FaultKind.ReplicateFailsAfterSuccess,
        FaultKind.ReplicateUnauth401,
    ];

    /// <summary>The same with more crossings.</summary>
    public static TheoryData<string> LateEndsElsewhere => [FaultKind.ReplicateTrainingLost, FaultKind.ReplicateUnauth401 + CrashRun.WhileItTrains];

    /// <summary>The same of the predictions that make the validation images.</summary>
    public static TheoryData<string> FaultsOfImages =>
    [
        FaultKind.ReplicateCreate500ButCreated + CrashRun.OfImages,
        FaultKind.ReplicatePredictionFails,
    ];

    public static TheoryData<string> FurtherFaultsOfImages =>
    [
        FaultKind.ReplicateOutputLate + CrashRun.OfImages,
        FaultKind.ReplicateImageCorrupt,
        FaultKind.ReplicateCreate500 + CrashRun.OfImages,
        FaultKind.ReplicateCreateHangButCreated + CrashRun.OfImages,
        FaultKind.ReplicateCreateHangThenLate + CrashRun.OfImages,
        FaultKind.ReplicateThrottled + CrashRun.OfImages,
        FaultKind.ReplicateRead404 + CrashRun.OfImages,
        FaultKind.ReplicatePredictionLost,
    ];

    [Theory]
    [MemberData(nameof(Faults))]
    [Trait("Requirement", "J1")]
    [Trait("Requirement", "E3")]
    public Task Process_DiesAtEachCrossing_NothingIsLostAndTheJobCompletes(string fault) => EnumerateAsync(fault);

    [Theory]
    [MemberData(nameof(FurtherFaults))]
    [Trait("Requirement", "J1")]
    [Trait("Requirement", "E3")]
    [Trait("Run", "Long")]
    public Task Process_DiesAtEachCrossingBesideAFurtherFault_NothingIsLostAndTheJobCompletes(string fault) => EnumerateAsync(fault);

    [Theory]
    [MemberData(nameof(FaultsElsewhere))]
    [Trait("Requirement", "C1")]
    [Trait("Requirement", "E3")]
    public Task Process_DiesAtEachCrossingOfATrainingElsewhere_NothingIsLostAndTheJobCompletes(string fault) => EnumerateAsync(fault, elsewhere: true);

    [Theory]
    [MemberData(nameof(FurtherFaultsElsewhere))]
    [Trait("Requirement", "C1")]
    [Trait("Requirement", "E3")]
    [Trait("Run", "Long")]
    public Task Process_DiesAtEachCrossingOfATrainingElsewhereBesideAFurtherFault_NothingIsLostAndTheJobCompletes(string fault) =>
        EnumerateAsync(fault, elsewhere: true);

    [Theory]
    [MemberData(nameof(EndsElsewhere))]
    [Trait("Requirement", "C1")]
    [Trait("Requirement", "M6")]
    public Task Process_DiesAtEachCrossingOfATrainingElsewhereThatEndsOtherwise_TheJobEndsByItsRuleAndIsPaidOnce(string fault) =>
        EnumerateAsync(fault, elsewhere: true, CrossingsOfEndsAtLeast);

    [Theory]
    [MemberData(nameof(FurtherEndsElsewhere))]
    [Trait("Requirement", "C1")]
    [Trait("Requirement", "M6")]
    [Trait("Run", "Long")]
    public Task Process_DiesAtEachCrossingOfATrainingElsewhereThatEndsInAFurtherWay_TheJobEndsByItsRuleAndIsPaidOnce(string fault) =>
        EnumerateAsync(fault, elsewhere: true, CrossingsOfEndsAtLeast);

    [Theory]
    [MemberData(nameof(LateEndsElsewhere))]
    [Trait("Requirement", "C1")]
    [Trait("Requirement", "M6")]
    [Trait("Run", "Long")]
    public Task Process_DiesAtEachCrossingOfATrainingElsewhereThatEndsLate_TheJobEndsByItsRuleAndIsPaidOnce(string fault) =>
        EnumerateAsync(fault, elsewhere: true);

    [Theory]
    [MemberData(nameof(FaultsOfImages))]
    [Trait("Requirement", "E5")]
    public Task Process_DiesAtEachCrossingBesideAFaultOfTheImages_TheLoraIsJudgedAndNothingIsLeft(string fault) => EnumerateAsync(fault, elsewhere: true);

    [Theory]
    [MemberData(nameof(FurtherFaultsOfImages))]
    [Trait("Requirement", "E5")]
    [Trait("Run", "Long")]
    public Task Process_DiesAtEachCrossingBesideAFurtherFaultOfTheImages_TheLoraIsJudgedAndNothingIsLeft(string fault) => EnumerateAsync(fault, elsewhere: true);

    private static async Task EnumerateAsync(string fault, bool elsewhere = false, int? atLeast = null)
    {
        CancellationToken cancelled = TestContext.Current.CancellationToken;
        (CrashReport quiet, List<string> wrong, List<CrashReport> reports) = await Task.Run(async () =>
        {
            CrashReport undisturbed = await new CrashRun(0, Kind(fault), elsewhere).RunAsync(cancelled);
            List<string> violations = [];
            List<CrashReport> all = [];
            for (int number = 1; number <= undisturbed.Crossings; number++)
            {
                try
                {
                    all.Add(await new CrashRun(number, Kind(fault), elsewhere).RunAsync(cancelled));
                }
                catch (InvariantViolatedException violation)
                {
                    violations.Add($"crossing {number}: {violation.Message}");
                }
            }

            return (undisturbed, violations, all);
        });

        // Not as the test's own output, which the runner shows of failed tests alone.
        int kinds = reports.Select(report => report.DiedAt).Distinct().Count();
        await Console.Out.WriteLineAsync(
            $"crash enumeration{(elsewhere ? " at Replicate" : "")}, fault {fault}: {quiet.Crossings} crossings of {kinds} kinds, {reports.Sum(report => report.Looks)} looks at the invariants");
        int least = atLeast ?? (elsewhere ? CrossingsElsewhereAtLeast : CrossingsAtLeast);
        Assert.True(quiet.Crossings >= least, $"Only {quiet.Crossings} crossings: docs/crash-safety.md says {least}.");
        Assert.True(wrong.Count == 0, string.Join(Environment.NewLine, wrong.Take(10)));
        Assert.All(reports, report => Assert.NotNull(report.DiedAt));
    }

    private static string? Kind(string fault) => fault == NoFault ? null : fault;
}
