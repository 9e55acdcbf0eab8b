using LoraAdmin.Domain.Alerts;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data.Contracts;

/// <summary>The store and the keeper on it, as the consumer of facts uses them.</summary>
public abstract class IncidentContract : StoreContract
{
    private const string Rule = "pods.leaking";
    private const string Subject = "abcd1234";

    private readonly Lock gate = new();
    private readonly SystemIds newIds = new(TimeProvider.System);

    [Fact]
    public async Task Raise_Twice_CountsInOneIncident()
    {
        JobId job = NextJob();
        await TakeIn(Start, Raised("first words", EventSeverity.Warning) with { Job = job });
        await TakeIn(Start.AddMinutes(5), Raised("newest words", EventSeverity.Error));

        Incident incident = Assert.Single(await Open());
        Assert.Equal((Rule, Subject, "newest words", 2), (incident.Rule, incident.Subject, incident.Text, incident.Count));
        Assert.Equal((Start, Start.AddMinutes(5)), (incident.Since, incident.LastSeenAt));
        Assert.Equal(EventSeverity.Error, incident.Severity);
        Assert.Equal(job, incident.Job);
        Assert.Null(incident.ResolvedAt);
    }

    [Fact]
    public async Task Fact_TakenInAgain_CountsOnce()
    {
        Guid fact = NextId();
        await TakeIn(Start, Raised("it leaks"), fact);

        await TakeIn(Start, Raised("it leaks"), fact);

        Assert.Equal(1, Assert.Single(await Open()).Count);
    }

    [Fact]
    public async Task Resolve_Open_EndsItAndNothingElse()
    {
        await TakeIn(Start, Raised("it leaks"));
        await TakeIn(Start, Raised("it leaks", subject: "other567"));

        await TakeIn(Start.AddMinutes(1), Over());

        Assert.Equal("other567", Assert.Single(await Open()).Subject);
    }

    [Fact]
    public async Task Count_OfWhatIsOpen_IsByRuleAndWhole()
    {
        Assert.Empty(await Counts());
        await TakeIn(Start.AddMinutes(2), Raised("it leaks", subject: "other567"));
        await TakeIn(Start, Raised("it leaks", EventSeverity.Info, "third890"));
        await TakeIn(Start, Fact() with { Signals = [new IncidentSignal("pods.held", Subject, "It is kept")] });
        await TakeIn(Start.AddMinutes(-1), Raised("it leaks"));
        await TakeIn(Start.AddMinutes(1), Over());

        Assert.Equal([new OpenCount("pods.held", 1, Start), new OpenCount(Rule, 2, Start)], await Counts());
    }

    [Fact]
    public async Task Raise_AfterItsEnd_OpensANewOne()
    {
        await TakeIn(Start, Raised("it leaks"));
        Guid first = Assert.Single(await Open()).Id;
        await TakeIn(Start.AddMinutes(1), Over());

        await TakeIn(Start.AddMinutes(2), Raised("it leaks again"));

        Incident second = Assert.Single(await Open());
        Assert.NotEqual(first, second.Id);
        Assert.Equal((1, Start.AddMinutes(2)), (second.Count, second.Since));
    }

    [Fact]
    public async Task Raise_OlderThanTheEnd_ChangesNothing()
    {
        await TakeIn(Start, Raised("it leaks"));
        await TakeIn(Start.AddMinutes(2), Over());

        await TakeIn(Start.AddMinutes(1), Raised("handed out late"));

        Assert.Empty(await Open());
    }

    [Fact]
    public async Task Raise_HandedOutOnlyAfterItsEnd_DoesNotStayOpenForEver()
    {
        await TakeIn(Start.AddMinutes(2), Over());

        await TakeIn(Start.AddMinutes(1), Raised("handed out late"));

        Assert.Empty(await Open());
    }

    [Fact]
    public async Task Resolve_OlderThanTheLastSighting_LeavesItOpen()
    {
        await TakeIn(Start.AddMinutes(2), Raised("it leaks"));

        await TakeIn(Start.AddMinutes(1), Over());

        Assert.Single(await Open());
    }

    [Fact]
    public async Task Open_Listed_IsWorstFirstThenOldestFirst()
    {
        await TakeIn(Start, Raised("old warning", EventSeverity.Warning, "aaaa"));
        await TakeIn(Start.AddMinutes(3), Raised("late error", EventSeverity.Error, "bbbb"));
        await TakeIn(Start.AddMinutes(2), Raised("early error", EventSeverity.Error, "cccc"));
        await TakeIn(Start.AddMinutes(-9), Raised("note", EventSeverity.Info, "dddd"));

        Assert.Equal(["early error", "late error", "old warning", "note"], (await Open()).Select(incident => incident.Text));
        Assert.Equal(["early error"], (await Open(1)).Select(incident => incident.Text));
    }

    [Fact]
    public async Task Raise_ByManyAtOnce_OpensOneAndCountsAll()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(number => Task.Run(() => TakeIn(Start.AddSeconds(number), Raised($"sighting {number}")))));

        Incident incident = Assert.Single(await Open());
        Assert.Equal((8, Start, Start.AddSeconds(7), "sighting 7"), (incident.Count, incident.Since, incident.LastSeenAt, incident.Text));
    }

    [Fact]
    public async Task OpenSubjects_AreThoseOfIncidents_AndOfFactsThatAreNotTakenInYet()
    {
        await TakeIn(Start, Raised("it leaks", subject: "taken"));
        await TakeIn(Start, Raised("it leaks", subject: "over"));
        await Append(Raised("it leaks", subject: "waiting"), Raised("it leaks", subject: "brief"));
        await Append(Fact() with { Signals = [new IncidentSignal(Rule, "over", "It is gone", Over: true), new IncidentSignal(Rule, "brief", "It is gone", Over: true)] });
        await Append(Fact() with { Signals = [new IncidentSignal($"{Rule}.otherwise", "other", "something else")] });

        Assert.Equal(["taken", "waiting"], (await OpenSubjects()).Order(StringComparer.Ordinal));

        await Append(Fact() with { Signals = [IncidentSignal.OverExcept(Rule, ["taken"], "All others are gone")] });
        Assert.Equal(["taken"], await OpenSubjects());
    }

    [Fact]
    public async Task FactThatSomethingIsRight_IsAppendedIfItEndsAnIncident_AndElseNot()
    {
        Assert.False(await AppendIfItEnds(Over()));
        await TakeIn(Start, Raised("it leaks", subject: "other567"));
        Assert.False(await AppendIfItEnds(Over()));
        Assert.False(await AppendIfItEnds(Raised("it leaks")));

        // Another portal has just written it.
        await Append(Raised("it leaks"));
        Assert.True(await AppendIfItEnds(Over()));
        Assert.False(await AppendIfItEnds(Over()));
        Assert.True(await AppendIfItEnds(Fact() with { Signals = [IncidentSignal.OverExcept(Rule, [], "All are gone")] }));
        Assert.Empty(await OpenSubjects());
    }

    private Task<bool> AppendIfItEnds(OperationalEvent fact) => Work.RunAsync((unit, token) => unit.AppendIfItEndsAsync(fact, token), None);

    private Task Append(params IReadOnlyList<OperationalEvent> facts) => Work.RunAsync(
        async (unit, token) =>
        {
            foreach (OperationalEvent fact in facts)
            {
                await unit.Events.AppendAsync(fact, token);
            }
        },
        None);

    private Task<IReadOnlyCollection<string>> OpenSubjects() =>
        Read<IOpenIncidents, IReadOnlyCollection<string>>(store => store.ListSubjectsAsync(Rule, None));

    private static OperationalEvent Raised(string text, EventSeverity severity = EventSeverity.Warning, string subject = Subject) =>
        Fact() with { Severity = severity, Signals = [new IncidentSignal(Rule, subject, text)] };

    private static OperationalEvent Over() => Fact() with { Signals = [new IncidentSignal(Rule, Subject, "It is gone", Over: true)] };

    private Task TakeIn(DateTimeOffset at, OperationalEvent fact, Guid? id = null) =>
        new IncidentKeeper(Work, newIds).TakeInAsync(id ?? NextFact(), at, fact, None);

    private Guid NextFact()
    {
        lock (gate)
        {
            return NextId();
        }
    }

    private Task<IReadOnlyList<Incident>> Open(int max = 100) =>
        Read<IIncidentStore, IReadOnlyList<Incident>>(store => store.ListOpenAsync(max, None));

    private async Task<IEnumerable<OpenCount>> Counts() =>
        (await Read<IIncidentStore, IReadOnlyList<OpenCount>>(store => store.CountOpenAsync(None))).OrderBy(rule => rule.Rule, StringComparer.Ordinal);
}
