using System.Globalization;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <summary>
/// Pods that nothing needs and that a look left running, as they were told: each once by M2, and all together while a pause or the kill switch is why.
/// </summary>
/// <param name="Seen">Ids of the pods that nothing needed at the look.</param>
/// <param name="Told">Ids of those of them that were told.</param>
/// <param name="HeldText">What was told of the pause or the hold; null: nothing.</param>
internal sealed record Leftovers(IReadOnlySet<string> Seen, IReadOnlySet<string> Told, string? HeldText)
{
    public static readonly Leftovers None = new(new HashSet<string>(), new HashSet<string>(), null);

    /// <summary>Pods that are told anew in one look: an account can have thousands, and the next look is a minute away.</summary>
    private const int MostAtOnce = 100;

    private static readonly Actor Self = Actor.Portal(PodWatch.LeaseName);

    /// <summary>By a clock that is far off nobody knows which pods are old enough to be swept: that clock has its own incident.</summary>
    public static (Leftovers Now, IEnumerable<OperationalEvent> Facts) Of(SweepPlanning.Planned planned, Leftovers before)
    {
        AutomationBar? bar = planned.Plan.Bar;
        SweepItem[] running = Running(planned.Plan);
        HashSet<string> seen = [.. planned.Census.Where(IsLeft).Select(IdOf).OfType<string>()];
        SweepItem[] anew = [.. running.Where(item => !before.Told.Contains(item.PodId)).Take(MostAtOnce)];
        HashSet<string> told = [.. before.Told.Where(seen.Contains), .. anew.Select(item => item.PodId)];
        string? text = TextOf(running, bar);
        List<OperationalEvent> facts = [.. anew.Select(item => Detected(item, planned.Census.First(pod => IdOf(pod) == item.PodId).Row, bar))];
        if (text is not null && text != before.HeldText)
        {
            facts.Add(Fact(PodEvents.SweepHeld, text, EventSeverity.Error, new IncidentSignal(PodIncidents.SweepHeld, PodIncidents.SweepSubject, text)));
        }
        else if (text is null && before.HeldText is not null)
        {
            IncidentSignal free = NothingHeld(bar);
            facts.Add(Fact(PodEvents.SweepFree, free.Text, EventSeverity.Info, free));
        }

        return (new Leftovers(seen, told, text), facts);
    }

    /// <summary>What was told of the pause or the hold, by whomever, and is over.</summary>
    public static IncidentSignal? NothingHeldAnyMore(SweepPlan plan) => TextOf(Running(plan), plan.Bar) is null ? NothingHeld(plan.Bar) : null;

    /// <summary>
    /// Ends what is open about pods that are gone or needed, whoever told it. Of a pod that the ledger has and does not need somebody may have told since this
    /// look began: its end is the ledger's to tell.
    /// </summary>
    /// <param name="seen">What nothing needed at this look.</param>
    public static async Task<IReadOnlyList<IncidentSignal>> OverAsync(IUnit unit, IReadOnlySet<string> seen, CancellationToken cancellationToken)
    {
        // The words first: whoever tells of a pod that it wishes to end writes its row with them.
        IReadOnlyCollection<string> open = await unit.Store<IOpenIncidents>().ListSubjectsAsync(PodIncidents.Orphaned, cancellationToken);
        string[] unseen = [.. open.Where(id => !seen.Contains(id)).Order(StringComparer.Ordinal)];
        if (unseen.Length == 0)
        {
            return [];
        }

        IReadOnlyList<LedgerPod> rows = await unit.Store<IPodLedger>().ListByPodIdsAsync(unseen, cancellationToken);
        HashSet<string> ending = [.. rows.Where(row => row.Want != PodWant.Needed && row.Saw != PodSaw.Gone).Select(row => row.PodId).OfType<string>()];
        return
        [
            .. unseen.Where(id => !ending.Contains(id))
                .Select(id => new IncidentSignal(PodIncidents.Orphaned, id, "It is gone from the account, or needed again", Over: true)),
        ];
    }

    public static OperationalEvent OrphansOver(IReadOnlyList<IncidentSignal> over) => Fact(
        PodEvents.OrphanOver,
        $"Of {(over.Count == 1 ? $"pod {over[0].Subject}" : string.Create(CultureInfo.InvariantCulture, $"{over.Count} pods"))} that nothing needed: gone from the account, or needed again",
        EventSeverity.Info,
        [.. over]);

    /// <summary>What this look does nothing about. A pod that is given time for its file is still wanted.</summary>
    private static SweepItem[] Running(SweepPlan plan) => plan.Bar?.Kind == BarKind.Clock
        ? []
        : [.. plan.Items.Skip(plan.Bar is null ? plan.WithinCaps : 0).Where(item => item.Action != SweepAction.Prolong)];

    private static string? TextOf(SweepItem[] running, AutomationBar? bar)
    {
        if (bar is not { Since: { } since } || running.Length == 0)
        {
            return null;
        }

        Usd hourly = running.Aggregate(Usd.Zero, (sum, item) => sum + item.HourlyRate);
        string pods = running.Length == 1 ? "1 pod that nothing needs goes on running and costs" : string.Create(
            CultureInfo.InvariantCulture, $"{running.Length} pods that nothing needs go on running and cost");
        return $"{pods} {hourly}/h, and the sweep ends none since {since.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)} UTC. {bar.Words}";
    }

    private static bool IsLeft(CountedPod pod) => pod.Class is not (PodClass.Needed or PodClass.Foreign);

    private static string? IdOf(CountedPod pod) => pod.Pod?.Id ?? pod.Row?.PodId;

    private static OperationalEvent Detected(SweepItem item, LedgerPod? row, AutomationBar? bar) => new()
    {
        Kind = PodEvents.Orphaned,
        Message = $"{PodOrphans.Alert(item.PodId)}. {item.Why}; {(bar is null ? "the sweep's caps hold its end back" : $"the sweep does not end it. {bar.Words}")}",
        Severity = EventSeverity.Warning,
        Actor = Self,
        Job = row?.Job ?? PodNames.Parse(item.Name)?.Job,
        Attempt = row?.Attempt,
        Pod = row?.Name ?? item.Name,
        Reason = item.Reason,
        Signals = [PodOrphans.Signal(item.PodId)],
    };

    private static IncidentSignal NothingHeld(AutomationBar? bar) => new(
        PodIncidents.SweepHeld,
        PodIncidents.SweepSubject,
        bar is null ? "The sweep acts by itself again" : "No pod runs any more that nothing needs",
        Over: true);

    private static OperationalEvent Fact(string kind, string message, EventSeverity severity, params IReadOnlyList<IncidentSignal> signals) => new()
    {
        Kind = kind,
        Message = message,
        Severity = severity,
        Actor = Self,
        Reason = "left_running",
        Signals = signals,
    };
}
