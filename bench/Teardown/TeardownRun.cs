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

/// <param name="Job">How the job ended.</param>
/// <param name="Seconds">From the job's end to the moment at which its pod was verified gone.</param>
/// <param name="OrphanDollarSeconds">Hourly price times the seconds for which the pod really outlived its job.</param>
internal sealed record TeardownEnd(TrainingState Job, double Seconds, TeardownFault Fault, double OrphanDollarSeconds);

/// <summary>Jobs through the simulated portal, the clock jumping to the next instant at which something is to do.</summary>
internal sealed class TeardownRun(int seed, int jobs)
{
    private static readonly string[] Faults = [FaultKind.Delete500, FaultKind.DeleteIgnored, FaultKind.Delete404];

    private readonly Random random = new(seed);
    private readonly SimulatedWorld world = new(seed) { Budget = new BudgetRules(Usd.FromDollars(1_000_000), Usd.FromDollars(900_000)) };
    private readonly Dictionary<JobId, TeardownFault> faultOf = [];
    private readonly HashSet<string> counted = [];
    private readonly HashSet<JobId> toCancel = [];

    public List<TeardownEnd> Ends { get; } = [];

    /// <summary>Pods that were let go while their job went on: they did not outlive it.</summary>
    public int EndedBeforeTheirJob { get; private set; }

    /// <summary>How the jobs ended that never had a pod: there is nothing to tear down.</summary>
    public IReadOnlyList<TrainingState> WithoutPod =>
        [.. world.Database.Jobs.Rows.Where(job => world.Database.Pods.Rows.All(pod => pod.Job != job.Id || pod.PodId is null)).Select(job => job.State)];

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

            await CancelAsync(portal, cancellationToken);
            foreach (LeasedJob leased in await portal.Conductor.LeaseDueAsync(8, cancellationToken))
            {
                await portal.Conductor.StepAsync(leased, cancellationToken);
            }

            bool toEnd = world.Database.Pods.Rows.Any(pod => pod is { Want: PodWant.Released, TerminateAttempts: 0, PodId: not null } && pod.Saw != PodSaw.Gone);
            if (alive && (watchAt <= now || toEnd))
            {
                watchAt = now + (await portal.Watch.TickAsync(cancellationToken)).NextIn;
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
        AddEnd(accepted.Job);
        if (fault != TeardownFault.None)
        {
            double seconds = fault == TeardownFault.Short ? random.Next(1, 31) : random.Next(120, 1800);
            world.Cloud.World.Faults.Add(Faults[random.Next(Faults.Length)], match: accepted.Job.Value.ToString("N"), seconds: seconds);
        }
    }

    /// <summary>One job in five ends otherwise than completed: by a failed training, by a person, or at its limit.</summary>
    private void AddEnd(JobId job)
    {
        double draw = random.NextDouble();
        if (draw < 0.10)
        {
            world.Cloud.World.Faults.Add(FaultKind.TrainingFails, match: job.Value.ToString("N"));
        }
        else if (draw < 0.18)
        {
            toCancel.Add(job);
        }
        else if (draw < 0.20)
        {
            world.Cloud.World.Faults.Add(FaultKind.TrainingHangs, match: job.Value.ToString("N"));
        }
    }

    private async Task CancelAsync(SimulatedPortal portal, CancellationToken cancellationToken)
    {
        foreach (JobId job in toCancel.Where(job => world.Database.Jobs.Find(job) is { State: TrainingState.Training, Figures: not null }).ToList())
        {
            toCancel.Remove(job);
            await portal.Desk.CancelAsync(job, "Not wanted any more", new Actor(ActorKind.Person, "bench"), cancellationToken);
        }
    }

    private void Count(DateTimeOffset now)
    {
        foreach (LedgerPod pod in world.Database.Pods.Rows.Where(pod => pod is { Saw: PodSaw.Gone, PodId: not null } && !counted.Contains(pod.Name)).ToList())
        {
            counted.Add(pod.Name);
            TrainingJob job = world.Database.Jobs.Find(pod.Job)!;
            if (job.CompletedAt is not { } ended)
            {
                EndedBeforeTheirJob++;
                continue;
            }

            PodRecord truth = world.Cloud.World.Pods.Single(record => record.Id == pod.PodId);
            double outlived = Math.Max(0, (truth.History[^1].At - ended).TotalSeconds);
            Ends.Add(new TeardownEnd(job.State, (now - ended).TotalSeconds, faultOf[pod.Job], outlived * (double)(pod.HourlyRate?.Dollars ?? 0)));
        }
    }
}
