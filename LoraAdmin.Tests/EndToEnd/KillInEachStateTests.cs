namespace LoraAdmin.Tests.EndToEnd;

/// <summary>Two kills for every run; the other states and the other database belong to the long one.</summary>
public sealed class KillTests
{
    [Fact]
    public Task Job_PortalKilledWhileItTrains_Completes() => KillInEachState.InLongStateAsync("training", onPostgres: false);

    [Fact]
    [Trait("Requirement", "E1")]
    public Task Job_PortalKilledRightAfterCreateWasSent_KeepsThePodThatWasMade() => KillInEachState.RightAfterCreateWasSentAsync(onPostgres: false);
}

public abstract class KillInEachStateTests(bool onPostgres)
{
    [Theory]
    [InlineData("provisioning")]
    [InlineData("training")]
    [InlineData("retrieving")]
    public Task Job_PortalKilledInItsMiddle_Completes(string state) => KillInEachState.InLongStateAsync(state, onPostgres);

    [Theory]
    [InlineData("preparing")]
    [InlineData("uploading")]
    [InlineData("validating")]
    public Task Job_PortalKilledAtItsLastLine_Completes(string state) => KillInEachState.InShortStateAsync(state, onPostgres);

    [Fact]
    public Task Job_PortalKilledWhileItIsQueued_Completes() => KillInEachState.WhileQueuedAsync(onPostgres);

    [Fact]
    [Trait("Requirement", "E1")]
    public Task Job_PortalKilledRightAfterCreateWasSent_KeepsThePodThatWasMade() => KillInEachState.RightAfterCreateWasSentAsync(onPostgres);
}

[Trait("Run", "Long")]
public sealed class KillOnSqliteTests() : KillInEachStateTests(onPostgres: false);

[Trait("Run", "Long")]
public sealed class KillOnPostgresTests() : KillInEachStateTests(onPostgres: true);
