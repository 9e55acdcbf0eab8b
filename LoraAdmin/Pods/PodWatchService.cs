using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Pods;

/// <summary>Runs the pod loop on the one instance that holds its lease; at once after a commit that released a pod, otherwise at the loop's own pace.</summary>
internal sealed partial class PodWatchService(
    PodWatch watch,
    PodImport import,
    LastCensus census,
    IUnitOfWork work,
    CommitSignal commits,
    PortalStarted started,
    PortalInstance instance,
    TimeProvider clock,
    ILogger<PodWatchService> logger) : BackgroundService
{
    internal static readonly TimeSpan LeaseFor = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan AtMostEvery = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await started.WaitAsync(stoppingToken);
        using CommitListener listener = commits.Listen();
        try
        {
            while (true)
            {
                DateTimeOffset next = clock.GetUtcNow() + await TurnAsync(stoppingToken);
                await WaitAsync(listener, next, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // A clean end: the lease is given back below.
        }

        await GiveBackAsync();
    }

    /// <summary>Waits for the loop's next turn, or for the release of a pod, which should not cost a minute of GPU time.</summary>
    private async Task WaitAsync(CommitListener listener, DateTimeOffset next, CancellationToken stoppingToken)
    {
        await Task.Delay(AtMostEvery, clock, stoppingToken);
        while (clock.GetUtcNow() is var now && now < next)
        {
            await listener.WaitAsync(next - now, clock, stoppingToken);
            if (await AnyToEndAsync(stoppingToken))
            {
                return;
            }
        }
    }

    private async Task<bool> AnyToEndAsync(CancellationToken stoppingToken)
    {
        try
        {
            DateTimeOffset now = clock.GetUtcNow();
            IReadOnlyList<LedgerPod> alive = await work.ReadAsync((unit, token) => unit.Store<IPodLedger>().ListAliveAsync(token), stoppingToken);
            return alive.Any(pod => pod.PodId is not null && !(pod.NextActionAt > now) && pod is
                { Want: PodWant.Released, TerminateAttempts: 0 } or { Want: PodWant.Held, Saw: PodSaw.Running });
        }
        catch (StoreUnavailableException away)
        {
            LogDatabaseAway(logger, away);
            return false;
        }
    }

    private async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        try
        {
            bool mine = await work.RunAsync(
                (unit, token) => unit.Store<ILeaseStore>().TryTakeAsync(PodWatch.LeaseName, instance.Id, clock.GetUtcNow(), LeaseFor, token), stoppingToken);
            if (!mine)
            {
                census.NoteElsewhere();
                return PodWatch.EveryWhileEnding;
            }

            await import.RunAsync(stoppingToken);
            PodWatchReport report = await watch.TickAsync(stoppingToken);
            census.Note(report);
            return report.NextIn;
        }
        catch (StoreUnavailableException away)
        {
            LogDatabaseAway(logger, away);
            return PodWatch.EveryWhileEnding;
        }
    }

    private async Task GiveBackAsync()
    {
        try
        {
            await work.RunAsync((unit, token) => unit.Store<ILeaseStore>().GiveBackAsync(PodWatch.LeaseName, instance.Id, token), CancellationToken.None);
        }
        catch (StoreUnavailableException away)
        {
            LogDatabaseAway(logger, away);
        }
    }

    [LoggerMessage(EventId = 1101, Level = LogLevel.Warning, Message = "The database is away; pods are looked after as soon as it is back")]
    private static partial void LogDatabaseAway(ILogger logger, Exception exception);
}
