using LoraAdmin.Domain.Alerts;
using LoraAdmin.Domain.Clocks;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation.Memory;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Clocks;

public sealed class ClockWatchTests : IDisposable
{
    private static readonly DateTimeOffset Start = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    private readonly FakeTimeProvider clock = new(Start);
    private readonly SeededIds ids = new(3);
    private readonly MemoryDatabase database;
    private readonly IncidentKeeper keeper;
    private readonly Portal here;
    private readonly Portal there;
    private int takenIn;

    public ClockWatchTests()
    {
        database = new MemoryDatabase(clock);
        keeper = new IncidentKeeper(database, ids);
        here = new Portal(database, clock, "process-1", "portal-a");
        there = new Portal(database, clock, "process-2", "portal-b");
    }

    public void Dispose() => database.Dispose();

    [Fact]
    public async Task ClocksThatAgree_WriteNothing()
    {
        here.Clocks.NoteAhead(TimeSpan.FromSeconds(-40));

        await here.Watch.LookAsync(CancellationToken.None);

        Assert.Empty(database.Events);
        Assert.Empty(database.ClockDifferences.Rows);
    }

    [Fact]
    public async Task ClockThatIsWrong_IsOneIncidentThatSaysWhichByHowMuchSinceWhenAndWhatToDo()
    {
        here.Clocks.NoteAhead(TimeSpan.FromSeconds(72));
        clock.Advance(TimeSpan.FromSeconds(30));

        await LookAsync(here, looks: 3);

        Incident incident = Assert.Single(await OpenAsync());
        Assert.Equal((ClockIncidents.Off, "runpod/process-1", EventSeverity.Warning, 1), (incident.Rule, incident.Subject, incident.Severity, incident.Count));
        Assert.Equal(
            "The clock of portal-a is 1 min 12 s ahead of RunPod's since 2026-11-24 12:00 UTC. Synchronise it by NTP: see timedatectl or chronyc tracking on portal-a",
            incident.Text);
    }

    [Fact]
    public async Task ClockThatGetsWorse_IsUrgentAndSaysWhatItHolds_AndIsOverWhenItAgreesAgain()
    {
        here.Clocks.NoteAhead(TimeSpan.FromSeconds(72));
        await LookAsync(here);
        here.Clocks.NoteAhead(TimeSpan.FromMinutes(9));
        await LookAsync(here, looks: 2);

        Incident worse = Assert.Single(await OpenAsync());
        Assert.Equal((EventSeverity.Error, 2), (worse.Severity, worse.Count));
        Assert.Contains("9 min 0 s ahead of RunPod's", worse.Text, StringComparison.Ordinal);
        Assert.Contains("Meanwhile portal-a by itself ends and deletes nothing by age, resets no limits and books no bills.", worse.Text, StringComparison.Ordinal);

        here.Clocks.NoteAhead(TimeSpan.FromSeconds(2));
        await LookAsync(here, looks: 2);

        Assert.Empty(await OpenAsync());
        Assert.Equal("The clock of portal-a differs from RunPod's by 2 s only", Assert.Single(database.Incidents.Rows).ResolvedHow);
        Assert.Empty(database.ClockDifferences.Rows);
    }

    [Fact]
    public async Task TwoPortals_EachHasItsOwn_ForEachClock()
    {
        here.Clocks.NoteAhead(TimeSpan.FromSeconds(72));
        here.NoteDatabase(TimeSpan.FromMinutes(-2));
        there.Clocks.NoteAhead(TimeSpan.FromSeconds(-90));

        await LookAsync(here);
        await LookAsync(there);
        await LookAsync(here);

        Assert.Equal(["database/process-1", "runpod/process-1", "runpod/process-2"], (await OpenAsync()).Select(one => one.Subject).Order());
        Assert.Equal(3, database.Events.Count);
    }

    [Theory]
    [InlineData(3, "RunPod's clock agrees with the database's: synchronise portal-a by NTP")]
    [InlineData(130, "The database's clock differs from RunPod's too: synchronise its server by NTP first")]
    [InlineData(null, "Synchronise the clocks of portal-a and of the database's server by NTP")]
    public async Task OfThreeClocks_TheOneThatAgreesWithNeitherOther_IsToBeMended(int? aheadOfProvider, string remedy)
    {
        here.NoteDatabase(TimeSpan.FromSeconds(-130));
        if (aheadOfProvider is { } ahead)
        {
            here.Clocks.NoteAhead(TimeSpan.FromSeconds(ahead));
        }

        await LookAsync(here);

        Incident machine = Assert.Single(await OpenAsync(), one => one.Subject == "database/process-1");
        Assert.StartsWith("The clock of portal-a is 2 min 10 s behind the database's since", machine.Text, StringComparison.Ordinal);
        Assert.Contains(remedy, machine.Text, StringComparison.Ordinal);
        Assert.All(
            (await OpenAsync()).Where(one => one.Subject == "runpod/process-1"),
            one => Assert.StartsWith("The database's clock, which portal-a goes by, is 2 min 10 s ahead of RunPod's", one.Text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task PortalThatEnds_TakesItsIncidentAlong()
    {
        here.Clocks.NoteAhead(TimeSpan.FromMinutes(2));
        await LookAsync(here);

        await here.Watch.LeaveAsync(CancellationToken.None);

        Assert.Empty(await OpenAsync());
    }

    [Fact]
    public async Task PortalThatWasKilled_IsEndedByAnother_AndOneThatLivesIsNot()
    {
        here.Clocks.NoteAhead(TimeSpan.FromMinutes(2));
        there.Clocks.NoteAhead(TimeSpan.FromMinutes(3));
        await LookAsync(here);
        for (int minute = 0; minute < 40; minute++)
        {
            there.Clocks.NoteAhead(TimeSpan.FromMinutes(3));
            await LookAsync(there);
        }

        Assert.Equal("runpod/process-2", Assert.Single(await OpenAsync()).Subject);
        Assert.Equal("The portal on portal-a is not heard of any more", Assert.Single(database.Incidents.Rows, one => one.ResolvedAt is not null).ResolvedHow);
        Assert.Equal(3, database.Events.Count);
    }

    [Fact]
    public async Task ProviderThatAnswersByItself_IsNotAsked_AndOneThatIsSilentIs()
    {
        here.Outside.Answers = () => here.Clocks.NoteAhead(TimeSpan.Zero);
        await LookAsync(here);
        Assert.Equal(1, here.Outside.Asked);

        for (int minute = 0; minute < 20; minute++)
        {
            here.Clocks.NoteAhead(TimeSpan.Zero);
            await LookAsync(here);
        }

        Assert.Equal(1, here.Outside.Asked);
        await LookAsync(here, looks: 6);
        Assert.Equal(2, here.Outside.Asked);
    }

    /// <summary>Meanwhile what needs the right time waits.</summary>
    [Fact]
    public async Task Provider_WhoseWordIsWaitedFor_IsAskedInEachLook_AfterTheStartAndAfterTheClockWasSet()
    {
        SettableClock machine = new(Start);
        Portal portal = new(database, machine, "process-3", "portal-c");
        await PassAsync(6);
        Assert.Equal(6, portal.Outside.Asked);
        await PassAsync(4);
        Assert.Equal(6, portal.Outside.Asked);

        portal.Clocks.NoteAhead(TimeSpan.Zero);
        machine.Set(machine.GetUtcNow().AddDays(2));
        await PassAsync(3);
        Assert.Equal(9, portal.Outside.Asked);
        portal.Clocks.NoteAhead(TimeSpan.Zero);
        await PassAsync(4);
        Assert.Equal(9, portal.Outside.Asked);

        async Task PassAsync(int looks)
        {
            for (int look = 0; look < looks; look++)
            {
                await portal.Watch.LookAsync(CancellationToken.None);
                machine.Advance(TimeSpan.FromMinutes(1));
            }
        }
    }

    [Theory]
    [InlineData("no answer within 60 s", "no answer within 60 s")]
    [InlineData(null, "Its answer does not say what time it is")]
    public async Task ProviderWhoseClockCantBeRead_IsKnownAsSuch_AndNothingIsTold(string? why, string known)
    {
        here.Outside.Why = why;

        await LookAsync(here, looks: 2);

        Assert.Equal(known, Assert.Single(here.Clocks.All).UnreadWhy);
        Assert.Equal(2, here.Outside.Asked);
        Assert.Empty(database.Events);
    }

    private async Task LookAsync(Portal portal, int looks = 1)
    {
        for (int look = 0; look < looks; look++)
        {
            await portal.Watch.LookAsync(CancellationToken.None);
            clock.Advance(KnownClocks.Rules.MeasureEvery);
        }
    }

    private async Task<IReadOnlyList<Incident>> OpenAsync()
    {
        for (; takenIn < database.Events.Count; takenIn++)
        {
            await keeper.TakeInAsync(ids.Next(), clock.GetUtcNow(), database.Events[takenIn], CancellationToken.None);
        }

        return await database.ReadAsync((unit, token) => unit.Store<IIncidentStore>().ListOpenAsync(100, token), CancellationToken.None);
    }

    private sealed class Portal
    {
        public Portal(MemoryDatabase database, TimeProvider clock, string instance, string host)
        {
            Clocks = KnownClocks.New(clock);
            Watch = new ClockWatch(database, Clocks, [Outside], clock, () => KnownClocks.Rules, instance, host);
        }

        public ClockStandings Clocks { get; }

        public Provider Outside { get; } = new();

        public ClockWatch Watch { get; }

        public void NoteDatabase(TimeSpan ahead) => Clocks.Note(ClockStandings.Database, new ClockReading.Read(ahead, TimeSpan.FromMilliseconds(1)));
    }

    private sealed class Provider : IOutsideClock
    {
        public string Subject => ClockStandings.Provider;

        public int Asked { get; private set; }

        public string? Why { get; set; } = "no answer";

        /// <summary>Null: it does not.</summary>
        public Action? Answers { get; set; }

        public Task<string?> AskAsync(CancellationToken cancellationToken)
        {
            Asked++;
            Answers?.Invoke();
            return Task.FromResult(Answers is null ? Why : null);
        }
    }
}
