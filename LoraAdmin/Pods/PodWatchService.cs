using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Pods;

/// <summary>Runs the pod loop on the one instance that holds its lease; at once after a commit that released a pod, otherwise at the loop's own pace.</summary>
internal sealed class PodWatchService(
    PodWatch watch,
    PodImport import,
    IUnitOfWork work,
    LeasedTurn turns,
    CommitSignal commits,
    PortalStarted started,
    TimeProvider clock,
    ILogger<PodWatchService> logger) : PortalLoop(started, clock, logger)
{
    internal static readonly TimeSpan LeaseFor = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan AtMostEvery = TimeSpan.FromSeconds(2);

    private readonly CommitListener listener = commits.Listen();

    public override void Dispose()
    {
        listener.Dispose();
        base.Dispose();
    }

    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        TimeSpan next = PodWatch.EveryWhileEnding;
        await turns.TryRunAsync(
            PodWatch.LeaseName,
            LeaseFor,
            async token =>
            {
                // Pods from before this portal are the lesser part: the account is looked after even when they can't be read.
                await AttemptAsync("taking over pods from before this portal", import.RunAsync, token);
                PodWatchReport report = await watch.TickAsync(token);
                next = report.NextIn;
            },
            stoppingToken);
        return next;
    }

    /// <summary>Waits for the loop's next turn, or for the release of a pod, which should not cost a minute of GPU time.</summary>
    protected override async Task WaitAsync(TimeSpan pause, CancellationToken stoppingToken)
    {
        DateTimeOffset next = Clock.GetUtcNow() + pause;
        await Task.Delay(AtMostEvery, Clock, stoppingToken);
        while (Clock.GetUtcNow() is var now && now < next)
        {
            await listener.WaitAsync(next - now, Clock, stoppingToken);
            if (await work.ReadAsync((unit, token) => unit.Store<IPodLedger>().AnyToEndAsync(Clock.GetUtcNow(), token), stoppingToken))
            {
                return;
            }
        }
    }

    protected override Task EndAsync() => turns.GiveBackAsync(PodWatch.LeaseName, CancellationToken.None);
}
