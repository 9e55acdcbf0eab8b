using System.Text;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;

namespace LoraAdmin.Bench.Teardown;

internal enum TeardownFault
{
    None,
    Short,
    Long,
}

/// <param name="Seconds">From the job's end to the moment at which its pod was verified gone.</param>
internal sealed record TeardownEnd(double Seconds, TeardownFault Fault);

/// <summary>Jobs through the simulated portal, the clock jumping to the next instant at which something is to do.</summary>
internal sealed class TeardownRun(int seed, int jobs)
{
    private static readonly string[] Faults = [FaultKind.Delete500, FaultKind.DeleteIgnored, FaultKind.Delete404];

    private readonly Random random = new(seed);
    private readonly SimulatedWorld world = new(seed) { Budget = new BudgetRules(Usd.FromDollars(1_000_000), Usd.FromDollars(900_000)) };
    private readonly Dictionary<JobId, TeardownFault> faultOf = [];
    private readonly HashSet<string> counted = [];

    public List<TeardownEnd> Ends { get; } = [];

    /// <summary>Hourly price times seconds, over all pods.</summary>
    public double OrphanDollarSeconds { get; private set; }

    public double OrphanDollars => OrphanDollarSeconds / 3600;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        SimulatedPortal portal = new(world, new Mortality(_ => false), "bench");
        Queue<DateTimeOffset> arrivals = new(Enumerable.Range(0, jobs).Select(_ => random.NextDouble()).Order().Select(part => SimulatedWorld.Start + TimeSpan.FromHours(40 * part * jobs / 1000)));
        DateTimeOffset watchAt = SimulatedWorld.Start;
        int number = 0;
        while (true)
        {
            DateTimeOffset? due = await portal.Conductor.NextDueAsync(cancellationToken);
            bool alive = world.Database.Pods.Rows.Any(pod => pod.Saw != PodSaw.Gone);
            DateTimeOffset? next = Earliest(due, arrivals.TryPeek(out DateTimeOffset arrival) ? arrival : null, alive ? watchAt : null);
            if (next is not { } at)
            {
                break;
            }

            if (at > world.Clock.GetUtcNow())
            {
                world.Clock.SetUtcNow(at);
            }

            DateTimeOffset now = world.Clock.GetUtcNow();
            while (arrivals.TryPeek(out DateTimeOffset first) && first <= now)
            {
                arrivals.Dequeue();
                await SubmitAsync(portal, number++, cancellationToken);
            }

            foreach (LeasedJob leased in await portal.Conductor.LeaseDueAsync(8, cancellationToken))
            {
                await portal.Conductor.StepAsync(leased, cancellationToken);
            }

            bool toEnd = world.Database.Pods.Rows.Any(pod => pod is { Want: PodWant.Released, TerminateAttempts: 0, PodId: not null } && pod.Saw != PodSaw.Gone);
            if (alive && (watchAt <= now || toEnd))
            {
                watchAt = now + (await portal.Watch.TickAsync(cancellationToken)).NextIn;
                await PodStarts.StartAsync(world.Database, portal.Provider, now, cancellationToken);
                await portal.Settlement.RunAsync(cancellationToken);
                Count(now);
            }
        }
    }

    private static DateTimeOffset? Earliest(params DateTimeOffset?[] instants) => instants.Where(instant => instant is not null).Min();

    private async Task SubmitAsync(SimulatedPortal portal, int number, CancellationToken cancellationToken)
    {
        UserId user = new(new Guid(number + 1, 0, 0, new byte[8]));
        string key = $"{user}/{new Guid(number + 1, 1, 0, new byte[8]):D}/0";
        world.Objects.Set(new ObjectRef(Buckets.TrainingImages, key), Encoding.UTF8.GetBytes($"image {number}"), "image/jpeg");
        TrainingRequest request = new() { UserId = user, Name = $"lora {number}", CreatorEmail = "creator-17@example.org", ImageKeys = [key] };
        if (await portal.Desk.SubmitAsync(request, null, Actor.Portal("bench"), cancellationToken) is not SubmitOutcome.Accepted accepted)
        {
            throw new InvalidOperationException($"Job {number} was not admitted.");
        }

        double draw = random.NextDouble();
        TeardownFault fault = draw < 0.05 ? TeardownFault.Short : draw < 0.06 ? TeardownFault.Long : TeardownFault.None;
        faultOf[accepted.Job] = fault;
        if (fault != TeardownFault.None)
        {
            double seconds = fault == TeardownFault.Short ? random.Next(1, 31) : random.Next(120, 1800);
            world.Cloud.World.Faults.Add(Faults[random.Next(Faults.Length)], match: accepted.Job.Value.ToString("N"), seconds: seconds);
        }
    }

    private void Count(DateTimeOffset now)
    {
        foreach (LedgerPod pod in world.Database.Pods.Rows.Where(pod => pod is { Saw: PodSaw.Gone, PodId: not null } && !counted.Contains(pod.Name)).ToList())
        {
            counted.Add(pod.Name);
            DateTimeOffset ended = world.Database.Jobs.Find(pod.Job)!.CompletedAt!.Value;
            Ends.Add(new TeardownEnd((now - ended).TotalSeconds, faultOf[pod.Job]));
            PodRecord truth = world.Cloud.World.Pods.Single(record => record.Id == pod.PodId);
            double outlived = (truth.History[^1].At - ended).TotalSeconds;
            OrphanDollarSeconds += Math.Max(0, outlived) * (double)(pod.HourlyRate?.Dollars ?? 0);
        }
    }
}
