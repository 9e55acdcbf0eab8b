using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using Xunit;

namespace LoraAdmin.Tests.Simulation;

/// <summary>
/// The process dies at every crossing between it and the outside: every provider call, every commit, every write to spool and storage of the main job,
/// before it and after it. Again with each way in which a create or a delete can leave us in doubt.
/// </summary>
public sealed class CrashEnumerationTests(ITestOutputHelper output)
{
    private const string NoFault = "none";

    /// <summary>Nothing else, and each answer that does not say what was done.</summary>
    public static TheoryData<string> Faults =>
    [
        NoFault,
        FaultKind.Create500ButCreated,
        FaultKind.CreateHangButCreated,
        FaultKind.CreateHangThenLate,
        FaultKind.Early404,
        FaultKind.ListPartial,
        FaultKind.DeleteIgnored,
        FaultKind.Delete404,
        FaultKind.Delete500,
        FaultKind.PodExits,
        FaultKind.AgentUnreachable,
        FaultKind.DeleteIgnored + CrashRun.During + FaultKind.ListEmpty,
        FaultKind.Delete500 + CrashRun.During + FaultKind.ListPartial,
    ];

    /// <summary>The same at the fallback provider, and weights that come in other ways.</summary>
    public static TheoryData<string> FaultsElsewhere =>
    [
        NoFault,
        FaultKind.ReplicateCreate500,
        FaultKind.ReplicateCreate500ButCreated,
        FaultKind.ReplicateCreateHangButCreated,
        FaultKind.ReplicateThrottled,
        FaultKind.ReplicateRead500,
        FaultKind.ReplicateList500,
        FaultKind.ReplicateWeightsTar,
        FaultKind.ReplicateWeightsTruncated,
    ];

    [Theory]
    [MemberData(nameof(Faults))]
    [Trait("Requirement", "J1")]
    [Trait("Requirement", "E3")]
    public Task Process_DiesAtEachCrossing_NothingIsLostAndTheJobCompletes(string fault) => DieAtEachCrossingAsync(fault, elsewhere: false);

    [Theory]
    [MemberData(nameof(FaultsElsewhere))]
    [Trait("Requirement", "C1")]
    [Trait("Requirement", "E3")]
    public Task Process_DiesAtEachCrossingOfATrainingElsewhere_NothingIsLostAndTheJobCompletes(string fault) => DieAtEachCrossingAsync(fault, elsewhere: true);

    private async Task DieAtEachCrossingAsync(string fault, bool elsewhere)
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

        output.WriteLine($"fault {fault}: {quiet.Crossings} crossings, {reports.Select(report => report.DiedAt).Distinct().Count()} kinds of them");
        Assert.True(quiet.Crossings > 50, $"Only {quiet.Crossings} crossings: the run proves little.");
        Assert.True(wrong.Count == 0, string.Join(Environment.NewLine, wrong.Take(10)));
        Assert.All(reports, report => Assert.NotNull(report.DiedAt));
    }

    private static string? Kind(string fault) => fault == NoFault ? null : fault;
}
