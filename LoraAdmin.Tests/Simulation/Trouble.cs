using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Platform.LocalCloud;

namespace LoraAdmin.Tests.Simulation;

/// <summary>Makes things go wrong outside the portal, in the ways that LocalCloud and an object store have.</summary>
/// <param name="only">The kinds that come; null: all, and what no kind of LocalCloud's stands for.</param>
public sealed class Trouble(SimulatedWorld world, Random random, IReadOnlyList<string>? only = null)
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
        (FaultKind.ImageCorrupt, 1),
        (FaultKind.ImageCorruptOnce, 4),
        (FaultKind.StorePutFails, 6),
        (FaultKind.StorePutTimeout, 3),
        (FaultKind.StoreStoresOther, 6),
        (FaultKind.StoreFull, 6),
        (FaultKind.SpoolFull, 6),
    ];

    /// <summary>Kinds of the fallback provider, where there is one.</summary>
    private static readonly (string Kind, int Calls)[] CountedElsewhere =
    [
        (FaultKind.ReplicateUnauth401, 2),
        (FaultKind.ReplicateCreate500, 5),
        (FaultKind.ReplicateCreate500ButCreated, 2),
        (FaultKind.ReplicateCreateHangButCreated, 2),
        (FaultKind.ReplicateCreateHangThenLate, 2),
        (FaultKind.ReplicateThrottled, 4),
        (FaultKind.ReplicateBalance402, 1),
        (FaultKind.ReplicateRead500, 8),
        (FaultKind.ReplicateRead404, 4),
        (FaultKind.ReplicateList500, 6),
        (FaultKind.ReplicateCancel500, 5),
        (FaultKind.ReplicateTrainingLost, 1),
        (FaultKind.ReplicateTrainingFails, 1),
        (FaultKind.ReplicateFailsAfterSuccess, 1),
        (FaultKind.ReplicateNoMetrics, 2),
        (FaultKind.ReplicateOutputLate, 3),
        (FaultKind.ReplicateWeightsTar, 4),
        (FaultKind.ReplicateWeightsTruncated, 3),
        (FaultKind.ReplicateRemovalUntold, 2),
        (FaultKind.ReplicateWeights403, 2),
        (FaultKind.ReplicateValidationFails, 1),
        (FaultKind.ReplicatePredictionFails, 2),
        (FaultKind.ReplicatePredictionLost, 1),
        (FaultKind.ReplicateImageCorrupt, 2),
        (FaultKind.ReplicateCancelIgnored, 4),
    ];

    private static readonly TimeSpan LongestHold = TimeSpan.FromHours(3);

    /// <summary>Kinds that also come as an outage of some minutes.</summary>
    private static readonly string[] Outages =
    [
        FaultKind.Create500, FaultKind.List500, FaultKind.Delete500, FaultKind.AgentUnreachable, FaultKind.NoCapacity, FaultKind.StoreFull, FaultKind.SpoolFull,
    ];

    /// <summary>Kinds that keep the pod loop from seeing a pod, or from ending one that it sees.</summary>
    private static readonly string[] OfListingsAndEnds =
    [
        FaultKind.Unauth401, FaultKind.Forbidden403, FaultKind.Rate429, FaultKind.Early404,
        FaultKind.ListEmpty, FaultKind.ListPartial, FaultKind.List500, FaultKind.ListSlow, FaultKind.ListUnknownStatus,
        FaultKind.Delete500, FaultKind.DeleteIgnored, FaultKind.Delete404,
    ];

    /// <summary>Every kind that may come.</summary>
    public static IReadOnlyList<string> Kinds { get; } = [.. Counted.Concat(CountedElsewhere).Select(static one => one.Kind).Union(Outages)];

    /// <summary>Kinds that no portal here would notice: it hears no webhooks, and reads no bills.</summary>
    public static IReadOnlyList<string> Unnoticed { get; } =
    [
        FaultKind.ReplicateWebhookTwice, FaultKind.ReplicateWebhookOutOfOrder, FaultKind.ReplicateWebhookLost,
        FaultKind.Billing500, FaultKind.BillingGap, FaultKind.BillingTwice, FaultKind.BillingLate, FaultKind.BillingUnknownPod, FaultKind.BillingNegative,
        FaultKind.BillingDearer,
    ];

    /// <summary>Whether something stands in the pod loop's way, or is about to.</summary>
    public static bool HindersPods(FaultTable faults, DateTimeOffset now)
    {
        foreach (Fault fault in faults.Pending)
        {
            if (!(fault.WindowUntil <= now) && OfListingsAndEnds.Contains(fault.Kind))
            {
                return true;
            }
        }

        return false;
    }

    private readonly (string Kind, int Calls)[] counted = [.. Counted.Where(one => only?.Contains(one.Kind) != false)];
    private readonly string[] outages = [.. Outages.Where(kind => only?.Contains(kind) != false)];

    /// <summary>Begins one bad moment and says which.</summary>
    public string Begin()
    {
        if (world.Hosted.WhyNot is null && only is null && random.Next(2) == 0)
        {
            return BeginElsewhere();
        }

        int which = random.Next(counted.Length + outages.Length + (only is null ? 4 : 0));
        if (which < counted.Length)
        {
            (string kind, int most) = counted[which];
            int count = random.Next(1, most + 1);
            world.Cloud.World.Faults.Add(kind, count);
            return $"{kind} {count} times";
        }

        int minutes = random.Next(1, 45);
        if (which < counted.Length + outages.Length)
        {
            string kind = outages[which - counted.Length];
            world.Cloud.World.Faults.Add(kind, seconds: minutes * 60);
            return $"{kind} for {minutes} minutes";
        }

        switch (which - counted.Length - outages.Length)
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
