using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Operations;
using Xunit;

namespace LoraAdmin.Tests.Operations;

/// <summary>Rubbish in every field of a schedule is refused in the portal's own words, with the field and its range; what the scheduler can do is taken.</summary>
public sealed class ScheduleCheckTests
{
    private const string Key = "tests.work";
    private const string Harmless = "tests.harmless";

    private readonly OperationHouse house = new(
        new TestItems(Key, () => ["a"]), new TestItems(Harmless, () => ["b"]) { Info = new(Harmless, "Harmless", "Looks.", "0 0 * * * ?", "tests:run") });

    [Theory]
    [InlineData("99 99 * * * ?", "second 99 is out of its range, 0 to 59")]
    [InlineData("60 0 * * * ?", "second 60 is out of its range, 0 to 59")]
    [InlineData("4294967296 0 * * * ?", "second 4294967296 is out of its range, 0 to 59")]
    [InlineData("0-99 0 * * * ?", "second 99 is out of its range")]
    [InlineData("-1 * * * * ?", "\"-1\" is no second: write 0 to 59, or * for each")]
    [InlineData("\u0663 * * * * ?", "is no second")]
    [InlineData("1e1 * * * * ?", "\"1E1\" is no second")]
    [InlineData("? * * * * ?", "\"?\" may stand for the day or the weekday, and not for the second")]
    [InlineData(", * * * * ?", "\"\" is no second")]
    [InlineData("0 99 * * * ?", "minute 99 is out of its range, 0 to 59")]
    [InlineData("0 98 * * * ?", "minute 98 is out of its range, 0 to 59")]
    [InlineData("0 1,99 * * * ?", "minute 99 is out of its range")]
    [InlineData("0 99-5 * * * ?", "minute 99 is out of its range")]
    [InlineData("0 0/60 * * * ?", "the step 60 of the minute is out of its range, 1 to 59")]
    [InlineData("0 */0 * * * ?", "the step 0 of the minute is out of its range")]
    [InlineData("0 */ * * * ?", "\"*/\" is no minute")]
    [InlineData("0 0/5/5 * * * ?", "\"0/5/5\" is no minute")]
    [InlineData("0 1-2-3 * * * ?", "\"1-2-3\" is no minute")]
    [InlineData("0 0 24 * * ?", "hour 24 is out of its range, 0 to 23")]
    [InlineData("0 0 noon * * ?", "\"NOON\" is no hour")]
    [InlineData("0 0 0/99 * * ?", "the step 99 of the hour is out of its range, 1 to 23")]
    [InlineData("0 0 0 0 * ?", "day 0 is out of its range, 1 to 31")]
    [InlineData("0 0 0 32 * ?", "day 32 is out of its range, 1 to 31")]
    [InlineData("0 0 0 99W * ?", "day 99 is out of its range")]
    [InlineData("0 0 0 L-40 * ?", "is no day")]
    [InlineData("0 0 0 LX * ?", "is no day")]
    [InlineData("0 0 0 1 0 ?", "month 0 is out of its range, 1 to 12, or JAN to DEC")]
    [InlineData("0 0 0 1 99 ?", "month 99 is out of its range")]
    [InlineData("0 0 0 1 JANX ?", "\"JANX\" is no month")]
    [InlineData("0 0 0 1 MON ?", "\"MON\" is no month")]
    [InlineData("0 0 0 ? * 0", "weekday 0 is out of its range, 1 to 7, or SUN to SAT")]
    [InlineData("0 0 0 ? * 99", "weekday 99 is out of its range")]
    [InlineData("0 0 0 ? * 9L", "weekday 9 is out of its range")]
    [InlineData("0 0 0 ? * 6#9", "is no weekday")]
    [InlineData("0 0 0 ? * FOO", "\"FOO\" is no weekday")]
    [InlineData("0 0 0 1 1 ? 1969", "year 1969 is out of its range, 1970 to 2099")]
    [InlineData("0 0 0 1 1 ? 99", "year 99 is out of its range")]
    [InlineData("0 0 0 1 1 ? soon", "\"SOON\" is no year")]
    [InlineData("20 * * * *", "it has 5 fields, and needs 6 or 7: second minute hour day month weekday, and a year if you like")]
    [InlineData("0 0 3 * * ? * *", "it has 8 fields, and needs 6 or 7")]
    [InlineData("0\n0 0 3 * * ?", "is no second")]
    [InlineData("", "it has 0 fields")]
    [InlineData("@nonsense", "the scheduler knows no such text")]
    [InlineData("0 0 3 * * ?;DROP", "is no weekday")]
    public async Task Cron_OfRubbish_IsRefusedWithTheFieldAndItsRange(string cron, string says)
    {
        FieldProblem problem = await RefusedAsync(Harmless, cron, "UTC");

        Assert.Equal("cron", problem.Field);
        Assert.Contains("can't be read: ", problem.Problem, StringComparison.Ordinal);
        Assert.Contains(says, problem.Problem, StringComparison.Ordinal);
        Assert.Contains("is daily at 03:30", problem.Remedy, StringComparison.Ordinal);
        Assert.DoesNotContain("CronExpression", problem.Problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("Europe")]
    [InlineData("Europe/Atlantis")]
    [InlineData("../zoneinfo/UTC")]
    [InlineData("/etc/passwd")]
    [InlineData("UTC+1")]
    [InlineData("+01:00")]
    [InlineData("GMT+25")]
    [InlineData("\0")]
    [InlineData("summer")]
    public async Task TimeZone_OfRubbish_IsRefusedAsTheTimeZone(string zone)
    {
        FieldProblem problem = await RefusedAsync(Harmless, "0 0 3 * * ?", zone);

        Assert.Equal(("timeZone", $"There is no time zone \"{zone}\""), (problem.Field, problem.Problem));
        Assert.Contains("Europe/Berlin", problem.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Text_ThatIsFarTooLong_IsRefused_AndNotRepeated()
    {
        Assert.Equal(("cron", "It has 5000 characters"), Told(await RefusedAsync(Key, new string('9', 5000), "UTC")));
        Assert.Equal(("timeZone", "It has 5000 characters"), Told(await RefusedAsync(Key, "0 0 3 * * ?", new string('x', 5000))));

        static (string Field, string Problem) Told(FieldProblem problem) => (problem.Field, problem.Problem);
    }

    [Theory]
    [InlineData("0 0 3 * * ?")]
    [InlineData("59 59 23 31 12 ? 2099")]
    [InlineData("0  0\t3 * * ?")]
    [InlineData("0 0 3 L * ?")]
    [InlineData("0 0 3 LW * ?")]
    [InlineData("0 0 3 L-3 * ?")]
    [InlineData("0 0 3 15W * ?")]
    [InlineData("0 0 3 1W,15W * ?")]
    [InlineData("0 0 3 ? * L")]
    [InlineData("0 0 3 ? * 6L")]
    [InlineData("0 0 3 ? * FRIL")]
    [InlineData("0 0 3 ? * 6#3")]
    [InlineData("0 0 3 ? * FRI#2")]
    [InlineData("0 0 3 ? * fri-mon")]
    [InlineData("0 0 3 ? jan-MAR,dec 2-6")]
    [InlineData("0 50-10 3 * * ?")]
    [InlineData("0 5/15 8-18/2 * * ?")]
    [InlineData("0 0 3 */2 * ?")]
    [InlineData("0 0 3 1 1/3 ?")]
    [InlineData("0 0 3 1 1 ? 2027-2029")]
    [InlineData("0 0 3 1 * 1")]
    [InlineData("@daily")]
    public async Task Cron_ThatTheSchedulerCanRead_IsTaken(string cron)
    {
        await house.FillAsync();

        Assert.IsType<OperationCommand.Done>(await EditAsync(Key, cron, "Europe/Berlin"));
        Assert.IsType<CronReading.Valid>(new QuartzCrons().Read(cron, "Europe/Berlin", OperationHouse.Start));
    }

    [Theory]
    [InlineData("* * * * * ?", "1 s")]
    [InlineData("*/20 * * * * ?", "20 s")]
    [InlineData("0,30 * * * * ?", "30 s")]
    [InlineData("0,59 59 23 31 12 ?", "59 s")]
    [InlineData("58-1 0 3 1 1 ?", "1 s")]
    public async Task Destructive_MoreOftenThanEachMinute_IsRefused_AndOtherWorkIsWarnedOf(string cron, string gap)
    {
        FieldProblem problem = await RefusedAsync(Key, cron, "UTC");
        Assert.Equal("cron", problem.Field);
        Assert.Contains($"two runs are {gap} apart, and “Work of a test” ends or deletes something", problem.Problem, StringComparison.Ordinal);
        Assert.Contains("a minute or more", problem.Remedy, StringComparison.Ordinal);

        Assert.IsType<OperationCommand.Done>(await EditAsync(Harmless, cron, "UTC"));
        Assert.Contains($"{gap} apart", Assert.Single(ScheduleCheck.Warnings(house.Crons, await ScheduleAsync(Harmless), OperationHouse.Start)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("30 * * * * ?")]
    [InlineData("0 59 23 31 12 ? 2026")]
    [InlineData("0 */5 * * * ?")]
    [InlineData("0 0 0 1 1 ?")]
    [InlineData("0 0 3 1 * *")]
    [InlineData("0 0 3 * * MON")]
    public async Task EachMinuteAndLess_IsTaken_WithoutAWord(string cron)
    {
        await house.FillAsync();

        Assert.IsType<OperationCommand.Done>(await EditAsync(Key, cron, "UTC"));
        Assert.Empty(ScheduleCheck.Warnings(house.Crons, await ScheduleAsync(Key), OperationHouse.Start));
    }

    [Theory]
    [InlineData("0 0 0 1 1 ? 2099", "2099-01-01")]
    [InlineData("0 30 12 31 12 ? 2031", "2031-12-31")]
    [InlineData("0 0 0 29 2 ?", "2028-02-29")]
    public async Task FirstInstant_BeyondTheHistory_IsTaken_AndTold(string cron, string day)
    {
        await house.FillAsync();

        Assert.IsType<OperationCommand.Done>(await EditAsync(Key, cron, "UTC"));

        string warning = Assert.Single(ScheduleCheck.Warnings(house.Crons, await ScheduleAsync(Key), OperationHouse.Start));
        Assert.StartsWith($"It does not run by itself before {day}. To stop it, pause it with a reason", warning, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0 0 12 1 * MON")]
    [InlineData("0 0 12 1-7 * MON")]
    [InlineData("0 0 12 */2 * MON")]
    [InlineData("0 0 12 1 * 6#3")]
    [InlineData("0 0 12 L * FRIL")]
    public async Task DayAndWeekday_Together_MeanEither_AndThatIsTold(string cron)
    {
        await house.FillAsync();

        Assert.IsType<OperationCommand.Done>(await EditAsync(Key, cron, "UTC"));

        OperationSchedule both = await ScheduleAsync(Key);
        string[] fields = cron.Split(' ');
        OperationSchedule day = both with { Cron = $"0 0 12 {fields[3]} * ?" };
        OperationSchedule weekday = both with { Cron = $"0 0 12 ? * {fields[5]}" };
        Assert.Equal(Instants(day).Union(Instants(weekday)).Order(), Instants(both));
        Assert.Contains("each day that is the one or the other", Assert.Single(ScheduleCheck.Warnings(house.Crons, both, OperationHouse.Start)), StringComparison.Ordinal);

        IReadOnlyList<DateTimeOffset> Instants(OperationSchedule schedule) => house.Crons.Between(schedule, OperationHouse.Start, OperationHouse.Start.AddYears(1), 1000);
    }

    private async Task<FieldProblem> RefusedAsync(string operation, string cron, string zone)
    {
        await house.FillAsync();
        FieldProblem problem = Assert.IsType<OperationCommand.Refused>(await EditAsync(operation, cron, zone)).Problem;
        Assert.Equal(("0 0 * * * ?", "UTC", false), (await ScheduleAsync(operation)) is { } kept ? (kept.Cron, kept.TimeZone, kept.IsEdited) : default);
        return problem;
    }

    private Task<OperationCommand> EditAsync(string operation, string cron, string zone) =>
        house.Desk.EditScheduleAsync(operation, new ScheduleWish(cron, zone, CatchUp.Once), OperationHouse.Ada, CancellationToken.None);

    private async Task<OperationSchedule> ScheduleAsync(string operation) => (await house.Database.Operations.FindAsync(operation, CancellationToken.None))!;
}
