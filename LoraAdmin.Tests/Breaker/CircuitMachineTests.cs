using LoraAdmin.Domain.Breaker;
using Xunit;

namespace LoraAdmin.Tests.Breaker;

/// <summary>The breaker's decisions, verb by verb. The scripts are held to the same answers by <c>BreakerScriptContract</c>.</summary>
public sealed class CircuitMachineTests
{
    private static readonly BreakerRules Rules = new(3, TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(5), null);
    private static readonly TimeSpan Millisecond = TimeSpan.FromMilliseconds(1);

    private Circuit circuit = Circuit.Fresh;
    private DateTimeOffset now = new(2026, 11, 25, 12, 0, 0, TimeSpan.Zero);
    private int creations;

    [Fact]
    [Trait("Requirement", "C1")]
    public void Open_OnExactlyTheThirdFailure()
    {
        Assert.Equal(CircuitAnswers.Counted, Fail());
        Assert.Equal(CircuitAnswers.Counted, Fail());
        Assert.Equal(CircuitStatus.Closed, Status);
        Assert.Equal(CircuitAnswers.Go, Check());
        Assert.Equal(CircuitAnswers.Opened, Fail());

        Assert.Equal((CircuitStatus.Open, now + Rules.OpenFor), (Status, circuit.OpenUntil));
        Assert.Equal(CircuitAnswers.Open, Check());
        CircuitEntry trip = circuit.History[0];
        Assert.Equal((CircuitEntryKinds.Opened, 3), (trip.Kind, trip.Failures.Count));
        Assert.Equal(["words of 1", "words of 2", "words of 4"], trip.Failures.Select(failure => failure.Words));
    }

    [Theory]
    [Trait("Requirement", "C1")]
    [InlineData(-1, true)]
    [InlineData(0, false)]
    public void Window_IsExactToTheMillisecond(int millisecondsPastTheWindow, bool opens)
    {
        Fail();
        Fail();
        now += Rules.Window + (millisecondsPastTheWindow * Millisecond);

        Assert.Equal(opens ? CircuitAnswers.Opened : CircuitAnswers.Counted, Fail());
        Assert.Equal(opens ? 0 : 1, circuit.Failures.Count);
    }

    [Fact]
    [Trait("Requirement", "C4")]
    public void Success_BetweenFailures_ResetsTheCount()
    {
        Fail();
        Fail();
        Assert.Equal(CircuitAnswers.Noted, Apply(new CircuitCall.Success(Permit(), "w")).Answer);
        Assert.Equal(CircuitAnswers.Counted, Fail());
        Assert.Equal(CircuitAnswers.Counted, Fail());
        Assert.Equal(CircuitAnswers.Opened, Fail());
    }

    [Fact]
    public void SameCreation_ToldTwice_CountsOnce()
    {
        Fail();
        Assert.Equal(CircuitAnswers.Repeated, Apply(new CircuitCall.Failure(Permit(), "creation-1", "another", "words", FailureEffect.Counted, "")).Answer);
        Assert.Single(circuit.Failures);
    }

    [Fact]
    [Trait("Requirement", "C2")]
    public void HalfOpen_LetsExactlyOneThroughAndItsSuccessCloses()
    {
        Open();
        now += Rules.OpenFor - Millisecond;
        Assert.Equal(CircuitAnswers.Open, Check());
        now += Millisecond;
        Assert.Equal(CircuitStatus.HalfOpen, Status);
        CircuitReply first = Apply(new CircuitCall.Check("a", "w1", ""));
        Assert.Equal(CircuitAnswers.Probe, first.Answer);
        Assert.Equal(CircuitAnswers.Probing, Apply(new CircuitCall.Check("b", "w2", "")).Answer);
        Assert.Equal(CircuitAnswers.Probe, Apply(new CircuitCall.Check("a", "w3", "")).Answer);

        Assert.Equal(CircuitAnswers.Closed, Apply(new CircuitCall.Success(new BreakerPermit(first.Circuit.Generation, "a", true), "w1")).Answer);
        Assert.Equal((CircuitStatus.Closed, CircuitAnswers.Go), (Status, Check()));
    }

    [Fact]
    [Trait("Requirement", "C2")]
    public void Probe_Fails_OpensForAnotherWhole()
    {
        Open();
        now += Rules.OpenFor;
        CircuitReply probe = Apply(new CircuitCall.Check("a", "w1", ""));
        now += TimeSpan.FromSeconds(20);

        Assert.Equal(CircuitAnswers.Reopened, Fail(new BreakerPermit(probe.Circuit.Generation, "a", true)));
        Assert.Equal((CircuitStatus.Open, now + Rules.OpenFor), (Status, circuit.OpenUntil));
    }

    [Fact]
    [Trait("Requirement", "C2")]
    public void Probe_OfADeadWorker_GoesToAnotherWhenItsLeaseIsOver()
    {
        Open();
        now += Rules.OpenFor;
        CircuitReply dead = Apply(new CircuitCall.Check("a", "w1", ""));
        now += Rules.ProbeLease - Millisecond;
        Assert.Equal(CircuitAnswers.Probing, Apply(new CircuitCall.Check("b", "w2", "")).Answer);
        now += Millisecond;
        CircuitReply next = Apply(new CircuitCall.Check("b", "w2", ""));
        Assert.Equal(CircuitAnswers.Probe, next.Answer);

        // The dead one was only slow: its result is late.
        Assert.Equal(CircuitAnswers.Late, Fail(new BreakerPermit(dead.Circuit.Generation, "a", true)));
        Assert.Equal(CircuitAnswers.Closed, Apply(new CircuitCall.Success(new BreakerPermit(next.Circuit.Generation, "b", true), "w2")).Answer);
    }

    [Theory]
    [InlineData(FailureEffect.Ignored)]
    [InlineData(FailureEffect.Counted)]
    public void Result_OfAnOlderGeneration_ChangesNothing(FailureEffect effect)
    {
        BreakerPermit old = Permit();
        Open();
        Apply(new CircuitCall.Reset("ada", "mended"));
        Circuit before = circuit with { History = [], Entries = 0 };
        Assert.Equal(
            effect == FailureEffect.Ignored ? CircuitAnswers.Ignored : CircuitAnswers.Late,
            Apply(new CircuitCall.Failure(old, "old", "w", "words", effect, "")).Answer);
        Assert.Equal(CircuitAnswers.Late, Apply(new CircuitCall.Success(old, "w")).Answer);

        Assert.Equal(Text(before), Text(circuit with { History = [], Entries = 0 }));
        Assert.Equal(CircuitEntryKinds.LateSuccess, circuit.History[0].Kind);
    }

    [Fact]
    public void Ignored_Probe_IsGivenBackAndTheNextOneTries()
    {
        Open();
        now += Rules.OpenFor;
        CircuitReply probe = Apply(new CircuitCall.Check("a", "w1", ""));
        BreakerPermit permit = new(probe.Circuit.Generation, "a", true);
        Assert.Equal(CircuitAnswers.Ignored, Apply(new CircuitCall.Failure(permit, "a", "w1", "no stock", FailureEffect.Ignored, "")).Answer);

        Assert.Equal(CircuitAnswers.Probe, Apply(new CircuitCall.Check("b", "w2", "")).Answer);
    }

    [Fact]
    [Trait("Requirement", "C5")]
    public void Isolation_WinsOverEverythingUntilItsEnd()
    {
        BreakerPermit before = Permit();
        Apply(new CircuitCall.Isolate("ada", "maintenance", TimeSpan.FromHours(1), ""));
        Assert.Equal(CircuitAnswers.Isolated, Check());
        Assert.Equal(CircuitAnswers.Late, Apply(new CircuitCall.Success(before, "w")).Answer);
        Assert.Equal(CircuitAnswers.Late, Fail(before));
        now += TimeSpan.FromHours(1) - Millisecond;
        Assert.Equal(CircuitAnswers.Isolated, Check());
        now += Millisecond;

        Assert.Equal(CircuitAnswers.Go, Check());
        Assert.Equal((CircuitEntryKinds.IsolationOver, "ada", "maintenance"), (circuit.History[0].Kind, circuit.History[0].By, circuit.History[0].Reason));
    }

    [Fact]
    [Trait("Requirement", "C5")]
    public void Reset_ClosesWhateverItWas()
    {
        Open();
        Apply(new CircuitCall.Isolate("ada", "maintenance", null, ""));
        Assert.Equal(CircuitAnswers.Reset, Apply(new CircuitCall.Reset("grace", "RunPod says it is mended")).Answer);

        Assert.Equal(CircuitAnswers.Go, Check());
        Assert.Equal((CircuitEntryKinds.Reset, "grace", "RunPod says it is mended"), (circuit.History[0].Kind, circuit.History[0].By, circuit.History[0].Reason));
    }

    [Fact]
    public void RefusedKey_IsolatesUntilAnotherKeyChecks()
    {
        string refused = KeyMarks.Of("old key");
        Assert.Equal(CircuitAnswers.Isolated, Apply(new CircuitCall.Failure(Permit(), "c", "w", "401", FailureEffect.Isolated, refused)).Answer);
        now += TimeSpan.FromDays(30);
        Assert.Equal(CircuitAnswers.Isolated, Apply(new CircuitCall.Check("t", "w", refused)).Answer);
        Assert.Equal(CircuitAnswers.Isolated, Apply(new CircuitCall.Check("t", "w", "")).Answer);

        Assert.Equal(CircuitAnswers.Go, Apply(new CircuitCall.Check("t", "w", KeyMarks.Of("new key"))).Answer);
        Assert.DoesNotContain("key", refused, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "C5")]
    public void RefusedKey_OfAnOlderGeneration_UndoesNoReset()
    {
        string refused = KeyMarks.Of("old key");
        BreakerPermit underWay = Permit();
        Apply(new CircuitCall.Failure(Permit(), "c1", "w", "401", FailureEffect.Isolated, refused));
        Apply(new CircuitCall.Reset("ada", "The key was put right"));

        Assert.Equal(CircuitAnswers.Late, Apply(new CircuitCall.Failure(underWay, "c2", "w", "401", FailureEffect.Isolated, refused)).Answer);
        Assert.Equal(CircuitAnswers.Go, Check());
        Assert.Equal(CircuitEntryKinds.Late, circuit.History[0].Kind);
    }

    [Theory]
    [InlineData(null, 30, 30, 30)]
    [InlineData(100, 30, 60, 100)]
    public void OpenTime_GrowsWithEachTripWhenAsked(int? longest, int first, int second, int third)
    {
        BreakerRules rules = Rules with { LongestOpenFor = longest is { } minutes ? TimeSpan.FromMinutes(minutes) : null };
        int[] lengths = [.. Enumerable.Range(1, 3).Select(trip => (int)rules.OpenTimeOf(trip).TotalMinutes)];
        Assert.Equal([first, second, third], lengths);
    }

    [Fact]
    public void OpenTime_BeginsAnewAfterAHealthyDay()
    {
        BreakerRules rules = Rules with { LongestOpenFor = TimeSpan.FromHours(4) };
        Open(rules);
        Assert.Equal(TimeSpan.FromMinutes(30), circuit.OpenUntil - now);
        Probed(rules);
        Open(rules);
        Assert.Equal(TimeSpan.FromMinutes(60), circuit.OpenUntil - now);
        Probed(rules);
        now += BreakerRules.Healthy;
        Open(rules);
        Assert.Equal(TimeSpan.FromMinutes(30), circuit.OpenUntil - now);
    }

    private CircuitStatus Status => circuit.StatusAt(now);

    private static string Text(Circuit circuit) => System.Text.Json.JsonSerializer.Serialize(circuit);

    private CircuitReply Apply(CircuitCall call, BreakerRules? rules = null)
    {
        CircuitReply reply = CircuitMachine.Apply(circuit, call, now, rules ?? Rules);
        circuit = reply.Circuit;
        return reply;
    }

    private BreakerPermit Permit() => new(circuit.Generation, "token", false);

    private string Check() => Apply(new CircuitCall.Check($"token-{++creations}", "w", "")).Answer;

    private string Fail(BreakerPermit? permit = null, BreakerRules? rules = null)
    {
        creations++;
        return Apply(new CircuitCall.Failure(permit ?? Permit(), $"creation-{creations}", "w", $"words of {creations}", FailureEffect.Counted, ""), rules).Answer;
    }

    private void Open(BreakerRules? rules = null)
    {
        for (int number = 0; number < Rules.Failures; number++)
        {
            Fail(rules: rules);
        }
    }

    private void Probed(BreakerRules rules)
    {
        now = circuit.OpenUntil!.Value;
        CircuitReply probe = Apply(new CircuitCall.Check("probe", "w", ""), rules);
        Apply(new CircuitCall.Success(new BreakerPermit(probe.Circuit.Generation, "probe", true), "w"), rules);
    }
}
