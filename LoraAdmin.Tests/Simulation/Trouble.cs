using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Platform.LocalCloud;

namespace LoraAdmin.Tests.Simulation;

/// <summary>Makes things go wrong outside the portal, in the ways that LocalCloud and an object store have.</summary>
public sealed class Trouble(SimulatedWorld world, Random random)
{
    /// <summary>Kinds that hit a number of calls, and how many at most.</summary>
    private static readonly (string Kind, int Calls)[] Counted =
    [
        (FaultKind.NoCapacity, 6),
        (FaultKind.Create500, 5),
        (FaultKind.Create500ButCreated, 3),
        (FaultKind.CreateHangButCreated, 2),
        (FaultKind.Rate429, 3),
        (FaultKind.Unauth401, 4),
        (FaultKind.Balance402, 3),
        (FaultKind.Validate422, 2),
        (FaultKind.List500, 10),
        (FaultKind.Delete500, 8),
        (FaultKind.DeleteIgnored, 5),
        (FaultKind.Early404, 2),
        (FaultKind.AgentUnreachable, 40),
        (FaultKind.TrainingFails, 1),
        (FaultKind.TrainingHangs, 1),
        (FaultKind.HeartbeatStops, 1),
        (FaultKind.CreateHangThenLate, 2),
        (FaultKind.ListEmpty, 3),
        (FaultKind.ListPartial, 6),
        (FaultKind.ListSlow, 2),
        (FaultKind.ListUnknownStatus, 4),
        (FaultKind.Delete404, 4),
        (FaultKind.Forbidden403, 3),
        (FaultKind.PodExits, 1),
        (FaultKind.PodVanishes, 1),
        (FaultKind.StuckProvisioning, 1),
        (FaultKind.StartWithoutGpu, 3),
        (FaultKind.ArtifactTruncated, 3),
        (FaultKind.ArtifactAltered, 2),
        (FaultKind.ArtifactNotSafetensors, 1),
        (FaultKind.ArtifactSlow, 2),
        (FaultKind.ValidationFails, 1),
    ];

    /// <summary>Kinds of the fallback provider, where there is one.</summary>
    private static readonly (string Kind, int Calls)[] CountedElsewhere =
    [
        (FaultKind.ReplicateCreate500, 5),
        (FaultKind.ReplicateCreate500ButCreated, 2),
        (FaultKind.ReplicateCreateHangButCreated, 2),
        (FaultKind.ReplicateThrottled, 4),
        (FaultKind.ReplicateBalance402, 1),
        (FaultKind.ReplicateRead500, 8),
        (FaultKind.ReplicateList500, 6),
        (FaultKind.ReplicateCancel500, 5),
        (FaultKind.ReplicateTrainingLost, 1),
        (FaultKind.ReplicateTrainingFails, 1),
        (FaultKind.ReplicateFailsAfterSuccess, 1),
        (FaultKind.ReplicateWeightsTar, 4),
        (FaultKind.ReplicateWeightsTruncated, 3),
    ];

    private static readonly TimeSpan LongestHold = TimeSpan.FromHours(3);

    /// <summary>Kinds that also come as an outage of some minutes.</summary>
    private static readonly string[] Outages = [FaultKind.Create500, FaultKind.List500, FaultKind.Delete500, FaultKind.AgentUnreachable, FaultKind.NoCapacity];

    /// <summary>Begins one bad moment and says which.</summary>
    public string Begin()
    {
        if (world.Hosted.WhyNot is null && random.Next(2) == 0)
        {
            return BeginElsewhere();
        }

        int which = random.Next(Counted.Length + Outages.Length + 4);
        if (which < Counted.Length)
        {
            (string kind, int most) = Counted[which];
            int count = random.Next(1, most + 1);
            world.Cloud.World.Faults.Add(kind, count);
            return $"{kind} {count} times";
        }

        int minutes = random.Next(1, 45);
        if (which < Counted.Length + Outages.Length)
        {
            string kind = Outages[which - Counted.Length];
            world.Cloud.World.Faults.Add(kind, seconds: minutes * 60);
            return $"{kind} for {minutes} minutes";
        }

        switch (which - Counted.Length - Outages.Length)
        {
            case 0:
                world.Redis.AwayUntil = world.Clock.GetUtcNow() + TimeSpan.FromMinutes(minutes);
                return $"Redis away for {minutes} minutes";
            case 1:
                world.Redis.Lose();
                return "Redis restarted empty";
        }

        world.Objects.AwayUntil = world.Clock.GetUtcNow() + TimeSpan.FromMinutes(minutes);
        return $"storage away for {minutes} minutes";
    }

    /// <summary>A bad moment of the fallback provider, or RunPod held open, so that jobs go there.</summary>
    private string BeginElsewhere()
    {
        int which = random.Next(CountedElsewhere.Length + 6);
        if (which < CountedElsewhere.Length)
        {
            (string kind, int most) = CountedElsewhere[which];
            int count = random.Next(1, most + 1);
            world.Cloud.World.Faults.Add(kind, count);
            return $"{kind} {count} times";
        }

        TimeSpan length = LongestHold * random.NextDouble();
        world.Redis.State = CircuitMachine.Apply(
            world.Redis.State, new CircuitCall.Isolate("ada", "RunPod moves", length, ""), world.Clock.GetUtcNow(), world.Breaker).Circuit;
        return $"RunPod's breaker is held open for {length.TotalMinutes:0} minutes";
    }
}

/// <summary>An object store that has bad moments: the portal sees this one, the invariants look behind it.</summary>
public sealed class UnsteadyObjectStore(IObjectStore inner, Func<DateTimeOffset?> awayUntil, TimeProvider clock) : IObjectStore
{
    private const string Away = "503 Service Unavailable";

    public async Task<PutOutcome> PutAsync(ObjectRef target, Stream content, string contentType, CancellationToken cancellationToken) =>
        IsAway ? new PutOutcome.Failed(Away) : await inner.PutAsync(target, content, contentType, cancellationToken);

    public async Task<ObjectReading> OpenAsync(ObjectRef target, CancellationToken cancellationToken) =>
        IsAway ? new ObjectReading.Unavailable(Away) : await inner.OpenAsync(target, cancellationToken);

    public async Task<bool> DeleteAsync(ObjectRef target, CancellationToken cancellationToken) =>
        !IsAway && await inner.DeleteAsync(target, cancellationToken);

    private bool IsAway => clock.GetUtcNow() < awayUntil();
}
