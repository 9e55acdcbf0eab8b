using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>An incident that says "jobs wait" ends with the last job that does.</summary>
public sealed class RefusalWatchTests
{
    private readonly TrainingBench bench = HostedBench.New();

    [Fact]
    [Trait("Fault", FaultKind.Forbidden403)]
    public async Task Refused_WhileAJobWaits_StaysAndIsOverWhenItIsTrainedElsewhere()
    {
        JobId id = await SubmitRefusedAsync();
        await LookAsync();
        Assert.Contains("runpod", await OpenAsync());

        await bench.RunUntilAsync(() => bench.Job(id) is { Provider: "replicate", State: TrainingState.Training }, "a training at the other provider");
        Assert.Contains("runpod", await OpenAsync());
        await LookAsync();

        Assert.DoesNotContain("runpod", await OpenAsync());
        OperationalEvent over = Assert.Single(bench.World.Database.Events, static fact => fact.Kind == TrainingEvents.NoneWaits);
        Assert.StartsWith("No job waits for RunPod any more.", over.Message, StringComparison.Ordinal);
        await LookAsync();
        Assert.Single(bench.World.Database.Events, static fact => fact.Kind == TrainingEvents.NoneWaits);
    }

    [Fact]
    public async Task Refused_WhileAnotherJobStillWaits_StaysUntilThatIsCancelledToo()
    {
        JobId first = await SubmitRefusedAsync();
        JobId second = await SubmitRefusedAsync();
        await CancelAsync(first);
        await LookAsync();
        Assert.Contains("runpod", await OpenAsync());

        await CancelAsync(second);
        await LookAsync();

        Assert.DoesNotContain("runpod", await OpenAsync());
    }

    [Fact]
    [Trait("Requirement", "O1")]
    public async Task Refused_WhileTrainingsArePaused_StaysUntilNoJobWaits()
    {
        JobId id = await SubmitRefusedAsync();
        await bench.Portal.Switches.PauseAsync("Price check", until: null, TrainingBench.Person, TrainingBench.Token);
        await bench.RunUntilAsync(() => bench.Job(id) is { WaitReason: "Paused by ada: Price check", WaitingSince: null }, "a paused job");
        await LookAsync();
        Assert.Contains("runpod", await OpenAsync());

        await CancelAsync(id);
        await LookAsync();

        Assert.DoesNotContain("runpod", await OpenAsync());
    }

    [Fact]
    public async Task Refused_AfterItWasOver_IsToldAnew()
    {
        await CancelAsync(await SubmitRefusedAsync());
        await LookAsync();
        Assert.DoesNotContain("runpod", await OpenAsync());

        await SubmitRefusedAsync();

        Assert.Contains("runpod", await OpenAsync());
    }

    [Fact]
    public async Task Nothing_Refused_SaysNothing()
    {
        await LookAsync();

        Assert.Empty(bench.World.Database.Events);
    }

    private async Task<JobId> SubmitRefusedAsync()
    {
        JobId id = await bench.SubmitAsync();
        bench.Faults.Add(FaultKind.Forbidden403, count: 1000, match: id.Value.ToString("N"));
        await bench.RunUntilAsync(() => bench.Job(id).WaitReason?.Contains("RunPod:ApiKey", StringComparison.Ordinal) == true, "a refused create");
        return id;
    }

    private async Task CancelAsync(JobId id)
    {
        Assert.IsType<CancelOutcome.Noted>(await bench.CancelAsync(id, TrainingBench.Person));
        await bench.RunUntilAsync(() => bench.Job(id).State == TrainingState.Cancelled, "a cancelled job");
    }

    private Task LookAsync() => new RefusalWatch(bench.World.Work).LookAsync(TrainingBench.Token);

    private Task<IReadOnlyCollection<string>> OpenAsync() => bench.World.Work.ReadAsync(
        (unit, token) => unit.Store<IOpenIncidents>().ListSubjectsAsync(TrainingIncidents.CreateRefused, token), TrainingBench.Token);
}
