using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data.Contracts;

public abstract class BillContract : StoreContract
{
    private const string Provider = "runpod";

    private static readonly DateTimeOffset Day = BillRecord.BucketOf(Start);

    [Fact]
    public async Task Records_SavedAgain_TakeThePlaceOfTheEarlier()
    {
        BillRecord[] first = [Bill("podb", 0, 1_000_001), Bill("poda", 1, 2), Bill("poda", 0, 3)];
        await Save(first);
        BillRecord changed = Bill("poda", 1, 2_000_000) with { Gpu = new Usd(1_500_000), Cpu = new Usd(200_000), Disk = new Usd(300_000) };
        await Save([changed]);

        Assert.Equal([first[2], changed, first[0]], await List("podb", "poda", "podc"));
        await In<IBillStore>(store => store.SaveAsync(Provider, [Bill("podb", 0, 5), Bill("podb", 1, 6)], Start.AddMilliseconds(-1), None));
        Assert.Equal([first[0], Bill("podb", 1, 6)], await List("podb"));
        await In<IBillStore>(store => store.SaveAsync(Provider, [], Start, None));
        Assert.Empty(await List());
    }

    [Fact]
    public async Task Records_OfAnotherProvider_AreNotMixed()
    {
        await Save([Bill("poda", 0, 1)]);
        await In<IBillStore>(store => store.SaveAsync("another", [Bill("poda", 0, 2), Bill("podx", 0, 2)], Start, None));

        Assert.Equal([Bill("poda", 0, 1)], await List("poda", "podx"));
        Assert.Equal(["poda"], await Pods(Day, Day.AddDays(1)));
    }

    [Fact]
    public async Task Pods_OfATime_AreThoseWithADayThatHasAPartInIt()
    {
        await Save([Bill("poda", -1, 1), Bill("podb", 0, 1), Bill("podb", 1, 1), Bill("podc", 2, 1)]);

        Assert.Equal(["podb"], await Pods(Day.AddHours(5), Day.AddDays(1)));
        Assert.Equal(["podb", "podc"], await Pods(Day.AddHours(5), Day.AddDays(2).AddTicks(TimeSpan.TicksPerMillisecond)));
        Assert.Equal(["poda", "podb"], await Pods(Day.AddDays(-1), Day.AddDays(2)));
    }

    private static BillRecord Bill(string pod, int day, long total) => new(pod, Day.AddDays(day), new Usd(total), new Usd(total), Usd.Zero, Usd.Zero);

    private Task Save(IReadOnlyList<BillRecord> records) => In<IBillStore>(store => store.SaveAsync(Provider, records, Start, None));

    private Task<IReadOnlyList<BillRecord>> List(params IReadOnlyCollection<string> pods) =>
        Read<IBillStore, IReadOnlyList<BillRecord>>(store => store.ListAsync(Provider, pods, None));

    private Task<IReadOnlyList<string>> Pods(DateTimeOffset from, DateTimeOffset until) =>
        Read<IBillStore, IReadOnlyList<string>>(store => store.ListPodsAsync(Provider, from, until, None));
}

public abstract class GpuPriceContract : StoreContract
{
    [Fact]
    public async Task Change_EndsThePriceThatHeldAndBeginsTheNext()
    {
        await Change("A40", 0.40m, 0);
        await Change("L4", 0.20m, 0);
        await Change("A40", 0.44m, 10);

        Assert.Equal([Price("A40", 0.44m, 10, null), Price("L4", 0.20m, 0, null)], await Current());
        Assert.Equal([Price("A40", 0.44m, 10, null), Price("A40", 0.40m, 0, 10), Price("L4", 0.20m, 0, null)], await All());
        Assert.Equal([Price("A40", 0.44m, 10, null)], await All(1));
    }

    [Fact]
    public async Task Change_ToThePriceThatHolds_ChangesNothing()
    {
        await Change("A40", 0.40m, 0);
        await Change("A40", 0.40m, 10);

        Assert.Equal([Price("A40", 0.40m, 0, null)], await All());
    }

    [Fact]
    public async Task Change_ToNoOffer_EndsThePriceUntilThereIsOneAgain()
    {
        await Change("A40", null, 0);
        Assert.Empty(await All());
        await Change("A40", 0.40m, 1);
        await Change("A40", null, 5);
        await Change("A40", null, 6);
        Assert.Empty(await Current());
        await Change("A40", 0.40m, 9);

        Assert.Equal([Price("A40", 0.40m, 9, null), Price("A40", 0.40m, 1, 5)], await All());
    }

    [Fact]
    public async Task Change_ByAClockThatWasSetBack_ChangesNothing()
    {
        await Change("A40", 0.40m, 10);
        await Change("A40", 0.50m, 10);
        await Change("A40", 0.50m, 5);
        Assert.Equal([Price("A40", 0.40m, 10, null)], await All());

        await Change("A40", null, 20);
        await Change("A40", 0.50m, 7);
        Assert.Equal([Price("A40", 0.40m, 10, 20)], await All());
    }

    [Fact]
    public async Task Change_AfterAClockThatWasFarAhead_TakesOutWhatThatNoted()
    {
        await Change("A40", 0.40m, 0);
        await Change("L4", 0.20m, 0);
        await Change("L4", 0.30m, 5_000);
        await Change("A40", 0.60m, 5_000);
        await Change("A40", 0.70m, 6_000);
        await Change("A40", 0.80m, 20);
        Assert.Equal(
            [Price("L4", 0.30m, 5_000, null), Price("A40", 0.80m, 20, null), Price("A40", 0.40m, 0, 20), Price("L4", 0.20m, 0, 5_000)], await All());

        await Change("L4", null, 30);
        Assert.Equal([Price("A40", 0.80m, 20, null), Price("L4", 0.20m, 0, 30)], await Newest());
        Assert.Equal(Price("L4", 0.20m, 0, 30), (await All())[^1]);

        // Its end alone was noted by it.
        await Change("A40", null, 5_000);
        await Change("A40", 0.80m, 40);
        Assert.Equal([Price("A40", 0.80m, 40, null), Price("A40", 0.80m, 20, 40)], (await All()).Take(2));
    }

    [Fact]
    public async Task Change_ByManyAtOnce_IsOne()
    {
        await Change("A40", 0.40m, 0);
        await Task.WhenAll(Enumerable.Range(0, 16).Select(number => Task.Run(() => Change("A40", 0.50m, 10 + number))));

        IReadOnlyList<GpuPrice> all = await All();
        Assert.Equal(2, all.Count);
        Assert.Equal(all[0].ValidFrom, all[1].ValidUntil);
        Assert.Equal(Usd.FromDollars(0.50m), Assert.Single(await Current()).Hourly);
    }

    private static GpuPrice Price(string type, decimal dollars, int from, int? until) =>
        new(type, Usd.FromDollars(dollars), Start.AddMinutes(from), until is { } end ? Start.AddMinutes(end) : null);

    private Task Change(string type, decimal? dollars, int minute) => In<IGpuPriceStore>(
        store => store.ChangeAsync(type, dollars is { } price ? Usd.FromDollars(price) : null, Start.AddMinutes(minute), None));

    private async Task<IEnumerable<GpuPrice>> Current() => (await Newest()).Where(static price => price.ValidUntil is null);

    private Task<IReadOnlyList<GpuPrice>> Newest() => Read<IGpuPriceStore, IReadOnlyList<GpuPrice>>(store => store.ListNewestAsync(None));

    private Task<IReadOnlyList<GpuPrice>> All(int max = 100) => Read<IGpuPriceStore, IReadOnlyList<GpuPrice>>(store => store.ListAsync(max, None));
}

public abstract class BalanceContract : StoreContract
{
    [Fact]
    public async Task Balance_SavedAgain_IsAsSavedLast()
    {
        KeptBalance first = new("runpod", null, Start, "away");
        await Save(first);
        await Save(first with { Provider = "another" });
        Assert.Equal(first, await Find("runpod"));
        KeptBalance next = new("runpod", new BalanceReading.Read(Usd.FromDollars(-0.02m), Usd.FromDollars(4.2m), Start), null, null)
        {
            LowTold = EventSeverity.Critical,
            FailureTold = true,
        };
        await Save(next);

        Assert.Equal(next, await Find("runpod"));
        Assert.Equal("another", (await Find("another"))!.Provider);
        Assert.Null(await Find("nobody"));
    }

    private Task<KeptBalance?> Find(string provider) => Read<IBalanceStore, KeptBalance?>(store => store.FindAsync(provider, None));

    private Task Save(KeptBalance balance) => In<IBalanceStore>(store => store.SaveAsync(balance, None));
}

public abstract class BudgetOfPodsContract : StoreContract
{
    [Fact]
    public async Task Sums_OfPods_HaveCorrectionsApart()
    {
        await Book("one", "pod-a", EntryKind.Leak, 0.60m);
        await Book("two", "pod-a", EntryKind.Leak, 0.40m);
        await Book("three", "pod-a", EntryKind.Correction, 0.25m);
        await Book("four", "pod-a", EntryKind.Correction, -0.05m);
        await Book("five", "pod-b", EntryKind.Correction, 0.10m);
        await Book("six", "pod-c", EntryKind.Leak, 3m);
        await Book("seven", null, EntryKind.Leak, 5m);

        IReadOnlyList<PodBooked> sums = await Read<IBudgetStore, IReadOnlyList<PodBooked>>(store => store.SumForPodsAsync(["pod-b", "pod-a", "pod-x"], None));

        Assert.Equal(
            [
                new PodBooked("pod-a", Usd.FromDollars(1m), Usd.FromDollars(0.20m), 2, 4),
                new PodBooked("pod-b", Usd.Zero, Usd.FromDollars(0.10m), 1, 1),
            ],
            sums.OrderBy(sum => sum.Pod, StringComparer.Ordinal));
        Assert.Empty(await Read<IBudgetStore, IReadOnlyList<PodBooked>>(store => store.SumForPodsAsync([], None)));
    }

    [Fact]
    public async Task Reservations_OfJobs_AreThoseOfAllTheirAttempts()
    {
        BudgetRules rules = new(Usd.FromDollars(10), Usd.FromDollars(8));
        (JobId first, JobId second, JobId other) = (NextJob(), NextJob(), NextJob());
        List<Reservation> wanted = [];
        foreach ((JobId job, int attempt) in new[] { (first, 1), (first, 2), (second, 1), (other, 1) })
        {
            Guid id = NextId();
            ReserveResult result = await In<IBudgetStore, ReserveResult>(store => store.TryReserveAsync(id, job, attempt, Usd.FromDollars(1), Start, rules, None));
            wanted.Add(Assert.IsType<ReserveResult.Reserved>(result).Reservation);
        }

        IReadOnlyList<Reservation> found = await Read<IBudgetStore, IReadOnlyList<Reservation>>(store => store.ListForJobsAsync([second, first, NextJob()], None));

        Assert.Equal(wanted[..3].OrderBy(one => one.Id), found.OrderBy(one => one.Id));
    }

    private async Task Book(string key, string? pod, EntryKind kind, decimal dollars) => Assert.True(await In<IBudgetStore, bool>(store => store.BookAsync(
        new BudgetEntry { Key = key, Month = Month.Of(Start), At = Start, Kind = kind, Spent = Usd.FromDollars(dollars), Pod = pod }, None)));
}
