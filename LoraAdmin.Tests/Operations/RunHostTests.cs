using LoraAdmin.Domain.Operations;
using LoraAdmin.Operations;
using LoraAdmin.Tests.Platform.Vendors;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace LoraAdmin.Tests.Operations;

/// <summary>What a run came across is in its row and its fact; only where the program itself broke the log says more.</summary>
public sealed class RunHostTests
{
    private const string Key = "tests.work";

    private readonly TestItems operation = new(Key, static () => ["a"]);
    private readonly RememberingLogger<RunHost> logger = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Failure_ThatIsExpected_IsNotToldASecondTime()
    {
        operation.Plan = new Planning.CouldNotRead("RunPod says no", "Wait");

        Assert.Equal("It could not look: RunPod says no. Wait", (await RunAsync()).Outcome);

        Assert.Empty(logger.Lines);
    }

    [Fact]
    public async Task Failure_OfTheProgram_IsToldWithWhereItBroke()
    {
        operation.Looking = static _ => throw new InvalidOperationException("a bug");

        Assert.Equal(RunState.Failed, (await RunAsync()).State);

        string line = Assert.Single(logger.Lines);
        Assert.StartsWith("Run 1 of tests.work broke down", line, StringComparison.Ordinal);
        Assert.Contains("InvalidOperationException: a bug", line, StringComparison.Ordinal);
        Assert.Contains(nameof(Failure_OfTheProgram_IsToldWithWhereItBroke), line, StringComparison.Ordinal);
    }

    private async Task<OperationRun> RunAsync()
    {
        OperationHouse house = new(operation);
        await house.FillAsync();
        Guid run = Assert.IsType<OperationCommand.Started>(await house.Desk.RunNowAsync(Key, "now", OperationHouse.Ada, Token)).Run;
        ApplicationLifetime lifetime = new(NullLogger<ApplicationLifetime>.Instance);
        RunHost host = new(house.Runner, lifetime, logger);
        host.Begin(Assert.Single(house.Begun));
        await host.StopAsync(Token);
        return await house.RunAsync(run);
    }
}
