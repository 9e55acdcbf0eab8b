using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Storage;

namespace LoraAdmin.Tests.Simulation;

/// <summary>
/// The place of one instance: a disk that stays, and one process after the other on it. A turn that stands still in a freeze is gone on with when it
/// thaws; meanwhile this instance does nothing, and the world goes on.
/// </summary>
/// <param name="mortalityOf">Decides over one life of the process; null: as the plan says, by chance.</param>
public sealed class PortalSlot(int number, SimulatedWorld world, SimulationPlan plan, Random random, Func<Mortality>? mortalityOf = null)
{
    private static readonly TimeSpan WatchLease = TimeSpan.FromMinutes(3);

    /// <summary>Of the host's clock: nothing in a turn waits for it, so a turn that takes longer waits for something that will not come.</summary>
    private static readonly TimeSpan LongestTurn = TimeSpan.FromMinutes(2);

    /// <summary>How often an instance reads the database's clock, and by how much an answer that is long on its way deceives it at most.</summary>
    private static readonly TimeSpan MeasuresEvery = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan MisreadsBy = TimeSpan.FromMilliseconds(100);

    private readonly MachineClock? machine = plan.ClocksDiffer ? MachineClock.Draw(world.Clock, random) : null;
    private readonly StoreFaults faults = StartedFaults(world);
    private DatabaseClock? followed;
    private DateTimeOffset measuredAt;
    private Mortality mortality = new(_ => false);
    private SimulatedPortal? portal;
    private Task? turn;
    private DateTimeOffset backAt = world.Clock.GetUtcNow();
    private DateTimeOffset watchAt;
    private DateTimeOffset providersAt;
    private int life;

    public int Deaths { get; private set; }

    public int Freezes { get; private set; }

    public int Steps { get; private set; }

    /// <summary>The process that can answer a caller now; null while it is dead or frozen.</summary>
    public SimulatedPortal? Awake => turn is null ? portal : null;

    /// <summary>When this place changes by itself: the next process starts, a frozen one thaws, or a waiting one looks at its pods.</summary>
    public DateTimeOffset? NextAt(bool podsToWatch) =>
        portal is null ? backAt : turn is not null ? mortality.FrozenUntil : podsToWatch ? watchAt : null;

    public string Disk => world.SpoolOf(number).Id;

    public bool IsAwake => Awake is not null;

    /// <summary>What this place takes for the present: with one instance its machine's clock, with several the database's, as far as it can be followed.</summary>
    public TimeProvider Clock => followed ?? (TimeProvider?)machine ?? world.Clock;

    /// <summary>When this place takes it to be that instant.</summary>
    public DateTimeOffset WhenItIs(DateTimeOffset instant)
    {
        DateTimeOffset now = world.Clock.GetUtcNow();
        return machine is null ? instant : now + (instant - Clock.GetUtcNow()) + TimeSpan.FromMilliseconds(1);
    }

    /// <summary>Somebody sets the machine's clock anew.</summary>
    public void SetClock() => machine?.SetAnew(random);

    /// <summary>Starts, thaws, or does what is due.</summary>
    public async Task TurnAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = world.Clock.GetUtcNow();
        if (turn is not null)
        {
            if (mortality.FrozenUntil > now)
            {
                return;
            }

            mortality.Thaw();
            await SettleAsync(now);
            return;
        }

        if (portal is null)
        {
            if (backAt > now)
            {
                return;
            }

            Begin(now);
        }

        FollowDatabase(now);
        await RunAsync(alive => WorkAsync(alive, now, cancellationToken));
    }

    /// <summary>Has the process do something; it may die or freeze over it.</summary>
    public async Task RunAsync(Func<SimulatedPortal, Task> work)
    {
        turn = work(Awake ?? throw new InvalidOperationException("Nobody is awake here."));
        await SettleAsync(world.Clock.GetUtcNow());
    }

    private void Begin(DateTimeOffset now)
    {
        life++;
        mortality = mortalityOf?.Invoke() ?? new Mortality(_ => random.NextDouble() * 1000 < plan.DeathsPerThousandCrossings)
        {
            FreezesUntil = _ => random.Next(1000) < plan.FreezesPerThousandCrossings ? world.Clock.GetUtcNow() + TimeSpan.FromSeconds(random.Next(5, 600)) : null,
        };
        followed = machine is not null && plan.Portals > 1 ? new DatabaseClock(machine) : null;
        measuredAt = default;
        FollowDatabase(now);
        StandstillClock storesClock = new(world.Clock, mortality);
        portal = new SimulatedPortal(
            world,
            mortality,
            $"place-{number}-life-{life}",
            new FailingSpool(world.SpoolOf(number), faults),
            Clock,
            new FailingObjectStore(world.Storage, faults, storesClock));
        NoteDatabase();
        watchAt = now;
        providersAt = now;
    }

    private void FollowDatabase(DateTimeOffset now)
    {
        if (followed is { } clock && now - measuredAt >= MeasuresEvery)
        {
            measuredAt = now;
            clock.Follow(now + (((random.NextDouble() * 2) - 1) * MisreadsBy), machine!.GetUtcNow(), TimeSpan.Zero);
            NoteDatabase();
        }
    }

    /// <summary>Before the process is there its start has measured already.</summary>
    private void NoteDatabase()
    {
        if (followed?.Last is { } reading)
        {
            portal?.Clocks.Note(ClockStandings.Database, reading);
        }
    }

    /// <summary>Takes note of how far the turn came: to its end, into a freeze, or to the process's death.</summary>
    private async Task SettleAsync(DateTimeOffset now)
    {
        // Between two crossings everything completes at once, but the runtime may take a thread of its own for a cancellation.
        long began = TimeProvider.System.GetTimestamp();
        while (turn is { IsCompleted: false } && !mortality.IsFrozen)
        {
            if (TimeProvider.System.GetElapsedTime(began) > LongestTurn)
            {
                throw new TimeoutException(
                    $"Place {number}, life {life}: a turn begun at {now:u} neither ended nor froze; it waits for something that no other turn brings.");
            }

            await Task.Yield();
        }

        world.Refresh();
        if (turn is { IsCompleted: false })
        {
            Freezes++;
            return;
        }

        Task done = turn!;
        turn = null;
        try
        {
            await done;
        }
        catch (Exception death) when (IsDeath(death))
        {
            Deaths++;
            portal = null;
            backAt = now + TimeSpan.FromSeconds(random.Next(1, 600));
        }
    }

    private async Task WorkAsync(SimulatedPortal alive, DateTimeOffset now, CancellationToken cancellationToken)
    {
        // With several instances each takes few, so that they meet over the same jobs.
        int hands = plan.Portals == 1 ? 8 : random.Next(1, 3);
        foreach (LeasedJob leased in await alive.Conductor.LeaseDueAsync(hands, cancellationToken))
        {
            Steps++;
            await alive.Conductor.StepAsync(leased, cancellationToken);
        }

        await LookAtProvidersAsync(alive, cancellationToken);
        world.Refresh();
        bool toEnd = world.Database.OpenPods.Rows.Any(static pod => pod is { Want: PodWant.Released, TerminateAttempts: 0, PodId: not null });
        if (watchAt > now && !toEnd)
        {
            return;
        }

        await alive.LookAtFilesAsync(cancellationToken);
        await alive.LookAtHostedAsync(cancellationToken);
        if (plan.Portals > 1 && !await alive.TakeWatchAsync(WatchLease, cancellationToken))
        {
            watchAt = world.Clock.GetUtcNow() + PodWatch.EveryWhileEnding;
            return;
        }

        PodWatchReport report = await alive.Watch.TickAsync(cancellationToken);
        DateTimeOffset looked = world.Clock.GetUtcNow();
        watchAt = looked + report.NextIn;
        world.Watched.Note(looked, report.NextIn, report.Listed && !Trouble.HindersPods(world.Cloud.World.Faults, looked));
        if (report.Plan is { } sweep)
        {
            world.SweepHeldBackSince = sweep.WithinCaps < sweep.Items.Count ? world.SweepHeldBackSince ?? looked : null;
        }

        await alive.Settlement.RunAsync(cancellationToken);
    }

    /// <summary>What the host's loop does, as far as this place has turns; without a fallback provider there is nothing to be seen.</summary>
    private async Task LookAtProvidersAsync(SimulatedPortal alive, CancellationToken cancellationToken)
    {
        DateTimeOffset began = world.Clock.GetUtcNow();
        if (!plan.HasFallback || providersAt > began)
        {
            return;
        }

        await alive.Providers.LookAsync(cancellationToken);
        DateTimeOffset looked = world.Clock.GetUtcNow();
        providersAt = looked + ProvidersWatch.Every;
        if (looked == began)
        {
            world.Refresh();
            world.ProvidersSeen();
        }
    }

    private static StoreFaults StartedFaults(SimulatedWorld world)
    {
        StoreFaults faults = new(() => (kinds, subject, token) => world.Cloud.TakeStoreFaultAsync(kinds, subject, token));
        _ = faults.StartAsync(CancellationToken.None);
        return faults;
    }

    /// <summary>What walks items has each of them meet the same death.</summary>
    private static bool IsDeath(Exception exception) =>
        exception is ProcessDiedException || (exception is AggregateException walked && walked.InnerExceptions.All(IsDeath));
}
