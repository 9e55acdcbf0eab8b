using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using LoraAdmin.Domain.Breaker;

namespace LoraAdmin.Breaker;

/// <summary>One verb as Redis runs it.</summary>
/// <param name="Text">The whole script: the common part, then the verb's.</param>
public sealed record BreakerScript(string Verb, string Text)
{
    /// <summary>By which Redis knows it.</summary>
    public byte[] Sha1 { get; } =
#pragma warning disable CA5350 // Redis names scripts by their SHA-1; nothing is proven by it.
        SHA1.HashData(Encoding.UTF8.GetBytes(Text));
#pragma warning restore CA5350
}

/// <summary>The breaker's keys and scripts, as docs/breaker.md describes them for workers in any language.</summary>
public static class BreakerScripts
{
    /// <summary>Before everything else: a verb that mostly has nothing to do.</summary>
    private const string Calm = "calm";

    /// <summary>Common to the verbs by which a worker brings what it knows.</summary>
    private const string Brought = "brought";

    /// <summary>RunPod's.</summary>
    public static IReadOnlyList<string> Keys { get; } = KeysOf(BreakerSubject.RunPod);

    public static BreakerScript Check { get; } = Load("check", before: Calm);
    public static BreakerScript Failure { get; } = Load("failure");
    public static BreakerScript Success { get; } = Load("success");
    public static BreakerScript Isolate { get; } = Load("isolate");
    public static BreakerScript Reset { get; } = Load("reset");
    public static BreakerScript Read { get; } = Load("read");
    public static BreakerScript Merge { get; } = Load("merge", after: Brought);
    public static BreakerScript Restore { get; } = Load("restore", after: Brought);

    /// <summary>In one hash slot, as each verb needs all of them.</summary>
    public static IReadOnlyList<string> KeysOf(BreakerSubject subject)
    {
        ArgumentNullException.ThrowIfNull(subject);
        string prefix = $"{{lora:breaker:v1:{subject.Provider}}}:";
        return [prefix + "state", prefix + "failures", prefix + "probe", prefix + "history"];
    }

    public static BreakerScript Of(CircuitCall call) => call switch
    {
        CircuitCall.Check => Check,
        CircuitCall.Failure => Failure,
        CircuitCall.Success => Success,
        CircuitCall.Isolate => Isolate,
        CircuitCall.Reset => Reset,
        CircuitCall.Read => Read,
        CircuitCall.Merge => Merge,
        CircuitCall.Restore => Restore,
        _ => throw new NotSupportedException($"Unknown verb {call?.GetType().Name}."),
    };

    /// <param name="before">Before the clock.</param>
    /// <param name="after">Between the prelude and the verb.</param>
    private static BreakerScript Load(string verb, string? before = null, string? after = null) =>
        new(verb, Resource(before) + Resource("clock") + Resource("prelude") + Resource(after) + Resource(verb));

    private static string Resource(string? name)
    {
        if (name is null)
        {
            return "";
        }

        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"LoraAdmin.Breaker.Scripts.{name}.lua")
            ?? throw new InvalidOperationException($"The script {name}.lua is not in the assembly.");
        using StreamReader reader = new(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
