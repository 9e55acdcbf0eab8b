using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Tests.Simulation.Memory;

/// <param name="ReadAt">When the provider said so.</param>
public sealed record KeptBill(BillRecord Record, DateTimeOffset ReadAt);

internal sealed class MemoryBillStore(MemoryDatabase database) : IBillStore
{
    public Task SaveAsync(string provider, IReadOnlyList<BillRecord> records, DateTimeOffset readAt, CancellationToken cancellationToken)
    {
        foreach (BillRecord record in records)
        {
            (string, string, DateTimeOffset) key = (provider, record.PodId, record.BucketStart);
            if (!(database.Bills.Find(key)?.ReadAt > readAt))
            {
                database.Bills.Set(key, new KeptBill(record, readAt));
            }
        }

        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<BillRecord>> ListAsync(string provider, IReadOnlyCollection<string> podIds, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<BillRecord>>(
        [
            .. database.Bills.All.Where(one => one.Key.Provider == provider && podIds.Contains(one.Key.PodId)).Select(one => one.Value.Record)
                .OrderBy(record => record.PodId, StringComparer.Ordinal).ThenBy(record => record.BucketStart),
        ]);

    public Task<IReadOnlyList<string>> ListPodsAsync(string provider, DateTimeOffset from, DateTimeOffset until, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<string>>(
        [
            .. database.Bills.All.Keys.Where(key => key.Provider == provider && key.Bucket >= BillRecord.BucketOf(from) && key.Bucket < until)
                .Select(key => key.PodId).Distinct().Order(StringComparer.Ordinal),
        ]);
}

internal sealed class MemoryGpuPriceStore(MemoryDatabase database) : IGpuPriceStore
{
    public Task<IReadOnlyList<GpuPrice>> ListNewestAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<GpuPrice>>(
        [.. database.Prices.Rows.GroupBy(price => price.GpuType).Select(type => type.MaxBy(price => price.ValidFrom)!).OrderBy(price => price.GpuType, StringComparer.Ordinal)]);

    public Task ChangeAsync(string gpuType, Usd? hourly, DateTimeOffset at, CancellationToken cancellationToken)
    {
        DateTimeOffset ahead = at + GpuPriceBook.AtMostEvery;
        foreach (GpuPrice one in database.Prices.Rows.Where(one => one.GpuType == gpuType && (one.ValidFrom > ahead || (one.ValidUntil > ahead && one.ValidFrom < at))).ToList())
        {
            database.Prices.Set((gpuType, one.ValidFrom), one.ValidFrom > ahead ? null : one with { ValidUntil = at });
        }

        List<GpuPrice> own = [.. database.Prices.Rows.Where(price => price.GpuType == gpuType)];
        if (own.Any(price => price.ValidFrom >= at || (price.ValidUntil is null && price.Hourly == hourly)))
        {
            return Task.CompletedTask;
        }

        if (own.SingleOrDefault(price => price.ValidUntil is null) is { } present)
        {
            database.Prices.Set((gpuType, present.ValidFrom), present with { ValidUntil = at });
        }

        if (hourly is { } price)
        {
            database.Prices.Set((gpuType, at), new GpuPrice(gpuType, price, at, null));
        }

        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<GpuPrice>> ListAsync(int max, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<GpuPrice>>(
        [.. database.Prices.Rows.OrderByDescending(price => price.ValidFrom).ThenBy(price => price.GpuType, StringComparer.Ordinal).Take(max)]);
}

internal sealed class MemoryBalanceStore(MemoryDatabase database) : IBalanceStore
{
    public Task<KeptBalance?> FindAsync(string provider, CancellationToken cancellationToken) => Task.FromResult(database.Balances.Find(provider));

    public Task SaveAsync(KeptBalance balance, CancellationToken cancellationToken)
    {
        database.Balances.Set(balance.Provider, balance);
        return Task.CompletedTask;
    }
}
