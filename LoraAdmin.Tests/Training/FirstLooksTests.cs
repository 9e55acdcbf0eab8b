using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>What a portal says at its start of incidents that it has not opened: an earlier process has, or another portal.</summary>
public sealed class FirstLooksTests
{
    private readonly TrainingBench bench = HostedBench.New();

    [Fact]
    public async Task Start_WhenAllIsWell_SaysNothing()
    {
        await bench.RunForAsync(TimeSpan.FromMinutes(2));
        bench.Restart();
        await bench.RunForAsync(TimeSpan.FromMinutes(2));

        Assert.Empty(bench.World.Database.Events);
    }

    [Theory]
    [InlineData(PodIncidents.AccountUnreadable, PodIncidents.AccountSubject, PodEvents.FirstLook)]
    [InlineData(PodIncidents.CapReached, PodIncidents.SweepSubject, PodEvents.FirstLook)]
    [InlineData(PodIncidents.Foreign, "pod-of-another", PodEvents.FirstLook)]
    [InlineData(TrainingIncidents.ProvidersDown, TrainingIncidents.ProvidersSubject, TrainingEvents.ProvidersUp)]
    public async Task Start_EndsOnceWhatAnotherPortalHasOpenedAndIsOver(string rule, string subject, string kind)
    {
        await bench.RunForAsync(TimeSpan.FromMinutes(2));
        OperationalEvent wrong = new() { Kind = "tests.raised", Message = "wrong", Actor = Actor.Portal("another"), Signals = [new IncidentSignal(rule, subject, "wrong")] };
        await bench.World.Work.RunAsync((unit, token) => unit.Events.AppendAsync(wrong, token), TrainingBench.Token);

        bench.Restart();
        await bench.RunForAsync(TimeSpan.FromMinutes(2));
        bench.Restart();
        await bench.RunForAsync(TimeSpan.FromMinutes(2));

        OperationalEvent over = Assert.Single(bench.World.Database.Events, static fact => fact.Kind != "tests.raised");
        Assert.Equal(kind, over.Kind);
        Assert.Contains(over.Signals, signal => signal.Rule == rule && signal.Ends(subject));
    }
}
