using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Steps;
using LoraAdmin.Platform.Data;
using LoraAdmin.Pods;
using LoraAdmin.Tests.Doubles;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Tests.Budget;

/// <summary>What the provider's account has beside our attempts' pods: strangers, bills that agree or do not, prices, a balance.</summary>
internal sealed class RandomAccount(TestDatabase database, DateTimeOffset now, int seed)
{
    private const int Strays = 9;

    private readonly Random random = new(seed + 1_000);

    public async Task FillAsync()
    {
        for (int number = 0; number < Strays; number++)
        {
            LedgerPod stray = NewStray(number);
            await database.Work.RunAsync((unit, token) => unit.Store<IPodLedger>().AddAsync(stray, token), CancellationToken.None);
        }

        await BillAsync();
        for (int change = 0; change < 12; change++)
        {
            (string type, Usd? price, DateTimeOffset at) = ($"GPU {random.Next(3)}", random.Next(5) == 0 ? null : new Usd(random.Next(100_000, 900_000)), now.AddDays(change - 12));
            await database.Work.RunAsync((unit, token) => unit.Store<IGpuPriceStore>().ChangeAsync(type, price, at, token), CancellationToken.None);
        }

        KeptBalance balance = new(
            ProvisioningStep.Provider,
            random.Next(6) == 0 ? null : new BalanceReading.Read(new Usd(random.Next(-1_000_000, 90_000_000)), new Usd(random.Next(0, 20_000_000)), now.AddMinutes(-random.Next(1, 90))),
            random.Next(3) == 0 ? now.AddMinutes(-40) : null,
            "HTTP 500")
        {
            LowTold = random.Next(2) == 0 ? EventSeverity.Warning : null,
        };
        await database.Work.RunAsync((unit, token) => unit.Store<IBalanceStore>().SaveAsync(balance, token), CancellationToken.None);
    }

    /// <summary>Under the names of which the ledger's entries speak. Some bear the name of nobody's job.</summary>
    private LedgerPod NewStray(int number)
    {
        bool isGone = random.Next(2) == 0;
        bool isNamed = random.Next(2) == 0;
        DateTimeOffset found = now.AddHours(-random.Next(2, 24 * 20));
        DateTimeOffset gone = found.AddMinutes(random.Next(30, 3_000));
        return new LedgerPod
        {
            Name = $"lora-pod-{number}",
            Job = isNamed ? new JobId(new Guid(number, 9, 0, new byte[8])) : default,
            Attempt = isNamed ? 1 : 0,
            Try = isNamed ? 1 : 0,
            Want = PodWant.Released,
            WantReason = isGone && random.Next(3) == 0 ? PodReasons.NotOurs : null,
            Saw = isGone ? PodSaw.Gone : PodSaw.Running,
            PodId = $"stray{number}",
            GpuType = "",
            HourlyRate = new Usd(random.Next(10_000, 90_000)),
            RequestedAt = found,
            GoneAt = !isGone ? null : gone < now ? gone : now.AddMinutes(-1),
        };
    }

    /// <summary>Bills of each day of a pod's life. Some come to what it cost by our clock, some lack a day, some are of pods that nobody knows.</summary>
    private async Task BillAsync()
    {
        await using LoraDb db = database.NewContext();
        List<BillRecord> records = [];
        foreach (PodLedgerRow row in await db.Set<PodLedgerRow>().AsNoTracking().Where(row => row.PodId != null).OrderBy(row => row.Name).ToListAsync())
        {
            LedgerPod pod = row.ToPod();
            DateTimeOffset end = pod.GoneAt ?? now;
            bool isExact = random.Next(2) == 0;
            Usd left = pod.CostUntil(end);
            for (DateTimeOffset day = BillRecord.BucketOf(pod.CreatedAt ?? pod.RequestedAt); day < end; day += BillRecord.Bucket)
            {
                Usd amount = isExact ? left : new Usd(random.Next(5_000_000));
                left = Usd.Zero;
                if (isExact || random.Next(8) > 0)
                {
                    records.Add(new BillRecord(pod.PodId!, day, amount, amount, Usd.Zero, Usd.Zero));
                }
            }
        }

        for (int number = 0; number < 4; number++)
        {
            Usd amount = new(random.Next(5_000_000));
            records.Add(new BillRecord($"alien{number}", BillRecord.BucketOf(now.AddDays(-random.Next(50))), amount, amount, Usd.Zero, Usd.Zero));
        }

        await database.Work.RunAsync(
            async (unit, token) =>
            {
                await unit.Store<IBillStore>().SaveAsync(ProvisioningStep.Provider, records, now, token);
                foreach (string pod in records.Select(record => record.PodId).Distinct().Where(_ => random.Next(12) == 0).ToList())
                {
                    await unit.Store<IPodLedger>().NoteBillHoldAsync(pod, $"The bill of pod {pod} is below zero", now, token);
                }
            },
            CancellationToken.None);
    }
}
