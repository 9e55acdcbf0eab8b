using LoraAdmin.Domain.Clocks;
using LoraAdmin.Domain.Shared;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data.Contracts;

public abstract class ClockDifferenceContract : StoreContract
{
    [Fact]
    public async Task Difference_SavedTwice_IsOneRowAsSavedLast()
    {
        ClockDifference first = new("one", ClockStandings.Database, "host-1", ClockGrade.Off, TimeSpan.FromSeconds(-70), Start);
        await Save(first);
        await Save(first with { Subject = ClockStandings.Provider });
        await Save(first with { Instance = "another" });
        ClockDifference next = first with { Host = "host-2", Grade = ClockGrade.FarOff, Ahead = TimeSpan.FromDays(40), SeenAt = Start.AddMinutes(5) };
        await Save(next);

        Assert.Equal([first with { Instance = "another" }, next, first with { Subject = ClockStandings.Provider }], await List());
    }

    [Fact]
    public async Task Difference_Deleted_IsGoneOnce()
    {
        ClockDifference row = new("one", ClockStandings.Database, "host-1", ClockGrade.Off, TimeSpan.FromSeconds(70), Start);
        await Save(row);
        await Save(row with { Subject = ClockStandings.Provider });

        Assert.False(await Delete("another", ClockStandings.Database));
        Assert.True(await Delete("one", ClockStandings.Database));
        Assert.False(await Delete("one", ClockStandings.Database));

        Assert.Equal(ClockStandings.Provider, Assert.Single(await List()).Subject);
    }

    private Task<IReadOnlyList<ClockDifference>> List() => Read<IClockDifferenceStore, IReadOnlyList<ClockDifference>>(store => store.ListAsync(None));

    private Task Save(ClockDifference difference) => In<IClockDifferenceStore>(store => store.SaveAsync(difference, None));

    private Task<bool> Delete(string instance, string subject) => In<IClockDifferenceStore, bool>(store => store.DeleteAsync(instance, subject, None));
}
