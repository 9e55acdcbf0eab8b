using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Operations;
using LoraAdmin.Tests.Doubles;
using Xunit;

namespace LoraAdmin.Tests.Operations;

/// <summary>Which runs at work are dead, where clocks differ: the dead keep no operation busy, and the living are left alone.</summary>
public sealed class OperationDeathTests
{
    private const string Key = "tests.work";
    private const string Harmless = "tests.harmless";
    private static readonly DateTimeOffset Start = OperationHouse.Start;
    private static readonly DateTimeOffset Ahead = Start.AddDays(30);

    private readonly SettableClock clock = new(Start);
    private readonly TestItems operation = new(Key, () => ["a", "b"]);
    private readonly TestItems harmless = new(Harmless, () => ["x"]) { Info = new(Harmless, "Harmless", "Looks.", "0 0 * * * ?", "tests:run") };
    private readonly OperationHouse house;

    public OperationDeathTests() => house = new OperationHouse(clock, null, [operation, harmless]);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Everybody thought that it was 30 days later when a run began; its portal was killed, and the clock is set right.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task DeadRun_OfAClockAhead_FreesItsOperation_AndIsGoneOnFromWhenItsInstantComes(bool startEndsLeases)
    {
        StartedRun dead = await DieAheadAsync(new RunRequest(Key, RunTrigger.Schedule, Actor.Portal(Key), Ahead), startEndsLeases);
        OperationHouse next = Next(clock);
        await next.FillAsync();
        Assert.Empty(await next.TickAsync());
        Assert.Equal(startEndsLeases ? RunState.Interrupted : RunState.Running, (await house.RunAsync(dead.Run.Id)).State);
        await PassAsync(next, house.Rules.LeaseFor);

        OperationRun interrupted = await house.RunAsync(dead.Run.Id);
        Assert.Equal((RunState.Interrupted, null), (interrupted.State, interrupted.Duration));
        Assert.Contains(startEndsLeases ? "was killed" : "was not heard of any more, although its lease was until 2026-12-24", interrupted.Outcome, StringComparison.Ordinal);
        Assert.Equal("It began 2026-12-24 12:00:00Z, which by this portal's clock is still to come", await WhyItWaitsAsync(next, interrupted));
        Assert.IsType<OperationCommand.Started>(await next.Desk.RunNowAsync(Key, "a person may", OperationHouse.Ada, Token));
        await next.EndBegunAsync();
        next.Clocks.NoteAhead(TimeSpan.Zero);
        clock.SetUtcNow(Start.AddHours(1));
        Assert.IsType<StartOutcome.Started>(await next.FireAsync(Key, Start.AddHours(1)));
        Assert.DoesNotContain(await next.TickAsync(), run => run.Operation == Key);
        Assert.Equal((RunState.Interrupted, null), ((await house.RunAsync(dead.Run.Id)).State, (await house.RunAsync(dead.Run.Id)).ResumedBy));

        // Its instant is still waited for: a month's reset must not go on in the month before.
        clock.SetUtcNow(Ahead.AddSeconds(1));
        Assert.IsType<StartOutcome.Accounted>(await next.FireAsync(Key, Ahead));
        OperationRun run = Assert.Single(await next.TickAsync(), run => run.Operation == Key);
        Assert.Equal((RunTrigger.Recovery, dead.Run.Id, RunState.Succeeded), (run.Trigger, run.Resumes, run.State));
        Assert.Null(await WhyItWaitsAsync(next, await house.RunAsync(dead.Run.Id)));
    }

    [Fact]
    public async Task DeadRun_OfAPersonUnderAClockAhead_IsGoneOnFromOnceAnotherClockAgrees()
    {
        StartedRun dead = await DieAheadAsync(new RunRequest(Key, RunTrigger.Person, OperationHouse.Ada, Reason: "now"), startEndsLeases: false);
        OperationHouse next = Next(clock);
        await PassAsync(next, house.Rules.LeaseFor + house.Rules.KeeperEvery);
        Assert.Equal(RunState.Interrupted, (await house.RunAsync(dead.Run.Id)).State);
        Assert.Empty(operation.Done);

        next.Clocks.NoteAhead(TimeSpan.Zero);

        Assert.Equal(dead.Run.Id, Assert.Single(await next.TickAsync()).Resumes);
        Assert.Equal(["a", "b"], operation.Done);
    }

    /// <summary>Its clock says that every lease ended long ago. That holds after its first minutes too, when it goes on with other work without RunPod's word.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task PortalFarAhead_NeverTakesALivingRunForDead_ButADeadOneByItsSilence(bool isKnownToBeWrong)
    {
        await house.FillAsync();
        clock.SetUtcNow(Start.AddHours(1));
        StartedRun[] alive = [await StartAsync(Key), await StartAsync(Harmless)];
        SettableClock wrong = new(clock.GetUtcNow().AddDays(7));
        OperationHouse next = Next(wrong);
        if (isKnownToBeWrong)
        {
            next.Clocks.NoteAhead(TimeSpan.FromDays(7));
        }

        for (int look = 0; look < 40; look++)
        {
            await next.LookAsync();
            foreach (StartedRun run in alive)
            {
                Assert.Equal(RunState.Running, (await house.RunAsync(run.Run.Id)).State);
                await RenewAsync(run, clock.GetUtcNow() + house.Rules.LeaseFor);
            }

            clock.Advance(house.Rules.KeeperEvery);
            wrong.Advance(house.Rules.KeeperEvery);
        }

        for (int look = 0; look < 4; look++)
        {
            await next.LookAsync();
            wrong.Advance(house.Rules.KeeperEvery);
        }

        foreach (StartedRun run in alive)
        {
            Assert.Equal(RunState.Interrupted, (await house.RunAsync(run.Run.Id)).State);
        }
    }

    [Fact]
    public async Task Board_AfterAClockAhead_ShowsTheRunThatTrulyWasLast_AndWhatIsTrulyMissed()
    {
        StartedRun dead = await DieAheadAsync(new RunRequest(Key, RunTrigger.Schedule, Actor.Portal(Key), Ahead), startEndsLeases: true);
        OperationHouse next = Next(clock);
        next.Clocks.NoteAhead(TimeSpan.Zero);
        await next.TickAsync();
        OperationQueries queries = new(next.Database, next.Registry, next.Crons, clock, () => next.Rules, () => next.Installation, next.Starter);
        Assert.Equal(dead.Run.Id, (await LineAsync()).Last!.Id);
        clock.SetUtcNow(Start.AddHours(1));
        StartedRun run = Assert.IsType<StartOutcome.Started>(await next.FireAsync(Key, Start.AddHours(1))).Run;
        Assert.Equal((run.Run.Id, null), ((await LineAsync()).Last!.Id, (await LineAsync()).Missed));

        await next.Database.RunAsync(
            (unit, token) => unit.Store<IOccurrenceStore>().TryAddAsync(
                new Occurrence(Key, Start.AddHours(2), OccurrenceState.Missed, "of a test", null, null, Start.AddHours(2)), token),
            Token);
        clock.SetUtcNow(Start.AddHours(2));
        Assert.Equal(Start.AddHours(2), (await LineAsync()).Missed);

        async Task<OperationLine> LineAsync() => (await queries.FindAsync(Key, Token))!.Line;
    }

    /// <summary>What was thought dead renews its lease between the look and the word.</summary>
    [Fact]
    public async Task Run_ThatRenewsItsLeaseAfterAll_IsNotInterrupted()
    {
        await house.FillAsync();
        clock.SetUtcNow(Start.AddHours(1));
        StartedRun alive = await StartAsync(Key);
        OperationRun read = await house.RunAsync(alive.Run.Id);
        await RenewAsync(alive, read.LeaseUntil.AddSeconds(1));

        Assert.IsType<StartOutcome.Accounted>(await house.Starter.RecoverAsync(read, Token));

        Assert.Equal(RunState.Running, (await house.RunAsync(alive.Run.Id)).State);
    }

    private OperationHouse Next(SettableClock its) => new(its, house.Database, [operation, harmless], KnownClocks.New(its));

    private async Task<StartedRun> StartAsync(string key) => Assert.IsType<StartOutcome.Started>(
        await house.Starter.StartAsync(new RunRequest(key, RunTrigger.Schedule, Actor.Portal(key), Start.AddHours(1)), Token)).Run;

    private static Task<string?> WhyItWaitsAsync(OperationHouse portal, OperationRun run) =>
        portal.Database.ReadAsync((unit, token) => portal.Starter.WhyItWaitsAsync(unit, run, token), Token);

    private Task<RunPulse?> RenewAsync(StartedRun run, DateTimeOffset until) => house.Database.RunAsync(
        (unit, token) => unit.Store<IOperationRunStore>().TouchAsync(run.Run.Id, run.Run.Number, ended: null, until, token), Token);

    /// <summary>A run that begins under a clock ahead, which RunPod was misunderstood to agree with, and does nothing before its portal is killed.</summary>
    private async Task<StartedRun> DieAheadAsync(RunRequest request, bool startEndsLeases)
    {
        await house.FillAsync();
        await house.TickAsync();
        clock.Set(Ahead);
        house.Clocks.NoteAhead(TimeSpan.Zero);
        StartedRun dead = Assert.IsType<StartOutcome.Started>(await house.Starter.StartAsync(request, Token)).Run;
        if (startEndsLeases)
        {
            await RenewAsync(dead, OperationRun.NoLease);
        }

        clock.Set(Start.AddMinutes(1));
        return dead;
    }

    private async Task PassAsync(OperationHouse portal, TimeSpan length)
    {
        for (TimeSpan passed = TimeSpan.Zero; passed < length; passed += portal.Rules.KeeperEvery)
        {
            clock.Advance(portal.Rules.KeeperEvery);
            await portal.TickAsync();
        }
    }
}
