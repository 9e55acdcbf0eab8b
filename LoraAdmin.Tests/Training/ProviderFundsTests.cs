using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>What the pods that are there may still take from the balance, whoever wants them or not.</summary>
public sealed class ProviderFundsTests
{
    private static readonly Usd Rate = Usd.FromDollars(0.60m);

    private readonly SimulatedWorld world = new(1);
    private readonly FixedBalance balance = new();

    public static TheoryData<string, PodWant, PodSaw, bool, string> Rows => new()
    {
        // PodLifetime is 2 h + 20 min + 30 min: 2.83 h of $0.60 are $1.70.
        { "needed, bounded to an hour", PodWant.Needed, PodSaw.Running, true, "0.600000" },
        { "taken over, not bounded", PodWant.Needed, PodSaw.Running, false, "1.700000" },
        { "held and not stopped yet", PodWant.Held, PodSaw.Running, true, "1.700000" },
        { "held and stopped: its mount alone, 20 GB at $0.20", PodWant.Held, PodSaw.Exited, true, "0.015742" },
        { "leaking", PodWant.Released, PodSaw.Leaking, true, "1.700000" },
        { "about to end", PodWant.Released, PodSaw.Terminating, true, "0" },
        { "gone", PodWant.Needed, PodSaw.Gone, true, "0" },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task Short_ByWhatAPodStillTakes(string what, PodWant want, PodSaw saw, bool bounded, string stillToPay)
    {
        Usd taken = Usd.FromDollars(decimal.Parse(stillToPay, System.Globalization.CultureInfo.InvariantCulture));
        TimeSpan life = world.Training.PodLifetime;
        DateTimeOffset now = world.Clock.GetUtcNow();
        LedgerPod pod = new()
        {
            Name = "pod",
            Job = new JobId(new Guid(1, 0, 0, new byte[8])),
            Attempt = 1,
            Try = 1,
            Want = want,
            Saw = saw,
            PodId = "abc",
            GpuType = "NVIDIA A40",
            HourlyRate = saw == PodSaw.Exited ? PodPricing.StoppedPerHour(20) : Rate,
            RequestedAt = now,
            LiveUntil = bounded ? now.AddHours(1) : null,
        };
        await world.Database.RunAsync((unit, token) => unit.Store<IPodLedger>().AddAsync(pod, token), TestContext.Current.CancellationToken);
        Usd next = (world.Training.WorstHourlyPrice + PodPricing.DiskPerHour(world.Training.DiskGb + world.Training.MountGb)).PerHourFor(life);

        balance.Value = next + taken;
        Assert.Null(await WhyShortAsync());
        balance.Value = new Usd(next.Micros + taken.Micros - 1);
        string? shortage = await WhyShortAsync();
        Assert.True(shortage is not null, what);
        Assert.Equal(
            $"RunPod's balance is {balance.Value}; the pods that are there may still take {taken} and this one {next}. Add credit to the account", shortage);
    }

    [Fact]
    public async Task Balance_ThatCantBeRead_StopsNothing()
    {
        balance.Away = true;
        Assert.Null(await WhyShortAsync());
    }

    [Fact]
    public async Task Money_ThatAnotherJobTakesAfterTheLook_IsNotSpentTwice()
    {
        TrainingBench bench = new(cloud => cloud.StartBalanceUsd = 50);
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Provisioning);
        bool taken = false;
        SimulatedPortal portal = new(bench.World, new Mortality(AfterTheLook), "another");
        LeasedJob leased = Assert.Single(await portal.Conductor.LeaseDueAsync(1, TestContext.Current.CancellationToken));
        await portal.Conductor.StepAsync(leased, TestContext.Current.CancellationToken);

        Assert.True(taken, "The gate was not asked: the money was looked at too late for this test.");
        Assert.StartsWith("RunPod's balance is $50.00; the pods that are there may still take $", bench.Job(id).WaitReason, StringComparison.Ordinal);
        Assert.Empty(bench.VendorPods);
        Assert.Empty(bench.Pods(id));

        bool AfterTheLook(string point)
        {
            if (point == "before breaker Check" && !taken)
            {
                taken = true;
                LedgerPod costly = new()
                {
                    Name = "another",
                    Job = new JobId(new Guid(9, 0, 0, new byte[8])),
                    Attempt = 1,
                    Try = 1,
                    Want = PodWant.Needed,
                    Saw = PodSaw.Running,
                    PodId = "another",
                    GpuType = "NVIDIA A40",
                    HourlyRate = Usd.FromDollars(100),
                    RequestedAt = bench.Now,
                    LiveUntil = bench.Now.AddHours(2),
                };
                Assert.True(bench.World.Database.RunAsync((unit, token) => unit.Store<IPodLedger>().AddAsync(costly, token), CancellationToken.None).IsCompletedSuccessfully);
            }

            return false;
        }
    }

    private async Task<string?> WhyShortAsync()
    {
        ProviderFunds funds = new(world.Database, balance, new GpuPrices(new NoCatalog(), world.Clock), world.Clock, () => world.Training);
        TrainingJob job = new()
        {
            Id = new JobId(new Guid(2, 0, 0, new byte[8])),
            LoraId = new LoraId(new Guid(3, 0, 0, new byte[8])),
            UserId = TrainingBench.User,
            Name = "Mara",
            CreatorEmail = "creator-17@example.org",
            State = TrainingState.Provisioning,
            StateSince = world.Clock.GetUtcNow(),
            CreatedAt = world.Clock.GetUtcNow(),
            UpdatedAt = world.Clock.GetUtcNow(),
            Attempt = 1,
            Admission = 1,
            DueAt = world.Clock.GetUtcNow(),
        };
        PodFunding? funding = await funds.ReadAsync(job, TestContext.Current.CancellationToken);
        return funding is null ? null : await funds.WhyShortAsync(funding, TestContext.Current.CancellationToken);
    }

    private sealed class FixedBalance : IAccountBalance
    {
        public Usd Value { get; set; }

        public bool Away { get; set; }

        public Task<BalanceReading> ReadAsync(CancellationToken cancellationToken) => Task.FromResult<BalanceReading>(
            Away
                ? new BalanceReading.Unavailable(new ProviderError(ProviderFailure.Unreachable, null, "away"))
                : new BalanceReading.Read(Value, Usd.Zero, DateTimeOffset.MaxValue));
    }

    private sealed class NoCatalog : IGpuCatalog
    {
        public Task<CatalogReading> ReadAsync(CancellationToken cancellationToken) => Task.FromResult<CatalogReading>(
            new CatalogReading.Unavailable(new ProviderError(ProviderFailure.Unreachable, null, "away")));
    }
}
