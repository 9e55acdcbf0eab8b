using LoraAdmin.Domain.Budget;
using LoraAdmin.Platform;

namespace LoraAdmin.Budget;

/// <summary>The minute loop of the budget feature: notes at the start what the configuration says, and looks whether the month's limit holds.</summary>
internal sealed class BudgetService(BudgetDesk desk, BudgetWatch watch, PortalStarted started, TimeProvider clock, ILogger<BudgetService> logger)
    : PortalLoop(started, clock, logger)
{
    private static readonly TimeSpan Every = TimeSpan.FromMinutes(1);

    /// <summary>RunPod's clock vouches for a portal seconds after its start.</summary>
    private static readonly TimeSpan UntilMonthIsKnown = TimeSpan.FromSeconds(5);

    private bool noted;

    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        if (!noted)
        {
            await desk.NoteOptionsAsync(stoppingToken);
            noted = true;
        }

        return await watch.RunAsync(stoppingToken) ? Every : UntilMonthIsKnown;
    }
}
