using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Training;

/// <summary>What an attempt that is over still holds of the month's money, and what it waits for.</summary>
/// <param name="Why">The end of a sentence that begins with the amount.</param>
/// <param name="Until">About when that ends; null: not known.</param>
public sealed record AttemptHold(Usd Amount, string Why, DateTimeOffset? Until)
{
    /// <returns>Null: it goes on, or holds nothing.</returns>
    public static AttemptHold? Of(JobDetail detail, TrainingAttempt attempt, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(detail);
        ArgumentNullException.ThrowIfNull(attempt);
        if (attempt.State == AttemptState.Active
            || detail.Reservations.FirstOrDefault(one => one.Attempt == attempt.Number) is not { } reservation
            || reservation.Rest <= Usd.Zero)
        {
            return null;
        }

        HostedTraining[] hosted = [.. detail.Hosted.Where(one => one.Attempt == attempt.Number && !one.IsFinal)];
        HostedTraining[] doubts = [.. hosted.Where(static one => one.IsInDoubt)];
        if (doubts.Length > 0)
        {
            string calls = doubts.Length == 1 ? "a create call, which may have made something" : $"{doubts.Length} create calls, each of which may have made something";
            return new AttemptHold(reservation.Rest, $"Replicate never clearly answered {calls} that costs money. It is looked for in Replicate's lists", doubts.Max(one => one.DoubtUntil(now)));
        }

        string why = hosted.Length > 0 ? "what it asked for at Replicate is not over yet"
            : detail.Pods.Any(pod => pod.Attempt == attempt.Number && pod.Saw != PodSaw.Gone) ? "its pods are not verified gone yet"
            : "it is settled within a minute or so";
        return new AttemptHold(reservation.Rest, why, null);
    }
}
