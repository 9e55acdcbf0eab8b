using System.Text;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Storage;
using LoraAdmin.Tests.Doubles;
using Xunit;

namespace LoraAdmin.Tests.Simulation;

/// <summary>
/// One portal on a fake clock: submit a job, run until something holds, read what the database, the vendor and the buckets have. The clock jumps to
/// the next instant at which something is due, so that a proof about hours takes milliseconds.
/// </summary>
public sealed class TrainingBench
{
    public static readonly UserId User = new(new Guid(17, 0, 0, new byte[8]));
    public static readonly Actor Person = new(ActorKind.Person, "ada");
    public static readonly Actor Gateway = new(ActorKind.Token, "gateway");

    private static readonly TimeSpan Patience = TimeSpan.FromHours(12);

    private readonly Func<SimulatedPortal> restart;
    private readonly TimeProvider clock;
    private DateTimeOffset watchAt;
    private int submitted;

    /// <param name="ahead">How far the portal's clock is ahead of everybody else's.</param>
    public TrainingBench(Action<LocalCloudOptions>? cloud = null, IImageInspector? inspector = null, TimeSpan ahead = default)
    {
        World = new SimulatedWorld(1);
        clock = ahead == default ? World.Clock : new MachineClock(World.Clock, ahead, drift: 0);
        LocalCloudOptions options = new() { Speed = 1, ArtifactBytes = 4096, ValidationPixels = 8, Seed = 1, StartBalanceUsd = 10_000 };
        cloud?.Invoke(options);
        World.Cloud = World.NewCloud(options, 1);
        StoreFaults faults = new(() => World.Cloud.TakeStoreFaultAsync);
        _ = faults.StartAsync(CancellationToken.None);
        Store = new FaultyObjectStore(new FailingObjectStore(World.Objects, faults, World.Clock), World.Clock);
        World.Storage = Store;
        World.Inspector = inspector ?? World.Inspector;
        restart = () => new SimulatedPortal(World, new Mortality(_ => false), "bench", new FailingSpool(World.Spool, faults), clock);
        Portal = restart();
        watchAt = Now;
    }

    public SimulatedWorld World { get; }

    public SimulatedPortal Portal { get; private set; }

    public FaultyObjectStore Store { get; }

    /// <summary>Off: nobody looks at the account but the conductor, as between two looks of the pod loop.</summary>
    public bool PodLoopRuns { get; set; } = true;

    public static CancellationToken Token => TestContext.Current.CancellationToken;

    public DateTimeOffset Now => World.Clock.GetUtcNow();

    public FaultTable Faults => World.Cloud.World.Faults;

    /// <summary>Every pod that the vendor ever made.</summary>
    public IReadOnlyList<PodRecord> VendorPods
    {
        get
        {
            World.Cloud.World.AdvanceTo(Now);
            return World.Cloud.World.Pods;
        }
    }

    public BudgetMonth Month => World.Database.Months.Find(Domain.Shared.Month.Of(SimulatedWorld.Start))!;

    /// <summary>LoRAs of this month that count against the user.</summary>
    public int UserCount => World.Database.Users.Find(User)?.Count ?? 0;

    public void Rules(Func<TrainingRules, TrainingRules> change) => World.Training = change(World.Training);

    /// <summary>The portal ends and starts anew, with whatever the world says by now.</summary>
    public void Restart() => Portal = restart();

    public TrainingRequest Request(string name = "Mara", int images = 2, byte[]? content = null)
    {
        List<string> keys = [];
        submitted++;
        for (int number = 0; number < images; number++)
        {
            string key = $"{User}/{new Guid(submitted, 1, 0, new byte[8]):D}/{number}";
            World.Objects.Set(
                new ObjectRef(Buckets.TrainingImages, key),
                content ?? Encoding.UTF8.GetBytes($"image {number} of request {submitted}"),
                "image/jpeg");
            keys.Add(key);
        }

        return new TrainingRequest { UserId = User, Name = name, CreatorEmail = "creator@example.org", ImageKeys = keys };
    }

    public async Task<JobId> SubmitAsync(TrainingRequest? request = null) =>
        Assert.IsType<SubmitOutcome.Accepted>(await Portal.Desk.SubmitAsync(request ?? Request(), null, Gateway, Token)).Job;

    public Task<CancelOutcome> CancelAsync(JobId job, Actor by) => Portal.Desk.CancelAsync(job, "No longer wanted", by, Token);

    public TrainingJob Job(JobId id) => World.Database.Jobs.Find(id)!;

    public Lora Lora(JobId id) => World.Database.Loras.Find(Job(id).LoraId)!;

    public IReadOnlyList<LedgerPod> Pods(JobId id) =>
        [.. World.Database.Pods.Rows.Where(pod => pod.Job == id).OrderBy(pod => pod.Attempt).ThenBy(pod => pod.Try)];

    public IReadOnlyList<OperationalEvent> Facts(JobId id) => [.. World.Database.Events.Where(fact => fact.Job == id)];

    public IReadOnlyList<OperationalEvent> Facts(JobId id, string kind) => [.. Facts(id).Where(fact => fact.Kind == kind)];

    public bool Refunded(JobId id, int admission = 1) => World.Database.Charges.Find((id, admission))!.Refunded;

    /// <summary>Every training that was ever asked of the fallback provider for the job.</summary>
    public IReadOnlyList<HostedTraining> Hosted(JobId id) => HostedOf(id, HostedKind.Training);

    /// <summary>Every prediction that was ever asked for to make the job's validation images.</summary>
    public IReadOnlyList<HostedTraining> Predictions(JobId id) => HostedOf(id, HostedKind.Prediction);

    /// <summary>Every training that the fallback provider ever made.</summary>
    public IReadOnlyList<ReplicateRecord> VendorTrainings => VendorRuns(predictions: false);

    /// <summary>Every prediction that the fallback provider ever made.</summary>
    public IReadOnlyList<ReplicateRecord> VendorPredictions => VendorRuns(predictions: true);

    public IReadOnlyList<TrainingAttempt> Attempts(JobId id) =>
        [.. World.Database.Attempts.Rows.Where(one => one.Job == id).OrderBy(one => one.Number)];

    public Reservation Reservation(JobId id, int attempt = 1) => World.Database.Reservations.Find((id, attempt))!;

    public IReadOnlyList<SpoolEntry> SpoolRows(JobId id) => [.. World.Database.Spool.Rows.Where(entry => entry.Job == id)];

    /// <summary>What the bucket holds of the job's trained file.</summary>
    public byte[]? StoredFile(JobId id) => World.Objects.Find(ObjectKeys.Model(Job(id).UserId, Job(id).LoraId));

    public Task RunToStateAsync(JobId id, TrainingState state) => RunUntilAsync(() => Job(id).State == state, $"job in state {state}");

    /// <summary>Until the job is final, its pods are verified gone and its money is settled.</summary>
    public Task RunToRestAsync(JobId id) => RunUntilAsync(
        () => Job(id).State.IsFinal()
            && Pods(id).All(pod => pod.Saw == PodSaw.Gone)
            && World.Database.HostedOf[id].All(one => one.IsSettled)
            && World.Database.Reservations.Rows.All(one => one.SettledAt is not null),
        "the job at rest");

    public Task RunForAsync(TimeSpan length)
    {
        DateTimeOffset end = Now + length;
        return RunAsync(() => Now >= end, $"{length} passed", end);
    }

    public Task RunUntilAsync(Func<bool> holds, string what) => RunAsync(holds, what, Now + Patience);

    /// <summary>One step of one due job, without moving the clock. False: no job is due.</summary>
    public async Task<bool> StepAsync()
    {
        if (await Portal.Conductor.LeaseDueAsync(1, Token) is not [{ } leased])
        {
            return false;
        }

        await Portal.Conductor.StepAsync(leased, Token);
        return true;
    }

    public async Task<PodWatchReport> LookAtPodsAsync()
    {
        PodWatchReport report = await Portal.Watch.TickAsync(Token);
        watchAt = Now + report.NextIn;
        return report;
    }

    private async Task RunAsync(Func<bool> holds, string what, DateTimeOffset end)
    {
        while (!holds())
        {
            if (await StepAsync())
            {
                continue;
            }

            if (PodLoopRuns && (watchAt <= Now || HasPodToEnd()))
            {
                await LookAtPodsAsync();
                await Portal.LookAtHostedAsync(Token);
                await Portal.Providers.LookAsync(Token);
                await Portal.Settlement.RunAsync(Token);
                await Portal.LookAtFilesAsync(Token);
                continue;
            }

            DateTimeOffset? due = Now + (await Portal.Conductor.NextDueAsync(Token) - clock.GetUtcNow());
            DateTimeOffset next = PodLoopRuns ? (due < watchAt ? due.Value : watchAt) : due ?? end;
            Assert.True(Now < end, $"Not within {Patience}: {what}. {Describe()}");
            World.Clock.SetUtcNow(next < end ? next : end);
        }
    }

    private IReadOnlyList<HostedTraining> HostedOf(JobId id, HostedKind kind) =>
        [.. World.Database.HostedOf[id].Where(one => one.Kind == kind).OrderBy(one => one.Attempt).ThenBy(one => one.Try)];

    private IReadOnlyList<ReplicateRecord> VendorRuns(bool predictions)
    {
        World.Cloud.World.AdvanceTo(Now);
        return [.. World.Cloud.World.Replicate.Records.Where(one => one.IsPrediction == predictions)];
    }

    private bool HasPodToEnd() => World.Database.Pods.Rows.Any(pod =>
        pod is { Want: PodWant.Released, TerminateAttempts: 0, PodId: not null } && pod.Saw != PodSaw.Gone && !(pod.NextActionAt > Now));

    private string Describe() => string.Join(
        Environment.NewLine,
        World.Database.Jobs.Rows.Select(job => $"{job.State} {job.WaitReason} {job.Failure}")
            .Concat(World.Database.Pods.Rows.Select(pod => $"{pod.Name} {pod.Want} {pod.Saw} {pod.LastError}"))
            .Concat(World.Database.Events.TakeLast(15).Select(fact => $"{fact.Kind}: {fact.Message}")));
}
