using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Shared;

public sealed class ClockStandingTests
{
    private static readonly DateTimeOffset Start = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    private readonly FakeTimeProvider clock = new(Start);
    private readonly ClockStandings clocks;

    public ClockStandingTests() => clocks = KnownClocks.New(clock);

    [Fact]
    public void Reading_OfAnAnswer_TakesHalfTheWayAndHalfOfWhatIsRoundedAwayOff()
    {
        ClockReading.Read read = ClockReading.Between(Start, TimeSpan.FromSeconds(1), Start.AddSeconds(10), Start.AddSeconds(14), TimeSpan.FromSeconds(4));

        Assert.Equal(new ClockReading.Read(TimeSpan.FromSeconds(11.5), TimeSpan.FromSeconds(2.5)), read);
        Assert.Equal((TimeSpan.FromSeconds(9), TimeSpan.FromSeconds(14)), (read.AtLeast, read.AtMost));
    }

    [Fact]
    public void Reading_WhileTheOwnClockWasSet_IsVagueAndNotWrong()
    {
        // Ten minutes behind, and set right while the answer was on its way; and the other way round.
        ClockReading.Read mended = ClockReading.Between(Start, TimeSpan.Zero, Start.AddMinutes(-10), Start.AddSeconds(1), TimeSpan.FromSeconds(1));
        ClockReading.Read broken = ClockReading.Between(Start, TimeSpan.Zero, Start, Start.AddMinutes(-10), TimeSpan.FromSeconds(1));

        Assert.Equal(TimeSpan.Zero, mended.AtLeast);
        Assert.Equal(TimeSpan.Zero, broken.AtLeast);
    }

    [Theory]
    [InlineData(59, 0, ClockGrade.Right)]
    [InlineData(61, 0, ClockGrade.Off)]
    [InlineData(-61, 0, ClockGrade.Off)]
    [InlineData(61, 2, ClockGrade.Right)]
    [InlineData(299, 0, ClockGrade.Off)]
    [InlineData(-301, 0, ClockGrade.FarOff)]
    [InlineData(310, 15, ClockGrade.Off)]
    public void Difference_OfSoManySeconds_CountsAsFarAsItIsCertain(double ahead, double margin, ClockGrade expected)
    {
        Note(ahead, margin);

        Assert.Equal((expected, expected == ClockGrade.FarOff), (Standing.Grade, clocks.WhyHeld() is not null));
        Assert.Equal(expected == ClockGrade.Right ? null : Start, Standing.Since);
    }

    [Theory]
    [InlineData(301, 280, ClockGrade.FarOff)]
    [InlineData(301, 224, ClockGrade.Off)]
    [InlineData(301, 46, ClockGrade.Off)]
    [InlineData(301, 44, ClockGrade.Right)]
    [InlineData(61, 59, ClockGrade.Off)]
    [InlineData(61, 44, ClockGrade.Right)]
    public void Difference_ThatShrinks_IsOverWellBelowItsLimit(double before, double after, ClockGrade expected)
    {
        Note(before, 0);
        clock.Advance(TimeSpan.FromMinutes(1));
        Note(after, 0);

        Assert.Equal(expected, Standing.Grade);
        Assert.Equal(expected == ClockGrade.Right ? null : Start, Standing.Since);
    }

    [Fact]
    public void AnswerThatTookLong_ProvesNeitherThatTheClockIsWrongNorThatItIsRight()
    {
        Note(70, 30);
        Assert.Equal(ClockGrade.Right, Standing.Grade);
        Note(400, 0);
        Note(0, 250);

        Assert.Equal(ClockGrade.FarOff, Standing.Grade);
    }

    [Fact]
    public void ClockThatCantBeRead_StaysWhatItWas_AndTellsWhy()
    {
        clocks.Note(ClockStandings.Provider, new ClockReading.Unread("no answer"));
        Assert.Equal((ClockGrade.Right, null, "no answer"), (Standing.Grade, Standing.Reading, Standing.UnreadWhy));
        Assert.Null(clocks.WhyHeld());

        Note(400, 0);
        Assert.Null(Standing.UnreadWhy);
        clocks.Note(ClockStandings.Provider, new ClockReading.Unread("no answer"));

        Assert.Equal((ClockGrade.FarOff, "no answer"), (Standing.Grade, Standing.UnreadWhy));
        Assert.NotNull(clocks.WhyHeld());
    }

    [Fact]
    public void Doubt_IsTheMostThatAClockMayBeWrong_OnceItHolds()
    {
        Note(120, 1);
        Assert.Equal(TimeSpan.Zero, clocks.Doubt);
        clocks.Note(ClockStandings.Database, new ClockReading.Read(TimeSpan.FromMinutes(-7), TimeSpan.FromSeconds(2)));

        Assert.Equal(new TimeSpan(0, 7, 2), clocks.Doubt);
        Assert.Contains("7 min 0 s behind the database's", clocks.WhyHeld(), StringComparison.Ordinal);
    }

    [Fact]
    public void Clock_IsVouchedForByTheProviderAlone()
    {
        Assert.False(clocks.IsConfirmed());
        clocks.Note(ClockStandings.Database, new ClockReading.Read(TimeSpan.Zero, TimeSpan.Zero));
        Assert.False(clocks.IsConfirmed());
        Note(2, 0.5);
        Assert.True(clocks.IsConfirmed());
        clocks.Note(ClockStandings.Provider, new ClockReading.Unread("no answer"));
        Assert.True(clocks.IsConfirmed());

        clocks.Note(ClockStandings.Database, new ClockReading.Read(TimeSpan.FromMinutes(-7), TimeSpan.Zero));
        Assert.False(clocks.IsConfirmed());
    }

    [Fact]
    public void ReadingThatLeavesHoursOpen_VouchesForNothing_AndTakesNothingBack()
    {
        Note(0, 7200);
        Assert.False(clocks.IsConfirmed());
        Note(0, 1);
        Note(0, 7200);
        Assert.True(clocks.IsConfirmed());
    }

    [Theory]
    [InlineData(6)]
    [InlineData(-6)]
    public void ClockThatIsSet_IsNotVouchedForByWhatWasReadBefore(double minutes)
    {
        SettableClock machine = new(Start);
        ClockStandings known = KnownClocks.New(machine).NoteAhead(TimeSpan.Zero);
        machine.Advance(TimeSpan.FromHours(3));
        Assert.True(known.IsConfirmed());

        machine.Set(machine.GetUtcNow().AddMinutes(minutes));
        Assert.False(known.IsConfirmed());

        known.NoteAhead(TimeSpan.Zero);
        Assert.True(known.IsConfirmed());
    }

    [Fact]
    public void YoungProcess_WaitsForTheFirstWord_AndNotForEver()
    {
        clocks.Note(ClockStandings.Database, new ClockReading.Read(TimeSpan.Zero, TimeSpan.Zero));
        clock.Advance(TimeSpan.FromMinutes(4.9));
        Assert.Contains("has just started", clocks.WhyUnvouched(), StringComparison.Ordinal);
        clock.Advance(TimeSpan.FromMinutes(0.1));
        Assert.Null(clocks.WhyUnvouched());

        Assert.Null(KnownClocks.New(clock).NoteAhead(TimeSpan.Zero).WhyUnvouched());
    }

    [Theory]
    [InlineData(6)]
    [InlineData(-6)]
    [InlineData(60 * 48)]
    public void ClockThatIsSet_LongAfterTheStart_IsWaitedForAnew_AndNotForEver(double minutes)
    {
        SettableClock machine = new(Start);
        ClockStandings known = KnownClocks.New(machine).NoteAhead(TimeSpan.Zero);
        machine.Advance(TimeSpan.FromHours(3));
        Assert.Null(known.WhyUnvouched());

        machine.Set(machine.GetUtcNow().AddMinutes(minutes));
        Assert.Equal("This portal's clock was set, and RunPod has not yet said whether it is right", known.WhyUnvouched());
        machine.Advance(TimeSpan.FromMinutes(4.9));
        machine.Set(machine.GetUtcNow().AddMinutes(minutes));
        Assert.NotNull(known.WhyUnvouched());
        machine.Advance(TimeSpan.FromMinutes(4.9));
        Assert.NotNull(known.WhyUnvouched());
        machine.Advance(TimeSpan.FromMinutes(0.1));
        Assert.Null(known.WhyUnvouched());
    }

    [Fact]
    public void ClockThatIsSetInSmallSteps_IsWaitedForOnceTheyAddUp_AndNotWhenItIsVouchedForInBetween()
    {
        SettableClock machine = new(Start);
        ClockStandings known = KnownClocks.New(machine).NoteAhead(TimeSpan.Zero);
        machine.Advance(TimeSpan.FromHours(3));
        Step();
        known.NoteAhead(TimeSpan.Zero);
        Step();
        Assert.Null(known.WhyUnvouched());

        Step();
        Assert.NotNull(known.WhyUnvouched());
        known.NoteAhead(TimeSpan.Zero);
        Assert.Null(known.WhyUnvouched());

        void Step() => machine.Set(machine.GetUtcNow().AddMinutes(3));
    }

    [Fact]
    public void Instant_ByTheProvidersClock_IsTheVerySameUntilThisOneIsKnownToBeFarOff()
    {
        Assert.Equal(Start, clocks.ByProvider(Start));
        Note(299, 0);
        Assert.Equal(Start, clocks.ByProvider(Start));
        clocks.Note(ClockStandings.Database, new ClockReading.Read(TimeSpan.FromDays(-7), TimeSpan.Zero));
        Assert.Equal(Start, clocks.ByProvider(Start));

        Note(301, 0.5);
        Assert.Equal(Start.AddSeconds(-301), clocks.ByProvider(Start));
        Note(301, 0.5);
        Note(100, 0.5);
        Assert.Equal(Start, clocks.ByProvider(Start));
    }

    [Fact]
    public void Instant_ByTheProvidersClock_GoesOnAsTimeDoes_WhateverThisOneIsSetTo()
    {
        SettableClock machine = new(Start.AddDays(10));
        ClockStandings known = KnownClocks.New(machine).NoteAhead(TimeSpan.FromDays(10));
        machine.Advance(TimeSpan.FromHours(1));
        Assert.Equal(Start.AddHours(1), known.ByProvider(machine.GetUtcNow()));
        Assert.Equal(Start.AddMinutes(59), known.ByProvider(machine.GetUtcNow().AddMinutes(-1)));

        // An answer that leaves minutes open says nothing better.
        known.Note(ClockStandings.Provider, new ClockReading.Read(TimeSpan.FromDays(10) + TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(2)));
        Assert.Equal(Start.AddHours(1), known.ByProvider(machine.GetUtcNow()));

        machine.Set(Start.AddHours(1));
        Assert.NotNull(known.WhyHeld());
        Assert.Equal(Start.AddHours(1), known.ByProvider(machine.GetUtcNow()));
        machine.Set(Start.AddDays(-3));
        machine.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(Start.AddMinutes(61), known.ByProvider(machine.GetUtcNow()));
    }

    private ClockStanding Standing => Assert.Single(clocks.All);

    private void Note(double ahead, double margin) =>
        clocks.Note(ClockStandings.Provider, new ClockReading.Read(TimeSpan.FromSeconds(ahead), TimeSpan.FromSeconds(margin)));
}
