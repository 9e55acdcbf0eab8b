using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>An account that can't be listed, for an outage or because it makes more than a list is read for: no money stays reserved for ever.</summary>
[Trait("Requirement", "M6")]
public sealed class HostedUnlistedTests
{
    private readonly TrainingBench bench = HostedBench.WithValidation();

    [Fact]
    public async Task PredictionInDoubt_ThatCanNotBeLookedForForADay_IsToldAndCountedAtItsEstimate()
    {
        bench.Faults.Add(FaultKind.ReplicateCreateHangButCreated, match: ReplicateFace.WeightsField);
        bench.Faults.Add(FaultKind.ReplicateList500, seconds: 200_000);
        JobId id = await DivertedAsync();
        await bench.RunToStateAsync(id, TrainingState.Completed);
        Assert.NotNull(bench.Job(id).NotValidated);
        await bench.RunForAsync(TimeSpan.FromMinutes(14));
        Assert.Empty(Told);
        await bench.RunForAsync(TimeSpan.FromHours(23));
        Assert.False(Assert.Single(Told).Over);
        Assert.Null(bench.Reservation(id, 2).SettledAt);

        await bench.RunForAsync(TimeSpan.FromHours(2));
        Assert.Equal(HostedSaw.Lost, Assert.Single(bench.Predictions(id)).Saw);
        Assert.Equal(bench.Reservation(id, 2).Amount, bench.Attempts(id)[1].Cost);
        Assert.Equal(bench.Reservation(id, 2).Amount, bench.Job(id).Cost);
        Assert.Equal([false, true], Told.Select(static signal => signal.Over));
        bench.AssertNothingIsLeft();
    }

    [Fact]
    public async Task PredictionInDoubt_WhenTheAccountCanBeListedAgain_IsFoundAndCostsWhatItTook()
    {
        bench.Faults.Add(FaultKind.ReplicateCreateHangButCreated, match: ReplicateFace.WeightsField);
        bench.Faults.Add(FaultKind.ReplicateList500, seconds: 4 * 3600);
        JobId id = await DivertedAsync();
        await bench.RunToRestAsync(id);

        Assert.Equal(Usd.FromDollars((720 + 120) * ReplicateWorld.UsdPerSecond), bench.Job(id).Cost);
        Assert.Equal([false, true], Told.Select(static signal => signal.Over));
        bench.AssertNothingIsLeft();
    }

    [Fact]
    public async Task PredictionLost_WhileTheAccountCanNotBeListed_IsBelievedAfterADay()
    {
        bench.Faults.Add(FaultKind.ReplicatePredictionLost);
        bench.Faults.Add(FaultKind.ReplicateList500, seconds: 200_000);
        JobId id = await DivertedAsync();
        await bench.RunToStateAsync(id, TrainingState.Completed);
        await bench.RunForAsync(TimeSpan.FromHours(25));

        Assert.Equal(HostedSaw.Lost, Assert.Single(bench.Predictions(id)).Saw);
        Assert.Equal(Usd.FromDollars(720 * ReplicateWorld.UsdPerSecond), bench.Job(id).Cost);
        bench.AssertNothingIsLeft();
    }

    private IReadOnlyList<IncidentSignal> Told =>
    [
        .. bench.World.Database.Events.SelectMany(static fact => fact.Signals)
            .Where(signal => signal.Rule == HostedIncidents.Unresolved && signal.Subject == bench.World.Database.Hosted.Rows.Single(static one => one.Kind == HostedKind.Prediction).Name),
    ];

    private async Task<JobId> DivertedAsync()
    {
        await bench.IsolateAsync();
        return await bench.SubmitAsync();
    }
}
