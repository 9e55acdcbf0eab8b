using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Domain.Training.Steps;
using LoraAdmin.Platform.Data;
using LoraAdmin.Platform.Data.Events;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Training;

/// <summary>Reads one job and the overview. What other features keep comes through their ports; lists are in the other part.</summary>
internal sealed partial class TrainingQueryStore(IUnitOfWork work, BudgetRules budget, IJobEstimate estimate, TimeProvider clock, ClockStandings clocks) : ITrainingQueries
{
    private const int TimelineLength = 500;

    public Task<JobDetail?> FindAsync(JobId id, CancellationToken cancellationToken) => work.ReadAsync(
        async (unit, token) =>
        {
            ITrainingStore training = unit.Store<ITrainingStore>();
            if (await training.FindAsync(id, token) is not { } job)
            {
                return null;
            }

            IReadOnlyList<TrainingAttempt> attempts = await training.ListAttemptsAsync(id, token);
            List<LedgerPod> pods = [];
            List<HostedTraining> hosted = [];
            foreach (TrainingAttempt attempt in attempts)
            {
                hosted.AddRange(await unit.Store<IHostedTrainingStore>().ListForAttemptAsync(id, attempt.Number, token));
                pods.AddRange(await unit.Store<IPodLedger>().ListForAttemptAsync(id, attempt.Number, token));
            }

            ILoraStore loras = unit.Store<ILoraStore>();
            return new JobDetail(
                job,
                await LoraOfAsync(unit, job, token),
                await training.ListImagesAsync(id, token),
                attempts,
                pods,
                await loras.ListShownImagesAsync(job.LoraId, token),
                await unit.Store<IBudgetStore>().ListForJobAsync(id, token),
                await unit.Store<ISpoolStore>().ListForJobAsync(id, token),
                await TimelineAsync(Db(unit), id, token))
            {
                Hosted = hosted,
                RefusedAt = job.WaitingSince is null ? null : (await unit.Store<IHostedTrainingStore>().FindRefusalAsync(HostedKind.Training, clock.GetUtcNow(), token))?.EndedAt,
            };
        },
        cancellationToken);

    public async Task<OverviewFigures> OverviewAsync(CancellationToken cancellationToken) =>
        await FiguresAsync(cancellationToken) with { JobReserves = await estimate.ReadAsync(cancellationToken) };

    private Task<OverviewFigures> FiguresAsync(CancellationToken cancellationToken) => work.ReadAsync(
        async (unit, token) =>
        {
            DateTimeOffset now = clock.GetUtcNow();
            DbSet<TrainingProgressRow> jobs = Db(unit).Set<TrainingProgressRow>();
            var open = await jobs
                .Where(row => row.IsOpen)
                .GroupBy(row => row.State)
                .Select(group => new { State = group.Key, Count = group.Count(), Oldest = group.Min(row => row.StateSince), Waiting = group.Count(row => row.WaitingSince != null) })
                .ToListAsync(token);
            long dayAgo = now.AddHours(-24).ToMillis();
            var ended = await jobs
                .Where(row => !row.IsOpen && row.CompletedAt >= dayAgo)
                .GroupBy(row => row.State)
                .Select(group => new { State = group.Key, Count = group.Count() })
                .ToDictionaryAsync(group => group.State, group => group.Count, token);
            BudgetMonth month = await unit.Store<IBudgetStore>().ReadMonthAsync(Month.Of(clocks.ByProvider(now)), budget, token);
            BudgetLimit limit = await unit.Store<IBudgetLimitStore>().ReadAsync(budget, token);
            List<SpoolEntry> files = await FilesWaitingAsync(unit, jobs, token);
            return new OverviewFigures(
                Queued: open.Where(group => Waits(group.State)).Sum(group => group.Count),
                Running: open.Where(group => !Waits(group.State)).Sum(group => group.Count),
                Completed24h: ended.GetValueOrDefault(TrainingState.Completed),
                Failed24h: ended.GetValueOrDefault(TrainingState.Failed),
                Cancelled24h: ended.GetValueOrDefault(TrainingState.Cancelled),
                month,
                Held: await HeldAsync(unit, jobs, month, now, token),
                limit.Rules.WarnAt,
                OldestWaiting: Instants.FromMillis(open.Where(group => group.State == TrainingState.Queued).Select(group => (long?)group.Oldest).Min()),
                FilesWaiting: files.Count,
                OldestFile: files.Count == 0 ? null : files[0].VerifiedAt,
                AsOf: now)
            {
                WaitingForProvider = open.Where(group => !Waits(group.State)).Sum(group => group.Waiting),
            };
        },
        cancellationToken);

    private static async Task<IReadOnlyList<HeldMoney>> HeldAsync(
        IUnit unit, DbSet<TrainingProgressRow> jobs, BudgetMonth month, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (month.Reserved == Usd.Zero)
        {
            return [];
        }

        Reservation[] open = [.. (await unit.Store<IBudgetStore>().ListAllOpenAsync(cancellationToken)).Where(one => one.Month == month.Month)];
        Guid[] owners = [.. open.Select(static one => one.Job.Value).Distinct()];
        Dictionary<Guid, long> ended = await jobs
            .Where(row => owners.Contains(row.JobId) && !row.IsOpen)
            .Select(row => new { row.JobId, At = row.CompletedAt ?? row.StateSince })
            .ToDictionaryAsync(row => row.JobId, row => row.At, cancellationToken);
        if (ended.Count == 0)
        {
            return [];
        }

        Guid[] over = [.. ended.Keys];
        Dictionary<(Guid, int), string> providers = await Db(unit).Set<TrainingAttemptRow>()
            .Where(row => over.Contains(row.JobId))
            .Select(row => new { row.JobId, row.Number, row.Provider })
            .ToDictionaryAsync(row => (row.JobId, row.Number), row => row.Provider, cancellationToken);
        return HeldMoney.Of(
            open.Where(one => ended.ContainsKey(one.Job.Value)).Select(one => new EndedReservation(
                one,
                providers.GetValueOrDefault((one.Job.Value, one.Attempt), ProvisioningStep.Provider),
                Instants.FromMillis(ended[one.Job.Value]))),
            await unit.Store<IHostedTrainingStore>().ListOpenAsync(cancellationToken),
            now);
    }

    /// <summary>Oldest first. Most files pass through a spool within seconds, with their job at work: those wait for nobody.</summary>
    private static async Task<List<SpoolEntry>> FilesWaitingAsync(IUnit unit, DbSet<TrainingProgressRow> jobs, CancellationToken cancellationToken)
    {
        List<SpoolEntry> files = [.. (await unit.Store<ISpoolStore>().ListAllAsync(SpoolQueryStore.MostFiles, cancellationToken)).Where(entry => entry.Discard is null)];
        if (files.Count == 0)
        {
            return files;
        }

        List<Guid> owners = [.. files.Where(entry => entry.Job is not null).Select(entry => entry.Job!.Value.Value).Distinct()];
        HashSet<Guid> settled =
        [
            .. await jobs.Where(row => owners.Contains(row.JobId) && (row.IsOpen || row.State == TrainingState.Completed)).Select(row => row.JobId).ToListAsync(cancellationToken),
        ];
        return [.. files.Where(entry => entry.Job is not { } job || !settled.Contains(job.Value))];
    }

    private static bool Waits(TrainingState state) => state is TrainingState.Queued or TrainingState.Preparing;

    private static LoraDb Db(IUnit unit) => ((EfUnit)unit).Db;

    private static async Task<Lora> LoraOfAsync(IUnit unit, TrainingJob job, CancellationToken cancellationToken) =>
        await unit.Store<ILoraStore>().FindAsync(job.LoraId, cancellationToken)
        ?? throw new InvalidOperationException($"Job {job.Id} belongs to LoRA {job.LoraId}, which has no row in lora_models.");

    private static async Task<IReadOnlyList<TimelineEntry>> TimelineAsync(LoraDb db, JobId id, CancellationToken cancellationToken)
    {
        var newest = await (
            from fact in db.Set<OperationalEventRow>().AsNoTracking()
            where fact.JobId == id.Value
            orderby fact.Sequence descending
            select new { Fact = fact, Error = db.Set<ErrorEventRow>().FirstOrDefault(error => error.EventId == fact.Id) })
            .Take(TimelineLength)
            .ToListAsync(cancellationToken);
        newest.Reverse();
        return newest.ConvertAll(entry => new TimelineEntry(
            entry.Fact.Id,
            Instants.FromMillis(entry.Fact.At),
            entry.Fact.Kind,
            entry.Fact.Severity,
            entry.Fact.Message,
            entry.Fact.Attempt,
            entry.Fact.Pod,
            entry.Fact.ActorName,
            entry.Error is { } error ? new ErrorDetail(error.Code, error.Where, error.ProviderWords, error.CorrelationId) : null));
    }
}
