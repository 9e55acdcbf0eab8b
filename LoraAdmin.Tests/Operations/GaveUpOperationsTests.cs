using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Operations;
using LoraAdmin.Shell;
using Xunit;

namespace LoraAdmin.Tests.Operations;

public sealed class GaveUpOperationsTests
{
    private const string Key = "tests.work";

    private readonly TestItems work = new(Key, static () => ["a", "b"])
    {
        Info = new OperationInfo(Key, "Sweep of a test", "Does what the test says.", "0 0 * * * ?", Permissions.SweepPods),
    };

    private readonly OperationHouse house;
    private readonly GaveUpOperations source;

    public GaveUpOperationsTests()
    {
        house = new OperationHouse(work);
        source = new GaveUpOperations(
            new OperationQueries(house.Database, house.Registry, house.Crons, house.Clock, () => house.Rules, () => house.Installation, house.Starter), house.Desk);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("a", "partly failed")]
    [InlineData("ab", "failed")]
    public async Task Operation_WhoseLastRunFailed_IsThere_UntilOneGoesWell(string fails, string word)
    {
        await house.FillAsync();
        Assert.Empty(await source.ReadAsync(Token));
        work.Before = (item, _) => fails.Contains(item, StringComparison.Ordinal) ? throw new InvalidOperationException("the disk is full") : Task.CompletedTask;
        await house.FireAsync(Key, OperationHouse.Start.AddHours(1));

        GaveUpLine line = Assert.Single(await source.ReadAsync(Token));
        Assert.Equal((Key, "Sweep of a test", Permissions.SweepPods), (line.Id, line.What, line.Permission));
        Assert.StartsWith($"Run 1 {word}: ", line.Why, StringComparison.Ordinal);
        Assert.StartsWith("/operations/runs/", line.Href, StringComparison.Ordinal);

        work.Before = null;
        ActionResult asked = await source.RetryAsync(Key, "the disk is mended", OperationHouse.Ada, Token);
        Assert.Equal((true, "It runs.", $"/operations/runs/{house.Begun[^1].Run.Id}"), (asked.Done, asked.Message, asked.Link?.Href));
        Assert.Empty(await source.ReadAsync(Token));
        Assert.False((await source.RetryAsync(Key, "again", OperationHouse.Ada, Token)).Done);
        Assert.Equal("the disk is mended", (await house.EndBegunAsync()).Reason);
        Assert.Empty(await source.ReadAsync(Token));
    }

    [Theory]
    [InlineData("it ends the wrong ones")]
    [InlineData("it ends the wrong ones.")]
    public async Task Operation_ThatIsPaused_SaysByWhomAndWhy_BeforeItIsRunAgain(string reason)
    {
        await house.FillAsync();
        work.Before = static (_, _) => throw new InvalidOperationException("the disk is full");
        await house.FireAsync(Key, OperationHouse.Start.AddHours(1));
        Assert.Null(Assert.Single(await source.ReadAsync(Token)).Heed);

        await house.Desk.PauseAsync(Key, reason, OperationHouse.Start.AddHours(2), OperationHouse.Ada, Token);
        Assert.Equal(
            "ada has paused it since 2026-11-24 12:00:00Z: it ends the wrong ones. It would run all the same.", Assert.Single(await source.ReadAsync(Token)).Heed);

        house.Clock.Advance(TimeSpan.FromHours(2));
        Assert.Null(Assert.Single(await source.ReadAsync(Token)).Heed);
    }

    [Fact]
    public async Task Plan_ThatWaitsForApproval_IsThere_AndIsApprovedWhereItCanBeRead()
    {
        await house.FillAsync();
        work.WithinCaps = 1;
        await house.FireAsync(Key, OperationHouse.Start.AddHours(1));

        GaveUpLine line = Assert.Single(await source.ReadAsync(Token));

        Assert.Equal("1 is held back: a test lets few through", line.Why);
        Assert.StartsWith("/operations/plans/", line.Href, StringComparison.Ordinal);
        Assert.Contains("approve exactly that", line.WhyNot, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FailedOperation_ThatHoldsAPlanBack_IsNotRunFromThere()
    {
        await house.FillAsync();
        work.WithinCaps = 1;
        work.Before = static (_, _) => throw new InvalidOperationException("the disk is full");
        await house.FireAsync(Key, OperationHouse.Start.AddHours(1));

        IReadOnlyList<GaveUpLine> lines = await source.ReadAsync(Token);

        Assert.Equal(2, lines.Count);
        Assert.All(lines, line => Assert.Contains("approve exactly that", line.WhyNot, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Operation_ThatIsRunAgainUnread_KeepsItsCaps()
    {
        await house.FillAsync();
        work.Before = static (_, _) => throw new InvalidOperationException("the disk is full");
        await house.FireAsync(Key, OperationHouse.Start.AddHours(1));
        work.Before = null;
        work.WithinCaps = 1;
        GaveUpLine line = Assert.Single(await source.ReadAsync(Token));
        Assert.Null(line.WhyNot);

        Assert.True((await source.RetryAsync(line.Id, "the disk is mended", OperationHouse.Ada, Token)).Done);
        await house.EndBegunAsync();

        Assert.Equal(["a"], work.Done);
        Assert.Equal("1 is held back: a test lets few through", Assert.Single(await source.ReadAsync(Token)).Why);
    }
}
