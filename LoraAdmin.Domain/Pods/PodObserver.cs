using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <summary>Keeps the ledger's <i>saw</i> column true: notes what a listing shows, and believes an absence only with its witnesses.</summary>
internal sealed class PodObserver(IUnitOfWork work, IPodProvider provider, Func<PodRules> rules)
{
    /// <summary>How long a pod may still turn up under a create call that was never clearly answered.</summary>
    public static readonly TimeSpan DoubtLasts = TimeSpan.FromMinutes(15);

    /// <summary>Gone means absent from two complete listings at least this far apart, and not found by its id after that.</summary>
    private static readonly TimeSpan BetweenAbsences = TimeSpan.FromSeconds(10);

    private static readonly Actor Self = Actor.Portal(PodWatch.LeaseName);

    private readonly LedgerWriter ledger = new(work);

    /// <returns>The rows that this look has seen gone.</returns>
    public async Task<IReadOnlyList<LedgerPod>> ObserveAsync(IReadOnlyList<LedgerPod> rows, ListedAccount account, CancellationToken cancellationToken)
    {
        bool trusted = !account.HasShrunk(rows);
        List<LedgerPod> gone = [];
        List<string> unchanged = [];
        foreach (LedgerPod row in rows)
        {
            if (account.Find(row) is { } pod)
            {
                LedgerPod seen = Seen(row, pod, account.StartedAt);
                if (seen == row with { LastSeenAt = seen.LastSeenAt })
                {
                    unchanged.Add(row.Name);
                    continue;
                }

                bool wasToldToRun = row.Want == PodWant.Held && row.StopAttempts >= rules().CleanupAttempts;
                await (row is { PodId: null, Want: PodWant.Released }
                    ? TurnedUpAsync(row, seen, rows, cancellationToken)
                    : ledger.SaveAsync(row, seen, wasToldToRun && seen.Saw == PodSaw.Exited ? PodFacts.StoppedAfterAll(seen, Self) : null, cancellationToken));
                continue;
            }

            // The clock of whoever asked for it is the asker's own, as the listing's is.
            LedgerPod missed = trusted && row.RequestedAt < account.Listing.StartedAt ? await MissAsync(row, account, cancellationToken) : row;
            if (missed.Saw == PodSaw.Gone)
            {
                gone.Add(missed);
            }
        }

        if (unchanged.Count > 0)
        {
            await work.RunAsync((unit, token) => unit.Store<IPodLedger>().NoteSeenAsync(unchanged, account.StartedAt, token), cancellationToken);
        }

        return gone;
    }

    private LedgerPod Seen(LedgerPod row, ProviderPod pod, DateTimeOffset at)
    {
        PodSaw saw = row is { Want: PodWant.Released, Saw: PodSaw.Terminating or PodSaw.Leaking }
            ? row.Saw
            : PodWatch.SawOf(pod.Status, row.Saw == PodSaw.Requested ? PodSaw.Provisioning : row.Saw);
        Usd? rate = pod.Status == ProviderPodStatus.Exited ? rules().StoppedHourly : pod.HourlyRate > Usd.Zero ? pod.HourlyRate : row.HourlyRate;
        // Nobody knows when between two looks the price changed: for that while the dearer one counts.
        DateTimeOffset changed = rate > row.HourlyRate ? row.LastSeenAt ?? at : at;
        return row.Repriced(rate, changed) with
        {
            PodId = pod.Id,
            Saw = saw,
            CreatedAt = row.CreatedAt ?? pod.CreatedAt,
            LastSeenAt = at,
            AbsentSince = null,
            MissingReads = 0,
            StopAttempts = saw == PodSaw.Exited ? 0 : row.StopAttempts,
        };
    }

    /// <summary>A pod under a create call that had been given up: nobody works with it, and it has cost money all the while (M2).</summary>
    private Task<LedgerPod> TurnedUpAsync(LedgerPod row, LedgerPod seen, IReadOnlyList<LedgerPod> rows, CancellationToken cancellationToken)
    {
        bool second = rows.Any(other => other.Job == row.Job && other.Attempt == row.Attempt && other is { Want: PodWant.Needed, PodId: not null });
        LedgerPod noted = second ? seen with { WantReason = PodReasons.Duplicate } : seen;
        string why = second ? "It turned up after another try had given the job its pod" : "It turned up late under a create call that was given up";
        return ledger.SaveAsync(row, noted, PodOrphans.Fact(noted, $"{why}; it is ended", Self), cancellationToken);
    }

    private async Task<LedgerPod> MissAsync(LedgerPod row, ListedAccount account, CancellationToken cancellationToken)
    {
        if (row is { PodId: null, Want: not PodWant.Released })
        {
            return row;
        }

        if (row.AbsentSince is not { } since)
        {
            return await ledger.SaveAsync(row, row with { AbsentSince = account.StartedAt }, null, cancellationToken);
        }

        if (row.PodId is null)
        {
            // From the first look that missed it, not from the call: listings may have failed, or shown too little, all the while.
            return account.StartedAt - since >= DoubtLasts ? await GoneAsync(row, "It never turned up", cancellationToken) : row;
        }

        bool ended = row.Saw is PodSaw.Terminating or PodSaw.Leaking;
        if (account.StartedAt - since < (ended ? BetweenAbsences : rules().VanishedAfter))
        {
            return row;
        }

        // A listing that leaves pods out may do so twice, and a pod whose end was never taken bills on behind it; one that nobody ended needs this witness
        // twice (docs/decisions/0059).
        int reads = ended ? 1 : 2;
        if (row.MissingReads < reads)
        {
            if (await provider.GetAsync(row.PodId, cancellationToken) is not PodReading.NotFound)
            {
                return row;
            }

            row = await ledger.SaveAsync(row, row with { MissingReads = row.MissingReads + 1 }, null, cancellationToken);
        }

        return row.MissingReads < reads ? row
            : ended ? await GoneAsync(row, "Absent from two complete listings and not found after its end", cancellationToken)
            : await VanishedAsync(row, cancellationToken);
    }

    private Task<LedgerPod> VanishedAsync(LedgerPod row, CancellationToken cancellationToken)
    {
        const string how = "It vanished from the account by itself";
        if (row.Want != PodWant.Held)
        {
            return GoneAsync(row with { WantReason = PodReasons.Vanished }, how, cancellationToken);
        }

        // It was kept because its file might be nowhere else: that must not end as quietly as it came.
        string text = $"Pod {row.PodId}, kept for its trained file, vanished from the account: the file may be lost";
        return ledger.SaveAsync(
            row,
            Gone(row with { WantReason = PodReasons.Vanished }),
            PodFacts.Of(row, PodEvents.Gone, text, Self, EventSeverity.Error, PodReasons.Vanished) with
            {
                Signals = [.. PodIncidents.AllOver(row.PodId!, how), new IncidentSignal(PodIncidents.FileLost, row.Job.ToString(), text)],
                Error = new ErrorDetail("held_pod_vanished", "pods.watch", null, null),
            },
            cancellationToken);
    }

    private Task<LedgerPod> GoneAsync(LedgerPod row, string how, CancellationToken cancellationToken) => ledger.SaveAsync(
        row,
        Gone(row),
        PodFacts.Of(row, PodEvents.Gone, $"Pod {row.PodId ?? row.Name} is gone. {how}", Self, EventSeverity.Info, row.WantReason) with
        {
            Signals = row.PodId is { } id ? PodIncidents.AllOver(id, how) : [],
        },
        cancellationToken);

    /// <summary>What it cost ends where it was first missed: by the provider's clock, as it began.</summary>
    private static LedgerPod Gone(LedgerPod row) => row with { Saw = PodSaw.Gone, GoneAt = row.AbsentSince, NextActionAt = null };
}
