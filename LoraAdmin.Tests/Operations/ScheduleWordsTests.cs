using LoraAdmin.Domain.Operations;
using LoraAdmin.Operations;
using Xunit;

namespace LoraAdmin.Tests.Operations;

public sealed class ScheduleWordsTests
{
    [Theory]
    [InlineData("0 0 * * * ?", "Every hour, UTC")]
    [InlineData("0 20 * * * ?", "Every hour at 20 minutes past, UTC")]
    [InlineData("0 0/15 * * * ?", "Every 15 minutes, UTC")]
    [InlineData("0 0/45 * * * ?", "At the instants of \"0 0/45 * * * ?\", UTC")]
    [InlineData("*/7 * * * * ?", "At the instants of \"*/7 * * * * ?\", UTC")]
    [InlineData("0 0 0/7 * * ?", "At the instants of \"0 0 0/7 * * ?\", UTC")]
    [InlineData("0 * * * * ?", "Every minute, UTC")]
    [InlineData("* * * * * ?", "Every second, UTC")]
    [InlineData("*/5 * * * * ?", "Every 5 seconds, UTC")]
    [InlineData("0 0 0/6 * * ?", "Every 6 hours, UTC")]
    [InlineData("0 30 3 * * ?", "Daily at 03:30, UTC")]
    [InlineData("0 0 0 1 * ?", "On the 1st of every month at 00:00, UTC")]
    [InlineData("0 0 6 22 * ?", "On the 22nd of every month at 06:00, UTC")]
    [InlineData("0 0 6 L * ?", "On the last day of every month at 06:00, UTC")]
    [InlineData("30 0 6 ? * MON", "Every Monday at 06:00:30, UTC")]
    [InlineData("0 0 6 ? * MON-FRI", "On workdays at 06:00, UTC")]
    [InlineData("0 0 12 1 * MON", "On the 1st of every month, and every Monday, at 12:00, UTC")]
    [InlineData("0 0 12 L * MON-FRI", "On the last day of every month, and on workdays, at 12:00, UTC")]
    [InlineData("0 0 12 1 * *", "On the 1st of every month at 12:00, UTC")]
    [InlineData("0 0 12 1-7 * MON", "At the instants of \"0 0 12 1-7 * MON\", UTC")]
    [InlineData("0 0 6 1 1 ?", "On 1 January of every year at 06:00, UTC")]
    [InlineData("0 0 6 2 1 ?", "At the instants of \"0 0 6 2 1 ?\", UTC")]
    [InlineData("0 0 6 ? * 6#3", "At the instants of \"0 0 6 ? * 6#3\", UTC")]
    [InlineData("0 5,35 * * * ?", "At the instants of \"0 5,35 * * * ?\", UTC")]
    public void Words_SayTheUsualShapes_AndNothingWrongOfTheOthers(string cron, string words) => Assert.Equal(words, ScheduleWords.Of(cron, "UTC"));

    [Theory]
    [InlineData("@hourly", "Every hour, UTC", "0 0 * * * ?")]
    [InlineData("@Daily", "Daily at 00:00, UTC", "0 0 0 * * ?")]
    [InlineData("@midnight", "Daily at 00:00, UTC", "0 0 0 * * ?")]
    [InlineData("@weekly", "Every Sunday at 00:00, UTC", "0 0 0 ? * SUN")]
    [InlineData("@monthly", "On the 1st of every month at 00:00, UTC", "0 0 0 1 * ?")]
    [InlineData("@yearly", "On 1 January of every year at 00:00, UTC", "0 0 0 1 1 ?")]
    [InlineData(" @annually ", "On 1 January of every year at 00:00, UTC", "0 0 0 1 1 ?")]
    public void Words_SayWhatTheSchedulerMakesOfItsNames(string name, string words, string cron)
    {
        DateTimeOffset start = new(2028, 2, 29, 12, 34, 56, TimeSpan.Zero);
        QuartzCrons crons = new();
        OperationSchedule named = new("k", name.Trim(), "UTC", CatchUp.Once, false, null, DateTimeOffset.UnixEpoch);

        Assert.Equal(words, ScheduleWords.Of(name, "UTC"));
        Assert.IsType<CronReading.Valid>(crons.Read(named.Cron, "UTC", start));
        Assert.Equal(crons.Between(named with { Cron = cron }, start, DateTimeOffset.MaxValue, 5), crons.Between(named, start, DateTimeOffset.MaxValue, 5));
    }

    [Theory]
    [InlineData("@reboot")]
    [InlineData("@every 5m")]
    [InlineData("@fortnightly")]
    public void Name_ThatTheSchedulerDoesNotKnow_IsRefused(string name) =>
        Assert.IsType<CronReading.Unreadable>(new QuartzCrons().Read(name, "UTC", DateTimeOffset.UnixEpoch));

    [Fact]
    public void Instants_AroundTheClockChange_AreEachGivenOnce()
    {
        QuartzCrons crons = new();
        OperationSchedule daily = new("k", "0 30 2 * * ?", "Europe/Berlin", CatchUp.Once, false, null, DateTimeOffset.UnixEpoch);

        // 2028-03-26 has no 02:30 there, and 03:00 takes its place; 2028-10-29 has it twice.
        IReadOnlyList<DateTimeOffset> spring = crons.Between(daily, new DateTimeOffset(2028, 3, 25, 0, 0, 0, TimeSpan.Zero), new DateTimeOffset(2028, 3, 28, 0, 0, 0, TimeSpan.Zero), 10);
        IReadOnlyList<DateTimeOffset> autumn = crons.Between(daily, new DateTimeOffset(2028, 10, 28, 0, 0, 0, TimeSpan.Zero), new DateTimeOffset(2028, 10, 31, 0, 0, 0, TimeSpan.Zero), 10);

        Assert.Equal([At(3, 25, 1), new(2028, 3, 26, 1, 0, 0, TimeSpan.Zero), At(3, 27, 0)], spring);
        Assert.Equal([At(10, 28, 0), At(10, 29, 0), At(10, 30, 1)], autumn);
        Assert.All(spring.Concat(autumn), instant => Assert.Equal(TimeSpan.Zero, instant.Offset));

        static DateTimeOffset At(int month, int day, int hour) => new(2028, month, day, hour, 30, 0, TimeSpan.Zero);
    }
}
