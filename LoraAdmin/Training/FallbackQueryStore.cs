using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Domain.Training.Steps;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Training;

/// <summary>Whether each takes jobs is asked as <see cref="ProvidersWatch"/> asks it, so that page and incident say the same.</summary>
internal sealed class FallbackQueryStore(
    IUnitOfWork work, BreakerGate runPod, HostedFallback fallback, HostedRoom room, Func<HostedRules> rules, TimeProvider clock) : IFallbackQueries
{
    private const string HostedProvider = "replicate";

    public async Task<FallbackBoard> ReadAsync(CancellationToken cancellationToken)
    {
        HostedRules figures = rules();
        long since = clock.GetUtcNow().AddDays(-FallbackBoard.Days).ToMillis();
        Dictionary<string, ProviderShare> shares = await work.ReadAsync(
            async (unit, token) => await ((EfUnit)unit).Db.Set<TrainingAttemptRow>()
                .Where(row => row.State == AttemptState.Succeeded && row.StartedAt >= since)
                .GroupBy(row => row.Provider)
                .Select(group => new { group.Key, Count = group.Count(), Settled = group.Count(row => row.CostMicros != null), Cost = group.Sum(row => row.CostMicros ?? 0) })
                .ToDictionaryAsync(group => group.Key, group => new ProviderShare(group.Key, group.Count, group.Settled, new Usd(group.Cost)), token),
            cancellationToken);
        HostedDown? down = figures.WhyNot is null ? await fallback.WhyDownAsync(cancellationToken) : null;
        return new FallbackBoard(
            figures.WhyNot,
            down?.Why,
            await runPod.WhyDownAsync(cancellationToken) is not null,
            figures.HourlyPrice,
            shares.GetValueOrDefault(ProvisioningStep.Provider) ?? new ProviderShare(ProvisioningStep.Provider, 0, 0, Usd.Zero),
            shares.GetValueOrDefault(HostedProvider) ?? new ProviderShare(HostedProvider, 0, 0, Usd.Zero))
        {
            IsOfMoney = down?.IsOfMoney == true,
            Reserves = room.Reserves,
        };
    }
}
