using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>Replicate refuses what only a person can mend, while RunPod makes no pods.</summary>
[Trait("Requirement", "E1")]
public sealed class HostedRefusalTests
{
    private readonly TrainingBench bench = HostedBench.New();

    [Fact]
    public async Task CreditIsUsedUp_IsAnIncidentAndEveryJobWaitsUntilThereIsSome()
    {
        bench.Faults.Add(FaultKind.ReplicateBalance402, seconds: 12 * 60);
        await bench.IsolateAsync();
        JobId first = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => Told.Count == 1, "an incident");
        Assert.Equal(("replicate", "Replicate's credit is used up. Add credit to the account"), (Told[0].Subject, Told[0].Text));
        JobId second = await bench.SubmitAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(2));

        Assert.Equal((TrainingState.Provisioning, "Replicate's credit is used up. Add credit to the account"), (bench.Job(first).State, bench.Job(first).WaitReason));
        Assert.Equal(TrainingState.Queued, bench.Job(second).State);
        Assert.StartsWith("Both providers are down.", bench.Job(second).WaitReason, StringComparison.Ordinal);
        Assert.EndsWith("Replicate's credit is used up. Add credit to the account", bench.Job(second).WaitReason, StringComparison.Ordinal);

        await bench.RunToRestAsync(first);
        await bench.RunToRestAsync(second);
        Assert.All([first, second], id => Assert.Equal(TrainingState.Completed, bench.Job(id).State));
        Assert.Equal(2, bench.VendorTrainings.Count);
        Assert.Contains(Told, static signal => signal.Over);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    public async Task CreditIsUsedUp_ReplicateIsAskedOnlyEveryFewMinutes()
    {
        bench.Faults.Add(FaultKind.ReplicateBalance402, seconds: 100_000);
        await bench.IsolateAsync();
        JobId id = await bench.SubmitAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(31));

        DateTimeOffset[] asked = [.. bench.Hosted(id).Where(static one => one.Reason == HostedReasons.Refused).Select(static one => one.RequestedAt)];
        Assert.InRange(asked.Length, 5, 7);
        Assert.All(asked.Zip(asked[1..]), static pair => Assert.True(pair.Second - pair.First >= HostedRefusals.AskAgainAfter));
        bench.Restart();
        await bench.RunForAsync(TimeSpan.FromMinutes(1));
        Assert.InRange(bench.Hosted(id).Count(static one => one.Reason == HostedReasons.Refused), asked.Length, asked.Length + 1);
        Assert.False(bench.World.HostedRedis.State.IsOpen);
    }

    /// <summary>RunPod's breaker was open for minutes, and Replicate is without credit for days.</summary>
    [Theory]
    [InlineData(FaultKind.ReplicateBalance402)]
    [InlineData(FaultKind.ReplicateUnauth401)]
    public async Task RunPodRecovers_WhatReplicateRefusedGoesBackAndIsTrainedThere(string fault)
    {
        bench.Faults.Add(fault, seconds: 100_000);
        await bench.IsolateAsync();
        JobId[] jobs = [await bench.SubmitAsync(), await bench.SubmitAsync(), await bench.SubmitAsync()];
        await bench.RunForAsync(TimeSpan.FromMinutes(20));
        Assert.Contains(jobs, id => bench.Job(id).Provider == "replicate");
        await bench.Portal.BreakerDesk.ResetAsync(BreakerSubject.RunPod, "RunPod has moved", TrainingBench.Person, TrainingBench.Token);
        foreach (JobId id in jobs)
        {
            await bench.RunToRestAsync(id);
            Assert.Equal((TrainingState.Completed, "runpod"), (bench.Job(id).State, bench.Job(id).Provider ?? "runpod"));
            Assert.Empty(bench.Facts(id, TrainingEvents.Failed));
        }

        Assert.Empty(bench.VendorTrainings);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    public async Task CreditIsUsedUp_OneJobAtATimeFindsOutWhetherThereIsSome()
    {
        bench.Faults.Add(FaultKind.ReplicateBalance402, seconds: 100_000);
        await bench.IsolateAsync();
        JobId first = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Hosted(first).Any(static one => one.Reason == HostedReasons.Refused), "a refusal");
        await bench.CancelAsync(first, TrainingBench.Person);
        await bench.RunToStateAsync(first, TrainingState.Cancelled);
        JobId[] later = [await bench.SubmitAsync(), await bench.SubmitAsync(), await bench.SubmitAsync()];
        await bench.RunForAsync(TimeSpan.FromMinutes(25));

        Assert.Single(later, id => bench.Job(id).Provider == "replicate");
        Assert.Equal(2, later.Count(id => bench.Job(id).State == TrainingState.Queued));
    }

    /// <summary>Nobody asks again while no job needs it, and there may long be credit.</summary>
    [Fact]
    [Trait("Requirement", "C1")]
    public async Task Refusal_WhenNoJobWaitsAnyMore_AgesAndTheNextJobIsTrained()
    {
        bench.Faults.Add(FaultKind.ReplicateBalance402, seconds: 60);
        await bench.IsolateAsync();
        JobId first = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Hosted(first).Any(static one => one.Reason == HostedReasons.Refused), "a refusal");
        await bench.CancelAsync(first, TrainingBench.Person);
        await bench.RunForAsync(TimeSpan.FromMinutes(1));
        Assert.False(Down[^1].Over);

        await bench.RunForAsync(TimeSpan.FromMinutes(6));
        Assert.True(Down[^1].Over);
        JobId next = await bench.SubmitAsync();
        await bench.RunToRestAsync(next);
        Assert.Equal((TrainingState.Completed, "replicate"), (bench.Job(next).State, bench.Job(next).Provider));
    }

    /// <summary>Under the same configuration nobody knows whether it was mended, until a training is made.</summary>
    [Theory]
    [InlineData("mark-1", false)]
    [InlineData("mark-2", true)]
    public async Task Refusal_IsEndedByAStartWithAnotherConfiguration(string mark, bool isEnded)
    {
        bench.World.Hosted = bench.World.Hosted with { Mark = "mark-1" };
        bench.Faults.Add(FaultKind.ReplicateBalance402, seconds: 60);
        await bench.IsolateAsync();
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => Told.Count == 1, "an incident");
        Assert.Equal("replicate/mark-1", Told[0].Subject);

        bench.World.Hosted = bench.World.Hosted with { Mark = mark };
        bench.Restart();
        await new HostedAccountWatch(bench.World.Work, new GoodAccount(), bench.World.Clock, () => bench.World.Hosted).LookAsync(TrainingBench.Token);

        Assert.Equal(isEnded, Told[^1].Ends("replicate/mark-1"));
        await bench.RunToRestAsync(id);
        Assert.True(Told[^1].Ends($"replicate/{mark}"));
    }

    /// <summary>A refusal that a clock noted three days ahead holds nobody back for three days.</summary>
    [Fact]
    [Trait("Requirement", "C1")]
    public async Task Refusal_NotedByAClockThatWasAhead_IsNone()
    {
        bench.Faults.Add(FaultKind.ReplicateBalance402, seconds: 60);
        await bench.IsolateAsync();
        JobId first = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Hosted(first).Any(static one => one.Reason == HostedReasons.Refused), "a refusal");
        await bench.CancelAsync(first, TrainingBench.Person);
        await bench.RunToRestAsync(first);
        HostedTraining refused = bench.Hosted(first)[0];
        bench.World.Database.Hosted.Set(refused.Name, refused with { RequestedAt = bench.Now.AddDays(3), EndedAt = bench.Now.AddDays(3) });
        await bench.RunForAsync(TimeSpan.FromMinutes(2));

        JobId next = await bench.SubmitAsync();
        await bench.RunToRestAsync(next);
        Assert.Equal((TrainingState.Completed, "replicate"), (bench.Job(next).State, bench.Job(next).Provider));
    }

    /// <summary>Replicate counts as up again, and one job is about to ask it.</summary>
    [Fact]
    [Trait("Requirement", "C1")]
    public async Task WhileOneJobFindsOut_TheOthersDoNotSayThatBothAreDown()
    {
        bench.Faults.Add(FaultKind.ReplicateBalance402, seconds: 60);
        await bench.IsolateAsync();
        JobId first = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Hosted(first).Any(static one => one.Reason == HostedReasons.Refused), "a refusal");
        await bench.CancelAsync(first, TrainingBench.Person);
        await bench.RunForAsync(TimeSpan.FromMinutes(8));
        Assert.True(await bench.World.Database.RunAsync(
            (unit, token) => unit.Store<ILeaseStore>().TryTakeAsync(HostedRefusals.LeaseName, "another job", bench.Now, TimeSpan.FromMinutes(2), token), TrainingBench.Token));
        JobId second = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(second).WaitReason?.Contains("Replicate", StringComparison.Ordinal) == true, "a job that waits for either");

        Assert.StartsWith("RunPod's breaker is held open", bench.Job(second).WaitReason, StringComparison.Ordinal);
        Assert.EndsWith("One job finds out whether that lasts: Replicate's credit is used up. Add credit to the account", bench.Job(second).WaitReason, StringComparison.Ordinal);
    }

    /// <summary>Another instance, that is configured otherwise, has ended the incident.</summary>
    [Fact]
    [Trait("Requirement", "C1")]
    public async Task BothDown_IsToldAgainAsLongAsItLasts()
    {
        await bench.IsolateAsync();
        await bench.IsolateFallbackAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(35));
        Assert.InRange(Down.Count, 4, 5);
        Assert.All(Down, static signal => Assert.False(signal.Over));
    }

    private IReadOnlyList<IncidentSignal> Down =>
        [.. bench.World.Database.Events.SelectMany(static fact => fact.Signals).Where(static signal => signal.Rule == TrainingIncidents.ProvidersDown)];

    [Theory]
    [InlineData(ProviderFailure.InsufficientBalance, 402, "Add credit")]
    [InlineData(ProviderFailure.Forbidden, 403, "Give the account the right")]
    [InlineData(ProviderFailure.Rejected, 404, "does not know Replicate:Model or Replicate:Destination")]
    [InlineData(ProviderFailure.Rejected, 422, "Check Replicate:Model, Version, Destination and InputField: said by the vendor")]
    public void Words_OfEachRefusal_SayWhatHelps(ProviderFailure failure, int status, string words) =>
        Assert.Contains(words, HostedRefusals.WordsOf(new ProviderError(failure, status, "said by the vendor")), StringComparison.Ordinal);

    private IReadOnlyList<IncidentSignal> Told =>
        [.. bench.World.Database.Events.SelectMany(static fact => fact.Signals).Where(static signal => signal.Rule == TrainingIncidents.CreateRefused)];

    private sealed class GoodAccount : IHostedAccount
    {
        public Task<HostedAccountLook> LookAsync(CancellationToken cancellationToken) => Task.FromResult<HostedAccountLook>(new HostedAccountLook.Good());
    }
}
