using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;

namespace LoraAdmin.Tests.Simulation;

/// <param name="Crossings">How often the process touched the outside until everything was at rest.</param>
/// <param name="DiedAt">Where it died; null: it did not come that far.</param>
/// <param name="Looks">How often the invariants were checked.</param>
public sealed record CrashReport(int Crossings, string? DiedAt, int Looks);

/// <summary>
/// One job from admission to rest, in which the process dies at one chosen crossing with the outside and a successor takes over. Running it for every
/// crossing enumerates the crashes of the main job.
/// </summary>
internal sealed class CrashRun
{
    /// <summary>Nothing goes wrong but that the process dies; the request is a form with an image file instead of the keys of images.</summary>
    public const string AsAForm = "a form with a file";

    /// <summary>After a fault of the fallback provider that hits what makes the validation images, and not the training before it.</summary>
    public const string OfImages = " of the images";

    /// <summary>Between one fault and another that lasts while it hits.</summary>
    public const string During = " during ";

    /// <summary>A person cancels the job while it is trained by the fallback provider; beside it may go wrong what stands after <see cref="During"/>, three times.</summary>
    public const string Cancelled = "a person cancels";

    /// <summary>The fallback provider refuses the job, and RunPod may be asked again when it has: the job goes back.</summary>
    public const string GoesBack = "replicate refuses and RunPod is back";

    /// <summary>After a fault: it begins when the fallback provider has the training, and lasts some minutes.</summary>
    public const string WhileItTrains = " while it trains";

    /// <summary>Some minutes longer than the job takes; each minute more costs the enumeration some dozens of crossings.</summary>
    private static readonly TimeSpan OutageLasts = TimeSpan.FromMinutes(6);
    private static readonly TimeSpan PeopleDecideAfter = TimeSpan.FromDays(1);
    private static readonly TimeSpan Patience = TimeSpan.FromDays(3);
    private static readonly SimulationPlan Plan = new(TimeSpan.Zero, 1, 0) { TroublesPerDay = 1 };

    /// <summary>Without a pod they would tell of nothing: they begin with the first one.</summary>
    private static readonly string[] OfListings = [FaultKind.ListPartial, FaultKind.ListEmpty, FaultKind.List500, FaultKind.ListSlow];

    /// <summary>
    /// A pod that no listing shows when it is looked for may be bought twice; so may one that stops before it is ready, and one whose agent falls silent before
    /// it has said that its training began.
    /// </summary>
    private static readonly string[] MayTakeTwo =
        [FaultKind.CreateHangThenLate, FaultKind.ListPartial, FaultKind.ListEmpty, FaultKind.PodExits, FaultKind.HeartbeatStops];

    /// <summary>
    /// How a job ends at the fallback provider beside a fault that it can't get over. It may complete all the same when the process dies: what was cancelled may
    /// have ended by then, and a refusal that nobody lived to note is asked for again.
    /// </summary>
    private static readonly Dictionary<string, (FailureCode Failure, bool MayComplete)> EndsOtherwise = new()
    {
        [Cancelled] = (FailureCode.Cancelled, true),
        [FaultKind.ReplicateTrainingFails] = (FailureCode.TrainingFailed, false),
        [FaultKind.ReplicateFailsAfterSuccess] = (FailureCode.TrainingFailed, false),
        [FaultKind.ReplicateUnauth401] = (FailureCode.NoProvider, true),
    };

    /// <summary>Shorter than the provider lets one wait before it is lost: the minutes in between would be the same crossings again and again.</summary>
    private static readonly TimeSpan LostAfter = TimeSpan.FromMinutes(1);

    /// <summary>What makes nothing of a prediction, or makes it when another was asked for already.</summary>
    private static readonly string[] MayPredictTwice =
        [FaultKind.ReplicatePredictionFails, FaultKind.ReplicatePredictionLost, FaultKind.ReplicateCreateHangThenLate + OfImages];

    private readonly int dieAt;
    private readonly string? fault;
    private readonly bool asAForm;
    private readonly bool elsewhere;
    private readonly SimulatedWorld world = new(1);
    private readonly People people;
    private readonly PortalSlot slot;
    private readonly Invariants invariants;
    private string? awaited;
    private int leftToPeople;
    private bool admitted;
    private bool cancelled;

    /// <param name="dieAt">Number of the crossing, from 1; 0: nobody dies.</param>
    /// <param name="elsewhere">RunPod's breaker is held open, and the job is trained by the fallback provider.</param>
    /// <param name="fault">
    /// <see cref="AsAForm"/>; or something that goes wrong outside at the same time, once; or <c>one during another</c>: three times, while the other goes on for minutes;
    /// or <see cref="Cancelled"/>; or <c>one while it trains</c>.
    /// </param>
    public CrashRun(int dieAt, string? fault = null, bool elsewhere = false)
    {
        this.dieAt = dieAt;
        this.elsewhere = elsewhere;
        asAForm = fault == AsAForm;
        this.fault = fault = asAForm ? null : fault;
        LocalCloudOptions cloud = new()
        {
            Speed = 1,
            ArtifactBytes = 4096,
            ValidationPixels = 8,
            Seed = 1,
            StartBalanceUsd = 10_000,
            Boot = TimeSpan.FromSeconds(30),
            Pull = TimeSpan.FromSeconds(15),
            Training = TimeSpan.FromMinutes(1),
            Validation = TimeSpan.FromSeconds(15),
        };
        world.Cloud = world.NewCloud(cloud, 1);
        if (fault is not null)
        {
            string[] words = fault.Split(During);
            if (words.Length == 1 && (OfListings.Contains(fault) || fault.EndsWith(WhileItTrains, StringComparison.Ordinal)))
            {
                awaited = fault;
            }
            else if (fault == GoesBack)
            {
                world.Cloud.World.Faults.Add(FaultKind.ReplicateBalance402, seconds: Patience.TotalSeconds);
            }
            else if (fault == FaultKind.ReplicateTrainingLost)
            {
                world.Cloud.World.Faults.Add(fault, seconds: LostAfter.TotalSeconds);
            }
            else if (words[0] == Cancelled)
            {
                words[1..].ToList().ForEach(kind => world.Cloud.World.Faults.Add(kind, count: 3));
            }
            else if (words[0].EndsWith(OfImages, StringComparison.Ordinal))
            {
                world.Cloud.World.Faults.Add(words[0][..^OfImages.Length], match: ReplicateFace.WeightsField);
            }
            else
            {
                world.Cloud.World.Faults.Add(words[0], words.Length == 1 ? 1 : 3);
            }

            if (words.Length > 1 && words[0] != Cancelled)
            {
                world.Cloud.World.Faults.Add(words[1], seconds: (int)OutageLasts.TotalSeconds);

                // Without them a listing that lacks ours would be empty, which is another doubt.
                world.Cloud.World.AddForeign(SimulatedWorld.NeighboursPods, 2);
            }
        }

        if (elsewhere)
        {
            world.Hosted = world.Hosted with { WhyNot = null, Validation = SimulatedWorld.ValidationElsewhere };
            world.Redis.State = CircuitMachine.Apply(
                world.Redis.State, new CircuitCall.Isolate("ada", "RunPod moves", null, ""), world.Clock.GetUtcNow(), world.Breaker).Circuit;
        }

        // Nobody takes the job, and the wait for somebody would be the same crossings again and again.
        if (fault == FaultKind.ReplicateUnauth401)
        {
            world.Training = world.Training with { QueueWait = LostAfter };
        }

        people = new People(world, new Random(1));
        slot = new PortalSlot(1, world, Plan, new Random(dieAt), () => new Mortality(DiesAt));
        invariants = new Invariants(world, Plan);
        invariants.FollowCommits();
    }

    /// <summary>So far.</summary>
    public int Crossings { get; private set; }

    /// <summary>Null: not yet, or it did not come that far.</summary>
    public string? DiedAt { get; private set; }

    /// <exception cref="InvariantViolatedException">Something was lost, paid twice, or left behind.</exception>
    public async Task<CrashReport> RunAsync(CancellationToken cancellationToken)
    {
        TrainingRequest request = people.Request(0);
        if (asAForm)
        {
            await world.Objects.DeleteAsync(new ObjectRef(Buckets.TrainingImages, request.ImageKeys[0]), cancellationToken);
        }

        DateTimeOffset end = SimulatedWorld.Start + Patience;
        while (!IsAtRest())
        {
            await TurnAsync(request, cancellationToken);
            invariants.CheckAlways();
            DateTimeOffset next = await NextAsync(cancellationToken);
            if (next > end)
            {
                throw new InvariantViolatedException($"nothing comes to rest: {string.Join("; ", world.Database.Jobs.Rows.Select(job => $"{job.State} {job.WaitReason}"))}");
            }

            if (next > world.Clock.GetUtcNow())
            {
                world.Clock.SetUtcNow(next);
            }
        }

        invariants.CheckAtRest();
        CheckTheJob();
        return new CrashReport(Crossings, DiedAt, invariants.Looks);
    }

    /// <summary>A crash at one place, beside one bad answer that can be got over, costs the job nothing.</summary>
    private void CheckTheJob()
    {
        FailureCode? failure = world.Database.Jobs.Rows.Single().Failure?.Code;
        bool asItMay = fault is not null && EndsOtherwise.TryGetValue(fault.Split(During)[0], out (FailureCode Failure, bool MayComplete) end)
            ? failure == end.Failure || (failure is null && end.MayComplete && dieAt > 0)
            : failure is null;
        if (!asItMay || leftToPeople > 0)
        {
            throw new InvariantViolatedException($"the one job ended as {failure}, {leftToPeople} pods were left to people");
        }

        // One that was lost is trained once more; one that appears late was in no list when it was looked for.
        int trainings = world.Cloud.World.Replicate.Records.Count(static one => !one.IsPrediction && !one.IsLost);
        if (trainings > (fault == FaultKind.ReplicateCreateHangThenLate ? 2 : 1))
        {
            throw new InvariantViolatedException($"{trainings} trainings were made for the one job");
        }

        CheckItsValidation();

        if (asAForm)
        {
            string[] kept = [.. world.Objects.All.Where(static one => one.Bucket == Buckets.TrainingImages).Select(static one => one.Key)];
            string[] claimed = [.. world.Database.Uploads.Rows.Select(upload => ObjectKeys.TrainingImage(upload.User, upload.Id, 0).Key)];
            if (claimed.Length != 1 || !kept.SequenceEqual(claimed))
            {
                throw new InvariantViolatedException($"storage keeps {kept.Length} images, {claimed.Length} uploads are claimed");
            }
        }

        int made = world.Cloud.World.Pods.Count(pod => !pod.Planted);
        if (made > 1 && !MayTakeTwo.Any(kind => fault?.EndsWith(kind, StringComparison.Ordinal) == true))
        {
            throw new InvariantViolatedException($"{made} pods were made for the one job");
        }
    }

    /// <summary>Its images are made once, unless what made them came to nothing; and it is judged.</summary>
    private void CheckItsValidation()
    {
        int predictions = world.Cloud.World.Replicate.Records.Count(static one => one.IsPrediction);
        if (predictions > 1 && !MayPredictTwice.Any(kind => fault?.StartsWith(kind, StringComparison.Ordinal) == true))
        {
            throw new InvariantViolatedException($"{predictions} predictions were made for the one job");
        }

        if (world.Database.Jobs.Rows.Single().NotValidated is { } why)
        {
            throw new InvariantViolatedException($"nobody judged the one job: {why}");
        }
    }

    private async Task TurnAsync(TrainingRequest request, CancellationToken cancellationToken)
    {
        if (fault == GoesBack && world.Redis.State.Isolation is not null && world.Database.Hosted.Rows.Any(static one => one.Reason == HostedReasons.Refused))
        {
            world.Redis.State = CircuitMachine.Apply(world.Redis.State, new CircuitCall.Reset("ada", "RunPod has moved"), world.Clock.GetUtcNow(), world.Breaker).Circuit;
        }

        await slot.TurnAsync(cancellationToken);
        if (!admitted && slot.IsAwake)
        {
            // The caller repeats its request until it hears an answer.
            await slot.RunAsync(async portal =>
            {
                await (asAForm ? SubmitFormAsync(portal, request, cancellationToken) : SubmitAsync(portal, request, cancellationToken));
                admitted = true;
            });
        }

        if (slot.IsAwake && world.Database.Uploads.Rows.Any(upload => upload.ClaimedBy is null && world.Clock.GetUtcNow() - upload.CreatedAt > UploadSweep.UnclaimedAfter))
        {
            await slot.RunAsync(portal => portal.StaleUploads.RunAsync(world.Clock.GetUtcNow(), cancellationToken));
        }

        if (!cancelled && fault?.Split(During)[0] == Cancelled && slot.IsAwake && world.Database.Jobs.Rows.SingleOrDefault() is { State: TrainingState.Training } training)
        {
            await slot.RunAsync(async portal =>
            {
                await portal.Desk.CancelAsync(training.Id, "not needed", new Actor(ActorKind.Person, "ada"), cancellationToken);
                cancelled = true;
            });
        }

        if (slot.IsAwake && world.Clock.GetUtcNow() - SimulatedWorld.Start > PeopleDecideAfter)
        {
            await slot.RunAsync(portal => people.CloseTheDayAsync(portal, _ => leftToPeople++, cancellationToken));
        }
    }

    private static Task<SubmitOutcome> SubmitAsync(SimulatedPortal portal, TrainingRequest request, CancellationToken cancellationToken) => portal.Desk.SubmitAsync(
        request, new IdempotencyKey(Guid.Empty, "arrival", "body"), new Actor(ActorKind.Token, "gateway"), cancellationToken);

    /// <summary>As the API does it.</summary>
    private static async Task SubmitFormAsync(SimulatedPortal portal, TrainingRequest request, CancellationToken cancellationToken)
    {
        StagingOutcome.Staged staged = (StagingOutcome.Staged)await portal.Staging.StageAsync(request.UserId, OneFileAsync(), cancellationToken);
        SubmitOutcome outcome = await SubmitAsync(portal, request with { Upload = staged.Upload, ImageKeys = staged.Keys }, cancellationToken);
        if (outcome is not SubmitOutcome.Accepted { Replayed: false })
        {
            await portal.Staging.DiscardAsync(staged.Upload, cancellationToken);
        }
    }

    private static async IAsyncEnumerable<StagedFile> OneFileAsync()
    {
        await Task.CompletedTask;
        yield return new StagedFile("photo.webp", new MemoryStream([.. "RIFF1234WEBP and its pixels"u8]));
    }

    private async Task<DateTimeOffset> NextAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset? due = await world.Database.ReadAsync((unit, token) => unit.Store<ITrainingStore>().NextDueAsync(slot.Disk, world.Clock.GetUtcNow(), token), cancellationToken);
        DateTimeOffset? place = slot.NextAt(podsToWatch: true);
        return slot.IsAwake && due < place ? due.Value : place ?? world.Clock.GetUtcNow();
    }

    private bool IsAtRest() => admitted
        && world.Database.Jobs.Rows.All(job => job.State.IsFinal())
        && world.Database.Pods.Rows.All(pod => pod.Saw == PodSaw.Gone)
        && world.Database.Hosted.Rows.All(one => one.IsSettled)
        && world.Database.Reservations.Rows.All(one => one.SettledAt is not null)
        && world.Database.Uploads.Rows.All(upload => upload.ClaimedBy is not null)
        && slot.IsAwake;

    private bool DiesAt(string point)
    {
        if (awaited is { } kind && (elsewhere ? world.Cloud.World.Replicate.Alive.Count : world.Cloud.World.Alive.Count) > 0)
        {
            awaited = null;
            world.Cloud.World.Faults.Add(kind.Replace(WhileItTrains, "", StringComparison.Ordinal), seconds: elsewhere ? OutageLasts.TotalSeconds : null);
        }

        Crossings++;
        if (Crossings != dieAt)
        {
            return false;
        }

        DiedAt = point;
        return true;
    }
}
