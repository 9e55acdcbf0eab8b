using System.Security.Cryptography;
using System.Text;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;

namespace LoraAdmin.Tests.Simulation;

/// <param name="Length">Jobs arrive during this time; afterwards the run goes on until everything has come to rest.</param>
/// <param name="DeathsPerThousandCrossings">How often the process dies where it touches the outside.</param>
public sealed record SimulationPlan(TimeSpan Length, int JobsPerDay, int DeathsPerThousandCrossings);

/// <param name="EventHash">SHA-256 over every committed fact with its instant: two runs of one seed must agree.</param>
public sealed record SimulationReport(int Seed, string EventHash, int Jobs, int Completed, int Deaths, int Steps, IReadOnlyList<string> LastEvents);

/// <summary>
/// A due-driven run on one thread: the clock jumps to the next instant at which something is to do. Between any two crossings the process may die;
/// a successor starts a while later on the same database, vendor and disk. Invariants are checked after every step.
/// </summary>
public sealed class SimulationRun(int seed, SimulationPlan plan)
{
    private static readonly TimeSpan RestWithin = TimeSpan.FromHours(12);

    private readonly Random random = new(seed);
    private readonly SimulatedWorld world = new(seed);
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly Queue<DateTimeOffset> arrivals = new();
    private readonly List<string> events = [];
    private SimulatedPortal? portal;
    private DateTimeOffset portalBackAt;
    private DateTimeOffset watchAt;
    private int hashed;
    private int life;
    private int deaths;
    private int steps;
    private int jobs;

    public async Task<SimulationReport> RunAsync(CancellationToken cancellationToken)
    {
        Invariants invariants = new(world);
        PlanArrivals();
        DateTimeOffset end = SimulatedWorld.Start + plan.Length;
        try
        {
            while (await NextAsync(cancellationToken) is { } next && next <= end + RestWithin)
            {
                if (next > world.Clock.GetUtcNow())
                {
                    world.Clock.SetUtcNow(next);
                }

                await TurnAsync(cancellationToken);
                HashFacts();
                invariants.CheckAlways();
            }

            invariants.CheckAtRest();
        }
        catch (Exception failure) when (failure is not ProcessDiedException)
        {
            throw new SimulationFailedException(
                $"Seed {seed} failed at {world.Clock.GetUtcNow():u}: {failure.Message}{Environment.NewLine}"
                + $"Replay: ./test.sh -- -method \"*Simulation*\" with LORAADMIN_SEED={seed}{Environment.NewLine}Last events:{Environment.NewLine}"
                + string.Join(Environment.NewLine, events.TakeLast(40)),
                failure);
        }

        int completed = world.Database.Jobs.Rows.Count(job => job.State == TrainingState.Completed);
        return new SimulationReport(seed, Convert.ToHexStringLower(hash.GetHashAndReset()), jobs, completed, deaths, steps, [.. events.TakeLast(40)]);
    }

    private void PlanArrivals()
    {
        int count = (int)(plan.JobsPerDay * plan.Length.TotalDays);
        foreach (double moment in Enumerable.Range(0, count).Select(_ => random.NextDouble()).Order())
        {
            arrivals.Enqueue(SimulatedWorld.Start + (plan.Length * moment));
        }

        portalBackAt = SimulatedWorld.Start;
    }

    /// <summary>The next instant at which something is to do; null when everything is at rest.</summary>
    private async Task<DateTimeOffset?> NextAsync(CancellationToken cancellationToken)
    {
        if (portal is null)
        {
            return portalBackAt;
        }

        DateTimeOffset? due = await world.Database.ReadAsync((unit, token) => unit.Store<ITrainingStore>().NextDueAsync(token), cancellationToken);
        if (arrivals.TryPeek(out DateTimeOffset arrival))
        {
            due = due < arrival ? due : arrival;
        }

        bool podsAlive = world.Database.Pods.Rows.Any(pod => pod.Saw != PodSaw.Gone);
        return podsAlive || world.Database.Reservations.Rows.Any(one => one.SettledAt is null) ? (due < watchAt ? due : watchAt) : due;
    }

    private async Task TurnAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = world.Clock.GetUtcNow();
        try
        {
            if (portal is null)
            {
                life++;
                portal = new SimulatedPortal(world, new Mortality(_ => random.Next(1000) < plan.DeathsPerThousandCrossings), $"life-{life}");
                watchAt = now;
            }

            while (arrivals.TryPeek(out DateTimeOffset arrival) && arrival <= now)
            {
                await SubmitAsync(portal, cancellationToken);
                arrivals.Dequeue();
            }

            foreach (LeasedJob leased in await portal.Conductor.LeaseDueAsync(8, cancellationToken))
            {
                steps++;
                await portal.Conductor.StepAsync(leased, cancellationToken);
            }

            bool toEnd = world.Database.Pods.Rows.Any(pod => pod is { Want: PodWant.Released, TerminateAttempts: 0, PodId: not null } && pod.Saw != PodSaw.Gone);
            if (watchAt <= now || toEnd)
            {
                PodWatchReport report = await portal.Watch.TickAsync(cancellationToken);
                watchAt = now + report.NextIn;
                await portal.Settlement.RunAsync(cancellationToken);
            }
        }
        catch (ProcessDiedException)
        {
            deaths++;
            portal = null;
            portalBackAt = now + TimeSpan.FromSeconds(random.Next(1, 600));
        }
    }

    private async Task SubmitAsync(SimulatedPortal alive, CancellationToken cancellationToken)
    {
        UserId user = new(new Guid(random.Next(1, 6), 0, 0, new byte[8]));
        string key = $"{user}/{new Guid(jobs + 1, 1, 0, new byte[8]):D}/0";
        world.Objects.Set(new ObjectRef(Buckets.TrainingImages, key), Encoding.UTF8.GetBytes($"image of job {jobs}"), "image/jpeg");
        TrainingRequest request = new() { UserId = user, Name = $"lora {jobs}", CreatorEmail = "creator-17@example.org", ImageKeys = [key] };
        IdempotencyKey once = new(Guid.Empty, $"arrival-{jobs}", "body");

        // The caller repeats its request until it hears an answer, with the same key: a death after the commit must not make two jobs.
        SubmitOutcome outcome = await alive.Desk.SubmitAsync(request, once, new Actor(ActorKind.Token, "gateway"), cancellationToken);
        jobs++;
        Note($"submit {jobs}: {outcome.GetType().Name}");
    }

    private void HashFacts()
    {
        for (; hashed < world.Database.Events.Count; hashed++)
        {
            OperationalEvent fact = world.Database.Events[hashed];
            Note($"{fact.Kind} {fact.Job} {fact.Pod} {fact.Message}");
        }
    }

    private void Note(string what)
    {
        string line = $"{world.Clock.GetUtcNow():yyyy-MM-ddTHH:mm:ss.fff} {what}";
        events.Add(line);
        hash.AppendData(Encoding.UTF8.GetBytes(line));
    }
}

public sealed class SimulationFailedException(string message, Exception inner) : Exception(message, inner);
