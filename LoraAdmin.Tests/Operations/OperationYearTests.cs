using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation.Memory;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Operations;

/// <summary>
/// A leap year of the engine with a process that dies at any moment, stays away for minutes or days, and whose clock jumps by hours or days and is set
/// back, or begins hours behind or in 1970, alone or beside another clock; a scheduler that fires or forgets; a person who pauses and resumes, holds and releases, and edits
/// schedules, also before the first look after an outage, and resumes and releases by a wrong clock; and users who go on training. Each true fire
/// runs, is skipped for a reason of its time, or finds that its instant had a run already; by a clock that is behind nothing runs.
/// </summary>
public sealed class OperationYearTests
{
    private static readonly Span WholeYear = new(new DateTimeOffset(2028, 1, 1, 0, 0, 0, TimeSpan.Zero), new DateTimeOffset(2029, 1, 1, 0, 30, 0, TimeSpan.Zero), Rarity: 4000);

    /// <summary>A leap day, the end of two months and the hour that Berlin leaves out.</summary>
    private static readonly Span Weeks = new(new DateTimeOffset(2028, 2, 20, 0, 0, 0, TimeSpan.Zero), new DateTimeOffset(2028, 4, 2, 0, 30, 0, TimeSpan.Zero), Rarity: 1000);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [Trait("Requirement", "J3")]
    [Trait("Run", "Long")]
    public async Task Year_WithDownTimeAndJumps_AccountsForEachInstantOnce(int seed)
    {
        Year year = new(seed, WholeYear);
        await year.RunAsync();

        // Thirteen first days of a month, from January to January.
        await HoldsAsync(year, firsts: 13);
        Assert.True(year.Outages > 20, $"{year.Outages} outages");
        Assert.True(year.DaysAhead > 3, $"{year.DaysAhead} times a day ahead");
        Assert.True(year.AfterSetBack > 100, $"{year.AfterSetBack} instants ran that the clock had been ahead of");
        Assert.True(year.Behind > 20 && year.In1970 > 5, $"{year.Behind} times behind, {year.In1970} times in 1970");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    [Trait("Requirement", "J3")]
    public async Task Weeks_WithClocksAheadAndBehind_AccountForEachInstantOnce(int seed)
    {
        Year year = new(seed, Weeks);
        await year.RunAsync();

        await HoldsAsync(year, firsts: 2);
        Assert.True(year.Behind > 5 && year.In1970 > 0, $"{year.Behind} times behind, {year.In1970} times in 1970");
        Assert.True(year.DaysAhead > 0, $"{year.DaysAhead} times a day ahead");
        Assert.True(year.Left > 30, $"{year.Left} instants were left alone by a clock that is behind");
    }

    private static async Task HoldsAsync(Year year, int firsts)
    {
        Assert.True(
            year.Resumed > 0 && year.Released > 0 && year.Edited > 0, $"{year.Resumed} times resumed, {year.Released} times released, {year.Edited} times edited by a person");
        foreach (IOperation operation in year.House.Registry.All)
        {
            await year.EveryInstantEndedOnceAsync(operation.Info.Key);
        }

        year.EachMonthZeroedOnce(firsts);
        year.WhatWasHeldIsSkipped();
        Assert.Contains(year.House.Database.Operations.Occurrences.Rows, one => one.State == OccurrenceState.Missed);
        Assert.Contains(year.House.Database.Operations.Occurrences.Rows, one => one.State == OccurrenceState.Late);
        Assert.Contains(year.House.Database.Operations.Occurrences.Rows, one => one.State == OccurrenceState.Skipped);
        Assert.Superset(
            new HashSet<OccurrenceState> { OccurrenceState.Ran, OccurrenceState.Late, OccurrenceState.Missed, OccurrenceState.Skipped },
            year.House.Occurrences(Year.DestructiveOnce).Select(static one => one.State).ToHashSet());
        Assert.Superset(
            new HashSet<OccurrenceState> { OccurrenceState.Ran, OccurrenceState.Missed, OccurrenceState.Skipped },
            year.House.Occurrences(Year.DestructiveNever).Select(static one => one.State).ToHashSet());
    }

    /// <param name="Rarity">One moment of so many is of each kind.</param>
    private sealed record Span(DateTimeOffset From, DateTimeOffset Until, int Rarity)
    {
        /// <summary>When the first process begins.</summary>
        public DateTimeOffset Start => From.AddSeconds(-30);
    }

    private sealed class Year
    {
        public const int Users = 4;
        public const string DestructiveOnce = "tests.once";
        public const string DestructiveNever = "tests.never";
        private const string Hourly = "tests.hourly";
        private const string Often = "tests.often";
        private const int DaysAway = 12;
        private const int Pause = 14;
        private const int DayAhead = 15;
        private const int Hold = 29;
        private const int PauseWithoutEnd = 30;
        private const int HoldWithoutEnd = 31;
        private const int Edit = 32;

        /// <summary>Texts that a person may choose instead of the default, for a zone that leaves an hour out and reads another twice, too.</summary>
        private static readonly string[] Texts = ["0 15 * * * ?", "0 5/25 * * * ?", "0 30 1,2,3,14 * * ?", "0 0 */2 ? * *", "0 45 * * * ?"];

        private readonly Random random;
        private readonly Span span;
        private readonly SettableClock clock = new(OperationHouse.Start);
        private readonly UserId[] users;
        private readonly Queue<int> sure = new([Pause, DaysAway, Hold, DayAhead, PauseWithoutEnd, HoldWithoutEnd, Edit]);

        /// <summary>What the person means to end.</summary>
        private readonly List<(DateTimeOffset At, Func<Task> Act)> intentions = [];

        /// <summary>Times in which a person held an operation. One that was ended by a wrong clock is not among them: nothing is noted then.</summary>
        private readonly List<Held> held = [];

        /// <summary>Instants of texts that are not in force any more, by operation.</summary>
        private readonly Dictionary<string, HashSet<DateTimeOffset>> ofOldTexts = [];
        private DateTimeOffset sureAt;
        private DateTimeOffset aheadUntil;
        private bool isClockRight = true;
        private int life;

        public Year(int seed, Span span)
        {
            random = new Random(seed);
            this.span = span;
            sureAt = span.Start.AddDays(2);
            users = [.. Enumerable.Range(1, Users).Select(number => new UserId(new Guid(number, 0, 0, new byte[8])))];

            // The reset needs the house's stores, which are made with it.
            MonthReset? reset = null;
            House = new OperationHouse(
                clock,
                null,
                [
                    new TestItems(Hourly, () => ["a"]),
                    new TestItems("tests.berlin", () => ["b"], "0 30 2 * * ?"),
                    new TestItems("tests.leap", () => ["c"], "0 0 12 29 2 ?"),
                    new TestItems(Often, () => [], "0 0/20 * * * ?"),
                    Destructive(DestructiveOnce, CatchUp.Once),
                    Destructive(DestructiveNever, CatchUp.Never),
                    new Late(() => reset!),
                ]);
            reset = new MonthReset(House.Database, House.Clock, "tests:run");
            House.Rules = House.Rules with { KeeperEvery = TimeSpan.FromMinutes(5) };
        }

        /// <summary>Waits for RunPod's word on the clock.</summary>
        private static TestItems Destructive(string key, CatchUp catchUp) => new(key, static () => ["d"])
        {
            Info = new(key, "Work", "Deletes.", "0 0/30 * * * ?", "tests:run") { IsDestructive = true, CatchUp = catchUp },
        };

        public OperationHouse House { get; private set; }

        public int Outages { get; private set; }

        /// <summary>How often the clock was ahead by a day or more, and set back.</summary>
        public int DaysAhead { get; private set; }

        /// <summary>Instants that ran although a clock that was ahead had accounted for their time.</summary>
        public int AfterSetBack { get; private set; }

        /// <summary>How often the clock was hours behind.</summary>
        public int Behind { get; private set; }

        /// <summary>How often a machine had forgotten the time.</summary>
        public int In1970 { get; private set; }

        /// <summary>How often a person ended a pause, and the kill switch, and edited a schedule.</summary>
        public int Resumed { get; private set; }

        public int Released { get; private set; }

        public int Edited { get; private set; }

        /// <summary>Instants of a clock that was behind, which nothing ran for.</summary>
        public int Left { get; private set; }

        /// <summary>How often a user's count was zeroed, by user and month.</summary>
        public Dictionary<(UserId User, Month Month), int> Zeroed { get; } = [];

        private DateTimeOffset Now => House.Clock.GetUtcNow();

        public async Task RunAsync()
        {
            House.Clock.SetUtcNow(span.Start);
            await House.FillAsync();
            await House.Desk.EditScheduleAsync("tests.berlin", new ScheduleWish("0 30 2 * * ?", "Europe/Berlin", CatchUp.Once), OperationHouse.Ada, CancellationToken.None);
            foreach (UserId user in users)
            {
                await ChargeAsync(user);
            }

            await TickAsync();
            while (Now < span.Until)
            {
                await PassAsync();
            }

            // What is still within its grace, or held by a pause, is left to the end of it.
            await EndAllAsync(static _ => true);
            House.Clock.Advance(TimeSpan.FromDays(1));
            await TickAsync();
            await TickAsync();
        }

        public async Task EveryInstantEndedOnceAsync(string key)
        {
            OperationSchedule schedule = (await House.Database.Operations.FindAsync(key, CancellationToken.None))!;
            HashSet<DateTimeOffset> due = [.. House.Crons.Between(schedule, schedule.InForceFrom ?? span.Start, span.Until, int.MaxValue)];
            due.UnionWith(ofOldTexts.GetValueOrDefault(key, []).Where(one => one <= span.Until));
            Occurrence[] ended = [.. House.Occurrences(key).Where(one => one.Instant <= span.Until)];

            // The key of a row is its instant: one row is one end.
            Assert.Equal(due.Order(), ended.Select(one => one.Instant));
            Assert.All(ended, one => Assert.False(one.IsOpen, $"{one}"));
            Assert.All(ended.Where(one => one.State is OccurrenceState.Skipped or OccurrenceState.Missed), one => Assert.False(string.IsNullOrEmpty(one.Why), $"{one}"));
            Assert.All(
                ended.Where(one => one.State is OccurrenceState.Ran or OccurrenceState.Late),
                one => Assert.Equal(one.Operation, House.Database.Operations.Runs.Rows.Single(run => run.Id == one.Run).Operation));
        }

        /// <summary>The reset of a month's start that the person had paused leaves those alone who don't train in that month.</summary>
        public void EachMonthZeroedOnce(int firsts)
        {
            Dictionary<Month, Occurrence> starts = House.Occurrences(MonthReset.Key).Where(one => one.Instant <= span.Until).ToDictionary(one => Month.Of(one.Instant));
            Assert.Equal(firsts, starts.Count);
            Assert.Empty(Zeroed.Keys.Select(static one => one.Month).Except(starts.Keys));
            foreach ((Month month, Occurrence start) in starts)
            {
                bool wasPaused = start.State == OccurrenceState.Skipped && start.Why!.StartsWith("Paused by", StringComparison.Ordinal);
                Assert.All(users, user => Assert.InRange(Zeroed.GetValueOrDefault((user, month)), wasPaused ? 0 : 1, 1));
            }
        }

        public void WhatWasHeldIsSkipped()
        {
            Occurrence[] within =
            [
                .. held.SelectMany(time => House.Occurrences(time.Operation)
                    .Where(one => one.Instant > time.Since && (time.Until is null || one.Instant < time.Until) && !time.Known.Contains(one.Instant))),
            ];
            Assert.NotEmpty(within);
            Assert.All(within, one => Assert.True(one.State == OccurrenceState.Skipped, $"{one}"));
        }

        private async Task PassAsync()
        {
            DateTimeOffset now = Now;
            await EndAllAsync(at => at <= now);
            // What every seed must have seen comes once for sure, a few days apart; all else as it happens.
            bool isSure = Now >= sureAt && sure.Count > 0;
            sureAt = isSure ? Now + TimeSpan.FromDays(4) : sureAt;
            switch (isSure ? sure.Dequeue() : random.Next(span.Rarity))
            {
                case < 12:
                    await OutageAsync(TimeSpan.FromMinutes(random.Next(1, 600)));
                    break;
                case DaysAway:
                    await OutageAsync(TimeSpan.FromDays(random.Next(1, 4)));
                    break;
                case 13:
                    await JumpAsync(TimeSpan.FromHours(2));
                    break;
                case Pause:
                    await PauseAsync(Now.AddHours(random.Next(1, 20)));
                    break;
                case DayAhead:
                    DaysAhead++;
                    await JumpAsync(TimeSpan.FromDays(random.Next(1, 3)));
                    break;
                case < 20:
                    await ChargeAsync(users[random.Next(Users)]);
                    break;
                case < 26:
                    await BehindAsync(TimeSpan.FromHours(random.Next(1, 30)), restarts: random.Next(2) == 0);
                    break;
                case < 28:
                    await BehindAsync(null, restarts: true);
                    break;
                case 28:
                    // Nobody has noticed that it was ahead when it is found behind.
                    await JumpAsync(TimeSpan.FromHours(random.Next(1, 60)));
                    await BehindAsync(random.Next(2) == 0 ? TimeSpan.FromHours(random.Next(1, 30)) : null, restarts: true);
                    break;
                case Hold:
                    await HoldAsync(Now.AddHours(random.Next(1, 20)));
                    break;
                case PauseWithoutEnd:
                    await PauseAsync(null);
                    break;
                case HoldWithoutEnd:
                    await HoldAsync(null);
                    break;
                case Edit:
                    await EditAsync();
                    break;
                default:
                    break;
            }

            await StepAsync(TimeSpan.FromMinutes(10));
        }

        /// <param name="until">Null: until the person resumes it, who does that now and then of one with an end too.</param>
        private async Task PauseAsync(DateTimeOffset? until)
        {
            string key = House.Registry.All.ElementAt(random.Next(House.Registry.All.Count)).Info.Key;
            Assert.IsType<OperationCommand.Done>(await House.Desk.PauseAsync(key, "mending", until, OperationHouse.Ada, CancellationToken.None));
            Begin(until, isPause: true, key);
            Intend(until, async () => Resumed += End(await House.Desk.ResumeAsync(key, null, OperationHouse.Ada, CancellationToken.None), isPause: true, key));
        }

        private async Task HoldAsync(DateTimeOffset? until)
        {
            Assert.IsType<OperationCommand.Done>(await House.Desk.HoldAutomationAsync("mending", until, OperationHouse.Ada, CancellationToken.None));
            Begin(until, isPause: false, DestructiveOnce, DestructiveNever);
            Intend(
                until,
                async () => Released += End(
                    await House.Desk.ReleaseAutomationAsync(null, OperationHouse.Ada, CancellationToken.None), isPause: false, DestructiveOnce, DestructiveNever));
        }

        private void Begin(DateTimeOffset? until, bool isPause, params string[] keys)
        {
            EndTimes(isPause, keys);
            held.AddRange(keys.Select(key => new Held(
                key, isPause, Now, until, [.. House.Occurrences(key).Where(one => one.Instant > Now).Select(static one => one.Instant)])));
        }

        /// <returns>1: it was ended; 0: it was over.</returns>
        private int End(OperationCommand done, bool isPause, params string[] keys)
        {
            if (done is not OperationCommand.Done)
            {
                return 0;
            }

            EndTimes(isPause, keys);
            return 1;
        }

        private void EndTimes(bool isPause, string[] keys)
        {
            foreach (string key in keys)
            {
                if (held.FindLast(time => time.Operation == key && time.IsPause == isPause) is not { } last)
                {
                    continue;
                }

                if (!isClockRight)
                {
                    held.Remove(last);
                }
                else if (!(last.Until < Now))
                {
                    held[held.IndexOf(last)] = last with { Until = Now };
                }
            }
        }

        private void Intend(DateTimeOffset? until, Func<Task> end)
        {
            if (until is null || random.Next(2) == 0)
            {
                intentions.Add((Now.AddMinutes(random.Next(1, 40 * 60)), end));
            }
        }

        private async Task EndAllAsync(Func<DateTimeOffset, bool> isTime)
        {
            (DateTimeOffset At, Func<Task> Act)[] now = [.. intentions.Where(one => isTime(one.At))];
            intentions.RemoveAll(one => isTime(one.At));
            foreach ((_, Func<Task> act) in now)
            {
                await act();
            }
        }

        /// <summary>The leap day, Berlin's hour and the month's start stay what they are.</summary>
        private async Task EditAsync()
        {
            string key = new[] { Hourly, Often, DestructiveOnce, DestructiveNever }[random.Next(4)];
            OperationSchedule old = (await House.Database.Operations.FindAsync(key, CancellationToken.None))!;
            int text = random.Next(Texts.Length + 1);
            ScheduleWish? wish = text == Texts.Length ? null : new ScheduleWish(Texts[text], random.Next(2) == 0 ? "Europe/Berlin" : OperationSchedule.Utc, old.CatchUp);
            Assert.IsType<OperationCommand.Done>(await House.Desk.EditScheduleAsync(key, wish, OperationHouse.Ada, CancellationToken.None));
            Edited++;
            if (!ofOldTexts.TryGetValue(key, out HashSet<DateTimeOffset>? before))
            {
                before = ofOldTexts[key] = [];
            }

            before.UnionWith(House.Crons.Between(old, old.InForceFrom ?? span.Start, Now, int.MaxValue));

            // A clock that was ahead has run these.
            before.UnionWith(House.Occurrences(key).Where(one => one.Instant > Now && one.Run is not null).Select(static one => one.Instant));
        }

        /// <summary>An ordinary stretch of time: what is due is fired at its instant, but for a few that the scheduler forgets.</summary>
        private async Task StepAsync(TimeSpan length)
        {
            DateTimeOffset before = Now;
            DateTimeOffset end = before + length;
            bool isStopped = false;
            foreach ((string key, DateTimeOffset instant) in await DueAsync(before, end))
            {
                House.Clock.SetUtcNow(instant);
                if (random.Next(200) > 0)
                {
                    isStopped |= await FireAsync(key, instant);
                }
            }

            House.Clock.SetUtcNow(end);
            if (isStopped)
            {
                // What it was doing waits for the next process, and the machine may have forgotten the time.
                await BehindAsync(random.Next(2) == 0 ? TimeSpan.FromHours(random.Next(1, 30)) : null, restarts: true);
            }

            await TickAsync();
        }

        /// <summary>
        /// The clock is set back while the portal runs, or the machine boots with one that is behind, or in 1970; nobody tells it for a while, or another clock
        /// contradicts it. Then it is right again, which another clock confirms at once or later.
        /// </summary>
        /// <param name="by">Null: the machine has forgotten the time.</param>
        private async Task BehindAsync(TimeSpan? by, bool restarts)
        {
            Behind += by is null ? 0 : 1;
            In1970 += by is null ? 1 : 0;
            DateTimeOffset right = Now;
            long stamp = clock.GetTimestamp();
            if (restarts)
            {
                life++;
                House = new OperationHouse(House.Clock, House.Database, [.. House.Registry.All], KnownClocks.New(House.Clock), life) { Rules = House.Rules };
            }

            isClockRight = false;
            clock.Set(by is { } length ? right - length : DateTimeOffset.UnixEpoch.AddMinutes(random.Next(5000)));
            if (random.Next(3) == 0)
            {
                House.Clocks.NoteAhead(Now - right);
            }

            await House.FillAsync();
            for (int step = random.Next(1, 4); step > 0; step--)
            {
                await StepBehindAsync(by is { } whole && whole < TimeSpan.FromHours(2) ? TimeSpan.FromMinutes(10) : TimeSpan.FromMinutes(20));
            }

            clock.Set(right + clock.GetElapsedTime(stamp));
            isClockRight = true;
            if (random.Next(2) == 0)
            {
                House.Clocks.NoteAhead(TimeSpan.Zero);
            }

            await TickAsync();
            await StepAsync(TimeSpan.FromMinutes(10));
            House.Clocks.NoteAhead(TimeSpan.Zero);
            await TickAsync();
        }

        /// <summary>The scheduler of a clock that is behind fires what that clock comes to; all of it had its end long ago.</summary>
        private async Task StepBehindAsync(TimeSpan length)
        {
            DateTimeOffset end = Now + length;
            foreach ((string key, DateTimeOffset instant) in await DueAsync(Now, end))
            {
                House.Clock.SetUtcNow(instant);
                StartOutcome outcome = await House.Starter.StartAsync(new RunRequest(key, RunTrigger.Schedule, Actor.Portal(key), instant), CancellationToken.None);
                Assert.True(outcome is StartOutcome.Left or StartOutcome.Accounted, $"{key} at {instant:u}, by a clock that is behind: {outcome}");
                Left++;
            }

            House.Clock.SetUtcNow(end);
            if (random.Next(3) == 0)
            {
                await EndAllAsync(static _ => true);
            }

            await ChargeAsync(users[random.Next(Users)]);
            await TickAsync();
        }

        private async Task<IReadOnlyList<(string Key, DateTimeOffset Instant)>> DueAsync(DateTimeOffset after, DateTimeOffset until)
        {
            List<(string, DateTimeOffset)> due = [];
            foreach (OperationSchedule schedule in await House.Database.Operations.ListAsync(CancellationToken.None))
            {
                due.AddRange(House.Crons.Between(schedule, after, until, 100).Select(instant => (schedule.Operation, instant)));
            }

            due.Sort(static (one, other) => one.Item2.CompareTo(other.Item2));
            return due;
        }

        /// <returns>Whether the process was stopped over it, and noted that it was.</returns>
        private async Task<bool> FireAsync(string key, DateTimeOffset instant)
        {
            StartOutcome outcome = await House.Starter.StartAsync(new RunRequest(key, RunTrigger.Schedule, Actor.Portal(key), instant), CancellationToken.None);
            Occurrence? row = await House.Database.Operations.Occurrences.FindAsync(key, instant, CancellationToken.None);
            bool waits = outcome is StartOutcome.Left && !House.Clocks.IsConfirmed();
            bool isInSilence = outcome is StartOutcome.Accounted && instant <= (await House.Database.Operations.FindAsync(key, CancellationToken.None))!.InForceFrom;
            Assert.True(
                outcome is StartOutcome.Started or StartOutcome.Skipped || waits || isInSilence || row is { Run: not null } or { State: OccurrenceState.Owed },
                $"{key} at {instant:u}: {outcome}, {row}");
            AfterSetBack += outcome is StartOutcome.Started && instant <= aheadUntil ? 1 : 0;
            if (outcome is not StartOutcome.Started started)
            {
                return false;
            }

            // The month's reset is what must not be lost.
            switch (random.Next(key == MonthReset.Key ? 3 : 300))
            {
                case 0:
                    // Its process dies here: the row stands, and the lease runs out.
                    return false;
                case 1:
                    await StopAsync(started.Run);
                    return true;
                default:
                    await WatchAsync(() => House.EndAsync(started.Run));
                    return false;
            }
        }

        /// <summary>The portal is stopped before the run has done anything.</summary>
        private async Task StopAsync(StartedRun run)
        {
            using CancellationTokenSource stopping = new();
            await stopping.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => House.EndAsync(run, stopping.Token));
        }

        /// <summary>The machine's clock is set forward while the portal runs, or was away; and back again.</summary>
        private async Task JumpAsync(TimeSpan ahead)
        {
            DateTimeOffset right = Now;
            clock.Set(right + ahead);
            isClockRight = false;
            await TickAsync();
            if (random.Next(2) == 0)
            {
                await EndAllAsync(at => at <= right + ahead);
            }

            clock.Set(right);
            isClockRight = true;
            aheadUntil = aheadUntil > right + ahead ? aheadUntil : right + ahead;
        }

        private async Task OutageAsync(TimeSpan length)
        {
            Outages++;
            House.Clock.Advance(length);
            await House.FillAsync();
            switch (random.Next(4))
            {
                // Before the first look.
                case 0:
                    DateTimeOffset now = Now;
                    await EndAllAsync(at => at <= now);
                    break;
                case 1:
                    await EditAsync();
                    break;
                default:
                    break;
            }

            await TickAsync();
        }

        private Task TickAsync() => WatchAsync(() => House.TickAsync());

        private async Task WatchAsync(Func<Task> act)
        {
            Dictionary<UserId, UserCount> before = House.Database.Users.All.ToDictionary(one => one.Key, one => one.Value);
            await act();
            foreach ((UserId user, UserCount after) in House.Database.Users.All)
            {
                if (before.TryGetValue(user, out UserCount? was) && was != after)
                {
                    (UserId, Month) zeroed = (user, after.Period!.Value);
                    Assert.Equal(0, after.Count);
                    Zeroed[zeroed] = Zeroed.GetValueOrDefault(zeroed) + 1;
                }
            }
        }

        private async Task ChargeAsync(UserId user)
        {
            // A user who trains before the reset has run rolls the row over: that is the month's start for that user too.
            Month? was = House.Database.Users.Find(user)?.Period;
            await House.Database.RunAsync(
                (unit, token) => unit.Store<ILimitsStore>().TryChargeAsync(
                    user, new JobId(new Guid(random.Next(), 1, 1, new byte[8])), 1, Now, new LimitRules(1000, 10_000), token),
                CancellationToken.None);
            Month now = House.Database.Users.Find(user)!.Period!.Value;
            if (was is not null && was != now)
            {
                Zeroed[(user, now)] = Zeroed.GetValueOrDefault((user, now)) + 1;
            }
        }
    }

    /// <param name="IsPause">False: by the kill switch.</param>
    /// <param name="Until">Null: to the end.</param>
    /// <param name="Known">Instants in it that a clock which was ahead had come to before.</param>
    private sealed record Held(string Operation, bool IsPause, DateTimeOffset Since, DateTimeOffset? Until, IReadOnlyCollection<DateTimeOffset> Known);

    /// <summary>A machine's clock: whoever sets it changes nothing of how much time has passed for its processes.</summary>
    private sealed class SettableClock(DateTimeOffset start) : FakeTimeProvider(start)
    {
        private TimeSpan set;

        public void Set(DateTimeOffset to)
        {
            set += to - GetUtcNow();
            AdjustTime(to);
        }

        public override long GetTimestamp() => base.GetTimestamp() - set.Ticks;
    }

    /// <summary>An operation that is made after the house it lives in.</summary>
    private sealed class Late(Func<ISetOperation> real) : ISetOperation
    {
        public OperationInfo Info { get; } = new(MonthReset.Key, "Monthly reset", "J3", "0 0 0 1 * ?", "tests:run");

        public Task<Planning> PlanAsync(CancellationToken cancellationToken) => real().PlanAsync(cancellationToken);

        public string? WhyStale(PlanDraft plan, DateTimeOffset now) => real().WhyStale(plan, now);

        public Task<IReadOnlyList<Figure>> MeasureAsync(IUnit unit, CancellationToken cancellationToken) => real().MeasureAsync(unit, cancellationToken);

        public Task<string?> CheckAsync(IUnit unit, CancellationToken cancellationToken) => real().CheckAsync(unit, cancellationToken);

        public Task<SetOutcome> ApplyAsync(IUnit unit, PlanDraft plan, Actor actor, CancellationToken cancellationToken) =>
            real().ApplyAsync(unit, plan, actor, cancellationToken);
    }
}
