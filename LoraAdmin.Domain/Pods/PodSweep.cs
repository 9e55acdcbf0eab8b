using System.Security.Cryptography;
using System.Text;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <summary>How much the sweep may end by itself in an hour (<c>Pods:MaxSweepKillsPerHour</c>, <c>Pods:MaxSweepUsdPerHour</c>).</summary>
/// <param name="HourlyPrice">Bound on what the ended pods cost per hour, together.</param>
public sealed record SweepCaps(int Kills, Usd HourlyPrice);

/// <summary>The caps, and what of them is used up: what the sweep has ended in the rolling hour before, and nobody had approved.</summary>
public sealed record SweepRoom(SweepCaps Caps, SweepTally Ended)
{
    public int KillsLeft => Math.Max(0, Caps.Kills - Ended.Kills);

    public Usd HourlyPriceLeft => Caps.HourlyPrice > Ended.HourlyPrice ? Caps.HourlyPrice - Ended.HourlyPrice : Usd.Zero;

    /// <summary>Whether one pod more may go that nobody has approved.</summary>
    public bool Fits(Usd hourlyRate) => Ended.Kills < Caps.Kills && Ended.HourlyPrice + hourlyRate <= Caps.HourlyPrice;

    /// <summary>A sentence without its full stop, that may follow a colon.</summary>
    public string Words => FormattableString.Invariant(
        $"in a rolling hour the caps let up to {Caps.Kills} pods go that together cost up to {Caps.HourlyPrice}/h; {Ended.Kills} at {Ended.HourlyPrice}/h went in the last one, so {KillsLeft} at {HourlyPriceLeft}/h are left");
}

public enum SweepAction
{
    /// <summary>End it: the file is proven elsewhere, or there is none.</summary>
    Terminate,

    /// <summary>Stop it and keep it: a trained file may lie on it alone.</summary>
    Hold,

    /// <summary>Give it time, once: its job still wants it, and its file is not proven anywhere else.</summary>
    Prolong,

    /// <summary>Past the caps, so that nobody has asked for its file yet: it waits until its turn comes or a person looks.</summary>
    Undecided,
}

/// <param name="Name">The name at the provider.</param>
/// <param name="Reason">One of <see cref="PodReasons.OfTheSweep"/>.</param>
/// <param name="Proof">Why ending it is safe for its file.</param>
/// <param name="ProofAt">When it was asked for: an agent's word is good for two minutes, and a person may apply the plan after them.</param>
public sealed record SweepItem(
    string PodId, string Name, string Reason, string Why, SweepAction Action, FileProof Proof, DateTimeOffset ProofAt, Usd HourlyRate, Usd CostSoFar)
{
    /// <summary>The provider's own creation time; null: it does not say.</summary>
    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary><see cref="ProviderPod.CostsSince"/>.</summary>
    public DateTimeOffset? CostsSince { get; init; }

    /// <summary>The row that its listing proved wrong: the ledger took it for gone. Null: it had none, or an open one.</summary>
    public ClosedRow? Closed { get; init; }
}

/// <summary>What the sweep would do, frozen: pressing "Apply" does exactly this, less what became ineligible meanwhile.</summary>
/// <param name="AsOf">Start of the listing that it rests on.</param>
/// <param name="WithinCaps">How many of the items, from the first on, the caps let through now.</param>
public sealed record SweepPlan(DateTimeOffset AsOf, IReadOnlyList<SweepItem> Items, int WithinCaps)
{
    /// <summary>What was left of the caps at the plan; null: nobody asked.</summary>
    public SweepRoom? Room { get; init; }

    /// <summary>What kept the sweep from acting by itself at the plan; null: nothing did.</summary>
    public AutomationBar? Bar { get; init; }

    /// <summary>Tells one plan from another, whatever order its items came in.</summary>
    public string Hash => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        string.Join('\n', Items.Select(item => $"{item.PodId} {item.Action} {item.Reason}").Order(StringComparer.Ordinal)))));
}

public abstract record SweepPlanning
{
    private SweepPlanning()
    {
    }

    /// <param name="Census">Every pod of the account in its class, for whoever shows it.</param>
    public sealed record Planned(SweepPlan Plan, IReadOnlyList<CountedPod> Census) : SweepPlanning;

    /// <summary>The account could not be listed: nothing is known, nothing may be done.</summary>
    public sealed record CouldNotRead(ProviderError Error) : SweepPlanning;
}

/// <param name="Ineligible">Items that were not done, with the reason.</param>
public sealed record SweepResult(IReadOnlyList<SweepItem> Done, IReadOnlyList<(SweepItem Item, string Why)> Ineligible);

/// <summary>
/// J1: finds pods that cost money and that nothing needs, and wishes their end in the ledger; the pod loop carries the wishes out. Planning reads only.
/// Applying twice is harmless: an item is done only while the pod is still in the class that the plan saw.
/// </summary>
public sealed class PodSweep(
    IUnitOfWork work,
    IPodProvider provider,
    IFileProofs proofs,
    TimeProvider clock,
    Func<SweepCaps> caps,
    Func<PodRules> rules,
    Func<Installation> installation,
    ClockStandings clocks)
{
    /// <summary>Young strangers are left alone: the row of a pod that was just made may be on its way.</summary>
    public static readonly TimeSpan UnknownAfter = TimeSpan.FromMinutes(2);

    /// <summary>The hourly run by which it is known (<see cref="PodSweepOperation"/>).</summary>
    public const string OperationKey = "pods.sweep";

    private static readonly TimeSpan CapWindow = TimeSpan.FromHours(1);

    /// <summary>Agents that are asked for their files at the same time: a silent one takes its whole time-out.</summary>
    private const int AskedAtOnce = 8;

    /// <summary>Lists the account once and plans the whole of what there is to do, as a person wants to see it.</summary>
    public async Task<SweepPlanning> PlanAsync(CancellationToken cancellationToken)
    {
        LedgerBefore before = await work.ReadAsync(LedgerBefore.ReadAsync, cancellationToken);
        return await provider.ListAsync(cancellationToken) switch
        {
            PodListing.Complete listing => await PlanAsync(listing, before, everyProof: true, cancellationToken),
            PodListing.Unavailable unavailable => new SweepPlanning.CouldNotRead(unavailable.Error),
            _ => throw new NotSupportedException("A listing is complete or unavailable."),
        };
    }

    /// <summary>Plans on a listing that the caller has just read; the ledger is read after it.</summary>
    /// <param name="before">The ledger as it was before the listing began.</param>
    /// <param name="everyProof">False: agents of pods past the caps are not asked, since nothing happens to those now.</param>
    public async Task<SweepPlanning.Planned> PlanAsync(PodListing.Complete listing, LedgerBefore before, bool everyProof, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(listing);
        ArgumentNullException.ThrowIfNull(before);
        DateTimeOffset now = clock.GetUtcNow();
        (IReadOnlyList<CountedPod> census, IReadOnlyDictionary<string, ClosedRow?> closed, SweepTally tally, AutomationBar? bar) = await work.ReadAsync(
            async (unit, token) =>
            {
                IReadOnlyList<LedgerPod> open = await unit.Store<IPodLedger>().ListAliveAsync(token);
                IReadOnlyList<PodClaim> claims = await unit.Store<IPodClaimStore>().ListAsync(token);
                IReadOnlyList<CountedPod> counted = PodCensus.Count(listing, open, claims, installation().Id, now);
                return (
                    counted,
                    await before.FindClosedAsync(unit, [.. counted.Where(static pod => pod.Class == PodClass.Unknown).Select(static pod => pod.Pod!.Id)], token),
                    await unit.Store<IPodLedger>().TallySweepAsync(now - CapWindow, token),
                    await AutomationGate.FindAsync(unit, OperationKey, clocks, now, token));
            },
            cancellationToken);
        SweepRoom room = new(caps(), tally);
        List<SweepItem> items = [];
        foreach (CountedPod[] few in census.Where(pod => IsForTheSweep(pod, closed, now)).Chunk(AskedAtOnce))
        {
            DateTimeOffset asked = clock.GetUtcNow();
            bool pastCaps = !everyProof && CountWithinCaps([.. items, Item(few[0], null, closed, asked)], room) <= items.Count;
            FileProof?[] found = pastCaps ? new FileProof?[few.Length] : await Task.WhenAll(few.Select(pod => ProofAsync(pod, cancellationToken)));
            items.AddRange(few.Zip(found, (pod, proof) => Item(pod, proof, closed, asked)));
        }

        return new SweepPlanning.Planned(new SweepPlan(listing.StartedAt, items, CountWithinCaps(items, room)) { Room = room, Bar = bar }, census);
    }

    /// <summary>Carries out the first <paramref name="most"/> items of a plan.</summary>
    /// <param name="actor">The sweep itself, which is bound by its caps, or the person who approved exactly this plan.</param>
    public async Task<SweepResult> ApplyAsync(SweepPlan plan, int most, Actor actor, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(plan);
        List<SweepItem> done = [];
        List<(SweepItem, string)> ineligible = [];
        foreach (SweepItem item in plan.Items.Take(most))
        {
            string? why = await work.RunAsync((unit, token) => ApplyAsync(unit, item, actor, isApproved: actor.Kind != ActorKind.Portal, token), cancellationToken);
            if (why is null)
            {
                done.Add(item);
            }
            else
            {
                ineligible.Add((item, why));
            }
        }

        return new SweepResult(done, ineligible);
    }

    private static bool IsForTheSweep(CountedPod pod, IReadOnlyDictionary<string, ClosedRow?> closed, DateTimeOffset now) => pod.Class switch
    {
        // Whoever closed the row during the listing may have seen the pod gone: the next look knows. No clock is asked how old one is that the ledger has had.
        PodClass.Unknown => closed.TryGetValue(pod.Pod!.Id, out ClosedRow? row) ? row is not null : !(now - pod.Pod.CreatedAt < UnknownAfter),
        PodClass.Orphan => pod.Row!.Want == PodWant.Needed,
        _ => false,
    };

    private async Task<FileProof?> ProofAsync(CountedPod pod, CancellationToken cancellationToken)
    {
        ProviderPod seen = pod.Pod!;
        PodName? name = PodNames.Parse(seen.Name);
        return pod.Row is { } row ? await proofs.FindAsync(row.Job, row.Attempt, seen.Name, seen.Id, cancellationToken)
            : name is null ? FileProof.None
            : await proofs.FindAsync(name.Job, name.Attempt, seen.Name, seen.Id, cancellationToken);
    }

    /// <param name="closed">Closed rows of pods that have no open one.</param>
    /// <param name="asked">When its file was asked for.</param>
    private static SweepItem Item(CountedPod pod, FileProof? proof, IReadOnlyDictionary<string, ClosedRow?> closed, DateTimeOffset asked)
    {
        ProviderPod seen = pod.Pod!;
        SweepAction action = proof switch
        {
            null => SweepAction.Undecided,
            FileProof.None when pod.Row is { WantReason: not (PodReasons.Prolonged or PodReasons.Imported) } => SweepAction.Prolong,
            FileProof.None => SweepAction.Hold,
            _ => SweepAction.Terminate,
        };
        Usd cost = pod.Row?.CostUntil(asked) ?? (seen.CostsSince is { } since ? seen.HourlyRate.PerHourFor(asked - since) : Usd.Zero);
        return new SweepItem(seen.Id, seen.Name, pod.Reason!, pod.Why, action, proof ?? FileProof.None, asked, pod.Row?.HourlyRate ?? seen.HourlyRate, cost)
        {
            CreatedAt = seen.CreatedAt,
            CostsSince = seen.CostsSince,
            Closed = pod.Row is null ? closed.GetValueOrDefault(seen.Id) : null,
        };
    }

    private static int CountWithinCaps(List<SweepItem> items, SweepRoom room)
    {
        for (int index = 0; index < items.Count; index++)
        {
            bool ends = items[index].Action is SweepAction.Terminate or SweepAction.Undecided;
            Usd rate = ends ? items[index].HourlyRate : Usd.Zero;
            if (ends ? !room.Fits(rate) : room.Ended.Kills > room.Caps.Kills || room.Ended.HourlyPrice > room.Caps.HourlyPrice)
            {
                return index;
            }

            room = ends ? room with { Ended = new SweepTally(room.Ended.Kills + 1, room.Ended.HourlyPrice + rate) } : room;
        }

        return items.Count;
    }

    /// <summary>Carries out one item in the caller's transaction.</summary>
    /// <param name="isApproved">A person has read the plan that it is of: the caps neither bound nor count it, whoever began the run.</param>
    /// <returns>Why the item is not eligible any more; null when it was done.</returns>
    internal async Task<string?> ApplyAsync(IUnit unit, SweepItem item, Actor actor, bool isApproved, CancellationToken cancellationToken)
    {
        IPodLedger ledger = unit.Store<IPodLedger>();
        DateTimeOffset now = clock.GetUtcNow();
        if (actor.Kind == ActorKind.Portal && await AutomationGate.WhyHeldAsync(unit, OperationKey, clocks, now, cancellationToken) is { } held)
        {
            return held;
        }

        if (item.Action == SweepAction.Undecided)
        {
            return "Nobody has looked for its file yet";
        }

        if (!isApproved && item.Action == SweepAction.Terminate)
        {
            // Another look may have used the caps up since this one planned.
            SweepRoom room = new(caps(), await ledger.TallySweepAsync(now - CapWindow, cancellationToken));
            if (!room.Fits(item.HourlyRate))
            {
                return $"It is past the caps by now: {room.Words}";
            }
        }

        LedgerPod? row = await ledger.FindByPodIdAsync(item.PodId, cancellationToken);
        if (PodCensus.IsDisowned(row, await unit.Store<IPodClaimStore>().FindAsync(item.PodId, cancellationToken)))
        {
            return "A person said that it is not ours";
        }

        if (row is null)
        {
            if (item.Reason != PodReasons.Unknown)
            {
                return "Its ledger row is gone";
            }

            LedgerPod found = await FoundAsync(ledger, item.PodId, item.Name, item.HourlyRate, item.CreatedAt, item.CostsSince, now, cancellationToken);
            await ledger.AddAsync(Wish(found, item, isApproved, now), cancellationToken);
        }
        else if (row.Saw == PodSaw.Gone ? !IsListedAgain(item, row) : row.Want != PodWant.Needed)
        {
            return row.Saw == PodSaw.Gone ? "It is gone already" : $"It is {row.Want.ToString().ToLowerInvariant()} already";
        }
        else if (row.Saw != PodSaw.Gone && item.Reason == PodReasons.Unknown)
        {
            return "The ledger has it by now, and its job needs it";
        }
        else if (item.Reason == PodReasons.PastLifetime && !(row.LiveUntil < now))
        {
            return "Its lifetime was prolonged";
        }
        else if (!await ledger.SaveAsync(Wish(Reopened(row), item, isApproved, now), cancellationToken))
        {
            throw new ConcurrentWriteException($"Pod {row.Name} was written meanwhile.");
        }

        if (item.Action == SweepAction.Prolong)
        {
            return null;
        }

        string back = row?.Saw == PodSaw.Gone ? "It was taken for gone and is listed again" : item.Why;
        await unit.Events.AppendAsync(
            new OperationalEvent
            {
                Kind = PodEvents.Orphaned,
                Message = $"{PodOrphans.Alert(item.PodId)}. {back}; {(item.Action == SweepAction.Terminate ? "it is ended" : "it is stopped and held for its file")}",
                Severity = EventSeverity.Warning,
                Actor = actor,
                Job = row?.Job ?? PodNames.Parse(item.Name)?.Job,
                Attempt = row?.Attempt,
                Pod = row?.Name ?? item.Name,
                Reason = item.Reason,
                Signals = item.Action == SweepAction.Hold ? [PodOrphans.Signal(item.PodId), PodIncidents.HeldSignal(item.PodId)] : [PodOrphans.Signal(item.PodId)],
            },
            cancellationToken);
        return null;
    }

    /// <summary>What a person approved was asked for: it does not count against the caps. What a person's run planned for itself nobody has read: it counts.</summary>
    private LedgerPod Wish(LedgerPod row, SweepItem item, bool isApproved, DateTimeOffset now)
    {
        if (item.Action == SweepAction.Prolong)
        {
            return row with { LiveUntil = now + rules().ProlongBy, WantReason = PodReasons.Prolonged };
        }

        FileProof proof = ProofOf(item, now);
        return row with
        {
            Want = item.Action == SweepAction.Terminate ? PodWant.Released : PodWant.Held,
            WantReason = isApproved ? PodReasons.ByPerson : item.Reason,
            WantSince = now,
            Proof = proof,
            ProofAt = proof == FileProof.None ? null : item.ProofAt,
            NextActionAt = now,
            ToldAt = now,
        };
    }

    /// <summary>
    /// Whether the pod was listed after it had been taken for gone. A plan waits for an hour: one that was ended since its look is gone, and is not to cost money anew.
    /// Clocks say nothing of it: one that was ahead when it closed the row would keep the pod running.
    /// </summary>
    private static bool IsListedAgain(SweepItem item, LedgerPod gone) => item.Closed == ClosedRow.Of(gone);

    /// <summary>An agent that had no file may have one by now: what it said long ago proves nothing, and it is asked again before its pod goes.</summary>
    private static FileProof ProofOf(SweepItem item, DateTimeOffset now) =>
        item.Proof is FileProof.AgentHasNone or FileProof.TrainingNeverStarted && now - item.ProofAt > PodEnder.AgentsWordLasts ? FileProof.None : item.Proof;

    /// <summary>A pod that was taken for gone and is listed again costs money as it always did: its row goes on where it ended.</summary>
    internal static LedgerPod Reopened(LedgerPod row) => row.Saw != PodSaw.Gone
        ? row
        : row with { Saw = PodSaw.Running, GoneAt = null, AbsentSince = null, MissingReads = 0, TerminateAttempts = 0, StopAttempts = 0, LastError = null, FetchUntil = null, NextFetchAt = null };

    /// <summary>A row for a pod that the ledger does not know. Names are unique in the ledger and not at the provider.</summary>
    /// <param name="createdAt">By the provider: its bills begin there.</param>
    /// <param name="costsSince">Since when it is known to cost its price: all of that is booked with its first booking. What it cost before, its bills say.</param>
    internal static async Task<LedgerPod> FoundAsync(
        IPodLedger ledger,
        string podId,
        string providerName,
        Usd hourlyRate,
        DateTimeOffset? createdAt,
        DateTimeOffset? costsSince,
        DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        PodName? name = PodNames.Parse(providerName);
        bool taken = name is null || await ledger.FindAsync(providerName, cancellationToken) is not null;
        return new LedgerPod
        {
            Name = taken ? $"{providerName}@{podId}" : providerName,
            Job = name?.Job ?? default,
            Attempt = name?.Attempt ?? 0,
            Try = name?.Try ?? 0,
            Want = PodWant.Released,
            Saw = PodSaw.Running,
            PodId = podId,
            GpuType = "",
            HourlyRate = hourlyRate,
            RequestedAt = now,
            CreatedAt = createdAt,
            BilledUntil = costsSince == createdAt ? null : costsSince,
        };
    }
}
