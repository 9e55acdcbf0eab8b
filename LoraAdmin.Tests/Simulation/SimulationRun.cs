using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;

namespace LoraAdmin.Tests.Simulation;

/// <summary>
/// A due-driven run: the clock jumps to the next instant at which something is to do, and one thing is done at a time. Between any two crossings a
/// process may die or stand still; a successor starts a while later on the same database, vendor and disk. Invariants are checked after every commit and every
/// turn.
/// </summary>
public sealed class SimulationRun
{
    private const int ClockSettingsPerDay = 3;
    private const int EventsTold = 60;

    /// <summary>How often in a run everything there ever was is looked at; else it is only what is open or was just written.</summary>
    private const int WholeLooks = 40;

    private readonly int seed;
    private readonly SimulationPlan plan;
    private readonly Random random;
    private readonly SimulatedWorld world;
    private readonly People people;
    private readonly Trouble trouble;
    private readonly PortalSlot[] slots;
    private readonly PriorityQueue<Func<CancellationToken, Task<bool>>, DateTimeOffset> agenda = new();
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly List<string> events = [];
    private readonly string replay;
    private int hashed;
    private int jobs;

    /// <param name="replay">The command that runs this seed again; printed when it fails.</param>
    /// <param name="world">Made for this seed and plan; null: with stores in memory.</param>
    public SimulationRun(int seed, SimulationPlan plan, string replay, SimulatedWorld? world = null)
    {
        ArgumentNullException.ThrowIfNull(plan);
        this.seed = seed;
        this.plan = plan;
        this.replay = replay;
        random = new Random(seed);
        this.world = world ??= new SimulatedWorld(seed, start: plan.Start);
        world.Training = world.Training with { MaxConcurrentPods = plan.MaxConcurrentPods, PollEvery = plan.PollEvery };
        world.Caps = world.Caps with { Kills = plan.SweepKillsPerHour };
        world.Budget = new BudgetRules(plan.MonthlyBudget, new Usd(plan.MonthlyBudget.Micros * 3 / 4));
        world.Cloud.World.AddForeign(SimulatedWorld.NeighboursPods, plan.Strangers);
        world.Hosted = plan.HasFallback ? world.Hosted with { WhyNot = null, Validation = SimulatedWorld.ValidationElsewhere } : world.Hosted;
        people = new People(world, random, plan.Users);
        trouble = new Trouble(world, random, plan.Troubles);
        slots = [.. Enumerable.Range(1, plan.Portals).Select(number => new PortalSlot(number, world, plan, random))];
    }

    /// <summary>Puts something into the world, half-way through the run, that must not be: for the proof that a failing seed says how to run it again.</summary>
    public Action<SimulatedWorld>? Violate { get; init; }

    public async Task<SimulationReport> RunAsync(CancellationToken cancellationToken)
    {
        Invariants invariants = new(world, plan);
        invariants.FollowCommits();
        PlanAgenda();
        DateTimeOffset end = plan.Start + plan.Length;
        DateTimeOffset wholeAt = plan.Start;
        try
        {
            while (await NextAsync(cancellationToken) is { } next && next <= end + plan.RestWithin)
            {
                if (next > world.Clock.GetUtcNow())
                {
                    world.Clock.SetUtcNow(next);
                }

                await TurnAsync(next > end, cancellationToken);
                HashFacts();
                if (next >= wholeAt)
                {
                    wholeAt = next + (plan.Length / WholeLooks);
                    invariants.CheckWhole();
                }
                else
                {
                    invariants.CheckAlways();
                }
            }

            invariants.CheckAtRest();
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            throw new SimulationFailedException(
                $"Seed {seed} failed at {world.Clock.GetUtcNow():u}: {failure.Message}{Environment.NewLine}"
                + $"Plan: {plan}{Environment.NewLine}Replay: LORAADMIN_SEED={seed} {replay}{Environment.NewLine}Last events:{Environment.NewLine}"
                + string.Join(Environment.NewLine, events.TakeLast(EventsTold)),
                failure);
        }

        int completed = world.Database.Jobs.Rows.Count(job => job.State == TrainingState.Completed);
        Dictionary<string, int> failures = world.Database.Jobs.Rows.Where(job => job.Failure is not null)
            .GroupBy(job => job.Failure!.Rule.Code)
            .ToDictionary(group => group.Key, group => group.Count());
        return new SimulationReport(
            seed,
            Convert.ToHexStringLower(hash.GetHashAndReset()),
            jobs,
            completed,
            failures,
            slots.Sum(slot => slot.Deaths),
            slots.Sum(slot => slot.Freezes),
            slots.Sum(slot => slot.Steps),
            invariants.Looks,
            people.Approvals,
            world.Database.Events.Count(fact => fact.Error is not null),
            events);
    }

    private void PlanAgenda()
    {
        Plan(plan.JobsPerDay, SubmitAsync);
        if (Violate is { } violate)
        {
            agenda.Enqueue(
                _ =>
                {
                    violate(world);
                    return Task.FromResult(true);
                },
                plan.Start + (plan.Length / 2));
        }

        Plan(plan.TroublesPerDay, _ =>
        {
            Note($"trouble: {trouble.Begin()}");
            return Task.FromResult(true);
        });
        Plan(plan.ClocksDiffer ? ClockSettingsPerDay : 0, _ =>
        {
            slots[random.Next(slots.Length)].SetClock();
            return Task.FromResult(true);
        });
        Plan(plan.DecisionsPerDay, token => WithSomebodyAsync(portal => people.CloseTheDayAsync(portal, Note, token)));
        Plan(plan.CommandsPerDay, token => WithSomebodyAsync(portal => people.CommandAsync(portal, Note, token)));
        Plan(plan.TroublesPerDay, token => WithSomebodyAsync(portal => people.ResetBreakerAsync(portal, Note, token)));
    }

    private void Plan(double perDay, Func<CancellationToken, Task<bool>> what)
    {
        int count = (int)(perDay * plan.Length.TotalDays);
        double rushes = plan.RushesPerDay * plan.Length.TotalDays;
        for (int index = 0; index < count; index++)
        {
            double moment = random.NextDouble();
            agenda.Enqueue(what, plan.Start + (plan.Length * (rushes > 0 ? Math.Floor(moment * rushes) / rushes : moment)));
        }
    }

    /// <summary>The next instant at which something is to do; null when everything is at rest.</summary>
    private async Task<DateTimeOffset?> NextAsync(CancellationToken cancellationToken)
    {
        bool podsToWatch = world.Database.OpenPods.Rows.Count > 0 || world.Database.OpenReservations.Rows.Count > 0 || world.Database.OpenHosted.Rows.Count > 0 || world.Database.Spool.Rows.Any(HasFileToMove);
        DateTimeOffset? due = null;
        if (slots.Any(static slot => slot.IsAwake))
        {
            foreach (PortalSlot slot in slots.Where(static slot => slot.IsAwake))
            {
                DateTimeOffset? own = await world.Database.ReadAsync(
                    (unit, token) => unit.Store<ITrainingStore>().NextDueAsync(slot.Disk, slot.Clock.GetUtcNow(), token), cancellationToken);
                due = Sooner(due, own is { } instant ? slot.WhenItIs(instant) : null);
            }

            due = agenda.TryPeek(out _, out DateTimeOffset planned) ? Sooner(due, planned) : due;
        }

        bool work = podsToWatch || due is not null || agenda.Count > 0 || world.Database.OpenJobs.Rows.Count > 0;
        return slots.Where(slot => work || slot.IsAwake).Aggregate(due, (soonest, slot) => Sooner(soonest, slot.NextAt(podsToWatch)));
    }

    private bool HasFileToMove(SpoolEntry entry) =>
        world.Database.Jobs.Find(entry.Job!.Value) is { State: TrainingState.Completed } or { Failure.Code: FailureCode.UploadFailed };

    private static DateTimeOffset? Sooner(DateTimeOffset? a, DateTimeOffset? b) => a is null || b < a ? b ?? a : a;

    private async Task TurnAsync(bool afterTheEnd, CancellationToken cancellationToken)
    {
        DateTimeOffset now = world.Clock.GetUtcNow();
        while (slots.Any(slot => slot.IsAwake) && agenda.TryPeek(out Func<CancellationToken, Task<bool>>? what, out DateTimeOffset at) && at <= now)
        {
            agenda.Dequeue();
            if (!await what(cancellationToken))
            {
                agenda.Enqueue(what, now + TimeSpan.FromSeconds(5));
                break;
            }
        }

        if (world.SweepHeldBackSince is not null)
        {
            await WithSomebodyAsync(portal => people.ApproveSweepAsync(portal, Note, cancellationToken));
        }

        if (afterTheEnd)
        {
            // What the portal may not decide by itself, a person does in the end: kept pods go, held-back plans are approved.
            await WithSomebodyAsync(portal => people.CloseTheDayAsync(portal, Note, cancellationToken));
        }

        int first = random.Next(slots.Length);
        for (int index = 0; index < slots.Length; index++)
        {
            await slots[(first + index) % slots.Length].TurnAsync(cancellationToken);
        }
    }

    /// <summary>False: nobody was there to hear it, or whoever heard it died over it.</summary>
    private async Task<bool> WithSomebodyAsync(Func<SimulatedPortal, Task> ask)
    {
        PortalSlot[] awake = [.. slots.Where(slot => slot.IsAwake)];
        if (awake.Length == 0)
        {
            return false;
        }

        bool answered = false;
        await awake[random.Next(awake.Length)].RunAsync(async portal =>
        {
            await ask(portal);
            answered = true;
        });
        return answered;
    }

    /// <summary>The caller repeats its request until it hears an answer, with the same key: a death after the commit must not make two jobs.</summary>
    private Task<bool> SubmitAsync(CancellationToken cancellationToken)
    {
        int number = jobs++;
        TrainingRequest request = people.Request(number);
        agenda.Enqueue(token => SubmitAsync(number, request, token), world.Clock.GetUtcNow());
        return Task.FromResult(true);
    }

    private Task<bool> SubmitAsync(int number, TrainingRequest request, CancellationToken cancellationToken) => WithSomebodyAsync(async portal =>
    {
        SubmitOutcome outcome = await portal.Desk.SubmitAsync(
            request, new IdempotencyKey(Guid.Empty, $"arrival-{number}", "body"), new Actor(ActorKind.Token, "gateway"), cancellationToken);
        Note($"submit {number}: {outcome.GetType().Name}");
    });

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
        string line = string.Create(CultureInfo.InvariantCulture, $"{world.Clock.GetUtcNow():yyyy-MM-ddTHH:mm:ss.fff} {what}");
        events.Add(line);
        hash.AppendData(Encoding.UTF8.GetBytes(line));
    }
}
