using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Domain.Training.Steps;

/// <summary>
/// Copies the weights into the spool at once, because the provider removes them within the hour, and proves what came: a whole safetensors file, fsynced, its
/// SHA-256 taken. Then come its validation images (<see cref="HostedValidation"/>). From there both go the way of a pod's.
/// </summary>
public sealed class HostedRetrievingStep(
    IUnitOfWork work, IHostedTrainings provider, HostedValidation validation, ISpool spool, TimeProvider clock, Func<TrainingRules> rules, ClockStandings clocks) : ITrainingStep
{
    private const int FetchesOfADamagedFile = 3;

    /// <summary>Of the wait that people are told of: it goes on until the weights are safe, or gone.</summary>
    private const string Waiting = "The weights wait at Replicate, which removes them within the hour";

    /// <summary>A provider that has not shown or given the weights for so long has nothing left to fetch: it keeps them for an hour.</summary>
    private static readonly TimeSpan LongestFailing = TimeSpan.FromDays(1);

    /// <summary>For so long they are kept: a link that does not know them later says that they are removed, whatever a read of the training says.</summary>
    private static readonly TimeSpan KeptFor = TimeSpan.FromHours(1);

    private readonly SpoolKeeping keeping = new(spool);

    public TrainingState State => TrainingState.Retrieving;

    public async Task<StepResult> RunAsync(TrainingJob job, JobLease lease, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        ArgumentNullException.ThrowIfNull(lease);
        TrainingRules figures = rules();
        IReadOnlyList<SpoolEntry> files = await work.ReadAsync((unit, token) => unit.Store<ISpoolStore>().ListForJobAsync(job.Id, token), cancellationToken);

        // Fetching may take longer than the time after which nobody is taken to have looked: a look that fails has been failing since its start.
        TrainingJob here = Failing.Note(job, clock.GetUtcNow()).Job with { Spool = spool.Id };
        if (files.Any(entry => entry.Attempt == job.Attempt && entry.Spool == spool.Id))
        {
            return await validation.LookAsync(here, lease, cancellationToken);
        }

        // A predecessor may have died between the seal and the row. A part says nothing: what it came from was not read to its end.
        string name = SpoolNames.File(job.Id, job.Attempt);
        return await spool.FindAsync(name, cancellationToken) switch
        {
            SpoolReading<SpoolFile>.Unreadable unread => SpoolAway(Anywhere(here), ArtifactFetch.AwayWords(unread.Reason), figures),
            SpoolReading<SpoolFile>.Found { Value.Path: var path } when path == name => await ProveAsync(here, name, figures, cancellationToken),
            _ => await FetchAsync(here, name, files, figures, cancellationToken),
        };
    }

    private async Task<StepResult> FetchAsync(
        TrainingJob job, string name, IReadOnlyList<SpoolEntry> files, TrainingRules figures, CancellationToken cancellationToken)
    {
        if (await HostedLedger.CurrentAsync(work, job, cancellationToken) is not { } row)
        {
            return HostedRunningStep.NoRow(job);
        }

        (HostedReading reading, Alongside? note) = await HostedAbsence.ReadAsync(provider, row, clock, clocks, cancellationToken);
        return (await FromAsync(job, row, reading, name, files, figures, cancellationToken)).With(note);
    }

    private async Task<StepResult> FromAsync(
        TrainingJob job,
        HostedTraining row,
        HostedReading reading,
        string name,
        IReadOnlyList<SpoolEntry> files,
        TrainingRules figures,
        CancellationToken cancellationToken)
    {
        switch (reading)
        {
            case HostedReading.Found { Training: { WeightsLink: { } link } }:
                return await TakeAsync(job, name, link, figures, cancellationToken);

            case HostedReading.Found { Training.IsRemoved: true } or HostedReading.NotFound when files.FirstOrDefault(entry => entry.Attempt == job.Attempt) is { } elsewhere:
                return RetrievingStep.Elsewhere(job, elsewhere, clock.GetUtcNow(), figures);

            case HostedReading.Found { Training.IsRemoved: true }:
                return Gone(job, $"Replicate has removed the weights of training {row.TrainingId}");

            case HostedReading.Found { Training: { StatusText: var status } }:
                return Unless(job, Later(job, $"Replicate does not say where the weights of training {row.TrainingId} are, which is {status}", figures));

            case HostedReading.NotFound:
                return HostedRunningStep.Lost(job, row, clock.GetUtcNow());

            case HostedReading.Unavailable { Error: var error }:
                return Unless(job, Later(job, $"Replicate can't be asked for training {row.TrainingId}: {error.Detail}", figures));

            default:
                throw new NotSupportedException("A training is found, not found or unavailable.");
        }
    }

    private async Task<StepResult> TakeAsync(TrainingJob job, string name, string link, TrainingRules figures, CancellationToken cancellationToken)
    {
        switch (await provider.OpenWeightsAsync(link, cancellationToken))
        {
            case WeightsOpening.Gone when clock.GetUtcNow() - job.StateSince >= KeptFor:
                return Gone(job, "Replicate does not have the weights any more at the link that it gives");

            case WeightsOpening.Gone:
                return Later(job, "Replicate does not have the weights at the link that it gave", figures);

            case WeightsOpening.Unavailable unavailable:
                return Unless(job, Later(job, $"The weights could not be fetched: {unavailable.Reason}", figures));

            case WeightsOpening.Found found:
                await using (found.Content)
                {
                    WeightsOutcome outcome = found.LengthBytes > figures.MaxArtifactBytes + WeightsReader.BesideBytes
                        ? new WeightsOutcome.Refused($"The weights announce {found.LengthBytes} bytes; at most {figures.MaxArtifactBytes} are taken (Training:MaxArtifactBytes)")
                        : await new WeightsReader(spool, figures.MaxArtifactBytes).TakeAsync(found.Content, name, cancellationToken);
                    return outcome switch
                    {
                        WeightsOutcome.Taken => await ProveAsync(job, name, figures, cancellationToken),
                        WeightsOutcome.Refused refused => Corrupt(job, refused.Reason),
                        WeightsOutcome.NoRoom full => NoRoom(await spool.DeleteAsync(name, cancellationToken) ? Anywhere(job) : job, full.Reason, figures),
                        WeightsOutcome.Stalled stalled => Unless(job, Later(job, stalled.Reason, figures)),
                        _ => throw new NotSupportedException("Weights are taken, refused, stalled or without room."),
                    };
                }

            default:
                throw new NotSupportedException("Weights are found, gone or unavailable.");
        }
    }

    /// <summary>Proves the file that lies whole in the spool.</summary>
    private async Task<StepResult> ProveAsync(TrainingJob job, string name, TrainingRules figures, CancellationToken cancellationToken)
    {
        switch (await spool.DigestAsync(name, cancellationToken))
        {
            case SpoolReading<SpoolDigest>.Unreadable unread:
                return SpoolAway(job, ArtifactFetch.AwayWords(unread.Reason), figures);

            case SpoolReading<SpoolDigest>.Found { Value: var digest }:
                TrainingJob known = job with { Artifact = new ArtifactInfo(digest.LengthBytes, digest.Sha256), FailingSince = null };
                switch (await keeping.KeepAsync(name, digest.LengthBytes, cancellationToken))
                {
                    case FetchOutcome.Proven:
                        SpoolEntry entry = new(job.Id, job.Attempt, spool.Id, name, digest.LengthBytes, digest.Sha256, clock.GetUtcNow());

                        // The images that come next have tries of their own.
                        return new StepResult.Again(TimeSpan.Zero, known with { StepTries = 0 }, null, (unit, token) => unit.Store<ISpoolStore>().SaveAsync(entry, token))
                            .With(job.WaitReason is not null ? (unit, token) => unit.Events.AppendAsync(FetchedFact(job), token) : null);

                    case FetchOutcome.NoLora bad:
                        return await spool.DeleteAsync(name, cancellationToken) && job.StepTries + 1 < FetchesOfADamagedFile
                            ? new StepResult.TryAgain(
                                StepBackoff.After(job.StepTries), job, $"{bad.Detail}. It will be fetched again", new ErrorDetail("artifact_corrupt", "training.retrieve", bad.Detail, null))
                            : Corrupt(job, bad.Detail);

                    case FetchOutcome.Away away:
                        return SpoolAway(job, away.Reason, figures);

                    case FetchOutcome.NoRoom full:
                        return NoRoom(job, full.Reason, figures);

                    case FetchOutcome.Stalled stalled:
                        return Unless(job, Later(job, stalled.Reason, figures));

                    default:
                        return Later(job, "The weights are gone from the spool", figures);
                }

            default:
                return Later(job, "The weights are gone from the spool", figures);
        }
    }

    /// <summary>Nothing of the attempt is known to lie here: another instance, whose disk has room, may take the job before the hour is over.</summary>
    private static TrainingJob Anywhere(TrainingJob job) => job with { Spool = null };

    /// <summary>A disk empties itself only as storage takes its files: a person has less than an hour to make room.</summary>
    private StepResult.Again NoRoom(TrainingJob job, string reason, TrainingRules figures) =>
        Later(job with { FailingSince = null }, $"the spool has no room for them: {reason}", figures, tells: true);

    /// <summary>The same of a disk that is away. Whatever else is given up only after long, these are gone within the hour.</summary>
    private StepResult.Again SpoolAway(TrainingJob job, string reason, TrainingRules figures) => Later(job with { FailingSince = null }, reason, figures, tells: true);

    /// <summary>Another look, as long as there can be anything to fetch. Room and disk of the spool do not count: the provider was not in the way then.</summary>
    private StepResult Unless(TrainingJob job, StepResult.Again later) => clock.GetUtcNow() - job.FailingSince >= LongestFailing
        ? Gone(job, $"Nothing could be fetched from Replicate for a day: {later.Reason?.Replace($"{Waiting}. ", "", StringComparison.Ordinal)}")
        : later;

    /// <summary>
    /// Another look. What the provider still has is not given up: it was paid for, and the provider says when it has removed it. People hear of it after
    /// <c>Training:RetrieveWithin</c>, and at once of what only they can mend.
    /// </summary>
    private StepResult.Again Later(TrainingJob job, string reason, TrainingRules figures, bool tells = false)
    {
        bool told = job.WaitReason?.StartsWith(Waiting, StringComparison.Ordinal) == true;
        string words = told || tells || clock.GetUtcNow() - job.FailingSince >= figures.RetrieveWithin ? $"{Waiting}. {char.ToUpperInvariant(reason[0])}{reason[1..]}" : reason;
        StepResult.Again later = new(HostedRunningStep.PollEvery(figures), job, words);
        return told || words == reason ? later : later with { Alongside = (unit, token) => unit.Events.AppendAsync(WaitingFact(job, words), token) };
    }

    private static OperationalEvent WaitingFact(TrainingJob job, string words) =>
        TrainingFacts.Of(job, HostedEvents.WeightsWaiting, words, Actor.Portal(TrainingConductor.Name), EventSeverity.Error, "weights_waiting") with
        {
            Signals = [new IncidentSignal(HostedIncidents.WeightsWaiting, job.Id.ToString(), $"{words}; the job \"{job.Name}\" trained there")],
        };

    private static OperationalEvent FetchedFact(TrainingJob job)
    {
        const string words = "The weights lie proven in the spool";
        return TrainingFacts.Of(job, HostedEvents.WeightsFetched, words, Actor.Portal(TrainingConductor.Name)) with
        {
            Signals = [new IncidentSignal(HostedIncidents.WeightsWaiting, job.Id.ToString(), words, Over: true)],
        };
    }

    private static StepResult.Fail Gone(TrainingJob job, string detail) => new(
        job, new JobFailure(FailureCode.TrainingLost, detail), FileProof.None, new ErrorDetail("training_lost", "training.retrieve", detail, null));

    private static StepResult.Fail Corrupt(TrainingJob job, string detail) => new(
        job, new JobFailure(FailureCode.ArtifactCorrupt, detail), FileProof.None, new ErrorDetail("artifact_corrupt", "training.retrieve", detail, null));
}
