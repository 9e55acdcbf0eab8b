using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd.Processes;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>kill -9 in a state of a job, a new start, and what must have come of it. Run on each database.</summary>
internal static class KillInEachState
{
    private static readonly TimeSpan Soon = Eventually.DefaultDeadline;

    /// <summary>How often a kill that came too late is tried anew, each time with twice as long a stage.</summary>
    private const int Tries = 4;

    /// <summary>
    /// States that last longer than a look takes: the kill falls somewhere in their middle. Nothing holds the state, so what the dead portal left in
    /// its database says whether it fell there; when the state was over already, all is done again with longer stages.
    /// </summary>
    public static async Task InLongStateAsync(string state, bool onPostgres)
    {
        List<string> tooLate = [];
        for (int tries = 0; tries < Tries; tries++)
        {
            await using KillRun run = await KillRun.StartAsync(onPostgres, slower: 1 << tries);
            string job = await run.SubmitAsync();
            await run.Portal.Api.ReachesAsync(job, state, Soon);

            // Before that moment a successor can't know whether the call was sent, and keeps the row in doubt for a quarter of an hour.
            await LedgerKnowsAPodAsync(run);

            await run.KillAsync();
            string died = await run.Database.StateAsync(job);
            if (died != state)
            {
                tooLate.Add(died);
                continue;
            }

            await run.RestartAsync();
            await run.EverythingCameTrueAsync(job);
            return;
        }

        Assert.Fail($"No kill fell into {state}: the portal died in {string.Join(", ", tooLate)}.");
    }

    /// <summary>States that last milliseconds: the database refuses to note that the state was left, and the portal dies there.</summary>
    public static async Task InShortStateAsync(string state, bool onPostgres)
    {
        await using KillRun run = await KillRun.StartAsync(onPostgres);
        await run.Database.HoldAsync(state);
        string job = await run.SubmitAsync();
        await run.Portal.Api.ReachesAsync(job, state, Soon);

        await run.KillAsync();
        Assert.Equal(state, await run.Database.StateAsync(job));
        await run.Database.ReleaseAsync();
        await run.RestartAsync();

        await run.EverythingCameTrueAsync(job);
    }

    /// <summary>The only place is taken by another job, so that this one waits in the queue; both are there when the portal dies.</summary>
    public static async Task WhileQueuedAsync(bool onPostgres)
    {
        await using KillRun run = await KillRun.StartAsync(onPostgres, more: new Dictionary<string, string> { ["Training:MaxConcurrentPods"] = "1" }, slower: 8);
        string first = await run.SubmitAsync();
        await run.Portal.Api.ReachesAsync(first, "provisioning", Soon);
        await LedgerKnowsAPodAsync(run);
        string waiting = await run.SubmitAsync();
        await Until.TrueAsync(
            "The second job waits for the place",
            async () => await run.Portal.Api.JobAsync(waiting) is { State: "queued", WaitReason: not null },
            Soon);

        await run.KillAsync();
        Assert.Equal("queued", await run.Database.StateAsync(waiting));
        await run.RestartAsync();

        await run.EverythingCameTrueAsync(first, waiting);
    }

    /// <summary>The vendor has made the pod and not answered yet: only the ledger row, written before the call, knows its name.</summary>
    public static async Task RightAfterCreateWasSentAsync(bool onPostgres)
    {
        await using KillRun run = await KillRun.StartAsync(onPostgres);
        await run.Cloud.FaultAsync("create_hang_but_created", seconds: 600);
        string job = await run.SubmitAsync();
        await Until.TrueAsync("The pod exists", async () => (await run.Cloud.TruthAsync()).Count == 1, Soon);

        await run.KillAsync();
        Assert.Equal("provisioning", await run.Database.StateAsync(job));
        Assert.Equal(1, await run.Database.NumberAsync("SELECT COUNT(*) FROM pod_ledger WHERE pod_id IS NULL"));
        Assert.Equal(1, await run.Database.NumberAsync("SELECT COUNT(*) FROM pod_ledger"));
        await run.RestartAsync();

        await run.EverythingCameTrueAsync(job);
    }

    private static Task LedgerKnowsAPodAsync(KillRun run) => Until.TrueAsync(
        "The ledger knows the pod", async () => await run.Database.NumberAsync("SELECT COUNT(*) FROM pod_ledger WHERE pod_id IS NOT NULL") == 1, Soon);
}
