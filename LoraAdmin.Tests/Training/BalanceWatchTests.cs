using LoraAdmin.Domain.Alerts;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>People hear of a balance that does not last before it kills pods, once, and not of one that could not be read.</summary>
public sealed class BalanceWatchTests
{
    private readonly SimulatedWorld world = new(1);
    private readonly ScriptedBalance balance;
    private readonly BalanceWatch watch;
    private readonly ProviderMoney pages;
    private RunwayRules rules = new(TimeSpan.FromHours(12));
    private int pods;

    public BalanceWatchTests()
    {
        balance = new ScriptedBalance(world.Clock);
        watch = new BalanceWatch(world.Database, balance, world.Clock, () => world.Training, () => rules);
        pages = new ProviderMoney(world.Database, world.Clock, () => world.Training);
    }

    [Fact]
    public async Task Balance_ThatLasts_IsKeptForPagesAndToldToNobody()
    {
        await AddPodAsync(1m, hours: 2);
        balance.Set(100m, spend: 0.5m);

        Assert.Equal(BalanceWatch.Every, await watch.LookAsync(Token));

        Assert.Empty(Told());
        world.Clock.Advance(TimeSpan.FromMinutes(30));
        BalanceView view = await pages.ReadBalanceAsync(Token);
        Assert.Equal((Usd.FromDollars(100m), SimulatedWorld.Start, null), (view.Balance!.Value, view.ReadAt!.Value, view.FailingSince));
        Assert.Equal((1, Usd.FromDollars(1m), Usd.FromDollars(0.5m)), (view.LivePods, view.BurnPerHour, view.AccountPerHour!.Value));

        // At the higher of both paces, from the reading on.
        Assert.Equal(SimulatedWorld.Start.AddHours(100), view.EmptyAt);
        Assert.Equal(TimeSpan.FromHours(99.5), view.Runway);
        Assert.Equal(Usd.FromDollars(1.5m), view.StillToTake);
        Assert.False(view.IsLow);
    }

    [Fact]
    public async Task Balance_ThatOthersOnTheAccountUseUp_LastsAsLongAsTheirPaceSays()
    {
        balance.Set(100m, spend: 50m);

        await watch.LookAsync(Token);

        Assert.Equal(TimeSpan.FromHours(2), (await pages.ReadBalanceAsync(Token)).Runway);
        Assert.Equal("RunPod's balance is $100.00 and lasts about 2 hours at $50.00 an hour. Add credit to the account", Assert.Single(Open()));
    }

    [Fact]
    public async Task Balance_ShorterThanTheAlert_IsToldOnceAndWorseAgainAndItsEnd()
    {
        await AddPodAsync(1m, hours: 3);
        balance.Set(11m);
        Assert.Equal(BalanceWatch.EveryWhileWrong, await watch.LookAsync(Token));
        await watch.LookAsync(Token);
        Assert.Equal([(ProviderMoneyEvents.BalanceLow, EventSeverity.Warning)], Told());
        Assert.Equal(
            "RunPod's balance is $11.00 and lasts about 11 hours at $1.00 an hour; the pods that are there may still take $3.00. Add credit to the account",
            Assert.Single(Open()));
        Assert.True((await pages.ReadBalanceAsync(Token)).IsLow);

        balance.Set(2.5m);
        await watch.LookAsync(Token);
        balance.Set(0.5m);
        await watch.LookAsync(Token);
        await watch.LookAsync(Token);
        Assert.Equal([EventSeverity.Warning, EventSeverity.Error, EventSeverity.Critical], Told().Select(fact => fact.Severity));

        // Just enough is not enough to end it: a balance about the limit would be told again and again.
        balance.Set(13m);
        await watch.LookAsync(Token);
        Assert.Equal(3, Told().Count);
        balance.Set(16m);
        Assert.Equal(BalanceWatch.Every, await watch.LookAsync(Token));
        Assert.Equal((ProviderMoneyEvents.BalanceEnough, EventSeverity.Info), Told()[^1]);
        Assert.Empty(Open());

        balance.Set(13m);
        await watch.LookAsync(Token);
        Assert.Equal(4, Told().Count);
        balance.Set(11m);
        await watch.LookAsync(Token);
        Assert.Equal(5, Told().Count);
    }

    [Fact]
    public async Task Balance_BelowWhatLivePodsMayStillTake_IsToldWhateverTheAlert()
    {
        rules = new RunwayRules(TimeSpan.Zero);
        await AddPodAsync(1m, hours: 3);
        balance.Set(3m);
        await watch.LookAsync(Token);
        Assert.Empty(Told());

        balance.Set(2.99m);
        await watch.LookAsync(Token);
        Assert.Equal([(ProviderMoneyEvents.BalanceLow, EventSeverity.Error)], Told());
    }

    [Fact]
    public async Task Balance_WithoutPods_IsLowOnlyBelowZero()
    {
        balance.Set(0m);
        await watch.LookAsync(Token);
        Assert.Empty(Told());
        Assert.Null((await pages.ReadBalanceAsync(Token)).Runway);

        balance.Set(-0.02m);
        await watch.LookAsync(Token);
        Assert.Equal("RunPod's balance is -$0.02. Add credit to the account", Assert.Single(Open()));
    }

    [Fact]
    public async Task Jobs_ThatWaitForBalance_AreListedAndTold()
    {
        balance.Set(1m);
        TrainingJob job = await AddJobAsync($"{ProviderFunds.WaitWords}$1.00; more is needed");
        await AddJobAsync("No GPU is free");

        await watch.LookAsync(Token);

        Assert.Equal("RunPod's balance is $1.00. 1 job waits for balance. Add credit to the account", Assert.Single(Open()));
        WaitsForBalance waiting = Assert.Single((await pages.ReadBalanceAsync(Token)).Waiting);
        Assert.Equal((job.Id, "Mara", job.StateSince), (waiting.Job, waiting.Name, waiting.Since));
        world.Database.Jobs.Set(job.Id, job with { WaitReason = null });
        await watch.LookAsync(Token);
        Assert.Empty(Open());
    }

    [Fact]
    public async Task Balance_ThatWasNeverRead_IsNoZero()
    {
        await AddPodAsync(1m, hours: 3);
        Assert.Null((await pages.ReadBalanceAsync(Token)).Balance);
        balance.Away = "the call is gone";

        Assert.Equal(BalanceWatch.EveryWhileWrong, await watch.LookAsync(Token));

        BalanceView view = await pages.ReadBalanceAsync(Token);
        Assert.Equal((null, null, null), (view.Balance, view.ReadAt, view.Runway));
        Assert.Equal((SimulatedWorld.Start, "the call is gone"), (view.FailingSince!.Value, view.Failure));
        Assert.Equal(Usd.FromDollars(1m), view.BurnPerHour);
        Assert.Empty(Told());
    }

    [Fact]
    public async Task Balance_ThatCantBeReadForAnHour_IsToldOnceAndItsEnd()
    {
        balance.Set(100m);
        await watch.LookAsync(Token);
        balance.Away = "the call is gone";
        world.Clock.Advance(TimeSpan.FromMinutes(5));
        await watch.LookAsync(Token);
        world.Clock.Advance(BalanceWatch.TellUnreadableAfter - TimeSpan.FromSeconds(1));
        await watch.LookAsync(Token);
        Assert.Empty(Told());

        world.Clock.Advance(TimeSpan.FromSeconds(1));
        await watch.LookAsync(Token);
        await watch.LookAsync(Token);
        Assert.Equal([(ProviderMoneyEvents.BalanceUnreadable, EventSeverity.Warning)], Told());
        Assert.Equal("RunPod's balance can't be read since 2026-03-30 00:05 UTC: the call is gone. Nobody is told before it runs out", Assert.Single(Open()));
        BalanceView view = await pages.ReadBalanceAsync(Token);
        Assert.Equal((Usd.FromDollars(100m), SimulatedWorld.Start), (view.Balance!.Value, view.ReadAt!.Value));

        balance.Away = null;
        await watch.LookAsync(Token);
        Assert.Empty(Open());
        Assert.Equal((ProviderMoneyEvents.BalanceReadable, EventSeverity.Info), Told()[^1]);
        Assert.Null((await pages.ReadBalanceAsync(Token)).FailingSince);
    }

    [Fact]
    public async Task Balance_ThatCantBeReadAnyMore_IsHeldAgainstThePaceSinceItsReading()
    {
        await AddPodAsync(1m, hours: 100);
        rules = new RunwayRules(TimeSpan.FromHours(12));
        balance.Set(120m);
        await watch.LookAsync(Token);
        Assert.Empty(Told());

        balance.Away = "the call is gone";
        world.Clock.Advance(TimeSpan.FromHours(109));
        await watch.LookAsync(Token);

        string told = Assert.Single(Open(), text => text.Contains("lasts", StringComparison.Ordinal));
        Assert.StartsWith("RunPod's balance is $11.00 and lasts about 11 hours", told, StringComparison.Ordinal);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private List<(string Kind, EventSeverity Severity)> Told() => [.. world.Database.Events.Select(fact => (fact.Kind, fact.Severity))];

    /// <summary>Texts of the incidents that the facts have opened and not ended.</summary>
    private List<string> Open()
    {
        Dictionary<(string, string), string> open = [];
        foreach (IncidentSignal signal in world.Database.Events.SelectMany(fact => fact.Signals))
        {
            if (signal.Over)
            {
                open.Remove((signal.Rule, signal.Subject));
            }
            else
            {
                open[(signal.Rule, signal.Subject)] = signal.Text;
            }
        }

        return [.. open.Values];
    }

    private Task AddPodAsync(decimal hourly, int hours)
    {
        DateTimeOffset now = world.Clock.GetUtcNow();
        pods++;
        return world.Database.RunAsync(
            (unit, token) => unit.Store<IPodLedger>().AddAsync(
                new LedgerPod
                {
                    Name = $"pod-{pods}",
                    Job = new JobId(new Guid(pods, 0, 0, new byte[8])),
                    Attempt = 1,
                    Try = 1,
                    Want = PodWant.Needed,
                    Saw = PodSaw.Running,
                    PodId = $"pod{pods}",
                    GpuType = "NVIDIA A40",
                    HourlyRate = Usd.FromDollars(hourly),
                    RequestedAt = now,
                    LiveUntil = now.AddHours(hours),
                },
                token),
            Token);
    }

    private async Task<TrainingJob> AddJobAsync(string waits)
    {
        DateTimeOffset now = world.Clock.GetUtcNow();
        TrainingJob job = new()
        {
            Id = new JobId(world.Ids.Next()),
            LoraId = new LoraId(world.Ids.Next()),
            UserId = TrainingBench.User,
            Name = "Mara",
            CreatorEmail = "creator-17@example.org",
            State = TrainingState.Queued,
            StateSince = now,
            CreatedAt = now,
            UpdatedAt = now,
            Attempt = 1,
            Admission = 1,
            DueAt = now,
            WaitReason = waits,
        };
        await world.Database.RunAsync((unit, token) => unit.Store<ITrainingStore>().AddAsync(job, [], null, token), Token);
        return job;
    }

    private sealed class ScriptedBalance(TimeProvider clock) : IAccountBalance
    {
        private Usd money;
        private Usd pace;

        /// <summary>Why it can't be read; null: it can.</summary>
        public string? Away { get; set; }

        public void Set(decimal dollars, decimal spend = 0) => (money, pace) = (Usd.FromDollars(dollars), Usd.FromDollars(spend));

        public Task<BalanceReading> ReadAsync(CancellationToken cancellationToken) => Task.FromResult<BalanceReading>(
            Away is { } why
                ? new BalanceReading.Unavailable(new ProviderError(ProviderFailure.Ambiguous, 500, why))
                : new BalanceReading.Read(money, pace, clock.GetUtcNow()));
    }
}
