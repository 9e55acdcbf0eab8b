using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

public abstract record EndPodOutcome
{
    private EndPodOutcome()
    {
    }

    /// <summary>Noted; the pod loop ends it and sees it gone.</summary>
    public sealed record Noted(FileProof Proof) : EndPodOutcome;

    /// <summary>Neither the ledger nor the account has the pod, or it is not ours.</summary>
    public sealed record NotFound : EndPodOutcome;

    /// <summary>The ledger does not know the pod, and the account could not be asked for it.</summary>
    public sealed record CouldNotRead(ProviderError Error) : EndPodOutcome;

    /// <summary>A trained file may lie on it alone: only who says so expressly may end it.</summary>
    public sealed record FileAtRisk : EndPodOutcome;
}

public abstract record ApproveSweepOutcome
{
    private ApproveSweepOutcome()
    {
    }

    public sealed record Applied(SweepResult Result) : ApproveSweepOutcome;

    /// <summary>What would be done now is not what was approved: look again.</summary>
    public sealed record Changed(SweepPlan Now) : ApproveSweepOutcome;

    public sealed record CouldNotRead(ProviderError Error) : ApproveSweepOutcome;
}

/// <summary>The commands that people give about pods. They write wishes; the pod loop alone calls the provider to change anything.</summary>
public interface IPodDesk
{
    /// <summary>Lists the account once and says what the sweep would do. Writes nothing.</summary>
    Task<SweepPlanning> PreviewSweepAsync(CancellationToken cancellationToken);

    /// <summary>Does everything that the plan with this hash says, past the caps, if that is still what there is to do.</summary>
    Task<ApproveSweepOutcome> ApproveSweepAsync(string planHash, Actor actor, CancellationToken cancellationToken);

    /// <param name="evenWithItsFile">The person takes the responsibility for a file that may be lost.</param>
    Task<EndPodOutcome> EndAsync(string podId, string reason, bool evenWithItsFile, Actor actor, CancellationToken cancellationToken);

    /// <summary>Notes whether a pod that the portal can't place by its name is ours.</summary>
    Task ClaimAsync(string podId, ClaimVerdict verdict, string reason, Actor actor, CancellationToken cancellationToken);
}

/// <inheritdoc cref="IPodDesk"/>
public sealed class PodDesk(
    IUnitOfWork work, IPodProvider provider, PodSweep sweep, IFileProofs proofs, TimeProvider clock, Func<Installation> installation) : IPodDesk
{
    public Task<SweepPlanning> PreviewSweepAsync(CancellationToken cancellationToken) => sweep.PlanAsync(cancellationToken);

    public async Task<EndPodOutcome> EndAsync(string podId, string reason, bool evenWithItsFile, Actor actor, CancellationToken cancellationToken)
    {
        LedgerPod? row = await work.ReadAsync((unit, token) => unit.Store<IPodLedger>().FindByPodIdAsync(podId, token), cancellationToken);
        ProviderPod? seen = null;
        if (row is null or { Saw: PodSaw.Gone })
        {
            // Not in the ledger, or taken for gone: only the account can say what it is.
            switch (await provider.GetAsync(podId, cancellationToken))
            {
                case PodReading.Unavailable unavailable:
                    return new EndPodOutcome.CouldNotRead(unavailable.Error);
                case PodReading.Found found when found.Pod.Status != ProviderPodStatus.Terminated && await IsOursAsync(row, found.Pod, cancellationToken):
                    seen = found.Pod;
                    break;
                default:
                    return new EndPodOutcome.NotFound();
            }
        }

        string name = seen?.Name ?? row!.ProviderName;
        PodName? parsed = PodNames.Parse(name);
        FileProof proof = row is { Want: PodWant.Released, Proof: FileProof.Override }
            ? FileProof.Override
            : await proofs.FindAsync(row?.Job ?? parsed?.Job ?? default, row?.Attempt ?? parsed?.Attempt ?? 0, name, podId, cancellationToken);
        if (proof == FileProof.None)
        {
            if (!evenWithItsFile)
            {
                return new EndPodOutcome.FileAtRisk();
            }

            proof = FileProof.Override;
        }

        await work.RunAsync((unit, token) => WishEndAsync(unit, podId, seen, reason, proof, actor, token), cancellationToken);
        return new EndPodOutcome.Noted(proof);
    }

    private async Task<bool> IsOursAsync(LedgerPod? row, ProviderPod pod, CancellationToken cancellationToken)
    {
        PodClaim? claim = await work.ReadAsync((unit, token) => unit.Store<IPodClaimStore>().FindAsync(pod.Id, token), cancellationToken);
        return claim?.Verdict switch
        {
            ClaimVerdict.Ours => true,
            ClaimVerdict.NotOurs => false,
            _ => row is not null || PodNames.IsOurs(installation().Id, pod.Name),
        };
    }

    private async Task WishEndAsync(
        IUnit unit, string podId, ProviderPod? seen, string reason, FileProof proof, Actor actor, CancellationToken cancellationToken)
    {
        IPodLedger ledger = unit.Store<IPodLedger>();
        DateTimeOffset now = clock.GetUtcNow();
        LedgerPod? known = await ledger.FindByPodIdAsync(podId, cancellationToken);
        if (known?.Saw == PodSaw.Gone && seen is null)
        {
            // It was seen gone between our look and this write: what was wished is so.
            return;
        }

        LedgerPod row = known is null
            ? await PodSweep.FoundAsync(ledger, podId, seen!.Name, seen.HourlyRate, seen.CreatedAt, seen.CostsSince, now, cancellationToken)
            : PodSweep.Reopened(known);
        LedgerPod ended = row with { Want = PodWant.Released, Proof = proof, ProofAt = now, NextActionAt = now };
        if (known?.Want != PodWant.Released || known.Saw == PodSaw.Gone)
        {
            // A pod that is being ended and is asked again stays waste from the time on at which nothing needed it.
            ended = ended with { WantReason = PodReasons.ByPerson, WantSince = now };
        }

        if (known is null)
        {
            await ledger.AddAsync(ended, cancellationToken);
        }
        else if (!await ledger.SaveAsync(ended, cancellationToken))
        {
            throw new ConcurrentWriteException($"Pod {row.Name} was written meanwhile.");
        }

        await unit.Events.AppendAsync(
            new OperationalEvent
            {
                Kind = PodEvents.EndRequested,
                Message = $"The end of pod {podId} was requested: {reason}",
                Actor = actor,
                Job = known?.Job ?? PodNames.Parse(row.ProviderName)?.Job,
                Attempt = known?.Attempt,
                Pod = row.Name,
                Reason = PodReasons.ByPerson,
            },
            cancellationToken);
    }

    public Task ClaimAsync(string podId, ClaimVerdict verdict, string reason, Actor actor, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            DateTimeOffset now = clock.GetUtcNow();
            await unit.Store<IPodClaimStore>().SaveAsync(new PodClaim(podId, verdict, actor, reason, now), token);
            if (verdict == ClaimVerdict.NotOurs)
            {
                await LetOutAsync(unit, podId, now, token);
            }

            await unit.Events.AppendAsync(
                new OperationalEvent
                {
                    Kind = PodEvents.Claimed,
                    Message = $"{actor.Name} said that pod {podId} is {(verdict == ClaimVerdict.Ours ? "ours" : "not ours")}: {reason}",
                    Actor = actor,
                    Reason = verdict.ToString().ToLowerInvariant(),
                    Signals = verdict == ClaimVerdict.NotOurs
                        ? PodIncidents.AllOver(podId, "A person said that it is not ours")
                        : [new IncidentSignal(PodIncidents.Foreign, podId, "A person said that it is ours", Over: true)],
                },
                token);
        },
        cancellationToken);

    /// <summary>What was only found goes out of the ledger again. A pod that one of our jobs asked for is ours, whatever anybody says.</summary>
    private static async Task LetOutAsync(IUnit unit, string podId, DateTimeOffset now, CancellationToken cancellationToken)
    {
        IPodLedger ledger = unit.Store<IPodLedger>();
        if (await ledger.FindByPodIdAsync(podId, cancellationToken) is { IsStray: true, IsLetOut: false } row
            && !await ledger.SaveAsync(PodCensus.LetOut(row, now), cancellationToken))
        {
            throw new ConcurrentWriteException($"Pod {row.Name} was written meanwhile.");
        }
    }

    public async Task<ApproveSweepOutcome> ApproveSweepAsync(string planHash, Actor actor, CancellationToken cancellationToken) =>
        await sweep.PlanAsync(cancellationToken) switch
        {
            SweepPlanning.CouldNotRead unread => new ApproveSweepOutcome.CouldNotRead(unread.Error),
            SweepPlanning.Planned planned when planned.Plan.Hash != planHash => new ApproveSweepOutcome.Changed(planned.Plan),
            SweepPlanning.Planned planned => new ApproveSweepOutcome.Applied(await sweep.ApplyAsync(planned.Plan, planned.Plan.Items.Count, actor, cancellationToken)),
            _ => throw new NotSupportedException("A planning is planned or could not read."),
        };
}
