using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Simulation.Memory;
using Xunit;

namespace LoraAdmin.Tests.Operations;

/// <summary>
/// A leap year of the engine with a process that dies at any moment, stays away for minutes or days, and whose clock jumps by hours or days and is set
/// back; a scheduler that fires or forgets; and users who go on training. Each true fire runs, is skipped for a reason of its time, or finds that its
/// instant had a run already.
/// </summary>
public sealed class OperationYearTests
{
    private static readonly DateTimeOffset From = new(2028, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset Until = new(2029, 1, 1, 0, 30, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [Trait("Requirement", "J3")]
    [Trait("Run", "Long")]
    public async Task Year_WithDownTimeAndJumps_AccountsForEachInstantOnce(int seed)
    {
        Year year = new(seed);
        await year.RunAsync();

        foreach (IOperation operation in year.House.Registry.All)
        {
            await year.EveryInstantEndedOnceAsync(operation.Info.Key);
        }

        // Thirteen first days of a month, from January to January.
        Assert.Equal(13 * Year.Users, year.Zeroed.Count);
        Assert.All(year.Zeroed.Values, times => Assert.Equal(1, times));
        Assert.True(year.Outages > 20, $"{year.Outages} outages");
        Assert.True(year.DaysAhead > 3, $"{year.DaysAhead} times a day ahead");
        Assert.True(year.AfterSetBack > 100, $"{year.AfterSetBack} instants ran that the clock had been ahead of");
        Assert.Contains(year.House.Database.Operations.Occurrences.Rows, one => one.State == OccurrenceState.Missed);
        Assert.Contains(year.House.Database.Operations.Occurrences.Rows, one => one.State == OccurrenceState.Late);
        Assert.Contains(year.House.Database.Operations.Occurrences.Rows, one => one.State == OccurrenceState.Skipped);
    }

    private sealed class Year
    {
        public const int Users = 4;
        private const string Hourly = "tests.hourly";

        private readonly Random random;
        private readonly UserId[] users;
        private DateTimeOffset aheadUntil;

        public Year(int seed)
        {
            random = new Random(seed);
            users = [.. Enumerable.Range(1, Users).Select(number => new UserId(new Guid(number, 0, 0, new byte[8])))];

            // The reset needs the house's stores, which are made with it.
            MonthReset? reset = null;
            House = new OperationHouse(
                new TestItems(Hourly, () => ["a"]),
                new TestItems("tests.berlin", () => ["b"], "0 30 2 * * ?"),
                new TestItems("tests.leap", () => ["c"], "0 0 12 29 2 ?"),
                new TestItems("tests.often", () => [], "0 0/20 * * * ?"),
                new Late(() => reset!));
            reset = new MonthReset(House.Database, House.Clock, "tests:run");
            House.Rules = House.Rules with { KeeperEvery = TimeSpan.FromMinutes(5) };
        }

        public OperationHouse House { get; }

        public int Outages { get; private set; }

        /// <summary>How often the clock was ahead by a day or more, and set back.</summary>
        public int DaysAhead { get; private set; }

        /// <summary>Instants that ran although a clock that was ahead had accounted for their time.</summary>
        public int AfterSetBack { get; private set; }

        /// <summary>How often a user's count was zeroed, by user and month.</summary>
        public Dictionary<(UserId User, Month Month), int> Zeroed { get; } = [];

        private DateTimeOffset Now => House.Clock.GetUtcNow();

        public async Task RunAsync()
        {
            House.Clock.SetUtcNow(From.AddSeconds(-30));
            await House.FillAsync();
            await House.Desk.EditScheduleAsync("tests.berlin", new ScheduleWish("0 30 2 * * ?", "Europe/Berlin", CatchUp.Once), OperationHouse.Ada, CancellationToken.None);
            foreach (UserId user in users)
            {
                await ChargeAsync(user);
            }

            await TickAsync();
            while (Now < Until)
            {
                await PassAsync();
            }

            // What is still within its grace is left to the end of it.
            House.Clock.Advance(TimeSpan.FromHours(1));
            await TickAsync();
            await TickAsync();
        }

        public async Task EveryInstantEndedOnceAsync(string key)
        {
            OperationSchedule schedule = (await House.Database.Operations.FindAsync(key, CancellationToken.None))!;
            HashSet<DateTimeOffset> due = [.. House.Crons.Between(schedule, From.AddSeconds(-30), Until, int.MaxValue)];
            Occurrence[] ended = [.. House.Occurrences(key).Where(one => one.Instant <= Until)];

            // The key of a row is its instant: one row is one end.
            Assert.Equal(due.Order(), ended.Select(one => one.Instant));
            Assert.All(ended, one => Assert.False(one.IsOpen, $"{one}"));
            Assert.All(ended.Where(one => one.State is OccurrenceState.Skipped or OccurrenceState.Missed), one => Assert.False(string.IsNullOrEmpty(one.Why), $"{one}"));
            Assert.All(
                ended.Where(one => one.State is OccurrenceState.Ran or OccurrenceState.Late),
                one => Assert.Equal(one.Operation, House.Database.Operations.Runs.Rows.Single(run => run.Id == one.Run).Operation));
        }

        private async Task PassAsync()
        {
            switch (random.Next(4000))
            {
                case < 12:
                    await OutageAsync(TimeSpan.FromMinutes(random.Next(1, 600)));
                    break;
                case 12:
                    await OutageAsync(TimeSpan.FromDays(random.Next(1, 4)));
                    break;
                case 13:
                    await JumpAsync(TimeSpan.FromHours(2));
                    break;
                case 14:
                    await House.Desk.PauseAsync(Hourly, "mending", Now.AddHours(random.Next(1, 20)), OperationHouse.Ada, CancellationToken.None);
                    break;
                case 15:
                    DaysAhead++;
                    await JumpAsync(TimeSpan.FromDays(random.Next(1, 3)));
                    break;
                case < 20:
                    await ChargeAsync(users[random.Next(Users)]);
                    break;
                default:
                    break;
            }

            await StepAsync(TimeSpan.FromMinutes(10));
        }

        /// <summary>An ordinary stretch of time: what is due is fired at its instant, but for a few that the scheduler forgets.</summary>
        private async Task StepAsync(TimeSpan length)
        {
            DateTimeOffset before = Now;
            DateTimeOffset end = before + length;
            foreach ((string key, DateTimeOffset instant) in await DueAsync(before, end))
            {
                House.Clock.SetUtcNow(instant);
                if (random.Next(200) > 0)
                {
                    await FireAsync(key, instant);
                }
            }

            House.Clock.SetUtcNow(end);
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

        private async Task FireAsync(string key, DateTimeOffset instant)
        {
            StartOutcome outcome = await House.Starter.StartAsync(new RunRequest(key, RunTrigger.Schedule, Actor.Portal(key), instant), CancellationToken.None);
            Occurrence row = (await House.Database.Operations.Occurrences.FindAsync(key, instant, CancellationToken.None))!;
            Assert.True(
                outcome is StartOutcome.Started or StartOutcome.Skipped || row.Run is not null || row.State == OccurrenceState.Owed, $"{key} at {instant:u}: {outcome}, {row}");
            AfterSetBack += outcome is StartOutcome.Started && instant <= aheadUntil ? 1 : 0;
            if (outcome is StartOutcome.Started started && random.Next(300) > 0)
            {
                await WatchAsync(() => House.EndAsync(started.Run));
            }

            // Else its process dies here: the row stands, and the lease runs out.
        }

        /// <summary>The machine's clock is set forward while the portal runs, or was away; and back again.</summary>
        private async Task JumpAsync(TimeSpan ahead)
        {
            DateTimeOffset right = Now;
            House.Clock.AdjustTime(right + ahead);
            await TickAsync();
            House.Clock.AdjustTime(right);
            aheadUntil = aheadUntil > right + ahead ? aheadUntil : right + ahead;
        }

        private async Task OutageAsync(TimeSpan length)
        {
            Outages++;
            House.Clock.Advance(length);
            await House.FillAsync();
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
