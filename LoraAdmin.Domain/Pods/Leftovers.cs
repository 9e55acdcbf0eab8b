using System.Globalization;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <summary>
/// Pods that nothing needs and that a look left running, as they were told: each once by M2, and all together while a pause or the kill switch is why.
/// </summary>
/// <param name="Told">Ids of the pods that were told and are still there.</param>
/// <param name="HeldText">What was told of the pause or the hold; null: nothing.</param>
internal sealed record Leftovers(IReadOnlySet<string> Told, string? HeldText)
{
    public static readonly Leftovers None = new(new HashSet<string>(), null);

    /// <summary>Pods that are told anew in one look: an account can have thousands, and the next look is a minute away.</summary>
    private const int MostAtOnce = 100;

    private static readonly Actor Self = Actor.Portal(PodWatch.LeaseName);

    /// <summary>By a clock that is far off nobody knows which pods are old enough to be swept: that clock has its own incident.</summary>
    public static (Leftovers Now, IEnumerable<OperationalEvent> Facts) Of(SweepPlanning.Planned planned, Leftovers before)
    {
        AutomationBar? bar = planned.Plan.Bar;
        SweepItem[] running = Running(planned.Plan);
        Dictionary<string, CountedPod> census = ById(planned.Census);
        SweepItem[] anew = [.. running.Where(item => !before.Told.Contains(item.PodId)).Take(MostAtOnce)];
        HashSet<string> told = [.. before.Told.Where(id => IsLeft(census.GetValueOrDefault(id))), .. anew.Select(item => item.PodId)];
        string? text = TextOf(running, bar);
        List<OperationalEvent> facts = [.. anew.Select(item => Detected(item, census[item.PodId].Row, bar))];
        if (text is not null && text != before.HeldText)
        {
            facts.Add(Fact(PodEvents.SweepHeld, text, EventSeverity.Error, new IncidentSignal(PodIncidents.SweepHeld, PodIncidents.SweepSubject, text)));
        }
        else if (text is null && before.HeldText is not null)
        {
            IncidentSignal free = NothingHeld(bar);
            facts.Add(Fact(PodEvents.SweepFree, free.Text, EventSeverity.Info, free));
        }

        return (new Leftovers(told, text), facts);
    }

    /// <summary>What an earlier process may have told and is over now. A pod that the ledger knows is told by it.</summary>
    public static IEnumerable<IncidentSignal> OverAtFirstLook(SweepPlanning.Planned planned)
    {
        yield return OrphansOver(planned);
        if (TextOf(Running(planned.Plan), planned.Plan.Bar) is null)
        {
            yield return NothingHeld(planned.Plan.Bar);
        }
    }

    /// <summary>
    /// Ends what is open about pods that are gone or needed, whoever told it: a portal that stood still after its look can tell of a pod whose end another one has
    /// told already.
    /// </summary>
    public static OperationalEvent Over(SweepPlanning.Planned planned)
    {
        IncidentSignal over = OrphansOver(planned);
        return Fact(PodEvents.OrphanOver, $"Of a pod that nothing needed: {over.Text}", EventSeverity.Info, over);
    }

    private static IncidentSignal OrphansOver(SweepPlanning.Planned planned) => IncidentSignal.OverExcept(
        PodIncidents.Orphaned,
        [.. ById(planned.Census).Where(static pod => IsLeft(pod.Value)).Select(static pod => pod.Key)],
        "It is gone from the account, or needed again");

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

    private static bool IsLeft(CountedPod? pod) => pod is { Class: not (PodClass.Needed or PodClass.Foreign) };

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

    private static OperationalEvent Fact(string kind, string message, EventSeverity severity, IncidentSignal signal) => new()
    {
        Kind = kind,
        Message = message,
        Severity = severity,
        Actor = Self,
        Reason = "left_running",
        Signals = [signal],
    };

    private static Dictionary<string, CountedPod> ById(IReadOnlyList<CountedPod> census) => census
        .Where(pod => (pod.Pod?.Id ?? pod.Row?.PodId) is not null)
        .GroupBy(pod => (pod.Pod?.Id ?? pod.Row?.PodId)!)
        .ToDictionary(pods => pods.Key, pods => pods.First());
}
