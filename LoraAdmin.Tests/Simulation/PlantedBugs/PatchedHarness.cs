using System.Reflection;
using System.Runtime.Loader;

namespace LoraAdmin.Tests.Simulation.PlantedBugs;

/// <summary>
/// The whole simulation once more, on a patched Domain: portal and tests are loaded beside the running ones, bound to it. Everything else is shared with
/// the running process, so only words of the runtime's own types go in and out.
/// </summary>
internal sealed class PatchedHarness(byte[] domain) : AssemblyLoadContext("planted bug", isCollectible: true)
{
    /// <summary>Hunts in there; see <see cref="Hunt.RunAsync"/>.</summary>
    public static async Task<Catch> HuntAsync(PlantedBug? bug, string ground, string wanted, CancellationToken cancellationToken)
    {
        PatchedHarness harness = new(PatchedDomain.Compile(bug));
        try
        {
            Assembly tests = harness.LoadFromAssemblyName(typeof(Hunt).Assembly.GetName());
            MethodInfo hunt = tests.GetType(typeof(Hunt).FullName!)!.GetMethod(nameof(Hunt.RunAsync), BindingFlags.Public | BindingFlags.Static)!;
            string faultyStore = bug is { File: "" } ? bug.Name : "";

            // Without the test framework's scheduler: whatever completes at once goes on at once, on this thread.
            string[] found = await Task.Run(() => (Task<string[]>)hunt.Invoke(null, [ground, wanted, faultyStore, cancellationToken])!, cancellationToken);
            return new Catch(int.Parse(found[0], provider: null), found[1], found[2], found[3], found[4]);
        }
        finally
        {
            harness.Unload();
        }
    }

    protected override Assembly? Load(AssemblyName assemblyName)
    {
        switch (assemblyName.Name)
        {
            case "LoraAdmin.Domain":
                using (MemoryStream image = new(domain))
                {
                    return LoadFromStream(image);
                }

            case "LoraAdmin" or "LoraAdmin.Tests":
                return LoadFromAssemblyPath(Path.Combine(AppContext.BaseDirectory, $"{assemblyName.Name}.dll"));

            default:
                return null;
        }
    }
}

/// <param name="Runs">How many runs it took.</param>
/// <param name="Where">Seed or crossing at which the wanted invariant was violated; empty: nowhere.</param>
/// <param name="What">The violation, as the simulation says it.</param>
/// <param name="FirstWhere">Where the bug was first noticed, by whatever invariant; empty: nowhere.</param>
/// <param name="FirstWhat">What was noticed there.</param>
public sealed record Catch(int Runs, string Where, string What, string FirstWhere, string FirstWhat)
{
    public bool IsCaught => Where.Length > 0;
}
