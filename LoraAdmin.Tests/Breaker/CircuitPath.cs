using System.Text.Json;
using LoraAdmin.Domain.Breaker;

namespace LoraAdmin.Tests.Breaker;

/// <summary>A random walk over the verbs, as several workers in any order might call them, with clock steps around every edge.</summary>
internal sealed class CircuitPath(int seed)
{
    public static readonly BreakerRules Rules = new(3, TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(5), TimeSpan.FromHours(2));

    private const string Elder = "1000000000000";

    /// <summary>The workers' clocks show so much more.</summary>
    private static readonly TimeSpan Ahead = TimeSpan.FromHours(1);

    private static readonly TimeSpan Millisecond = TimeSpan.FromMilliseconds(1);

    private static readonly TimeSpan[] Steps =
    [
        TimeSpan.Zero, TimeSpan.Zero, Millisecond, TimeSpan.FromSeconds(7), Rules.Window - Millisecond, Rules.Window, Rules.ProbeLease - Millisecond, Rules.ProbeLease,
        Rules.OpenFor - Millisecond, Rules.OpenFor, Rules.OpenFor, TimeSpan.FromHours(2), BreakerRules.Healthy,
    ];

    private readonly Random random = new(seed);
    private readonly List<BreakerPermit> permits = [new BreakerPermit(0, "none", false)];
    private Circuit last = Circuit.Fresh;
    private int number;

    public DateTimeOffset Now { get; private set; } = new(2026, 11, 25, 12, 0, 0, TimeSpan.Zero);

    public CircuitCall Next()
    {
        Now += Steps[random.Next(Steps.Length)];
        number++;
        string worker = $"worker-{random.Next(3)}";
        BreakerPermit permit = permits[random.Next(2) == 0 ? permits.Count - 1 : random.Next(permits.Count)];
        CircuitCall call = random.Next(22) switch
        {
            < 7 => new CircuitCall.Check($"token-{(random.Next(6) == 0 ? number - 1 : number)}", worker, random.Next(3) == 0 ? "" : KeyMarks.Of($"key {random.Next(8) / 7}")),
            < 13 => new CircuitCall.Failure(
                permit, $"creation-{(random.Next(6) == 0 ? number - 1 : number)}", worker, $"words \"{number}\" ü", EffectOf(random.Next(10)), KeyMarks.Of("key 0")),
            < 16 => new CircuitCall.Success(permit, worker),
            16 => new CircuitCall.Isolate("ada", "because", random.Next(2) == 0 ? null : Rules.OpenFor, ""),
            17 => new CircuitCall.Reset("ada", "mended"),
            18 => new CircuitCall.Merge(worker, Findings(), Now + Ahead),
            19 => new CircuitCall.Restore(worker, Known(), Now + Ahead),
            _ => new CircuitCall.Read(3),
        };
        return call is CircuitCall.Restore ? call : call with { Seen = random.Next(12) switch { 0 => new CircuitMark(Elder, 0, 0), < 7 => last.Mark, _ => CircuitMark.None } };
    }

    public void Heard(CircuitCall call, CircuitReply reply)
    {
        last = reply.Circuit;
        if (call is CircuitCall.Check check && reply.Answer is CircuitAnswers.Go or CircuitAnswers.Probe)
        {
            permits.Add(new BreakerPermit(reply.Circuit.Generation, ((CircuitCall.Check)call).Token, reply.Answer == CircuitAnswers.Probe));
        }
    }

    /// <summary>Everything that a worker can see, in a fixed order: failures of the same millisecond have none.</summary>
    public static string Text(Circuit circuit) => JsonSerializer.Serialize(circuit with
    {
        Failures = Sorted(circuit.Failures),
        History = [.. circuit.History.Select(entry => entry with { Failures = Sorted(entry.Failures) })],
    });

    private static CircuitFailure[] Sorted(IReadOnlyList<CircuitFailure> failures) =>
        [.. failures.OrderBy(failure => failure.At).ThenBy(failure => failure.Id, StringComparer.Ordinal)];

    private static FailureEffect EffectOf(int roll) => roll switch { 0 => FailureEffect.Isolated, 1 => FailureEffect.Ignored, _ => FailureEffect.Counted };

    private CircuitFindings Findings()
    {
        DateTimeOffset theirs = Now + Ahead;
        CircuitFailure[] failures = Failures(theirs);
        return new CircuitFindings(
            random.Next(12),
            random.Next(3),
            failures,
            random.Next(2) == 0 ? new FoundTrip(theirs + TimeSpan.FromMinutes(random.Next(-10, 60)), [.. failures, .. Failures(theirs, "seeded")]) : null,
            random.Next(4) == 0 ? Isolation(theirs) : null);
    }

    /// <summary>Of this life or of an older one, more or less of it, and partly what stands there already.</summary>
    private Circuit Known()
    {
        DateTimeOffset theirs = Now + Ahead;
        bool open = random.Next(2) == 0;
        long entries = Math.Max(0, last.Entries + random.Next(-2, 4));
        return new Circuit
        {
            Born = random.Next(3) == 0 ? Elder : last.Born,
            Generation = random.Next(12),
            Entries = entries,
            Trips = random.Next(3),
            IsOpen = open,
            OpenedAt = open ? theirs - TimeSpan.FromMinutes(random.Next(40)) : null,
            OpenUntil = open ? theirs + TimeSpan.FromMinutes(random.Next(-10, 40)) : null,
            ClosedAt = random.Next(2) == 0 ? theirs - TimeSpan.FromMinutes(random.Next(60)) : null,
            Probe = open && random.Next(2) == 0 ? new Probe($"token-{number}", "w", theirs + TimeSpan.FromMinutes(random.Next(-1, 5))) : null,
            Isolation = random.Next(4) == 0 ? Isolation(theirs) : null,
            Failures = open ? [] : Failures(theirs),
            History =
            [
                .. last.ByClock(Ahead).History.Where(entry => entry.Number <= entries && random.Next(3) > 0)
                    .Select(entry => random.Next(4) == 0 ? entry with { Reason = "another", Failures = Failures(theirs) } : entry),
            ],
        };
    }

    private Isolation Isolation(DateTimeOffset theirs) => new(
        "grace",
        "drill",
        theirs - TimeSpan.FromMinutes(random.Next(1, 30)),
        random.Next(3) == 0 ? null : theirs + TimeSpan.FromMinutes(random.Next(1, 9)),
        random.Next(2) == 0 ? "" : KeyMarks.Of("key 0"));

    private CircuitFailure[] Failures(DateTimeOffset theirs, string what = "brought") =>
    [
        .. Enumerable.Range(0, random.Next(3))
            .Select(index => new CircuitFailure($"{what}-{number}-{index}", theirs - TimeSpan.FromMinutes(random.Next(12)), "w/1", $"503 \"{what}\" ü")),
    ];
}
