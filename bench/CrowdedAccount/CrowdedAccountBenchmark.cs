using System.Diagnostics;
using LoraAdmin.Domain.Pods;

namespace LoraAdmin.Bench.CrowdedAccount;

/// <summary>What LocalCloud's other pods cost a call: a world of ten thousand must not make each call look at them all.</summary>
internal sealed class CrowdedAccountBenchmark : Benchmark
{
    private const int Many = 10_000;
    private const int Lives = 50;
    private const int Rounds = 15;

    public override string Name => "crowded-account";

    public override string Summary => $"LocalCloud: calls beside {Many:N0} other pods against the same calls alone, and a pod's part of a listing against a tenth of them";

    public override double Limit => 3.0;

    public override async Task<double> RunAsync(TextWriter output)
    {
        using CrowdedAccount crowded = new(Many);
        using CrowdedAccount tenth = new(Many / 10);
        using CrowdedAccount alone = new(0);
        double lives = await RatioAsync(() => LiveAsync(crowded), () => LiveAsync(alone));
        double listing = await RatioAsync(() => ListAsync(crowded, Many), () => ListAsync(tenth, Many / 10)) / 10;
        await output.WriteLineAsync(FormattableString.Invariant($"  pods made, read and ended: {lives:0.00} times as long; a pod's part of a listing: {listing:0.00} times as long"));
        return Math.Max(lives, listing);
    }

    private static async Task LiveAsync(CrowdedAccount account)
    {
        for (int life = 0; life < Lives; life++)
        {
            string id = await account.CreateAsync();
            if (await account.Pods.GetAsync(id, CancellationToken.None) is not PodReading.Found
                || await account.Pods.TerminateAsync(id, CancellationToken.None) is not PodActionOutcome.Accepted)
            {
                throw new InvalidOperationException($"Pod {id} was not read and ended.");
            }
        }
    }

    private static async Task ListAsync(CrowdedAccount account, int expected)
    {
        if (await account.Pods.ListAsync(CancellationToken.None) is not PodListing.Complete { Pods: { } pods } || pods.Count != expected)
        {
            throw new InvalidOperationException($"The listing does not show {expected} pods.");
        }
    }

    /// <summary>From medians of rounds in turns.</summary>
    private static async Task<double> RatioAsync(Func<Task> ours, Func<Task> reference)
    {
        await ours();
        await reference();
        List<double> first = [];
        List<double> second = [];
        for (int round = 0; round < Rounds; round++)
        {
            first.Add(await SecondsAsync(ours));
            second.Add(await SecondsAsync(reference));
        }

        return Median(first) / Median(second);

        static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

        static async Task<double> SecondsAsync(Func<Task> work)
        {
            long began = Stopwatch.GetTimestamp();
            await work();
            return Stopwatch.GetElapsedTime(began).TotalSeconds;
        }
    }
}
