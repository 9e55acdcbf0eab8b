namespace LoraAdmin.Domain.Breaker;

/// <summary>The breaker's figures: every worker must have the same ones (options <c>Breaker:*</c>, docs/breaker.md).</summary>
/// <param name="Failures">Opens exactly on this counted failure inside <paramref name="Window"/> that no later success followed.</param>
/// <param name="Window">A failure counts while it is younger than this.</param>
/// <param name="OpenFor">How long it stays open before one creation is tried.</param>
/// <param name="ProbeLease">How long a worker may take over that creation before another one may try; longer than one create call with its look-up.</param>
/// <param name="LongestOpenFor">Up to this the open time doubles with each trip until a day in health; null: it does not grow.</param>
public sealed record BreakerRules(int Failures, TimeSpan Window, TimeSpan OpenFor, TimeSpan ProbeLease, TimeSpan? LongestOpenFor)
{
    /// <summary>A breaker that has stayed closed for so long begins anew with the first open time.</summary>
    public static readonly TimeSpan Healthy = TimeSpan.FromDays(1);

    /// <summary>The open time of the trip with this number since the last healthy day, from 1.</summary>
    public TimeSpan OpenTimeOf(int trip)
    {
        TimeSpan length = OpenFor;
        for (int doubled = 1; doubled < trip && length < LongestOpenFor; doubled++)
        {
            length = length * 2 < LongestOpenFor ? length * 2 : LongestOpenFor.Value;
        }

        return length;
    }
}
