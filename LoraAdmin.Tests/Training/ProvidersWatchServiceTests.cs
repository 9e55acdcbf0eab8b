using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Domain.Training.Steps;
using LoraAdmin.Platform;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation.Memory;
using LoraAdmin.Training;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>The watches over both providers as the host runs them.</summary>
public sealed class ProvidersWatchServiceTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>What says "jobs wait" ends with the last that does, also while the other watch can't look.</summary>
    [Fact]
    public async Task Turn_WhileTheBreakersCanNotBeRead_EndsARefusalThatNoJobWaitsFor()
    {
        FakeTimeProvider clock = new(Now);
        using MemoryDatabase database = new(clock);
        OperationalEvent refused = new()
        {
            Kind = TrainingEvents.Waiting,
            Message = "RunPod refuses to create pods",
            Severity = EventSeverity.Warning,
            Actor = Actor.Portal("tests"),
            Signals = [new IncidentSignal(TrainingIncidents.CreateRefused, ProvisioningStep.Provider, "RunPod refuses to create pods")],
        };
        await database.RunAsync((unit, token) => unit.Events.AppendAsync(refused, token), Token);
        Assert.Equal([ProvisioningStep.Provider], await OpenAsync(database));
        UnreadableBreaker breaker = new();
        HostedRefusals refusals = new(database, clock);
        HostedRules hosted = new(null, Usd.FromDollars(5));
        HostedRoom room = new(
            database, clock, () => hosted, static () => TimeSpan.FromHours(2), static () => new BudgetRules(Usd.FromDollars(200), Usd.FromDollars(150)), KnownClocks.New(clock));
        HostedFallback fallback = new(new BreakerGate(breaker, "tests", "", GateWords.Replicate, refusals), refusals, room, () => hosted);
        ApplicationLifetime lifetime = new(NullLogger<ApplicationLifetime>.Instance);
        using ProvidersWatchService service = new(
            new ProvidersWatch(database, new BreakerGate(breaker, "tests", "", GateWords.RunPod), fallback, clock),
            new RefusalWatch(database),
            new PortalStarted(lifetime),
            clock,
            NullLogger<ProvidersWatchService>.Instance);

        await service.StartAsync(Token);
        lifetime.NotifyStarted();

        await Eventually.TrueAsync(async () => (await OpenAsync(database)).Count == 0, "the refusal's end");
        Assert.True(breaker.Asked > 0, "The other watch had its turn before.");
        await service.StopAsync(Token);
    }

    private static Task<IReadOnlyCollection<string>> OpenAsync(MemoryDatabase database) => database.ReadAsync(
        static (unit, token) => unit.Store<IOpenIncidents>().ListSubjectsAsync(TrainingIncidents.CreateRefused, token), Token);

    private sealed class UnreadableBreaker : IBreaker
    {
        public int Asked { get; private set; }

        public BreakerView View => throw new InvalidOperationException("It can't be read.");

        public Task<CircuitReply> CallAsync(CircuitCall call, CancellationToken cancellationToken)
        {
            Asked++;
            throw new InvalidOperationException("It can't be read.");
        }
    }
}
