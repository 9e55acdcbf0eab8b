using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>A job that was at both providers, and goes on from what one of them made.</summary>
public sealed class HostedRetryTests
{
    private readonly TrainingBench bench = HostedBench.New();

    /// <summary>Its pod was lost, Replicate failed, and the pod's file was fetched after all.</summary>
    [Fact]
    [Trait("Requirement", "E3")]
    [Trait("Requirement", "E5")]
    public async Task Retry_FromTheFileOfAPodAfterAnAttemptElsewhere_GoesOnAsThatPodsAttemptAndIsJudged()
    {
        JobId id = await FailedElsewhereAsync();
        await bench.RunUntilAsync(() => bench.SpoolRows(id).Any(static file => file.Attempt == 1), "the file of the lost pod");

        Assert.IsType<RetryOutcome.Accepted>(await bench.Portal.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token));
        Assert.Equal((1, "runpod"), (bench.Job(id).Attempt, bench.Job(id).Provider));
        await bench.RunToRestAsync(id);
        TrainingJob job = bench.Job(id);
        Assert.Equal((TrainingState.Completed, "runpod", null), (job.State, job.Provider, job.NotValidated));
        Assert.Equal(3, bench.World.Database.ValidationImages.Find(job.LoraId)!.Items.Count(static image => image is { Attempt: 1, Passed: not null }));
    }

    /// <summary>A pod was asked for and paid; that the job is between two attempts gives nobody a LoRA back.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Requirement", "E4")]
    public async Task Cancel_OfAJobWhoseLastPodWasLost_IsNotGivenBack(bool elsewhere)
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Retrieving);
        bench.Faults.Add(FaultKind.AgentUnreachable, match: bench.Pods(id)[^1].Name, seconds: 40 * 60);
        await bench.IsolateAsync();
        if (elsewhere)
        {
            bench.World.Objects.AwayUntil = bench.Now + TimeSpan.FromHours(2);
            await bench.RunUntilAsync(() => bench.Hosted(id).Count == 1, "a training that is packed");
        }
        else
        {
            await bench.IsolateFallbackAsync();
            await bench.RunUntilAsync(() => bench.Job(id).Attempt == 2, "a second attempt");
        }

        Assert.IsType<CancelOutcome.Noted>(await bench.CancelAsync(id, TrainingBench.Gateway));
        await bench.RunToStateAsync(id, TrainingState.Cancelled);
        Assert.False(bench.Refunded(id));
        Assert.Equal(1, bench.UserCount);
    }

    /// <summary>The retry was charged anew, and asked for nothing yet.</summary>
    [Fact]
    [Trait("Requirement", "E4")]
    public async Task Cancel_OfARetryThatAskedForNothing_IsGivenBack()
    {
        bench.Faults.Add(FaultKind.TrainingFails);
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);
        await bench.IsolateAsync();
        await bench.IsolateFallbackAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(1));
        Assert.IsType<RetryOutcome.Accepted>(await bench.Portal.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token));
        await bench.RunForAsync(TimeSpan.FromMinutes(1));
        await bench.CancelAsync(id, TrainingBench.Gateway);
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Cancelled, bench.Job(id).State);
        Assert.True(bench.Refunded(id, 2));
        Assert.Equal(0, bench.UserCount);
    }

    private async Task<JobId> FailedElsewhereAsync()
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Retrieving);
        bench.Faults.Add(FaultKind.AgentUnreachable, match: bench.Pods(id)[^1].Name, seconds: 40 * 60);
        bench.Faults.Add(FaultKind.ReplicateTrainingFails);
        await bench.IsolateAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);
        Assert.Equal((FailureCode.TrainingFailed, "replicate"), (bench.Job(id).Failure!.Code, bench.Job(id).Provider));
        Assert.Equal([FailureCode.PodLost, FailureCode.NoProvider, FailureCode.TrainingFailed], bench.Attempts(id).Select(static one => one.Failure!.Value));
        return id;
    }
}
