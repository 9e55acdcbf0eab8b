using LoraAdmin.Domain.Breaker;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data.Contracts;

public abstract class BreakerToldContract : StoreContract
{
    [Fact]
    public async Task Told_SavedAndFound_IsTheSame()
    {
        Assert.Null(await Find());
        BreakerTold told = Told("b1", 3);
        Assert.True(await Save(null, told));

        BreakerTold found = (await Find())!;
        Assert.Equal((told.Born, told.Entries), (found.Born, found.Entries));
        Assert.Equal(System.Text.Json.JsonSerializer.Serialize(told.Circuit), System.Text.Json.JsonSerializer.Serialize(found.Circuit));
    }

    [Fact]
    public async Task Save_OnWhatAnotherHasChanged_WritesNothing()
    {
        BreakerTold first = Told("b1", 1);
        Assert.True(await Save(null, first));
        Assert.False(await Save(null, Told("b1", 9)));
        Assert.True(await Save(first, Told("b1", 2)));
        Assert.False(await Save(first, Told("b1", 3)));
        Assert.True(await Save(Told("b1", 2), Told("b2", 1)));

        Assert.Equal("b2", (await Find())!.Born);
    }

    [Fact]
    public async Task Told_OfOneProvider_IsNothingToTheOther()
    {
        Assert.True(await Save(null, Told("b1", 3)));
        Assert.Null(await Read<IBreakerToldStore, BreakerTold?>(store => store.FindAsync("replicate", None)));
        Assert.True(await In<IBreakerToldStore, bool>(store => store.SaveAsync("replicate", null, Told("b2", 1), None)));
        Assert.Equal("b1", (await Find())!.Born);
        Assert.Equal("b2", (await Read<IBreakerToldStore, BreakerTold?>(store => store.FindAsync("replicate", None)))!.Born);
    }

    private Task<BreakerTold?> Find() => Read<IBreakerToldStore, BreakerTold?>(store => store.FindAsync("runpod", None));

    private Task<bool> Save(BreakerTold? before, BreakerTold next) => In<IBreakerToldStore, bool>(store => store.SaveAsync("runpod", before, next, None));

    private static BreakerTold Told(string born, long entries) => new(born, entries, new Circuit
    {
        Born = born,
        Generation = 7,
        IsOpen = true,
        OpenedAt = Start,
        OpenUntil = Start.AddMinutes(30),
        ClosedAt = Start.AddDays(-1),
        Trips = 2,
        Entries = entries,
        Isolation = new Isolation("ada", "why", Start, Start.AddHours(1), ""),
        Probe = new Probe("try-1", "w", Start.AddMinutes(5)),
        Failures = [new CircuitFailure("c", Start, "w", "503")],
        History = [new CircuitEntry(entries, Start, CircuitEntryKinds.Opened, 7, "w", "503", [new CircuitFailure("c", Start, "w", "503")])],
    });
}
