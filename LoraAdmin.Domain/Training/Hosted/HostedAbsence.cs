using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Steps;

namespace LoraAdmin.Domain.Training.Hosted;

/// <summary>
/// What a 404 means for an id that the provider gave us: what is taken for lost is paid once more, so it is believed only when it is answered again a minute
/// later and the account's whole list does not have the training either. An account that is too busy to be listed says so after a day of 404 alone.
/// </summary>
internal static class HostedAbsence
{
    public static readonly TimeSpan SecondLookAfter = TimeSpan.FromMinutes(1);

    /// <summary>A 404 that has been answered for so long is believed without the list.</summary>
    public static readonly TimeSpan BelievedAlone = TimeSpan.FromDays(1);

    /// <returns>The training as it is; <see cref="HostedReading.NotFound"/> only when that is proven. And what is to be noted of it, if anything.</returns>
    public static async Task<(HostedReading Reading, Alongside? Note)> ReadAsync(
        IHostedRuns provider, HostedTraining row, TimeProvider clock, ClockStandings clocks, CancellationToken cancellationToken)
    {
        HostedReading answer = await provider.GetAsync(row.TrainingId!, cancellationToken);
        (HostedReading reading, DateTimeOffset? since) = await ProveAsync(provider, row, answer, clocks.ByProvider(clock.GetUtcNow()), cancellationToken);
        Alongside note = (unit, token) => NoteAsync(unit, row.Name, since, token);
        return (reading, since == row.AbsentSince ? null : note);
    }

    /// <param name="now">By <see cref="ClockStandings.ByProvider"/>: what was paid for one that is lost ends where it was first missed.</param>
    /// <returns>The answer, or what is true in place of a 404 that is not proven yet; and since when the provider has been answering so.</returns>
    public static async Task<(HostedReading Reading, DateTimeOffset? AbsentSince)> ProveAsync(
        IHostedRuns provider, HostedTraining row, HostedReading answer, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (answer is not HostedReading.NotFound)
        {
            return (answer, answer is HostedReading.Found ? null : row.AbsentSince);
        }

        DateTimeOffset since = row.AbsentSince ?? now;
        if (now - since < SecondLookAfter)
        {
            const string words = "it answers that it does not know it, which is believed when it says so again";
            return (new HostedReading.Unavailable(new ProviderError(ProviderFailure.Rejected, 404, words, SecondLookAfter)), since);
        }

        return await provider.ListAsync(row.RequestedAt - HostedLauncher.ListFrom, cancellationToken) switch
        {
            HostedListing.Complete complete when complete.Trainings.FirstOrDefault(one => one.Id == row.TrainingId) is { } listed =>
                (new HostedReading.Found(listed), null),
            HostedListing.Unavailable unavailable when now - since < BelievedAlone => (new HostedReading.Unavailable(unavailable.Error), since),
            _ => (answer, since),
        };
    }

    private static async Task NoteAsync(IUnit unit, string name, DateTimeOffset? since, CancellationToken cancellationToken)
    {
        if (await unit.Store<IHostedTrainingStore>().FindAsync(name, cancellationToken) is { IsFinal: false } row && row.AbsentSince != since)
        {
            await HostedLedger.SaveAsync(unit, row with { AbsentSince = since }, cancellationToken);
        }
    }
}
