using System.Globalization;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <summary>
/// Tells, once each, what people must know of the account: pods that nothing needs and that go on running, because the caps hold their end back or the
/// sweep is paused or held; another portal's pods; and that it can't be listed. What is told is written together with the look that it rests on, and only if
/// no other portal has looked meanwhile: a portal that stood still after its listing would tell of pods that are gone, and end what is told of those that
/// came since. The first look of a process, and each that follows another portal's, ends what others had told and is over.
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

    /// <summary>What the last look of this process has told; null: it has none, or another portal has looked since.</summary>
    private Told? told;
    private long? written;
    private long newest;
    private int blindLooks;
    private bool blindTold;
    private DateTimeOffset blindSince;

    /// <summary>Before the account is listed: what is looked at from here on is newer than every look that is written.</summary>
    public async Task<LedgerBefore> BeginAsync(CancellationToken cancellationToken)
    {
        LedgerBefore before = await work.ReadAsync(LedgerBefore.ReadAsync, cancellationToken);
        newest = before.Look;
        if (newest != written)
        {
            Forget();
        }

        return before;
    }

    public async Task TellBlindAsync(ProviderError error, CancellationToken cancellationToken)
    {
        blindSince = blindLooks++ == 0 ? clock.GetUtcNow() : blindSince;
        OperationalEvent? fact = blindTold || !IsToBeTold(error) ? null : Unreadable(error);
        bool isNewest = await work.RunAsync(
            async (unit, token) =>
            {
                if (!await unit.Store<IAccountLookStore>().TryNoteFailureAsync(newest + 1, clock.GetUtcNow(), error, token))
                {
                    return false;
                }

                if (fact is not null)
                {
                    await unit.Events.AppendAsync(fact, token);
                }

                return true;
            },
            cancellationToken);
        if (!isNewest)
        {
            Forget();
            return;
        }

        // Only what is written has been told.
        written = newest + 1;
        blindTold |= fact is not null;
    }

    private bool IsToBeTold(ProviderError error) =>
        (error.Failure != ProviderFailure.RateLimited || clock.GetUtcNow() - blindSince >= ThrottledUntilTold)
        && blindLooks >= (IsRefused(error) ? 1 : BlindLooksUntilTold);

    private static bool IsRefused(ProviderError error) => error.Failure is ProviderFailure.Unauthorized or ProviderFailure.Forbidden;

    private OperationalEvent Unreadable(ProviderError error)
    {
        string text = $"RunPod's account can't be listed since {blindSince.ToString("HH:mm", CultureInfo.InvariantCulture)} UTC: {error.Detail}. Pods go on running and costing money"
            + (IsRefused(error) ? ", and can't be ended either" : "");
        return Fact(PodEvents.AccountUnreadable, text, EventSeverity.Error, "unreadable", new IncidentSignal(PodIncidents.AccountUnreadable, PodIncidents.AccountSubject, text)) with
        {
            Error = new ErrorDetail(error.Status is { } status ? $"http_{status}" : error.Failure.ToString(), "runpod.list", error.Detail, error.RequestId),
        };
    }

    /// <returns>False: another portal has looked meanwhile. What this look shows may be over, and must not be acted on.</returns>
    public async Task<bool> TellAsync(SweepPlanning.Planned planned, CancellationToken cancellationToken)
    {
        HashSet<string> strangers = [.. planned.Census.Where(pod => pod.LooksLikeOurs).Select(pod => pod.Pod!.Id)];
        (Leftovers left, IEnumerable<OperationalEvent> ofLeft) = Leftovers.Of(planned, told?.Left ?? Leftovers.None);
        List<OperationalEvent> facts = [.. OfStrangers(planned.Census, strangers), .. ofLeft];
        string? heldBack = TellCaps(planned.Plan, facts);
        if (blindTold)
        {
            facts.Add(Fact(PodEvents.AccountReadable, "RunPod's account can be listed again", EventSeverity.Info, "readable", AccountSeen()));
        }

        AccountLook look = LookOf(planned);
        bool isNewest = await work.RunAsync(
            async (unit, token) =>
            {
                if (!await unit.Store<IAccountLookStore>().TryWriteAsync(look, token))
                {
                    return false;
                }

                if (told is null)
                {
                    await unit.AppendIfItEndsAsync(FirstLook(planned, strangers, await Leftovers.OverAsync(unit, left.Seen, token)), token);
                }
                else if (!told.Left.Seen.IsSubsetOf(left.Seen) && await Leftovers.OverAsync(unit, left.Seen, token) is { Count: > 0 } over)
                {
                    await unit.Events.AppendAsync(Leftovers.OrphansOver(over), token);
                }

                foreach (OperationalEvent fact in facts)
                {
                    await unit.Events.AppendAsync(fact, token);
                }

                return true;
            },
            cancellationToken);
        if (!isNewest)
        {
            Forget();
            return false;
        }

        // Only what is written has been told.
        written = look.Number;
        told = new Told(strangers, left, heldBack);
        blindTold = false;
        blindLooks = 0;
        return true;
    }

    private void Forget()
    {
        told = null;
        blindLooks = 0;
        blindTold = false;
    }

    private AccountLook LookOf(SweepPlanning.Planned planned) => new(
        newest + 1,
        planned.Plan.AsOf,
        [.. planned.Census.Where(pod => pod.Pod is not null).Select(pod => new ListedPod(pod.Pod!, pod.Row is not null))],
        HeldBack(planned.Plan),
        null,
        null);

    private IEnumerable<OperationalEvent> OfStrangers(IReadOnlyList<CountedPod> census, HashSet<string> seen)
    {
        if (told?.Strangers.IsSubsetOf(seen) == false)
        {
            yield return Fact(
                PodEvents.ForeignGone, "A pod of another installation is gone from this account, or has been claimed", EventSeverity.Info, "foreign",
                IncidentSignal.OverExcept(PodIncidents.Foreign, [.. seen], "It is gone from the account, or a person said whose it is"));
        }

        foreach (ProviderPod pod in census.Where(pod => pod.LooksLikeOurs && told?.Strangers.Contains(pod.Pod!.Id) != true).Select(pod => pod.Pod!))
        {
            string text = $"Pod {pod.Id} ({pod.Name}) belongs to another installation on this account";
            yield return Fact(PodEvents.ForeignSeen, $"{text}. It is not touched", EventSeverity.Warning, "foreign", new IncidentSignal(PodIncidents.Foreign, pod.Id, text)) with { Pod = pod.Name };
        }
    }

    /// <summary>A sweep that does nothing at all holds nothing back because of its caps.</summary>
    private static int HeldBack(SweepPlan plan) => plan.Bar is null ? plan.Items.Count - plan.WithinCaps : 0;

    /// <summary>What goes now is no part of what is held back: the same pods that wait at the next look are not told again.</summary>
    /// <returns>What is held back; null: nothing.</returns>
    private string? TellCaps(SweepPlan plan, List<OperationalEvent> facts)
    {
        int count = HeldBack(plan);
        string? waiting = count > 0 ? string.Join(' ', plan.Items.Skip(plan.WithinCaps).Select(item => item.PodId).Order(StringComparer.Ordinal)) : null;
        if (waiting is not null && waiting != told?.HeldBack)
        {
            facts.Add(Fact(
                PodEvents.CapReached,
                $"The sweep would end or hold {count} more pods than its caps allow in an hour. They go on running until a person approves the plan",
                EventSeverity.Critical,
                "cap",
                new IncidentSignal(PodIncidents.CapReached, PodIncidents.SweepSubject, $"{count} pods wait for the approval of their end"))
                with { Error = new ErrorDetail("sweep_cap", "pods.sweep", $"{count} of {plan.Items.Count} pods", null) });
        }
        else if (waiting is null && told?.HeldBack is not null)
        {
            string how = plan.Bar is { } bar ? $"The sweep does nothing by itself, whatever its caps. {bar.Words}" : "The sweep's caps hold nothing back any more";
            facts.Add(Fact(PodEvents.CapCleared, how, EventSeverity.Info, "cap", NothingHeldBack() with { Text = how }));
        }

        return waiting;
    }

    private static OperationalEvent FirstLook(SweepPlanning.Planned planned, HashSet<string> foreign, IReadOnlyList<IncidentSignal> orphansOver)
    {
        IncidentSignal[] caps = HeldBack(planned.Plan) == 0 ? [NothingHeldBack()] : [];
        IncidentSignal[] over =
        [
            AccountSeen(),
            IncidentSignal.OverExcept(PodIncidents.Foreign, [.. foreign], "It is gone from the account"),
            .. orphansOver,
            .. Leftovers.NothingHeldAnyMore(planned.Plan) is { } free ? [free] : Array.Empty<IncidentSignal>(),
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

    /// <param name="HeldBack">The pods that the caps held back; null: none.</param>
    private sealed record Told(HashSet<string> Strangers, Leftovers Left, string? HeldBack);
}
