using System.Security.Cryptography;
using System.Text;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <summary>How much the sweep may end by itself in an hour (<c>Pods:MaxSweepKillsPerHour</c>, <c>Pods:MaxSweepUsdPerHour</c>).</summary>
/// <param name="HourlyPrice">Bound on what the ended pods cost per hour, together.</param>
public sealed record SweepCaps(int Kills, Usd HourlyPrice);

public enum SweepAction
{
    /// <summary>End it: the file is proven elsewhere, or there is none.</summary>
    Terminate,

    /// <summary>Stop it and keep it: a trained file may lie on it alone.</summary>
    Hold,
}

/// <param name="Name">The name at the provider.</param>
/// <param name="Reason">One of <see cref="PodReasons.OfTheSweep"/>.</param>
/// <param name="Proof">Why ending it is safe for its file.</param>
public sealed record SweepItem(string PodId, string Name, string Reason, string Why, SweepAction Action, FileProof Proof, Usd HourlyRate, Usd CostSoFar);

/// <summary>What the sweep would do, frozen: pressing "Apply" does exactly this, less what became ineligible meanwhile.</summary>
/// <param name="AsOf">Start of the listing that it rests on.</param>
/// <param name="WithinCaps">How many of the items, from the first on, the caps let through now.</param>
public sealed record SweepPlan(DateTimeOffset AsOf, IReadOnlyList<SweepItem> Items, int WithinCaps)
{
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
    IUnitOfWork work, IPodProvider provider, IFileProofs proofs, TimeProvider clock, Func<SweepCaps> caps, Func<Installation> installation)
{
    /// <summary>Young strangers are left alone: the row of a pod that was just made may be on its way.</summary>
    public static readonly TimeSpan UnknownAfter = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan CapWindow = TimeSpan.FromHours(1);

    public async Task<SweepPlanning> PlanAsync(CancellationToken cancellationToken) => await provider.ListAsync(cancellationToken) switch
    {
        PodListing.Complete listing => await PlanAsync(listing, cancellationToken),
        PodListing.Unavailable unavailable => new SweepPlanning.CouldNotRead(unavailable.Error),
        _ => throw new NotSupportedException("A listing is complete or unavailable."),
    };

    /// <summary>Plans on a listing that the caller has just read; the ledger is read after it.</summary>
    public async Task<SweepPlanning.Planned> PlanAsync(PodListing.Complete listing, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(listing);
        DateTimeOffset now = clock.GetUtcNow();
        (IReadOnlyList<LedgerPod> open, IReadOnlyList<PodClaim> claims, SweepTally tally) = await work.ReadAsync(
            async (unit, token) => (
                await unit.Store<IPodLedger>().ListAliveAsync(token),
                await unit.Store<IPodClaimStore>().ListAsync(token),
                await unit.Store<IPodLedger>().TallySweepAsync(now - CapWindow, token)),
            cancellationToken);
        IReadOnlyList<CountedPod> census = PodCensus.Count(listing, open, claims, installation().Id, now);
        List<SweepItem> items = [];
        foreach (CountedPod pod in census.Where(pod => IsForTheSweep(pod, now)))
        {
            items.Add(await ItemAsync(pod, now, cancellationToken));
        }

        return new SweepPlanning.Planned(new SweepPlan(listing.StartedAt, items, CountWithinCaps(items, tally)), census);
    }

    /// <summary>Carries out the first <paramref name="most"/> items of a plan.</summary>
    /// <param name="actor">The sweep itself, or the person who approved exactly this plan.</param>
    public async Task<SweepResult> ApplyAsync(SweepPlan plan, int most, Actor actor, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(plan);
        List<SweepItem> done = [];
        List<(SweepItem, string)> ineligible = [];
        foreach (SweepItem item in plan.Items.Take(most))
        {
            string? why = await work.RunAsync((unit, token) => ApplyAsync(unit, item, actor, token), cancellationToken);
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

    private static bool IsForTheSweep(CountedPod pod, DateTimeOffset now) =>
        (pod.Class == PodClass.Unknown && !(now - pod.Pod!.CreatedAt < UnknownAfter))
        || (pod.Class == PodClass.Orphan && pod.Row!.Want == PodWant.Needed);

    private async Task<SweepItem> ItemAsync(CountedPod pod, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ProviderPod seen = pod.Pod!;
        PodName? name = PodNames.Parse(seen.Name);
        FileProof proof = pod.Row is { } row
            ? await proofs.FindAsync(row.Job, row.Attempt, row.Name, seen.Id, cancellationToken)
            : name is null
                ? FileProof.None
                : await proofs.FindAsync(name.Job, name.Attempt, seen.Name, seen.Id, cancellationToken);
        Usd cost = pod.Row?.CostUntil(now) ?? (seen.CreatedAt is { } made ? seen.HourlyRate.PerHourFor(now - made) : Usd.Zero);
        return new SweepItem(
            seen.Id, seen.Name, pod.Reason!, pod.Why, proof == FileProof.None ? SweepAction.Hold : SweepAction.Terminate, proof, seen.HourlyRate, cost);
    }

    private int CountWithinCaps(List<SweepItem> items, SweepTally tally)
    {
        SweepCaps limit = caps();
        int kills = tally.Kills;
        Usd price = tally.HourlyPrice;
        for (int index = 0; index < items.Count; index++)
        {
            if (items[index].Action == SweepAction.Terminate)
            {
                kills++;
                price += items[index].HourlyRate;
            }

            if (kills > limit.Kills || price > limit.HourlyPrice)
            {
                return index;
            }
        }

        return items.Count;
    }

    /// <returns>Why the item is not eligible any more; null when it was done.</returns>
    private async Task<string?> ApplyAsync(IUnit unit, SweepItem item, Actor actor, CancellationToken cancellationToken)
    {
        IPodLedger ledger = unit.Store<IPodLedger>();
        DateTimeOffset now = clock.GetUtcNow();
        LedgerPod? row = await ledger.FindByPodIdAsync(item.PodId, cancellationToken);
        if (row is null)
        {
            if (item.Reason != PodReasons.Unknown)
            {
                return "Its ledger row is gone";
            }

            // Names are unique in the ledger and not at the provider.
            bool taken = PodNames.Parse(item.Name) is null || await ledger.FindAsync(item.Name, cancellationToken) is not null;
            await ledger.AddAsync(Wish(Found(item, taken ? $"{item.Name}@{item.PodId}" : item.Name, now), item, actor, now), cancellationToken);
        }
        else if (row.Saw == PodSaw.Gone || row.Want != PodWant.Needed)
        {
            return row.Saw == PodSaw.Gone ? "It is gone already" : $"It is {row.Want.ToString().ToLowerInvariant()} already";
        }
        else if (item.Reason == PodReasons.PastLifetime && !(row.LiveUntil < now))
        {
            return "Its lifetime was prolonged";
        }
        else if (!await ledger.SaveAsync(Wish(row, item, actor, now), cancellationToken))
        {
            throw new ConcurrentWriteException($"Pod {row.Name} was written meanwhile.");
        }

        await unit.Events.AppendAsync(
            new OperationalEvent
            {
                Kind = PodEvents.Orphaned,
                Message = $"Orphaned RunPod instance detected: {item.PodId}. {item.Why}; {(item.Action == SweepAction.Terminate ? "it is ended" : "it is stopped and held for its file")}",
                Severity = EventSeverity.Warning,
                Actor = actor,
                Job = row?.Job ?? PodNames.Parse(item.Name)?.Job,
                Attempt = row?.Attempt,
                Pod = row?.Name ?? item.Name,
                Reason = item.Reason,

                // M2, letter by letter.
                Signals = [new IncidentSignal(PodIncidents.Orphaned, item.PodId, $"Orphaned RunPod instance detected: {item.PodId}")],
            },
            cancellationToken);
        return null;
    }

    /// <summary>What a person approved was asked for: it does not count against the caps.</summary>
    private static LedgerPod Wish(LedgerPod row, SweepItem item, Actor actor, DateTimeOffset now) => row with
    {
        Want = item.Action == SweepAction.Terminate ? PodWant.Released : PodWant.Held,
        WantReason = actor.Kind == ActorKind.Portal ? item.Reason : PodReasons.ByPerson,
        WantSince = now,
        Proof = item.Proof,
        NextActionAt = now,
    };

    private static LedgerPod Found(SweepItem item, string ledgerName, DateTimeOffset now)
    {
        PodName? name = PodNames.Parse(item.Name);
        return new LedgerPod
        {
            Name = ledgerName,
            Job = name?.Job ?? default,
            Attempt = name?.Attempt ?? 0,
            Try = name?.Try ?? 0,
            Want = PodWant.Released,
            Saw = PodSaw.Running,
            PodId = item.PodId,
            GpuType = "",
            HourlyRate = item.HourlyRate,
            RequestedAt = now,
        };
    }
}
