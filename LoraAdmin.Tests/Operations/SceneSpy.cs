using System.Security.Cryptography;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation;

namespace LoraAdmin.Tests.Operations;

/// <summary>One difference between the world before a run and after it.</summary>
/// <param name="Where">A row's type, <c>object</c>, <c>file</c>, <c>command</c>, <c>redis</c> or <c>fact</c>.</param>
/// <param name="Key">The row's key, the object's place, the file's name, the call's method and path, the fact.</param>
/// <param name="Before">Null: it was not there.</param>
/// <param name="After">Null: it is not there any more.</param>
internal sealed record Effect(string Where, object Key, object? Before, object? After)
{
    public override string ToString() => $"{Where} {Key}: {Before ?? "nothing"} became {After ?? "nothing"}";
}

/// <summary>
/// Sees whatever a run changes in its world, through whichever port: rows of every table, objects, files, calls to the vendor, Redis and facts; and what
/// it sends over HTTP to anybody else. A scene names what it expects to be changed; this looks at all the rest too.
/// </summary>
internal sealed class SceneSpy : IDisposable
{
    private static readonly HashSet<string> EngineRows =
        [nameof(OperationRun), nameof(OperationPlan), nameof(PlannedItem), nameof(OperationSchedule), nameof(Occurrence), "Listed`1", "Counter", "Beat"];

    private readonly OperationScene scene;
    private readonly Dictionary<(string Row, object Key), (object? Before, Func<object?> Now)> rows = [];
    private readonly Dictionary<string, string> objects;
    private readonly Dictionary<string, string> files;
    private readonly (Circuit, Circuit) redis;
    private readonly int facts;
    private readonly int commands;
    private readonly HttpWatch outside = new();

    public SceneSpy(OperationScene scene)
    {
        this.scene = scene;
        scene.World.Database.RowWritten += (row, key, before, now) => rows.TryAdd((row, key), (before, now));
        objects = Objects();
        files = Files();
        redis = Redis();
        facts = scene.World.Database.Events.Count;
        commands = scene.Commands.Count;
    }

    /// <summary>All that is different by now and that is not how the engine keeps the books of this very run.</summary>
    /// <param name="run">Null: there is none, and nothing is left out.</param>
    public IReadOnlyList<Effect> Effects(OperationRun? run)
    {
        List<Effect> found =
        [
            .. rows.Select(row => new Effect(row.Key.Row, row.Key.Key, row.Value.Before, row.Value.Now())).Where(effect => !Equals(effect.Before, effect.After)),
            .. Differences("object", objects, Objects()),
            .. Differences("file", files, Files()),
            .. scene.Commands.Skip(commands).Concat(outside.Commands).Select(command => new Effect("command", command, null, command)),
            .. scene.World.Database.Events.Skip(facts).Select(fact => new Effect("fact", fact, null, fact)),
        ];
        if (redis != Redis())
        {
            found.Add(new Effect("redis", "state", redis, Redis()));
        }

        return [.. found.Where(effect => run is null || !IsOfTheEngine(effect, run))];
    }

    public void Dispose() => outside.Dispose();

    /// <summary>The run's own row, lines, plan, items, instant and facts; not those of any other operation.</summary>
    private static bool IsOfTheEngine(Effect effect, OperationRun run) => effect switch
    {
        { Key: OperationalEvent fact } => fact.Kind.StartsWith("operations.", StringComparison.Ordinal),
        _ when !EngineRows.Contains(effect.Where) => false,
        { Key: Guid id } => id == run.Id || id == run.Plan,
        { Key: (Guid plan, int) } => plan == run.Plan,
        { Key: string operation } => operation == run.Operation,
        _ => false,
    };

    private static IEnumerable<Effect> Differences(string where, Dictionary<string, string> before, Dictionary<string, string> after) => before.Keys.Union(after.Keys)
        .Where(key => before.GetValueOrDefault(key) != after.GetValueOrDefault(key))
        .Select(key => new Effect(where, key, before.GetValueOrDefault(key), after.GetValueOrDefault(key)));

    private Dictionary<string, string> Objects() =>
        scene.World.Objects.All.ToDictionary(one => one.ToString(), one => Digest(scene.World.Objects.Find(one)!));

    private Dictionary<string, string> Files() => scene.World.Disks
        .SelectMany(disk => disk.Names.Select(name => (Place: $"{disk.Id}/{name}", Bytes: disk.FindSealed(name))))
        .ToDictionary(file => file.Place, file => file.Bytes is { } bytes ? Digest(bytes) : "unsealed");

    private (Circuit, Circuit) Redis() => (scene.World.Redis.State, scene.World.HostedRedis.State);

    private static string Digest(byte[] bytes) => Convert.ToHexString(SHA256.HashData(bytes));
}
