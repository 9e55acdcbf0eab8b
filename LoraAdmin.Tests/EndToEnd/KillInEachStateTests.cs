namespace LoraAdmin.Tests.EndToEnd;

/// <summary>On SQLite. Two classes, because the tests of one run one after the other.</summary>
public sealed class KillInLongStateTests
{
    [Theory]
    [InlineData("provisioning")]
    [InlineData("training")]
    [InlineData("retrieving")]
    public Task Job_PortalKilledInItsMiddle_Completes(string state) => KillInEachState.InLongStateAsync(state, onPostgres: false);

    [Fact]
    [Trait("Requirement", "E1")]
    public Task Job_PortalKilledRightAfterCreateWasSent_KeepsThePodThatWasMade() => KillInEachState.RightAfterCreateWasSentAsync(onPostgres: false);
}

public sealed class KillInShortStateTests
{
    [Theory]
    [InlineData("preparing")]
    [InlineData("uploading")]
    [InlineData("validating")]
    public Task Job_PortalKilledAtItsLastLine_Completes(string state) => KillInEachState.InShortStateAsync(state, onPostgres: false);

    [Fact]
    public Task Job_PortalKilledWhileItIsQueued_Completes() => KillInEachState.WhileQueuedAsync(onPostgres: false);
}

[Trait("Run", "Long")]
public sealed class KillOnPostgresTests
{
    [Theory]
    [InlineData("provisioning")]
    [InlineData("training")]
    [InlineData("retrieving")]
    public Task Job_PortalKilledInItsMiddle_Completes(string state) => KillInEachState.InLongStateAsync(state, onPostgres: true);

    [Theory]
    [InlineData("preparing")]
    [InlineData("uploading")]
    [InlineData("validating")]
    public Task Job_PortalKilledAtItsLastLine_Completes(string state) => KillInEachState.InShortStateAsync(state, onPostgres: true);

    [Fact]
    public Task Job_PortalKilledWhileItIsQueued_Completes() => KillInEachState.WhileQueuedAsync(onPostgres: true);

    [Fact]
    [Trait("Requirement", "E1")]
    public Task Job_PortalKilledRightAfterCreateWasSent_KeepsThePodThatWasMade() => KillInEachState.RightAfterCreateWasSentAsync(onPostgres: true);
}
