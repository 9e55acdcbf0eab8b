using System.Globalization;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Domain.Training;

/// <param name="Provider">As people know it.</param>
/// <param name="KeyRefused">What a refused key means, and which one it is.</param>
public sealed record GateWords(string Provider, string KeyRefused)
{
    public static readonly GateWords RunPod = new("RunPod", "RunPod does not accept the key RunPod:ApiKey; pods can't be stopped either. Set a valid key");
    public static readonly GateWords Replicate =
        new("Replicate", "Replicate does not accept the token Replicate:ApiToken; trainings can't be cancelled either. Set a valid token");
}

/// <summary>Creations on a provider's breaker: what holds them back, and what each one's end counts as.</summary>
/// <param name="worker">Name of this portal, as the breaker's history shows it.</param>
/// <param name="keyMark">Of the provider's key (<see cref="KeyMarks"/>).</param>
/// <param name="words">Whose creations they are.</param>
/// <param name="refusals">What holds them back beside the breaker; null: nothing does.</param>
public sealed class BreakerGate(IBreaker breaker, string worker, string keyMark, GateWords words, HostedRefusals? refusals = null) : ICreationGate
{
    public async Task<CreationVerdict> AskAsync(string name, CancellationToken cancellationToken)
    {
        if (refusals is not null && await refusals.WhyHeldAsync(cancellationToken) is { } refused)
        {
            return new CreationVerdict.Hold(refused, Counts: true);
        }

        CircuitReply reply = await breaker.CallAsync(new CircuitCall.Check(name, worker, keyMark), cancellationToken);
        return reply.Answer is CircuitAnswers.Go or CircuitAnswers.Probe
            ? new CreationVerdict.Go(PermitOf(new BreakerPermit(reply.Circuit.Generation, name, reply.Answer == CircuitAnswers.Probe)))
            : HoldOf(reply) ?? new CreationVerdict.Hold($"{words.Provider}'s breaker is open", Counts: true);
    }

    public async Task<string?> WhyWithdrawnAsync(CreationPermit permit, CancellationToken cancellationToken)
    {
        BreakerPermit ticket = TicketOf(permit);
        CircuitReply now = await breaker.CallAsync(new CircuitCall.Read(0), cancellationToken);
        bool holds = ticket.IsProbe
            ? now.Status == CircuitStatus.HalfOpen && now.Circuit.ProbeAt(now.Now)?.Token == ticket.Token
            : now.Status == CircuitStatus.Closed;
        return holds ? null : HoldOf(now)?.Reason ?? $"The permit to try {words.Provider} out has run out";
    }

    public Task TellAsync(CreationPermit permit, string name, CreationResult result, CancellationToken cancellationToken)
    {
        BreakerPermit ticket = TicketOf(permit);
        CircuitCall call = result switch
        {
            CreationResult.Made => new CircuitCall.Success(ticket, worker),
            CreationResult.Failed failed => new CircuitCall.Failure(
                ticket, name, worker, failed.Error.Words, CreationOutcomes.Of(EndOf(failed.Error)).Effect ?? FailureEffect.Ignored, keyMark),
            _ => new CircuitCall.Failure(ticket, name, worker, "not asked", FailureEffect.Ignored, keyMark),
        };
        return breaker.CallAsync(call, cancellationToken);
    }

    /// <summary>Why a job need not even look for a pod now; null: it may.</summary>
    public async Task<NoPlace?> WhyHeldAsync(CancellationToken cancellationToken)
    {
        if (await WhyRefusedAsync(cancellationToken) is { } known)
        {
            return new NoPlace(known, Counts: true);
        }

        CircuitReply reply = await breaker.CallAsync(new CircuitCall.Read(0), cancellationToken);

        return IsOfAnotherKey(reply) ? null : HoldOf(reply) is { } hold ? new NoPlace(hold.Reason, hold.Counts) : null;
    }

    /// <summary>
    /// Why the provider takes no creations at present, in general; null: it does. Unlike <see cref="WhyHeldAsync"/> it stays so while one creation is let through
    /// to try it out, until that was made.
    /// </summary>
    public async Task<string?> WhyDownAsync(CancellationToken cancellationToken)
    {
        if (await WhyRefusedAsync(cancellationToken) is { } refused)
        {
            return refused;
        }

        CircuitReply reply = await breaker.CallAsync(new CircuitCall.Read(0), cancellationToken);
        return reply.Status == CircuitStatus.Closed || IsOfAnotherKey(reply)
            ? null
            : HoldOf(reply)?.Reason ?? $"{words.Provider}'s breaker is half open: the next creation tries {words.Provider} out";
    }

    public static CreationEnd EndOf(ProviderError error)
    {
        ArgumentNullException.ThrowIfNull(error);
        return error switch
        {
            { Failure: ProviderFailure.Unreachable } => CreationEnd.Unreachable,
            { Failure: ProviderFailure.Ambiguous, Status: >= 500 } => CreationEnd.ServerError,
            { Failure: ProviderFailure.Ambiguous } => CreationEnd.NoAnswer,
            { Failure: ProviderFailure.Unauthorized } => CreationEnd.KeyRefused,
            { Failure: ProviderFailure.InsufficientBalance } => CreationEnd.BalanceUsedUp,
            { Failure: ProviderFailure.Forbidden } => CreationEnd.NotAllowed,
            { Failure: ProviderFailure.RateLimited } => CreationEnd.RateLimited,
            { Status: 400 } => CreationEnd.NoCapacity,
            _ => CreationEnd.Rejected,
        };
    }

    /// <summary>Another key than the refused one ends the isolation, and only a check does that.</summary>
    private bool IsOfAnotherKey(CircuitReply reply) =>
        reply.Status == CircuitStatus.Isolated && reply.Circuit.Isolation is { IsOfTheKey: true } refused && refused.KeyMark != keyMark;

    private async Task<string?> WhyRefusedAsync(CancellationToken cancellationToken) => refusals is null ? null : await refusals.WhyAsync(cancellationToken);

    private CreationVerdict.Hold? HoldOf(CircuitReply reply) => reply.Status switch
    {
        CircuitStatus.Isolated when reply.Circuit.Isolation is { } held => new CreationVerdict.Hold(WhyIsolated(held), Counts: held.IsOfTheKey),
        CircuitStatus.Open => new CreationVerdict.Hold(
            string.Create(CultureInfo.InvariantCulture, $"{words.Provider}'s breaker is open after creations that failed; one is tried again at {reply.Circuit.OpenUntil:HH:mm} UTC"),
            Counts: true),
        CircuitStatus.HalfOpen when reply.Circuit.ProbeAt(reply.Now) is not null => new CreationVerdict.Hold(
            $"{words.Provider}'s breaker is half open: one creation tries {words.Provider} out, the others wait for its result", Counts: true),
        _ => null,
    };

    private string WhyIsolated(Isolation held)
    {
        string until = held.Until is { } end ? string.Create(CultureInfo.InvariantCulture, $" until {end:yyyy-MM-dd HH:mm} UTC") : "";
        return held.IsOfTheKey
            ? $"{words.KeyRefused}, or reset the breaker"
            : $"{words.Provider}'s breaker is held open by {held.By}{until}: {held.Reason}";
    }

    private static CreationPermit PermitOf(BreakerPermit ticket) =>
        new(ticket.IsProbe, string.Create(CultureInfo.InvariantCulture, $"{ticket.Generation}:{ticket.Token}"));

    private static BreakerPermit TicketOf(CreationPermit permit)
    {
        string[] parts = permit.Ticket.Split(':', 2);
        return new BreakerPermit(long.Parse(parts[0], CultureInfo.InvariantCulture), parts[1], permit.Once);
    }
}
