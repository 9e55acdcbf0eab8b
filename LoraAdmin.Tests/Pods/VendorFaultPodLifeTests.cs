using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.LocalCloud;
using Xunit;

namespace LoraAdmin.Tests.Pods;

/// <summary>What can befall a pod and its agent, as our clients tell it, beside what is true.</summary>
public sealed class VendorFaultPodLifeTests : IDisposable
{
    private readonly FaultyAccount account = new();

    [Fact]
    [Trait("Fault", FaultKind.PodExits)]
    public async Task PodExits_SetBefore_ExitsSoLongAfterItCameUpAndKeepsTheMount()
    {
        account.Faults.Add(FaultKind.PodExits, seconds: 60);
        AgentAddress pod = await account.TrainingAsync();
        account.Pass(TimeSpan.FromSeconds(59));
        Assert.Equal(AgentPhase.Training, (await account.AgentStatusAsync(pod)).Phase);
        account.Pass(TimeSpan.FromSeconds(1));
        Assert.Equal(ProviderPodStatus.Exited, await account.StatusAsync(pod.PodId));
        Assert.Equal(AgentFailure.Unreachable, (await account.Agent.ReadStatusAsync(pod, CancellationToken.None)).Failure);
        Assert.True((await account.TruthAsync()).Bills);
        await account.Pods.StartAsync(pod.PodId, CancellationToken.None);
        account.Pass(account.Cloud.Options.Boot);
        AgentStatus again = await account.AgentStatusAsync(pod);
        Assert.Equal((AgentPhase.Training, 20), (again.Phase, again.Step));
    }

    [Fact]
    public async Task PodExits_SetOnOneThatRuns_ExitsAtOnceAndNoOther()
    {
        string id = await account.BootedAsync();
        string other = await account.BootedAsync("other");
        account.Faults.Add(FaultKind.PodExits, match: FaultyAccount.Name);
        Assert.Equal(ProviderPodStatus.Exited, await account.StatusAsync(id));
        Assert.Equal(ProviderPodStatus.Running, await account.StatusAsync(other));
        Assert.Empty(account.Faults.Pending);
    }

    [Fact]
    [Trait("Fault", FaultKind.PodVanishes)]
    public async Task PodVanishes_OfOneThatRuns_IsNotListedNotFoundAndBillsNoMore()
    {
        string id = await account.BootedAsync();
        account.Faults.Add(FaultKind.PodVanishes, seconds: 30);
        Assert.Single(await account.ListedAsync());
        account.Pass(TimeSpan.FromSeconds(30));
        Assert.Empty(await account.ListedAsync());
        Assert.IsType<PodReading.NotFound>(await account.Pods.GetAsync(id, CancellationToken.None));
        Assert.Equal(new PodTruth("TERMINATED", false, 0), await account.TruthAsync());
    }

    [Fact]
    public async Task PodVanishes_SetBeforeTheCreate_AnswersAnIdThatNobodyFinds()
    {
        account.Faults.Add(FaultKind.PodVanishes);
        string id = await account.CreatedAsync();
        Assert.IsType<PodReading.NotFound>(await account.Pods.GetAsync(id, CancellationToken.None));
        Assert.Equal("TERMINATED", (await account.TruthAsync()).Status);
    }

    [Fact]
    [Trait("Fault", FaultKind.StuckProvisioning)]
    public async Task StuckProvisioning_ForEver_StaysAndBills()
    {
        account.Faults.Add(FaultKind.StuckProvisioning);
        string id = await account.CreatedAsync();
        account.Pass(TimeSpan.FromDays(1));
        Assert.Equal(ProviderPodStatus.Provisioning, await account.StatusAsync(id));
        Assert.Equal(new PodTruth("PROVISIONING", true, 0), await account.TruthAsync());
        Assert.IsType<PodActionOutcome.Accepted>(await account.TerminateAsync(id));
    }

    [Fact]
    public async Task StuckProvisioning_WithSeconds_TakesSoMuchLonger()
    {
        string id = await account.CreatedAsync();
        account.Faults.Add(FaultKind.StuckProvisioning, seconds: 600);
        Assert.Equal(ProviderPodStatus.Provisioning, await account.StatusAsync(id));
        account.Pass(account.Cloud.Options.Boot + TimeSpan.FromSeconds(599));
        Assert.Equal(ProviderPodStatus.Provisioning, await account.StatusAsync(id));
        account.Pass(TimeSpan.FromSeconds(1));
        Assert.Equal(ProviderPodStatus.Starting, await account.StatusAsync(id));
    }

    [Fact]
    [Trait("Fault", FaultKind.AgentUnreachable)]
    public async Task AgentUnreachable_Once_IsUnreachableAndTheTrainingGoesOn()
    {
        AgentAddress pod = await account.TrainingAsync();
        account.Faults.Add(FaultKind.AgentUnreachable);
        Assert.Equal(AgentFailure.Unreachable, (await account.Agent.ReadStatusAsync(pod, CancellationToken.None)).Failure);
        account.Pass(TimeSpan.FromMinutes(6));
        Assert.Equal(120, (await account.AgentStatusAsync(pod)).Step);
    }

    [Fact]
    [Trait("Fault", FaultKind.TrainingFails)]
    public async Task TrainingFails_AtTwoFifths_IsFailedWithItsError()
    {
        account.Faults.Add(FaultKind.TrainingFails);
        AgentAddress pod = await account.TrainingAsync();
        account.Pass(TimeSpan.FromMinutes(12));
        AgentStatus status = await account.AgentStatusAsync(pod);
        Assert.Equal((AgentPhase.Failed, 96, null), (status.Phase, status.Step, status.Artifact));
        Assert.Contains("CUDA", status.Error, StringComparison.Ordinal);
        Assert.True((await account.TruthAsync()).Bills);
    }

    [Fact]
    [Trait("Requirement", "E6")]
    [Trait("Fault", FaultKind.TrainingHangs)]
    public async Task TrainingHangs_ForEver_AnswersAndStandsStillAtTwoFifths()
    {
        account.Faults.Add(FaultKind.TrainingHangs);
        AgentAddress pod = await account.TrainingAsync();
        for (int minutes = 0; minutes < 240; minutes += 15)
        {
            account.Pass(TimeSpan.FromMinutes(15));
            AgentStatus status = await account.AgentStatusAsync(pod);
            Assert.Equal((AgentPhase.Training, 96), (status.Phase, status.Step));
        }

        Assert.NotNull((await account.Agent.StopAsync(pod, CancellationToken.None)).Value);
        account.Pass(TimeSpan.FromMinutes(15));
        Assert.Equal(AgentPhase.Stopped, (await account.AgentStatusAsync(pod)).Phase);
    }

    [Fact]
    public async Task TrainingHangs_SetOnOneThatTrains_StandsStillAtOnceForSoLong()
    {
        AgentAddress pod = await account.TrainingAsync();
        account.Pass(TimeSpan.FromMinutes(1));
        account.Faults.Add(FaultKind.TrainingHangs, seconds: 300);
        Assert.Equal(20, (await account.AgentStatusAsync(pod)).Step);
        account.Pass(TimeSpan.FromMinutes(5));
        Assert.Equal(20, (await account.AgentStatusAsync(pod)).Step);
        account.Pass(TimeSpan.FromMinutes(11));
        AgentStatus status = await account.AgentStatusAsync(pod);
        Assert.Equal((AgentPhase.Validating, 240), (status.Phase, status.Step));
    }

    [Fact]
    public async Task TrainingHangs_PodStartedAnew_GoesOn()
    {
        account.Faults.Add(FaultKind.TrainingHangs);
        AgentAddress pod = await account.TrainingAsync();
        account.Pass(TimeSpan.FromMinutes(10));
        await account.Pods.StopAsync(pod.PodId, CancellationToken.None);
        await account.Pods.StartAsync(pod.PodId, CancellationToken.None);
        account.Pass(account.Cloud.Options.Boot + (account.Cloud.Options.Training * 0.6));
        Assert.Equal(AgentPhase.Validating, (await account.AgentStatusAsync(pod)).Phase);
    }

    [Fact]
    [Trait("Fault", FaultKind.HeartbeatStops)]
    public async Task HeartbeatStops_WithSeconds_AnswersNothingWhileTheTrainingGoesOn()
    {
        AgentAddress pod = await account.TrainingAsync();
        account.Faults.Add(FaultKind.HeartbeatStops, seconds: 900);
        Assert.Equal(AgentFailure.Unreachable, (await account.Agent.ReadStatusAsync(pod, CancellationToken.None)).Failure);
        account.Pass(TimeSpan.FromSeconds(899));
        Assert.Equal(AgentFailure.Unreachable, (await account.Agent.StopAsync(pod, CancellationToken.None)).Failure);
        Assert.Equal(ProviderPodStatus.Running, await account.StatusAsync(pod.PodId));
        account.Pass(TimeSpan.FromSeconds(1));
        Assert.Equal(AgentPhase.Done, (await account.AgentStatusAsync(pod)).Phase);
    }

    [Fact]
    public async Task HeartbeatStops_ForEver_DeadManStopsThePodAndItsFileIsThereWhenItStarts()
    {
        AgentAddress pod = await account.TrainingAsync();
        account.Faults.Add(FaultKind.HeartbeatStops);
        await account.Agent.ReadStatusAsync(pod, CancellationToken.None);
        account.Pass(TimeSpan.FromMinutes(20));
        Assert.Equal(ProviderPodStatus.Exited, await account.StatusAsync(pod.PodId));
        await account.Pods.StartAsync(pod.PodId, CancellationToken.None);
        account.Pass(account.Cloud.Options.Boot);
        Assert.NotNull((await account.AgentStatusAsync(pod)).Artifact);
    }

    public void Dispose() => account.Dispose();
}
