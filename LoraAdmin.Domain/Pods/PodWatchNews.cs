using System.Globalization;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <summary>
/// Tells, once each, what people must know of the account: pods that nothing needs and that go on running, because the caps hold their end back or the
/// sweep is paused or held; another portal's pods; and that it can't be listed. The first look of a process ends what an earlier process, or another
/// portal, had told and is over.
/// </summary>
internal sealed class PodWatchNews(IUnitOfWork work, TimeProvider clock)
{
    /// <summary>Failed listings in a row that are told; a refused key at once.</summary>
    private const int BlindLooksUntilTold = 3;

    /// <summary>
    /// After many ends the portal keeps its own listings back until the vendor's minute is over: nothing is wrong. Longer than a few minutes is.
    /// </summary>
    private static readonly TimeSpan ThrottledUntilTold = TimeSpan.FromMinutes(5);

    private static readonly Actor Self = Actor.Portal(PodWatch.LeaseName);

    private HashSet<string>? strangers;
    private Leftovers left = Leftovers.None;
    private string? heldBack;
    private int blindLooks;
    private bool blindTold;
    private DateTimeOffset blindSince;

    public void Forget()
    {
        strangers = null;
        left = Leftovers.None;
        heldBack = null;
        blindLooks = 0;
        blindTold = false;
    }

    public async Task TellBlindAsync(ProviderError error, CancellationToken cancellationToken)
    {
        blindSince = blindLooks++ == 0 ? clock.GetUtcNow() : blindSince;
        bool refused = error.Failure is ProviderFailure.Unauthorized or ProviderFailure.Forbidden;
        if (error.Failure == ProviderFailure.RateLimited && clock.GetUtcNow() - blindSince < ThrottledUntilTold)
        {
            return;
        }

        if (blindTold || blindLooks < (refused ? 1 : BlindLooksUntilTold))
        {
            return;
        }

        string text = $"RunPod's account can't be listed since {blindSince.ToString("HH:mm", CultureInfo.InvariantCulture)} UTC: {error.Detail}. Pods go on running and costing money"
            + (refused ? ", and can't be ended either" : "");
        await AppendAsync(
            null,
            [
                Fact(PodEvents.AccountUnreadable, text, EventSeverity.Error, "unreadable", new IncidentSignal(PodIncidents.AccountUnreadable, PodIncidents.AccountSubject, text))
                    with { Error = new ErrorDetail(error.Status is { } status ? $"http_{status}" : error.Failure.ToString(), "runpod.list", error.Detail, error.RequestId) },
            ],
            cancellationToken);

        // Only what is written has been told.
        blindTold = true;
    }

    public async Task TellAsync(SweepPlanning.Planned planned, CancellationToken cancellationToken)
    {
        List<OperationalEvent> facts = [];
        HashSet<string> seen = [.. planned.Census.Where(pod => pod.LooksLikeOurs).Select(pod => pod.Pod!.Id)];
        if (strangers?.IsSubsetOf(seen) == false)
        {
            facts.Add(Fact(
                PodEvents.ForeignGone, "A pod of another installation is gone from this account, or has been claimed", EventSeverity.Info, "foreign",
                IncidentSignal.OverExcept(PodIncidents.Foreign, [.. seen], "It is gone from the account, or a person said whose it is")));
        }

        facts.AddRange(planned.Census.Where(pod => pod.LooksLikeOurs && strangers?.Contains(pod.Pod!.Id) != true).Select(pod => Fact(
            PodEvents.ForeignSeen,
            $"Pod {pod.Pod!.Id} ({pod.Pod.Name}) belongs to another installation on this account. It is not touched",
            EventSeverity.Warning,
            "foreign",
            new IncidentSignal(PodIncidents.Foreign, pod.Pod.Id, $"Pod {pod.Pod.Id} ({pod.Pod.Name}) belongs to another installation on this account")) with { Pod = pod.Pod.Name }));
        (Leftovers running, IEnumerable<OperationalEvent> news) = Leftovers.Of(planned, left);
        facts.AddRange(news);
        string? waiting = TellCaps(planned.Plan, facts);
        if (blindTold)
        {
            facts.Add(Fact(PodEvents.AccountReadable, "RunPod's account can be listed again", EventSeverity.Info, "readable", AccountSeen()));
        }

        await AppendAsync(strangers is null ? FirstLook(planned, seen) : Leftovers.Over(planned), facts, cancellationToken);

        // Only what is written has been told.
        strangers = seen;
        left = running;
        heldBack = waiting;
        blindTold = false;
        blindLooks = 0;
    }

    /// <summary>What goes now is no part of what is held back: the same pods that wait at the next look are not told again.</summary>
    /// <returns>What is held back; null: nothing.</returns>
    private string? TellCaps(SweepPlan plan, List<OperationalEvent> facts)
    {
        // A sweep that does nothing at all holds nothing back because of its caps.
        int count = plan.Bar is null ? plan.Items.Count - plan.WithinCaps : 0;
        string? waiting = count > 0 ? string.Join(' ', plan.Items.Skip(plan.WithinCaps).Select(item => item.PodId).Order(StringComparer.Ordinal)) : null;
        if (waiting is not null && waiting != heldBack)
        {
            facts.Add(Fact(
                PodEvents.CapReached,
                $"The sweep would end or hold {count} more pods than its caps allow in an hour. They go on running until a person approves the plan",
                EventSeverity.Critical,
                "cap",
                new IncidentSignal(PodIncidents.CapReached, PodIncidents.SweepSubject, $"{count} pods wait for the approval of their end"))
                with { Error = new ErrorDetail("sweep_cap", "pods.sweep", $"{count} of {plan.Items.Count} pods", null) });
        }
        else if (waiting is null && heldBack is not null)
        {
            string how = plan.Bar is { } bar ? $"The sweep does nothing by itself, whatever its caps. {bar.Words}" : "The sweep's caps hold nothing back any more";
            facts.Add(Fact(PodEvents.CapCleared, how, EventSeverity.Info, "cap", NothingHeldBack() with { Text = how }));
        }

        return waiting;
    }

    private static OperationalEvent FirstLook(SweepPlanning.Planned planned, HashSet<string> foreign)
    {
        IncidentSignal[] caps = planned.Plan.Bar is not null || planned.Plan.WithinCaps == planned.Plan.Items.Count ? [NothingHeldBack()] : [];
        IncidentSignal[] over =
        [
            AccountSeen(),
            IncidentSignal.OverExcept(PodIncidents.Foreign, [.. foreign], "It is gone from the account"),
            .. Leftovers.OverAtFirstLook(planned),
            .. caps,
        ];
        int ours = planned.Census.Count(pod => pod.Class != PodClass.Foreign);
        return Fact(PodEvents.FirstLook, $"The pod loop has taken its first look at the account: {planned.Census.Count} pods, {ours} of them ours", EventSeverity.Info, "first_look", over);
    }

    private static IncidentSignal AccountSeen() => new(PodIncidents.AccountUnreadable, PodIncidents.AccountSubject, "The account was listed", Over: true);

    private static IncidentSignal NothingHeldBack() => new(PodIncidents.CapReached, PodIncidents.SweepSubject, "Nothing is held back any more", Over: true);

    private static OperationalEvent Fact(string kind, string message, EventSeverity severity, string reason, params IReadOnlyList<IncidentSignal> signals) => new()
    {
        Kind = kind,
        Message = message,
        Severity = severity,
        Actor = Self,
        Reason = reason,
        Signals = signals,
    };

    /// <param name="first">Comes before the others, if it ends an incident.</param>
    private Task AppendAsync(OperationalEvent? first, List<OperationalEvent> facts, CancellationToken cancellationToken) => first is null && facts.Count == 0
        ? Task.CompletedTask
        : work.RunAsync(
            async (unit, token) =>
            {
                if (first is not null)
                {
                    await unit.AppendIfItEndsAsync(first, token);
                }

                foreach (OperationalEvent fact in facts)
                {
                    await unit.Events.AppendAsync(fact, token);
                }
            },
            cancellationToken);
}
