using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Steps;

namespace LoraAdmin.Domain.Training.Hosted;

/// <summary>
/// The way round a closed road: whether a job that gets no pod can be given to the other provider now (E1, C1).
/// What becomes of one that it does not take says <see cref="HostedReturn"/>.
/// </summary>
public sealed class HostedFallback(BreakerGate gate, HostedRefusals refusals, HostedRoom room, Func<HostedRules> rules)
{
    /// <summary>Why no job can be given to it now; null: one can.</summary>
    public async Task<string?> WhyNotAsync(CancellationToken cancellationToken) =>
        rules().WhyNot ?? (await gate.WhyHeldAsync(cancellationToken))?.Reason;

    /// <summary>Why this job can't be given to it without having asked RunPod; null: it can. After a refusal one job at a time finds out whether it lasts.</summary>
    public async Task<string?> WhyNotDivertAsync(TrainingJob job, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        return await WhyNotAsync(cancellationToken) ?? await refusals.WhyNotTriedAsync(job.Id, cancellationToken);
    }

    /// <summary>Why it refuses jobs, whatever its breaker says, and what helps; null: it does not, or there is none.</summary>
    public async Task<string?> WhyRefusedAsync(CancellationToken cancellationToken) => IsConfigured ? await refusals.WhyAsync(cancellationToken) : null;

    /// <summary>Why it takes no jobs at present, in general (<see cref="BreakerGate.WhyDownAsync"/>, <see cref="HostedRoom"/>); null: it does.</summary>
    public async Task<HostedDown?> WhyDownAsync(CancellationToken cancellationToken) =>
        (rules().WhyNot ?? await gate.WhyDownAsync(cancellationToken)) is { } why ? new HostedDown(why, IsOfMoney: false)
        : await room.WhyNoneAsync(cancellationToken) is { } full ? new HostedDown(full, IsOfMoney: true)
        : null;

    /// <summary>Whether there is a second provider at all, up or down.</summary>
    public bool IsConfigured => rules().WhyNot is null;

    /// <summary>
    /// What a step came to; a job that it would fail for want of a provider goes on at the fallback instead, when that is possible: nobody hears of a failure
    /// before the other provider was tried. Else the failure says why it was not, also when the month has no room for what it would reserve there.
    /// </summary>
    internal async Task<StepResult> InsteadOfAsync(StepResult result, CancellationToken cancellationToken)
    {
        if (result is not StepResult.Fail { Failure.Code: FailureCode.NoProvider } fail)
        {
            return result;
        }

        if (await WhyNotAsync(cancellationToken) is not { } why)
        {
            return new StepResult.HandOver(fail.Job, fail.Failure, fail.Error, WithoutRoom: fail);
        }

        return IsConfigured ? fail.Because(why) : fail;
    }
}

/// <param name="IsOfMoney">It would take them, and the month's budget has no room for what one reserves there.</param>
public sealed record HostedDown(string Why, bool IsOfMoney);
