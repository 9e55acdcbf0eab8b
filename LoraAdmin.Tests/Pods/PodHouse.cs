using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;

namespace LoraAdmin.Tests.Pods;

/// <summary>One installation's pod loop on LocalCloud in memory, driven by a fake clock.</summary>
internal sealed class PodHouse
{
    private int made;

    /// <param name="ahead">How far the portal's clock is ahead of RunPod's.</param>
    public PodHouse(SimulatedWorld? world = null, TimeSpan ahead = default)
    {
        World = world ?? new SimulatedWorld(1);
        Portal = new SimulatedPortal(World, new Mortality(_ => false), "one", clock: ahead == default ? null : new MachineClock(World.Clock, ahead, drift: 0));
    }

    public SimulatedWorld World { get; }

    public SimulatedPortal Portal { get; }

    public IReadOnlyList<LedgerPod> Rows => [.. World.Database.Pods.Rows];

    public IReadOnlyList<OperationalEvent> Facts => World.Database.Events;

    public static CancellationToken None => Xunit.TestContext.Current.CancellationToken;

    public JobId NextJob() => new(World.Ids.Next());

    public string NextName(string? installation = null) => PodNames.For(installation ?? World.Installation.Id, NextJob(), 1, ++made);

    /// <summary>A pod that runs on the account, whoever asked for it; its agent answers our token and has not trained.</summary>
    public PodRecord AddPod(string name, bool agentKnowsUs = true) => AddPod(World, name, agentKnowsUs);

    /// <inheritdoc cref="AddPod(string, bool)"/>
    public static PodRecord AddPod(SimulatedWorld world, string name, bool agentKnowsUs = true)
    {
        world.Cloud.World.AdvanceTo(world.Clock.GetUtcNow());
        PodRecord pod = world.Cloud.World.Create((id, at) => new PodRecord
        {
            Id = id,
            Name = name,
            Image = "trainer:1",
            GpuId = "NVIDIA A40",
            GpuRate = 0.40m,
            DiskGb = 40,
            MountGb = 20,
            MountPath = "/workspace",
            Env = new() { [AgentToken.Variable] = agentKnowsUs ? AgentToken.For(world.Installation.AgentKey, name) : "another's" },
            CreatedAt = at,
            Status = PodStatus.Running,
        });
        return pod;
    }

    /// <summary>The pod's agent trains and has no file yet.</summary>
    public void BeginTraining(PodRecord pod)
    {
        DateTimeOffset now = World.Clock.GetUtcNow();
        AgentSimulation.Start(pod.Agent, new AgentOrder("job", "lora", "Mara", 1, 0, 7200), now);
        pod.Agent.LeaseUntil = now.AddDays(30);
        World.Cloud.World.Touch(pod);
    }

    /// <summary>The pod's agent has a finished file that is nowhere else.</summary>
    public void FinishTraining(PodRecord pod)
    {
        DateTimeOffset now = World.Clock.GetUtcNow();
        pod.Agent.Order = new AgentOrder("job", "lora", "Mara", 1, 0, 7200);
        pod.Agent.TrainingStartedAt = now;
        pod.Agent.TrainingEndedAt = now;
        pod.Agent.HasArtifact = true;
        pod.Agent.ValidationEnded = true;
        pod.Agent.LeaseUntil = now.AddDays(30);
        World.Cloud.World.Touch(pod);
    }

    /// <summary>A ledger row for the pod, as the launcher leaves it.</summary>
    public async Task<LedgerPod> KnowAsync(PodRecord pod, Func<LedgerPod, LedgerPod>? change = null)
    {
        PodName name = PodNames.Parse(pod.Name)!;
        LedgerPod row = new()
        {
            Name = pod.Name,
            Job = name.Job,
            Attempt = name.Attempt,
            Try = name.Try,
            Want = PodWant.Needed,
            Saw = PodSaw.Running,
            PodId = pod.Id,
            GpuType = pod.GpuId,
            HourlyRate = Usd.FromDollars(pod.GpuRate),
            RequestedAt = pod.CreatedAt,
            CreatedAt = pod.CreatedAt,
            WantSince = pod.CreatedAt,
            LiveUntil = pod.CreatedAt.AddHours(3),
        };
        row = change?.Invoke(row) ?? row;
        await World.Database.RunAsync((unit, token) => unit.Store<IPodLedger>().AddAsync(row, token), None);
        return row;
    }

    public void Pass(TimeSpan time) => World.Clock.Advance(time);

    /// <summary>Runs the loop at its own pace for as long as said.</summary>
    public async Task RunAsync(TimeSpan length, PodWatch? watch = null)
    {
        DateTimeOffset end = World.Clock.GetUtcNow() + length;
        while (World.Clock.GetUtcNow() < end)
        {
            PodWatchReport report = await (watch ?? Portal.Watch).TickAsync(None);
            World.Clock.Advance(report.NextIn);
        }
    }

    public async Task<SweepPlan> PlanAsync() => ((SweepPlanning.Planned)await Portal.Sweep.PlanAsync(None)).Plan;
}
