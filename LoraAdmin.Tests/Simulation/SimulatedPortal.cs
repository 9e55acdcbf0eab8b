using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
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
        BreakerGate gate = new(breaker, instance, KeyMarks.Of(world.ApiKeyInUse));
        RunPodClient provider = new(wire, gate);
        PodAgentOptions agentOptions = new() { UrlTemplate = $"{cloud}/agents/{{pod}}" };
        HttpPodAgent agent = new(http, Options.Create(agentOptions), () => world.Installation, clock, NullLogger<HttpPodAgent>.Instance);
        GpuPrices prices = new(provider, clock);
        TrainingPlaces places = new(work, clock, () => world.Training);
        ProviderFunds funds = new(work, new RunPodBalance(wire), prices, clock, () => world.Training);
        PodLauncher launcher = new(work, provider, gate, clock, () => world.Installation);
        ITrainingStep[] steps =
        [
            new QueuedStep(work, places, gate, clock, () => world.Training),
            new PreparingStep(work, objects, world.Inspector, () => world.Training),
            new ProvisioningStep(work, launcher, prices, places, funds, agent, clock, () => world.Training, () => world.Installation),
            new RunningStep(work, agent, objects, clock, () => world.Training, Clocks),
            new RetrievingStep(work, agent, spool, clock, () => world.Training),
            new UploadingStep(work, objects, spool, clock, () => world.Training),
            new ValidatingStep(work, () => world.Training),
        ];
        Conductor = new TrainingConductor(work, steps, agent, spool, new JobEnding(world.Ids, () => world.Training, () => world.Budget), clock, instance);
        FileProofs proofs = new(work, agent, spool, clock);
        Breaker = breaker;
        BreakerDesk = new BreakerDesk(work, breaker);
        BreakerWatch = new BreakerWatch(work, breaker, clock);
        Provider = provider;
        Proofs = proofs;
        Sweep = new PodSweep(work, provider, proofs, clock, () => world.Caps, () => world.Pods, () => world.Installation, Clocks);
        Watch = new PodWatch(work, new WitnessedProvider(provider, world.EndedUnlisted), Sweep, proofs, clock, () => world.Pods, Clocks);
        Pods = new PodDesk(work, provider, Sweep, proofs, clock, () => world.Installation);
        Switches = new TrainingSwitches(work, clock);
        Settlement = new AttemptSettlement(work, clock);
        Files = new SpoolSweep(work, spool, clock);
        Uploads = new SpoolUploads(work, objects, spool, clock);
        Reconcile = new SpoolReconcile(work, spool, clock);
        Held = new HeldFiles(work, agent, spool, proofs, clock, () => world.Training, instance);
        Images = new OldImages(work, objects, clock, () => world.Training, Permissions.DeleteImages);
        Heartbeat = new SpoolHeartbeat(work, spool, clock, $"instance of {spool.Id}", spool.Id);
        FilesDesk = new SpoolDesk(work, clock);
        Staging = new UploadStaging(work, objects, world.Inspector, world.Training, world.Ids, clock);
        StaleUploads = new UploadSweep(work, objects, Clocks);
        Desk = new TrainingDesk(work, prices, spool, world.Ids, clock, () => new AdmissionRules(world.Training, world.Budget, world.Limits));
    }

    /// <summary>Whether this instance may run the pod loop now, as the host asks before each tick.</summary>
    public Task<bool> TakeWatchAsync(TimeSpan duration, CancellationToken cancellationToken) => work.RunAsync(
        (unit, token) => unit.Store<ILeaseStore>().TryTakeAsync(PodWatch.LeaseName, name, clock.GetUtcNow(), duration, token), cancellationToken);

    public Mortality Mortality { get; }

    /// <summary>What this process has heard of the clocks around it.</summary>
    public ClockStandings Clocks { get; }

    public TrainingConductor Conductor { get; }
    public SharedBreaker Breaker { get; }
    public BreakerDesk BreakerDesk { get; }
    public BreakerWatch BreakerWatch { get; }
    public IPodProvider Provider { get; }
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

    public TrainingDesk Desk { get; }
}
