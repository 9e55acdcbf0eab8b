using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Steps;

namespace LoraAdmin.Domain.Training.Hosted;

/// <summary>What a look at the provider's account showed.</summary>
public abstract record HostedAccountLook
{
    private HostedAccountLook()
    {
    }

    /// <summary>What a training needs is there.</summary>
    public sealed record Good : HostedAccountLook;

    /// <summary>No training could be made.</summary>
    /// <param name="Words">What is wrong, and what to do.</param>
    public sealed record Wrong(string Words) : HostedAccountLook;

    /// <summary>Trainings can be made, and their validation images can't.</summary>
    /// <param name="Words">What is wrong, and what to do.</param>
    public sealed record Unjudged(string Words) : HostedAccountLook;

    /// <summary>Nothing is asked for there: what was wrong with the account is no matter any more.</summary>
    /// <param name="Words">The key that is missing.</param>
    public sealed record Unused(string Words) : HostedAccountLook;

    /// <summary>It could not be asked, which says nothing about what is there.</summary>
    /// <param name="Words">Why, and what to do.</param>
    public sealed record Unavailable(string Words) : HostedAccountLook;
}

/// <summary>The provider's account, as far as it can be looked at without a training. No member throws for an outside failure; all obey the token.</summary>
public interface IHostedAccount
{
    /// <summary>Whether the configured trainer is there, the model that its trained versions go to, and the one that makes the validation images.</summary>
    Task<HostedAccountLook> LookAsync(CancellationToken cancellationToken);
}

/// <summary>
/// Looks at the provider's account when the portal starts, and from time to time, so that a missing destination is an incident before the first job needs it.
/// Each instance looks by itself: each has a configuration of its own. What is wrong is told again as long as it is. At its start it ends what was refused
/// under another configuration, which nobody may ever be refused by again.
/// </summary>
public sealed class HostedAccountWatch(IUnitOfWork work, IHostedAccount account, TimeProvider clock, Func<HostedRules> rules)
{
    public const string Name = "training.hosted_account";

    private static readonly TimeSpan EveryWhileGood = TimeSpan.FromHours(1);
    private static readonly TimeSpan EveryWhileWrong = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan EveryWhileAway = TimeSpan.FromMinutes(1);

    /// <summary>Another instance that is configured otherwise may have closed what this one still sees.</summary>
    private static readonly TimeSpan WrongAgain = TimeSpan.FromMinutes(10);

    private static readonly Actor Self = Actor.Portal(Name);

    private HostedAccountLook? told;
    private DateTimeOffset toldAt;
    private int unanswered;
    private bool hasBegun;

    /// <returns>How long it need not be looked at.</returns>
    /// <exception cref="StoreUnavailableException">The database is away; what there is to tell is told next time.</exception>
    public async Task<TimeSpan> LookAsync(CancellationToken cancellationToken)
    {
        HostedAccountLook look = rules().WhyNot is { } why ? new HostedAccountLook.Unused(why) : await account.LookAsync(cancellationToken);
        unanswered = look is HostedAccountLook.Unavailable ? unanswered + 1 : 0;
        bool isLong = clock.GetUtcNow() - toldAt >= WrongAgain;
        if (!hasBegun)
        {
            OperationalEvent begun = Fact("Replicate is configured otherwise than when it refused", EventSeverity.Info, RefusedOtherwise);
            await work.RunAsync((unit, token) => unit.AppendIfItEndsAsync(begun, token), cancellationToken);
            hasBegun = true;
        }

        switch (look)
        {
            case HostedAccountLook.Good when told is not HostedAccountLook.Good:
                await TellAsync(look, "Replicate has the models that a training needs", EventSeverity.Info, cancellationToken);
                break;

            case HostedAccountLook.Wrong wrong when look != told || isLong:
                await TellAsync(look, wrong.Words, EventSeverity.Error, cancellationToken);
                break;

            case HostedAccountLook.Unjudged unjudged when look != told || isLong:
                await TellAsync(look, unjudged.Words, EventSeverity.Warning, cancellationToken);
                break;

            case HostedAccountLook.Unused unused when look != told:
                await TellAsync(look, unused.Words, EventSeverity.Info, cancellationToken);
                break;

            // One call that was not answered is no outage, and the words of one may differ each time.
            case HostedAccountLook.Unavailable away when unanswered > 1 && (told is not HostedAccountLook.Unavailable || isLong):
                await TellAsync(look, away.Words, EventSeverity.Warning, cancellationToken);
                break;
        }

        return look switch
        {
            HostedAccountLook.Good or HostedAccountLook.Unused => EveryWhileGood,
            HostedAccountLook.Wrong or HostedAccountLook.Unjudged => EveryWhileWrong,
            _ => EveryWhileAway,
        };
    }

    private async Task TellAsync(HostedAccountLook look, string words, EventSeverity severity, CancellationToken cancellationToken)
    {
        bool isWell = look is HostedAccountLook.Good or HostedAccountLook.Unused;
        bool wasWell = told is null or HostedAccountLook.Good or HostedAccountLook.Unused;
        OperationalEvent fact = Fact(words, severity, [.. Signals(look, words)]);
        await work.RunAsync(
            (unit, token) => isWell && wasWell ? unit.AppendIfItEndsAsync(fact, token) : unit.Events.AppendAsync(fact, token), cancellationToken);
        told = look;
        toldAt = clock.GetUtcNow();
    }

    private static OperationalEvent Fact(string words, EventSeverity severity, params IReadOnlyList<IncidentSignal> signals) => new()
    {
        Kind = HostedEvents.AccountLooked,
        Message = words,
        Severity = severity,
        Actor = Self,
        Signals = signals,
    };

    /// <summary>RunPod's refusals are about RunPod.</summary>
    private IncidentSignal RefusedOtherwise => IncidentSignal.OverExcept(
        TrainingIncidents.CreateRefused,
        rules().WhyNot is null ? [ProvisioningStep.Provider, HostedLedger.RefusedAs(rules())] : [ProvisioningStep.Provider],
        "Replicate is configured otherwise by now");

    /// <summary>Whoever can't see the trainer says nothing of the validation model.</summary>
    private IEnumerable<IncidentSignal> Signals(HostedAccountLook look, string words)
    {
        yield return new IncidentSignal(
            HostedIncidents.Account, HostedLedger.Provider, words, Over: look is HostedAccountLook.Good or HostedAccountLook.Unjudged or HostedAccountLook.Unused);
        if (look is HostedAccountLook.Good or HostedAccountLook.Unjudged or HostedAccountLook.Unused)
        {
            yield return new IncidentSignal(HostedIncidents.ValidationModel, HostedLedger.Provider, words, Over: look is not HostedAccountLook.Unjudged);
        }

        // Nobody will be refused any more who could tell that it is over.
        if (look is HostedAccountLook.Unused)
        {
            yield return RefusedOtherwise;
        }
    }
}
