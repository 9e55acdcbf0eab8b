using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Doubles;
using Xunit;

namespace LoraAdmin.Tests.Simulation;

public sealed class QuietDayTests
{
    private static readonly TimeSpan ADay = TimeSpan.FromDays(1);

    [Fact]
    public async Task Places_OnlyOne_IsTakenByOneJobAfterTheOtherAndBothComplete()
    {
        QuietDay day = new(rules => rules with { MaxConcurrentPods = 1 });
        JobId first = await day.SubmitAsync(0);
        JobId second = await day.SubmitAsync(1);

        await day.UntilAsync(() => day.Job(first).State == TrainingState.Completed || day.Job(second).State == TrainingState.Completed, ADay);
        Assert.Single(day.World.Cloud.World.Pods);
        await day.UntilAsync(() => day.Job(first).State == TrainingState.Completed && day.Job(second).State == TrainingState.Completed, ADay);

        Assert.Equal(2, day.World.Cloud.World.Pods.Count);
    }

    [Fact]
    public async Task Places_AllTakenBetweenTheLookAndTheRow_AsksForNoPod()
    {
        QuietDay day = new();
        SimulatedPortal portal = new(day.World, new Mortality(_ => false), "one");
        PodOrder order = new(
            new JobId(day.World.Ids.Next()), 1, ["NVIDIA A40"], day.World.Training.CreateRetries, day.World.Clock.GetUtcNow(), TimeSpan.FromHours(1),
            (_, _) => throw new InvalidOperationException("No pod may be specified."))
        {
            MayAsk = (_, _) => Task.FromResult<string?>("All 1 training places are in use"),
        };
        OpenGate gate = new();
        PodLauncher launcher = new(day.World.Database, portal.Provider, gate, day.World.Clock, () => day.World.Installation);

        LaunchOutcome outcome = await launcher.EnsureAsync(order, (_, _) => Task.CompletedTask, Actor.Portal("test"), TestContext.Current.CancellationToken);

        Assert.Equal("All 1 training places are in use", Assert.IsType<LaunchOutcome.NotNow>(outcome).Reason);
        Assert.IsType<CreationResult.NotAsked>(Assert.Single(gate.Told).Result);
        Assert.Empty(day.Pods);
    }

    [Fact]
    public async Task Cancel_OrderSentAndAgentSilentSince_KeepsThePodForItsFile()
    {
        QuietDay day = new();
        JobId id = await day.SubmitAsync();
        await day.UntilAsync(() => day.World.Cloud.World.Pods.Any(pod => pod.Agent.Order is not null), ADay);
        Assert.Null(day.Job(id).StartedAt);

        day.Faults.Add(FaultKind.AgentUnreachable, seconds: 3600);
        await day.CancelAsync(id, ActorKind.Token);
        await day.UntilAsync(() => day.Job(id).State == TrainingState.Cancelled, ADay);

        LedgerPod pod = Assert.Single(day.Pods);
        Assert.Equal((PodWant.Held, FileProof.None), (pod.Want, pod.Proof));
        Assert.Contains(
            day.World.Database.Events, fact => fact.Signals?.Any(signal => signal is { Rule: PodIncidents.Held, Over: false } && signal.Subject == pod.PodId) == true);
        await day.UntilAsync(() => day.World.Cloud.World.Pods[0].Status == PodStatus.Exited, ADay);
    }

    [Fact]
    [Trait("Requirement", "E1")]
    public async Task Provisioning_EveryPodVanishesWhileItBoots_EndsWithNoProvider()
    {
        QuietDay day = new();
        JobId id = await day.SubmitAsync();
        int ended = 0;

        await day.UntilAsync(
            () =>
            {
                foreach (PodRecord pod in day.World.Cloud.World.Alive.ToList())
                {
                    day.World.Cloud.World.Terminate(pod);
                    ended++;
                }

                return day.Job(id).State.IsFinal();
            },
            ADay);

        Assert.Equal((FailureCode.NoProvider, 4), (day.Job(id).Failure!.Code, ended));
        Assert.True(day.World.Database.Charges.Find((id, 1))!.Refunded);
    }

    [Fact]
    [Trait("Requirement", "E1")]
    public async Task Provisioning_ProviderOnlyLetsWait_EndsWithNoProvider()
    {
        QuietDay day = new();
        day.Faults.Add(FaultKind.Rate429, count: 1_000_000);
        JobId id = await day.SubmitAsync();

        await day.UntilAsync(() => day.Job(id).State.IsFinal(), ADay);

        Assert.Equal("No GPU provider could start the training", day.Job(id).Failure!.Rule.Message);
        Assert.Empty(day.World.Cloud.World.Pods);
    }

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Sweep_CapsHoldItsPlanBack_SomebodyApprovesItAfterAnHour()
    {
        QuietDay day = new();
        day.World.Caps = new SweepCaps(0, Usd.FromDollars(20));
        JobId id = await day.SubmitAsync();
        await day.UntilAsync(() => day.Job(id).State == TrainingState.Training, ADay);
        PodRecord pod = day.World.Cloud.World.Pods[0];

        // A pod that no row knows any more, as of a create call that arrived when nobody expected it.
        LedgerPod lost = day.Pods[0] with { Saw = PodSaw.Gone };
        day.World.Database.Pods.Set(lost.Name, lost);
        await day.UntilAsync(() => day.World.SweepHeldBackSince is not null, ADay);
        DateTimeOffset since = day.World.SweepHeldBackSince!.Value;
        await day.ApproveAsync();
        Assert.Equal((0, 0), (day.Approvals, pod.TerminateRequests));

        await day.UntilAsync(() => day.World.Clock.GetUtcNow() - since > TimeSpan.FromHours(1), ADay);
        await day.ApproveAsync();

        Assert.Equal((1, PodReasons.ByPerson), (day.Approvals, day.World.RowOf(pod)!.WantReason));
    }

    [Fact]
    [Trait("Requirement", "E3")]
    public async Task Upload_StoreDoesNotAnswer_StandsStillForAsLongAndTheJobCompletes()
    {
        QuietDay day = new();
        day.Faults.Add(FaultKind.StorePutTimeout);
        JobId id = await day.SubmitAsync();
        await day.UntilAsync(() => day.Job(id).State == TrainingState.Uploading, ADay);
        DateTimeOffset began = day.World.Clock.GetUtcNow();

        await day.UntilAsync(() => day.Job(id).State == TrainingState.Completed, ADay);

        Assert.True(day.World.Clock.GetUtcNow() - began >= TimeSpan.FromSeconds(60), "The put was answered at once.");
        Assert.Contains(day.World.Database.Events, fact => fact.Kind == TrainingEvents.StepFailed && fact.Message.Contains("did not answer in time", StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Requirement", "E2")]
    public async Task Images_ReadCorruptOnce_AreReadAgainAndTheJobCompletes()
    {
        QuietDay day = new();
        day.Faults.Add(FaultKind.ImageCorruptOnce);
        JobId id = await day.SubmitAsync();

        await day.UntilAsync(() => day.Job(id).State == TrainingState.Completed, ADay);

        Assert.Contains(day.World.Database.Events, fact => fact.Kind == TrainingEvents.StepFailed && fact.Message.Contains("it is no image", StringComparison.Ordinal));
    }

    [Fact]
    public async Task SpoolFileOfAJobThatAnotherInstanceEnded_GoesWhenStorageHasIt()
    {
        QuietDay day = new();
        JobId id = await day.SubmitAsync();
        await day.UntilAsync(() => day.Job(id).State == TrainingState.Validating, ADay);
        string name = SpoolNames.File(id, 1);
        SimulatedPortal other = new(day.World, new Mortality(_ => false), "other", day.World.SpoolOf(2));
        while (day.Job(id).State != TrainingState.Completed)
        {
            foreach (LeasedJob leased in await other.Conductor.LeaseDueAsync(1, TestContext.Current.CancellationToken))
            {
                await other.Conductor.StepAsync(leased, TestContext.Current.CancellationToken);
            }
        }

        Assert.NotNull(day.World.Spool.FindSealed(name));
        Assert.Equal(0, await other.Files.RunAsync(TestContext.Current.CancellationToken));
        await day.UntilAsync(() => day.World.Database.Spool.Rows.Count == 0, TimeSpan.FromMinutes(5));

        Assert.Null(day.World.Spool.FindSealed(name));
    }
}
