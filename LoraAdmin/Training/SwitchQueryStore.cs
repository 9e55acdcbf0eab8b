using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
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
                Waiting = open.Where(group => group is { IsToEnd: false, State: TrainingState.Queued or TrainingState.Preparing or TrainingState.Provisioning })
                    .Sum(group => group.Count),
            };
        },
        cancellationToken);

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
