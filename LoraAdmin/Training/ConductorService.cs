using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Training;

/// <summary>
/// Runs the conductor: leases due jobs up to the number of free hands and steps each in a task of its own, so that one slow upload stops no other
/// job. Woken by commits of this process, otherwise by the soonest due time.
/// </summary>
internal sealed class ConductorService(
    TrainingConductor conductor, CommitSignal commits, PortalStarted started, TimeProvider clock, ILogger<ConductorService> logger)
    : PortalLoop(started, clock, logger)
{
    /// <summary>Steps mostly wait for the network; a handful of them keeps a small machine responsive.</summary>
    private const int Hands = 8;

    private static readonly TimeSpan SleepAtLeast = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan SleepAtMost = TimeSpan.FromSeconds(5);

    private readonly CommitListener listener = commits.Listen();
    private readonly List<Task> running = [];

    public override void Dispose()
    {
        listener.Dispose();
        base.Dispose();
    }

    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        running.RemoveAll(step => step.IsCompleted);
        int free = Hands - running.Count;
        IReadOnlyList<LeasedJob> leased = free > 0 ? await conductor.LeaseDueAsync(free, stoppingToken) : [];
        foreach (LeasedJob job in leased)
        {
            running.Add(StepAsync(job, stoppingToken));
        }

        if (leased.Count > 0)
        {
            return TimeSpan.Zero;
        }

        if (running.Count == Hands)
        {
            await Task.WhenAny(running);
            return TimeSpan.Zero;
        }

        DateTimeOffset? due = await conductor.NextDueAsync(stoppingToken);
        TimeSpan wait = due is { } at ? at - Clock.GetUtcNow() : SleepAtMost;
        return wait < SleepAtLeast ? SleepAtLeast : wait > SleepAtMost ? SleepAtMost : wait;
    }

    protected override Task WaitAsync(TimeSpan pause, CancellationToken stoppingToken) => listener.WaitAsync(pause, Clock, stoppingToken);

    /// <summary>Steps that are under way stop at their next await and give their leases back.</summary>
    protected override Task EndAsync() => Task.WhenAll(running);

    // What can't even be written to the job must not end unseen in a task that nobody awaits: it is done again when its lease has run out.
    private async Task StepAsync(LeasedJob job, CancellationToken stoppingToken)
    {
        try
        {
            await AttemptAsync($"job {job.Job.Id} in state {job.Job.State}", token => conductor.StepAsync(job, token), stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The portal is ending.
        }
    }
}
