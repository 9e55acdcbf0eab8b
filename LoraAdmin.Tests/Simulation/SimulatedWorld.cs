using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation.Memory;
using Microsoft.Extensions.Time.Testing;

namespace LoraAdmin.Tests.Simulation;

/// <summary>All that outlives a portal's process: clock, vendor, database, buckets, disk.</summary>
public sealed class SimulatedWorld
{
    public const string ApiKey = "key-of-the-simulated-account";

    /// <summary>How pods of another installation are named, before a number.</summary>
    public const string NeighboursPods = "lora-5eed0002-00000000000000000000000000000001-1-";

    public static readonly DateTimeOffset Start = new(2026, 3, 30, 0, 0, 0, TimeSpan.Zero);

    private readonly List<MemorySpool> disks;

    /// <param name="neighbour">Works on the same vendor account, by the same clock.</param>
    public SimulatedWorld(int seed, SimulatedWorld? neighbour = null, string installation = "5eed0001", DateTimeOffset? start = null)
    {
        Clock = neighbour?.Clock ?? new FakeTimeProvider(start ?? Start);
        Ids = new SeededIds(seed);
        Database = new MemoryDatabase(Clock);
        Objects = new MemoryObjectStore(Clock);
        Redis = new MemoryCircuitStore(Clock, () => Breaker);
        HostedRedis = new MemoryCircuitStore(Clock, () => Breaker);
        disks = [new MemorySpool("disk-1")];
        LocalCloudOptions cloud = new() { Speed = 1, ArtifactBytes = 4096, ValidationPixels = 8, Seed = seed, StartBalanceUsd = 10_000 };
        Cloud = neighbour?.Cloud ?? NewCloud(cloud, seed);
        Installation = new Installation(installation, CloudKind.Local, Ids.Secret(32), Clock.GetUtcNow());
    }

    /// <summary>A vendor of its own, which reads this world's buckets by the links that it is given.</summary>
    public LocalCloudFace NewCloud(LocalCloudOptions options, int seed) => new(
        options, new LocalCloudKeys(ApiKey, "control"), Clock, new SeededIds(seed + 1_000_000), new NoJournal(), Links.FetchAsync);

    public event Action<MemorySpool>? DiskAdded;

    /// <summary>The disk of the instance with this number, from 1.</summary>
    public MemorySpool SpoolOf(int number)
    {
        while (disks.Count < number)
        {
            disks.Add(new MemorySpool($"disk-{disks.Count + 1}"));
            DiskAdded?.Invoke(disks[^1]);
        }

        return disks[number - 1];
    }

    /// <summary>Which key the portal is given at its next start.</summary>
    public string ApiKeyInUse { get; set; } = ApiKey;

    public FakeTimeProvider Clock { get; }
    public SeededIds Ids { get; }

    /// <summary>What is committed: where the portal works in memory, its database itself; else what was read from it.</summary>
    public MemoryDatabase Database { get; }

    /// <summary>What the portal works on.</summary>
    public IUnitOfWork Work { get => field ?? Database; set; }

    /// <summary>Reads into <see cref="Database"/> what was committed since the last time; where the portal works in memory there is nothing to do.</summary>
    public Action Refresh { get; set; } = static () => { };

    /// <summary>Called after every commit of the portal's.</summary>
    public Action Committed { get; set; } = static () => { };

    /// <summary>Called when an instance has just looked whether any provider takes trainings, and nothing has happened meanwhile.</summary>
    public Action ProvidersSeen { get; set; } = static () => { };

    /// <summary>How long the account was looked at with nothing in the way.</summary>
    public WatchedTime Watched { get; } = new();

    /// <summary>Pods that the pod loop asked to end although its last listing of the account had failed.</summary>
    public HashSet<string> EndedUnlisted { get; } = [];

    /// <summary>Pods whose end a person has asked for, whether or not it was heard.</summary>
    public HashSet<string> EndedByPeople { get; } = [];

    /// <summary>Since when the sweep has a plan that its caps hold back, as the pods page shows it; null: it has none.</summary>
    public DateTimeOffset? SweepHeldBackSince { get; set; }

    public MemoryObjectStore Objects { get; }

    /// <summary>The breaker's shared state.</summary>
    public MemoryCircuitStore Redis { get; }

    /// <summary>The same of the fallback provider's breaker.</summary>
    public MemoryCircuitStore HostedRedis { get; }

    public SimulatedLinks Links => field ??= new SimulatedLinks(Objects, Clock);

    /// <summary>Whether there is a fallback provider, and what it costs: at first there is none.</summary>
    public HostedRules Hosted { get; set; } = new("Replicate is not configured", Usd.FromDollars(5.04m));

    /// <summary>The fallback provider's validation model, at the same price.</summary>
    public static HostedValidationRules ValidationElsewhere { get; } = new(Usd.FromDollars(5.04m), TimeSpan.FromMinutes(15));

    public MemorySpool Spool => disks[0];

    public IReadOnlyList<MemorySpool> Disks => disks;

    /// <summary>The ledger's row of the vendor's pod; null: it has none.</summary>
    public LedgerPod? RowOf(PodRecord pod)
    {
        ArgumentNullException.ThrowIfNull(pod);
        LedgerPod? found = Database.Pods.Find(pod.Name);
        return found?.PodId == pod.Id && Database.PodsById[pod.Id].Count == 1 ? found
            : Database.PodsById[pod.Id].MaxBy(static row => row.Name.Length) ?? (found is { PodId: null } ? found : null);
    }

    public LocalCloudFace Cloud { get; set; }
    public Installation Installation { get; }

    /// <summary>What the portal stores into; a test may put a faulty store before the buckets.</summary>
    public IObjectStore Storage { get => field ?? Objects; set; }

    public IImageInspector Inspector { get; set; } = new FirstByteInspector();
    /// <summary>Looks at the images that the fallback provider's validation model made.</summary>
    public IImageInspector Pictures { get; set; } = new JpegEndsInspector();

    public LimitRules Limits { get; set; } = new(10, 30);
    public BudgetRules Budget { get; set; } = new(Usd.FromDollars(200), Usd.FromDollars(150));

    public SweepCaps Caps { get; set; } = new(20, Usd.FromDollars(20));

    public PodRules Pods { get; set; } = new(TimeSpan.FromMinutes(15), 3) { StoppedHourly = PodPricing.StoppedPerHour(20) };

    public ClockRules Clocks { get; set; } = KnownClocks.Rules;

    public BreakerRules Breaker { get; set; } = new(3, TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(5), null);

    public TrainingRules Training { get; set; } = new()
    {
        MaxDuration = TimeSpan.FromHours(2),
        CreateRetries = [TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(8)],
        ImageRetries = 3,
        UploadRetries = 3,
        RetrieveWithin = TimeSpan.FromMinutes(30),
        QueueWait = TimeSpan.FromHours(1),
        PollEvery = TimeSpan.FromSeconds(15),
        StuckAfter = TimeSpan.FromMinutes(10),
        MinImages = 1,
        MaxImages = 100,
        MaxImageBytes = 20_000_000,
        MaxImagePixels = 40_000_000,
        MaxArtifactBytes = 2_000_000_000,
        MaxConcurrentPods = 10,
        StoreTimeout = TimeSpan.FromMinutes(15),
        ImageRetention = TimeSpan.FromDays(7),
        ReadyWithin = TimeSpan.FromMinutes(20),
        ValidationImages = 3,
        ValidationMustPass = 2,
        ValidationMinimumScore = 0.6,
        GpuTypes = ["NVIDIA A40", "NVIDIA RTX A5000"],
        Image = "trainer:1",
        DiskGb = 40,
        MountGb = 20,
        WorstHourlyPrice = Usd.FromDollars(1),
    };
}
