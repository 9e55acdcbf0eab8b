using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Training;

internal sealed class SwitchQueryStore(IUnitOfWork work, TimeProvider clock) : ISwitchQueries
{
    public Task<SwitchFigures> ReadAsync(CancellationToken cancellationToken) => work.ReadAsync(
        async (unit, token) =>
        {
            TrainingPause? pause = await unit.Store<ITrainingPauseStore>().FindAsync(token);
            if (pause?.IsOverAt(clock.GetUtcNow()) == true)
            {
                pause = null;
            }

            DbSet<TrainingProgressRow> jobs = ((EfUnit)unit).Db.Set<TrainingProgressRow>();
            var open = await jobs
                .Where(row => row.IsOpen)
                .GroupBy(row => new { row.State, IsToEnd = row.CancelAt != null })
                .Select(group => new { group.Key.State, group.Key.IsToEnd, Count = group.Count() })
                .ToListAsync(token);
            (int ending, int ended) = pause is null ? (0, 0) : await ProgressAsync(jobs, pause, token);
            IReadOnlyList<LedgerPod> pods = await unit.Store<IPodLedger>().ListAliveAsync(token);
            return new SwitchFigures(
                pause,
                Cancellable: open.Where(group => group.State.CanCancel()).Sum(group => group.Count),
                Finishing: open.Where(group => !group.State.CanCancel()).Sum(group => group.Count),
                PodsAlive: pods.Count(pod => pod.PodId is not null),
                PodsHeld: pods.Count(pod => pod is { PodId: not null, Want: PodWant.Held }),
                Asked: ending + ended,
                Ended: ended)
            {
                Waiting = open.Where(group => group is { IsToEnd: false, State: TrainingState.Queued or TrainingState.Preparing }).Sum(group => group.Count)
                    + await CountStillToAskAsync(unit, jobs, pods, token),
            };
        },
        cancellationToken);

    /// <summary>
    /// Jobs that look for a provider and have asked none yet. One whose pod boots, or whose training was asked for, goes on during a pause
    /// (<see cref="Domain.Training.Steps.ProvisioningStep"/>, <see cref="HostedLauncher"/>).
    /// </summary>
    private static async Task<int> CountStillToAskAsync(
        IUnit unit, DbSet<TrainingProgressRow> jobs, IReadOnlyList<LedgerPod> alive, CancellationToken cancellationToken)
    {
        var provisioning = await jobs
            .Where(row => row.IsOpen && row.State == TrainingState.Provisioning && row.CancelAt == null)
            .Select(row => new { row.JobId, row.Attempt })
            .ToListAsync(cancellationToken);
        if (provisioning.Count == 0)
        {
            return 0;
        }

        HashSet<(Guid Job, int Attempt)> asked =
        [
            .. alive.Where(pod => pod.Want == PodWant.Needed).Select(pod => (pod.Job.Value, pod.Attempt)),
            .. (await unit.Store<IHostedTrainingStore>().ListOpenAsync(cancellationToken))
                .Where(one => one is { IsNeeded: true, IsFinal: false, Saw: not HostedSaw.Packing })
                .Select(one => (one.Job.Value, one.Attempt)),
        ];
        return provisioning.Count(job => !asked.Contains((job.JobId, job.Attempt)));
    }

    /// <summary>"Stop everything" pauses and cancels in one transaction with one reason: by it its jobs are known. Both counts rest on partial indexes.</summary>
    private static async Task<(int Ending, int Ended)> ProgressAsync(DbSet<TrainingProgressRow> jobs, TrainingPause pause, CancellationToken cancellationToken)
    {
        long since = pause.Since.ToMillis();
        string reason = pause.Reason;
        int ending = await jobs.CountAsync(row => row.IsOpen && row.CancelAt >= since && row.CancelReason == reason, cancellationToken);
        int ended = await jobs.CountAsync(row => !row.IsOpen && row.CompletedAt >= since && row.CancelAt >= since && row.CancelReason == reason, cancellationToken);
        return (ending, ended);
    }
}
