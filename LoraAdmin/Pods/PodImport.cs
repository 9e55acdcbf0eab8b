using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Pods;

/// <summary>
/// Takes over the pods of jobs that the portal did not make: on a database that was in use before, their ids stand in the shared table and nowhere
/// else. They become rows of the ledger, so that they are counted as ours; one whose job is over is then past its lifetime, and the sweep ends it
/// with proof about its file or stops and holds it. Nothing is ended here. Running it again changes nothing.
/// </summary>
internal sealed partial class PodImport(
    PodImportStore shared, IUnitOfWork work, IPodProvider provider, TimeProvider clock, Func<Installation> installation, ILogger<PodImport> logger)
{
    /// <summary>A listing may have left pods out, and the old service may still be writing.</summary>
    public static readonly TimeSpan Every = TimeSpan.FromHours(1);

    private static readonly Actor Self = Actor.Portal("pods.import");

    private DateTimeOffset? next;

    /// <returns>How many pods were taken over.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        await BoundEndedAsync(cancellationToken);
        DateTimeOffset now = clock.GetUtcNow();
        if (now < next)
        {
            return 0;
        }

        List<JobPod> candidates = await shared.CandidatesAsync(cancellationToken);
        if (candidates.Count == 0)
        {
            next = now + Every;
            return 0;
        }

        // Only what the account shows: a history of jobs whose pods are long gone must not fill the ledger, nor cost a call each.
        if (await provider.ListAsync(cancellationToken) is not PodListing.Complete listing)
        {
            return 0;
        }

        int imported = await work.RunAsync((unit, token) => ImportAsync(unit, candidates, listing, token), cancellationToken);
        next = now + Every;
        if (imported > 0)
        {
            LogImported(logger, imported);
        }

        return imported;
    }

    private async Task<int> ImportAsync(IUnit unit, List<JobPod> candidates, PodListing.Complete listing, CancellationToken cancellationToken)
    {
        IPodLedger ledger = unit.Store<IPodLedger>();
        HashSet<string> disowned =
        [
            .. (await unit.Store<IPodClaimStore>().ListAsync(cancellationToken))
                .Where(claim => claim.Verdict == ClaimVerdict.NotOurs)
                .Select(claim => claim.PodId),
        ];
        Dictionary<string, ProviderPod> alive = listing.Pods
            .Where(pod => pod.Status != ProviderPodStatus.Terminated)
            .ToDictionary(pod => pod.Id, StringComparer.Ordinal);
        string own = installation().Id;
        int imported = 0;
        foreach (JobPod candidate in candidates)
        {
            // Another installation's name on it: it works on the same account, and its pods are never touched.
            if (disowned.Contains(candidate.PodId)
                || !alive.TryGetValue(candidate.PodId, out ProviderPod? pod)
                || (PodNames.Parse(pod.Name) is { } name && name.Installation != own)
                || await ledger.FindByPodIdAsync(candidate.PodId, cancellationToken) is not null)
            {
                continue;
            }

            await ImportAsync(unit, candidate, pod, cancellationToken);
            imported++;
        }

        return imported;
    }

    private async Task ImportAsync(IUnit unit, JobPod candidate, ProviderPod pod, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        LedgerPod row = new()
        {
            Name = PodNames.Imported(pod.Id),
            Job = new JobId(candidate.JobId),
            Attempt = 0,
            Try = 0,
            Want = PodWant.Needed,
            WantReason = PodReasons.Imported,
            WantSince = now,
            Saw = PodWatch.SawOf(pod.Status, PodSaw.Running),
            PodId = pod.Id,
            GpuType = pod.GpuType ?? "",
            HourlyRate = pod.HourlyRate > Usd.Zero ? pod.HourlyRate : null,
            RequestedAt = pod.CreatedAt ?? now,
            CreatedAt = pod.CreatedAt,
            LiveUntil = candidate.Over ? now : null,
        };
        await unit.Store<IPodLedger>().AddAsync(row, cancellationToken);
        await unit.Events.AppendAsync(
            new OperationalEvent
            {
                Kind = PodEvents.Imported,
                Message = $"Pod {pod.Id} ({pod.Name}) stands in a job from before this portal, which {(candidate.Over ? "is over" : "goes on")}",
                Actor = Self,
                Job = row.Job,
                Pod = row.Name,
                Reason = PodReasons.Imported,
            },
            cancellationToken);
    }

    /// <summary>The old service ended a job whose pod had been taken over while it ran: now the pod's lifetime is over too.</summary>
    private async Task BoundEndedAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<LedgerPod> alive = await work.ReadAsync((unit, token) => unit.Store<IPodLedger>().ListAliveAsync(token), cancellationToken);
        List<LedgerPod> unbound = [.. alive.Where(row => row is { Want: PodWant.Needed, WantReason: PodReasons.Imported, LiveUntil: null })];
        if (unbound.Count == 0)
        {
            return;
        }

        Guid[] jobs = [.. unbound.Select(row => row.Job.Value)];
        HashSet<Guid> over = await shared.OverAsync(jobs, cancellationToken);
        DateTimeOffset now = clock.GetUtcNow();
        foreach (LedgerPod row in unbound.Where(row => over.Contains(row.Job.Value)))
        {
            // Written meanwhile by the pod loop: the next turn does it.
            await work.RunAsync((unit, token) => unit.Store<IPodLedger>().SaveAsync(row with { LiveUntil = now }, token), cancellationToken);
        }
    }

    [LoggerMessage(EventId = 1111, Level = LogLevel.Information, Message = "{Count} pods of jobs from before this portal were taken over")]
    private static partial void LogImported(ILogger logger, int count);
}
