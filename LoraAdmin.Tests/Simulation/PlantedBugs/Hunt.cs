using System.Text.RegularExpressions;

namespace LoraAdmin.Tests.Simulation.PlantedBugs;

/// <summary>Goes through the runs of a ground until an invariant is violated. The entry that <see cref="PatchedHarness"/> calls, in the copy of this assembly.</summary>
public static class Hunt
{
    /// <summary>Seeds of a plan in which nothing may be found without a bug.</summary>
    private const int SoundSeeds = 20;

    /// <summary>Seeds of a plan in which a bug must be found: some need a rare meeting of troubles.</summary>
    private const int BugSeeds = 100;

    /// <param name="ground">One of <see cref="Grounds"/>.</param>
    /// <param name="wanted">Pattern of the violation that ends the hunt; empty: any does.</param>
    /// <param name="faultyStore">One of <see cref="FaultyStores"/>; empty: none.</param>
    /// <returns>Runs; where and what was wanted; where and what was noticed first (<see cref="Catch"/>).</returns>
    public static async Task<string[]> RunAsync(string ground, string wanted, string faultyStore, CancellationToken cancellationToken)
    {
        Regex pattern = new(wanted, RegexOptions.Singleline | RegexOptions.CultureInvariant);
        string firstWhere = "";
        string firstWhat = "";
        int runs = 0;
        await foreach ((string where, string what) in RunsAsync(ground, faultyStore, wanted.Length == 0 ? SoundSeeds : BugSeeds, cancellationToken))
        {
            runs++;
            if (what.Length == 0)
            {
                continue;
            }

            (firstWhere, firstWhat) = firstWhere.Length == 0 ? (where, what) : (firstWhere, firstWhat);
            if (pattern.IsMatch(what))
            {
                return [$"{runs}", where, what, firstWhere, firstWhat];
            }
        }

        return [$"{runs}", "", "", firstWhere, firstWhat];
    }

    private static IAsyncEnumerable<(string Where, string What)> RunsAsync(string ground, string faultyStore, int seeds, CancellationToken cancellationToken) =>
        Grounds.PlanOf(ground) is { } plan ? SeedsAsync(plan, faultyStore, seeds, cancellationToken) : CrossingsAsync(Grounds.FaultOf(ground), cancellationToken);

    private static async IAsyncEnumerable<(string Where, string What)> SeedsAsync(
        SimulationPlan plan, string faultyStore, int seeds, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (int seed = 1; seed <= seeds; seed++)
        {
            SimulatedWorld world = new(seed, start: plan.Start);
            FaultyStores.Put(faultyStore, world.Database);
            SimulationRun run = new(seed, plan, $"seed {seed}", world);
            string what = await WhatAsync(() => run.RunAsync(cancellationToken), cancellationToken);
            yield return ($"seed {seed}", what);
        }
    }

    private static async IAsyncEnumerable<(string Where, string What)> CrossingsAsync(
        string? fault, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        int last = 0;
        for (int number = 0; number <= last; number++)
        {
            CrashRun run = new(number, fault);
            string what = await WhatAsync(() => run.RunAsync(cancellationToken), cancellationToken);
            last = number == 0 ? run.Crossings : last;
            yield return (number == 0 ? "no death" : $"crossing {number}, {run.DiedAt ?? "not reached"}", what);
        }
    }

    /// <summary>What went wrong in a run; empty: nothing.</summary>
    private static async Task<string> WhatAsync(Func<Task> run, CancellationToken cancellationToken)
    {
        try
        {
            await run();
            return "";
        }
        catch (SimulationFailedException failed)
        {
            return failed.InnerException!.Message;
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            return failure is InvariantViolatedException ? failure.Message : $"{failure.GetType().Name}: {failure.Message}";
        }
    }
}
