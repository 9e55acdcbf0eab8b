using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Domain.Training.Steps;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Platform.Vendors;
using LoraAdmin.Pods;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Tests.Simulation;

/// <summary>One life of the portal's process: production Domain code with the real vendor clients, without a host. Dies whole.</summary>
public sealed class SimulatedPortal
{
    private readonly MortalUnitOfWork work;
    private readonly TimeProvider clock;
    private readonly string name;
    private readonly HostedWatch hostedWatch;
    private readonly Func<bool> isHosted;

    /// <param name="clock">What this process takes for the present; null: the truth.</param>
    /// <param name="storage">What it stores into; null: what the world has.</param>
    public SimulatedPortal(
        SimulatedWorld world, Mortality mortality, string instance, ISpool? disk = null, TimeProvider? clock = null, IObjectStore? storage = null)
    {
        ArgumentNullException.ThrowIfNull(world);
        Mortality = mortality;
        name = instance;
        this.clock = clock ??= world.Clock;
        work = new MortalUnitOfWork(world.Work, mortality, () => world.Committed());
        Clocks = new ClockStandings(clock, () => world.Clocks);
        UnsteadyObjectStore unsteady = new(storage ?? world.Storage, () => world.Objects.AwayUntil, world.Clock);
        TimedObjectStore objects = new(new MortalObjectStore(unsteady, mortality), clock, () => world.Training.StoreTimeout);
        MortalSpool spool = new(disk ?? world.Spool, mortality);
#pragma warning disable RS0030 // In memory: there is no connection to pool.
        HttpClient http = new(
            new OutsideClockHandler(Clocks, ClockStandings.Provider, clock) { InnerHandler = new MortalHandler(new LocalCloudHandler(world.Cloud), mortality) })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
#pragma warning restore RS0030
        string cloud = LocalCloudHandler.Base.ToString();
        RunPodOptions runPod = new() { BaseUrl = $"{cloud}/runpod/v2", ApiKey = world.ApiKeyInUse, Image = "trainer:1", GpuTypes = [.. world.Training.GpuTypes] };
        RunPodWire wire = new(http, Options.Create(runPod), clock, NullLogger<RunPodWire>.Instance);
        SharedBreaker breaker = new(new MortalCircuitStore(world.Redis, mortality), instance, () => world.Breaker, clock);
        BreakerGate gate = new(breaker, instance, KeyMarks.Of(world.ApiKeyInUse), GateWords.RunPod);
        HostedRefusals refusals = new(work, clock);
        SharedBreaker hostedBreaker = new(new MortalCircuitStore(world.HostedRedis, mortality), instance, () => world.Breaker, clock);
        BreakerGate hostedGate = new(hostedBreaker, instance, KeyMarks.Of(world.ApiKeyInUse), GateWords.Replicate, refusals);
        ReplicateOptions replicate = new()
        {
            BaseUrl = $"{cloud}/replicate/v1",
            ApiToken = world.ApiKeyInUse,
            Model = ReplicateFace.Trainer,
            Version = ReplicateFace.TrainerVersion,
            Destination = ReplicateFace.Destination,
            ValidationModel = $"{ReplicateFace.Validator}:{ReplicateFace.ValidatorVersion}",
        };
        ReplicateClient hosted = new(http, Options.Create(replicate), hostedGate, WebhookOf, clock, NullLogger<ReplicateClient>.Instance);
        ReplicatePredictions predictions = new(hosted, Options.Create(replicate), WebhookOf);
        Hosted = hosted;
        HostedFallback fallback = new(hostedGate, refusals, new HostedRoom(work, clock, () => world.Hosted, () => world.Training.MaxDuration, () => world.Budget, Clocks), () => world.Hosted);
        Providers = new ProvidersWatch(work, gate, fallback, clock);
        HostedLauncher hostedLauncher = new(
            work,
            new TrainingMaking(Hosted, new HostedImages(work, objects, new MemoryScratch(), world.Links)),
            hostedGate,
            clock,
            () => world.Installation,
            () => world.Hosted);
        HostedValidation validation = new(
            work,
            predictions,
            new HostedLauncher(
                work,
                new PredictionMaking(work, Hosted, predictions, clock, () => world.Training, Clocks),
                new UngatedCreations(),
                clock,
                () => world.Installation,
                () => world.Hosted),
            spool,
            world.Pictures,
            clock,
            () => world.Training,
            () => world.Hosted,
            Clocks);
        hostedWatch = new HostedWatch(work, Hosted, predictions, objects, clock, Clocks);
        isHosted = () => world.Hosted.WhyNot is null;
        RunPodClient provider = new(wire, gate);
        PodAgentOptions agentOptions = new() { UrlTemplate = $"{cloud}/agents/{{pod}}" };
        HttpPodAgent agent = new(http, Options.Create(agentOptions), () => world.Installation, clock, NullLogger<HttpPodAgent>.Instance);
        GpuPrices prices = new(provider, clock);
        TrainingPlaces places = new(work, clock, () => world.Training);
        ProviderFunds funds = new(work, new RunPodBalance(wire), prices, clock, () => world.Training);
        PodLauncher launcher = new(work, provider, gate, clock, () => world.Installation);
        ITrainingStep[] steps =
        [
            new QueuedStep(work, places, gate, fallback, clock, () => world.Training),
            new PreparingStep(work, objects, world.Inspector, () => world.Training),
            new StepByProvider(
                new ProvisioningStep(work, launcher, prices, places, funds, fallback, agent, clock, () => world.Training, () => world.Installation),
                new HostedProvisioningStep(hostedLauncher, Hosted, new HostedReturn(work, gate, clock, () => world.Training), places, clock, () => world.Training, () => world.Hosted, Clocks)),
            new StepByProvider(
                new RunningStep(work, agent, objects, clock, () => world.Training, Clocks), new HostedRunningStep(work, Hosted, clock, () => world.Training, Clocks)),
            new StepByProvider(
                new RetrievingStep(work, agent, spool, clock, () => world.Training),
                new HostedRetrievingStep(work, Hosted, validation, spool, clock, () => world.Training, Clocks)),
            new UploadingStep(work, objects, spool, clock, () => world.Training),
            new ValidatingStep(work, () => world.Training),
        ];
        Conductor = new TrainingConductor(
            work, steps, agent, Hosted, spool, new JobEnding(world.Ids, () => world.Training, () => world.Budget, () => world.Hosted, Clocks), clock, instance);
        Hints = new HostedHints(work, clock);
        FileProofs proofs = new(work, agent, spool, clock);
        Breaker = breaker;
        BreakerDesk = new BreakerDesk(work, subject => subject == BreakerSubject.RunPod ? breaker : hostedBreaker);
        BreakerWatch = new BreakerWatch(work, breaker, clock, BreakerSubject.RunPod);
        HostedBreaker = hostedBreaker;
        HostedBreakerWatch = new BreakerWatch(work, hostedBreaker, clock, BreakerSubject.Replicate);
        Provider = provider;
        Billing = new RunPodBilling(wire);
        Proofs = proofs;
        Sweep = new PodSweep(work, provider, proofs, clock, () => world.Caps, () => world.Pods, () => world.Installation, Clocks);
        Watch = new PodWatch(work, new WitnessedProvider(provider, world.EndedUnlisted), Sweep, proofs, clock, () => world.Pods, Clocks);
        Pods = new PodDesk(work, provider, Sweep, proofs, clock, () => world.Installation);
        Switches = new TrainingSwitches(work, clock);
        Settlement = new AttemptSettlement(work, clock, () => world.Budget, () => world.Training, Clocks);
        Files = new SpoolSweep(work, spool, clock);
        Uploads = new SpoolUploads(work, objects, spool, clock);
        Reconcile = new SpoolReconcile(work, spool, clock);
        Held = new HeldFiles(work, agent, spool, proofs, clock, () => world.Training, instance);
        Images = new OldImages(work, objects, clock, () => world.Training, Permissions.DeleteImages);
        Heartbeat = new SpoolHeartbeat(work, spool, clock, $"instance of {spool.Id}", spool.Id);
        FilesDesk = new SpoolDesk(work, clock);
        Staging = new UploadStaging(work, objects, world.Inspector, world.Training, world.Ids, clock);
        StaleUploads = new UploadSweep(work, objects, Clocks);
        Estimate = new JobEstimate(prices, () => world.Training);
        Desk = new TrainingDesk(work, prices, spool, world.Ids, clock, () => new AdmissionRules(world.Training, world.Budget, world.Limits), Clocks);
    }

    private static string WebhookOf(string name) => $"https://portal.example.org/webhooks/replicate?name={name}";

    /// <summary>Whether this instance may run the pod loop now, as the host asks before each tick.</summary>
    public Task<bool> TakeWatchAsync(TimeSpan duration, CancellationToken cancellationToken) => work.RunAsync(
        (unit, token) => unit.Store<ILeaseStore>().TryTakeAsync(PodWatch.LeaseName, name, clock.GetUtcNow(), duration, token), cancellationToken);

    public Mortality Mortality { get; }

    /// <summary>What this process has heard of the clocks around it.</summary>
    public ClockStandings Clocks { get; }

    public JobEstimate Estimate { get; }

    public TrainingConductor Conductor { get; }
    public IHostedTrainings Hosted { get; }
    public HostedHints Hints { get; }
    public ProvidersWatch Providers { get; }
    public SharedBreaker Breaker { get; }
    public BreakerDesk BreakerDesk { get; }
    public BreakerWatch BreakerWatch { get; }

    /// <summary>The same of the fallback provider.</summary>
    public SharedBreaker HostedBreaker { get; }
    public BreakerWatch HostedBreakerWatch { get; }
    public IPodProvider Provider { get; }
    public IPodBilling Billing { get; }
    public IFileProofs Proofs { get; }
    public PodSweep Sweep { get; }
    public PodWatch Watch { get; }
    public PodDesk Pods { get; }
    public TrainingSwitches Switches { get; }
    public AttemptSettlement Settlement { get; }
    public SpoolSweep Files { get; }
    public SpoolUploads Uploads { get; }
    public SpoolReconcile Reconcile { get; }
    public HeldFiles Held { get; }
    public OldImages Images { get; }
    public SpoolHeartbeat Heartbeat { get; }
    public SpoolDesk FilesDesk { get; }
    public UploadStaging Staging { get; }
    public UploadSweep StaleUploads { get; }

    /// <summary>What the host's loop over files does each minute.</summary>
    public async Task LookAtFilesAsync(CancellationToken cancellationToken)
    {
        await Heartbeat.RunAsync(cancellationToken);
        await Files.RunAsync(cancellationToken);
        await Reconcile.RunAsync(cancellationToken);
        await Uploads.RunAsync(cancellationToken);
        await Held.RunAsync(cancellationToken);
        await Images.RunOnceAsync(work, cancellationToken);
    }

    /// <summary>What the host's loop over trainings at the fallback provider does.</summary>
    public Task LookAtHostedAsync(CancellationToken cancellationToken) => isHosted() ? hostedWatch.RunAsync(cancellationToken) : Task.CompletedTask;

    public TrainingDesk Desk { get; }
}
