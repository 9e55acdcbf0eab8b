using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <inheritdoc cref="IJobEstimate"/>
public sealed class JobEstimate(GpuPrices prices, Func<TrainingRules> rules) : IJobEstimate
{
    public async Task<Usd> ReadAsync(CancellationToken cancellationToken)
    {
        TrainingRules now = rules();
        return now.EstimateAt(await prices.DearestKnownAsync(now.GpuTypes, now.WorstHourlyPrice, cancellationToken));
    }
}
