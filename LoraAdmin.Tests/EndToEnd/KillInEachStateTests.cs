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

[Trait("Run", "Long")]
public sealed class KillInEachStateTests
{
    /// <summary>Each state with each database.</summary>
    private static TheoryData<string, bool> OnBoth(params string[] states)
    {
        TheoryData<string, bool> data = [];
        foreach (string state in states)
        {
            data.Add(state, false);
            data.Add(state, true);
        }

        return data;
    }

    public static TheoryData<string, bool> LongStates => OnBoth("provisioning", "training", "retrieving");

    public static TheoryData<string, bool> ShortStates => OnBoth("preparing", "uploading", "validating");

    [Theory]
    [MemberData(nameof(LongStates))]
    public Task Job_PortalKilledInItsMiddle_Completes(string state, bool onPostgres) => KillInEachState.InLongStateAsync(state, onPostgres);

    [Theory]
    [MemberData(nameof(ShortStates))]
    public Task Job_PortalKilledAtItsLastLine_Completes(string state, bool onPostgres) => KillInEachState.InShortStateAsync(state, onPostgres);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task Job_PortalKilledWhileItIsQueued_Completes(bool onPostgres) => KillInEachState.WhileQueuedAsync(onPostgres);

    [Fact]
    [Trait("Requirement", "E1")]
    public Task Job_PortalKilledRightAfterCreateWasSent_KeepsThePodThatWasMade() => KillInEachState.RightAfterCreateWasSentAsync(onPostgres: true);
}
