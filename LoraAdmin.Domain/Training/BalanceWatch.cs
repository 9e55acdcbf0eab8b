using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Steps;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// Reads the provider's balance, keeps it for pages, and tells people before it kills pods. One instance at a time runs it. A balance that can't be read is
/// told as that: nothing is inferred from it but what the last reading and the pace since then say.
/// </summary>
public sealed class BalanceWatch(IUnitOfWork work, IAccountBalance balance, TimeProvider clock, Func<TrainingRules> rules, Func<RunwayRules> runway)
{
    public const string LeaseName = "money.balance";

    /// <summary>RunPod charges about as often (its billing page).</summary>
    public static readonly TimeSpan Every = TimeSpan.FromMinutes(5);

    /// <summary>While something is wrong: credit that somebody has added should end it soon.</summary>
    public static readonly TimeSpan EveryWhileWrong = TimeSpan.FromMinutes(1);

    /// <summary>A call may fail; an hour of it is told.</summary>
    public static readonly TimeSpan TellUnreadableAfter = TimeSpan.FromHours(1);

    /// <summary>Jobs that are counted and shown.</summary>
    public const int MostWaiting = 1000;

    private static readonly Actor Self = Actor.Portal(LeaseName);

    /// <returns>When to look again.</returns>
    /// <exception cref="StoreUnavailableException">The database is away.</exception>
    public async Task<TimeSpan> LookAsync(CancellationToken cancellationToken)
    {
        BalanceReading reading = await balance.ReadAsync(cancellationToken);
        KeptBalance kept = await work.RunAsync((unit, token) => KeepAsync(unit, reading, token), cancellationToken);
        return kept.LowTold is null && kept.FailingSince is null ? Every : EveryWhileWrong;
    }

    private async Task<KeptBalance> KeepAsync(IUnit unit, BalanceReading reading, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        IBalanceStore store = unit.Store<IBalanceStore>();
        KeptBalance before = await store.FindAsync(ProvisioningStep.Provider, cancellationToken)
            ?? new KeptBalance(ProvisioningStep.Provider, null, null, null);
        KeptBalance next = reading switch
        {
            BalanceReading.Read read => before with { Last = read, FailingSince = null, Failure = null },
            BalanceReading.Unavailable away => before with { FailingSince = before.FailingSince ?? now, Failure = away.Error.Detail },
            _ => throw new NotSupportedException("A balance is read or unavailable."),
        };
        next = await TellUnreadableAsync(unit, next, now, cancellationToken);
        next = await TellLowAsync(unit, next, now, cancellationToken);
        await store.SaveAsync(next, cancellationToken);
        return next;
    }

    private static async Task<KeptBalance> TellUnreadableAsync(IUnit unit, KeptBalance kept, DateTimeOffset now, CancellationToken cancellationToken)
    {
        bool tell = now - kept.FailingSince >= TellUnreadableAfter;
        if (tell == kept.FailureTold || (kept.FailureTold && kept.FailingSince is not null))
        {
            return kept;
        }

        string text = tell
            ? $"RunPod's balance can't be read since {kept.FailingSince:yyyy-MM-dd HH:mm} UTC: {kept.Failure}. Nobody is told before it runs out"
            : "RunPod's balance can be read again";
        await AppendAsync(
            unit,
            tell ? ProviderMoneyEvents.BalanceUnreadable : ProviderMoneyEvents.BalanceReadable,
            tell ? EventSeverity.Warning : EventSeverity.Info,
            new IncidentSignal(ProviderMoneyIncidents.BalanceUnreadable, kept.Provider, text, Over: !tell),
            cancellationToken);
        return kept with { FailureTold = tell };
    }

    private async Task<KeptBalance> TellLowAsync(IUnit unit, KeptBalance kept, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (kept.Last is not { } last)
        {
            return kept;
        }

        IReadOnlyList<LedgerPod> alive = await unit.Store<IPodLedger>().ListAliveAsync(cancellationToken);
        int waiting = (await unit.Store<ITrainingStore>().ListWaitingAsync(ProviderFunds.WaitWords, MostWaiting, cancellationToken)).Count;
        RunwayFinding finding = RunwayFindings.Judge(Runway.Of(last, alive, rules(), now), waiting, kept.LowTold is not null, runway());
        if (finding.Severity is { } severity && !(kept.LowTold >= severity))
        {
            IncidentSignal low = new(ProviderMoneyIncidents.BalanceLow, kept.Provider, $"{finding.Text}. Add credit to the account");
            await AppendAsync(unit, ProviderMoneyEvents.BalanceLow, severity, low, cancellationToken);
            return kept with { LowTold = severity };
        }

        if (finding.Severity is null && kept.LowTold is not null)
        {
            IncidentSignal over = new(ProviderMoneyIncidents.BalanceLow, kept.Provider, finding.Text, Over: true);
            await AppendAsync(unit, ProviderMoneyEvents.BalanceEnough, EventSeverity.Info, over, cancellationToken);
            return kept with { LowTold = null };
        }

        return kept;
    }

    private static Task AppendAsync(IUnit unit, string kind, EventSeverity severity, IncidentSignal signal, CancellationToken cancellationToken) =>
        unit.Events.AppendAsync(
            new OperationalEvent { Kind = kind, Message = signal.Text, Severity = severity, Actor = Self, Signals = [signal] }, cancellationToken);
}
