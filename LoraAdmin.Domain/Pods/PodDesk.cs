using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

public abstract record EndPodOutcome
{
    private EndPodOutcome()
    {
    }

    /// <summary>Noted; the pod loop ends it and sees it gone.</summary>
    public sealed record Noted(FileProof Proof) : EndPodOutcome;

    /// <summary>The ledger does not know the pod, or it is gone.</summary>
    public sealed record NotFound : EndPodOutcome;

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
public sealed class PodDesk(IUnitOfWork work, PodSweep sweep, IFileProofs proofs, TimeProvider clock) : IPodDesk
{
    public Task<SweepPlanning> PreviewSweepAsync(CancellationToken cancellationToken) => sweep.PlanAsync(cancellationToken);

    public async Task<EndPodOutcome> EndAsync(string podId, string reason, bool evenWithItsFile, Actor actor, CancellationToken cancellationToken)
    {
        LedgerPod? seen = await work.ReadAsync((unit, token) => unit.Store<IPodLedger>().FindByPodIdAsync(podId, token), cancellationToken);
        if (seen is null || seen.Saw == PodSaw.Gone)
        {
            return new EndPodOutcome.NotFound();
        }

        FileProof proof = await proofs.FindAsync(seen.Job, seen.Attempt, seen.Name, podId, cancellationToken);
        if (proof == FileProof.None)
        {
            if (!evenWithItsFile)
            {
                return new EndPodOutcome.FileAtRisk();
            }

            proof = FileProof.Override;
        }

        return await work.RunAsync<EndPodOutcome>(
            async (unit, token) =>
            {
                IPodLedger ledger = unit.Store<IPodLedger>();
                if (await ledger.FindAsync(seen.Name, token) is not { } row || row.Saw == PodSaw.Gone)
                {
                    return new EndPodOutcome.NotFound();
                }

                DateTimeOffset now = clock.GetUtcNow();
                LedgerPod ended = row with { Want = PodWant.Released, WantReason = PodReasons.ByPerson, WantSince = now, Proof = proof, NextActionAt = now };
                if (!await ledger.SaveAsync(ended, token))
                {
                    throw new ConcurrentWriteException($"Pod {row.Name} was written meanwhile.");
                }

                await unit.Events.AppendAsync(
                    new OperationalEvent
                    {
                        Kind = PodEvents.EndRequested,
                        Message = $"The end of pod {podId} was requested: {reason}",
                        Actor = actor,
                        Job = row.Job,
                        Attempt = row.Attempt,
                        Pod = row.Name,
                        Reason = PodReasons.ByPerson,
                    },
                    token);
                return new EndPodOutcome.Noted(proof);
            },
            cancellationToken);
    }

    public Task ClaimAsync(string podId, ClaimVerdict verdict, string reason, Actor actor, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            await unit.Store<IPodClaimStore>().SaveAsync(new PodClaim(podId, verdict, actor, reason, clock.GetUtcNow()), token);
            await unit.Events.AppendAsync(
                new OperationalEvent
                {
                    Kind = PodEvents.Claimed,
                    Message = $"{actor.Name} said that pod {podId} is {(verdict == ClaimVerdict.Ours ? "ours" : "not ours")}: {reason}",
                    Actor = actor,
                    Reason = verdict.ToString().ToLowerInvariant(),
                },
                token);
        },
        cancellationToken);

    public async Task<ApproveSweepOutcome> ApproveSweepAsync(string planHash, Actor actor, CancellationToken cancellationToken) =>
        await sweep.PlanAsync(cancellationToken) switch
        {
            SweepPlanning.CouldNotRead unread => new ApproveSweepOutcome.CouldNotRead(unread.Error),
            SweepPlanning.Planned planned when planned.Plan.Hash != planHash => new ApproveSweepOutcome.Changed(planned.Plan),
            SweepPlanning.Planned planned => new ApproveSweepOutcome.Applied(await sweep.ApplyAsync(planned.Plan, planned.Plan.Items.Count, actor, cancellationToken)),
            _ => throw new NotSupportedException("A planning is planned or could not read."),
        };
}
