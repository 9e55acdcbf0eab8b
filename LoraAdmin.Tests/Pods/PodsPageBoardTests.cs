using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Pods;
using Xunit;

namespace LoraAdmin.Tests.Pods;

/// <summary>What the page shows between two listings of the account.</summary>
public sealed class PodsPageBoardTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 3, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset HourAgo = Now.AddHours(-1);

    [Fact]
    public void Board_EachClass_IsShownWorstFirst()
    {
        LedgerPod needed = PodSamples.Row(1, HourAgo);
        LedgerPod held = PodSamples.Row(2, HourAgo, PodWant.Held, PodSaw.Exited);
        LedgerPod orphan = PodSamples.Row(3, HourAgo, PodWant.Released);
        LedgerPod vanished = PodSamples.Row(4, HourAgo);
        LedgerPod leaking = PodSamples.Row(5, HourAgo, PodWant.Released, PodSaw.Leaking);
        ProviderPod unknown = PodSamples.Stranger("pod00006", PodNames.For(PodSamples.Installation, PodSamples.Job(6), 1, 1), HourAgo);
        ProviderPod foreign = PodSamples.Stranger("pod00007", "somebody-else", HourAgo);
        LedgerPod[] open = [needed, held, orphan, vanished, leaking];
        PodsBoard board = Of(Look([PodSamples.Of(needed), PodSamples.Of(held, "EXITED"), PodSamples.Of(orphan), PodSamples.Of(leaking), unknown, foreign], open), open);

        Assert.Equal(
            ["pod00005", "pod00003", "pod00006", "pod00002", "pod00004", "pod00001", "pod00007"],
            board.Pods.Select(pod => pod.PodId));
        Assert.Equal(
            [PodClass.Orphan, PodClass.Orphan, PodClass.Unknown, PodClass.Held, PodClass.Vanished, PodClass.Needed, PodClass.Foreign],
            board.Pods.Select(pod => pod.Class));
    }

    /// <summary>The account's list has zero for a stopped pod; its mount is paid for nevertheless, and the budget's page counts it.</summary>
    [Fact]
    public void Totals_StoppedPodCostsItsMountAndForeignOnesNothingOfOurs()
    {
        Usd mount = PodPricing.StoppedPerHour(20);
        LedgerPod held = PodSamples.Row(2, HourAgo, PodWant.Held, PodSaw.Exited) with { HourlyRate = mount };
        LedgerPod orphan = PodSamples.Row(3, HourAgo, PodWant.Released);
        LedgerPod[] open = [held, orphan];
        PodsBoard board = Of(Look([PodSamples.Of(held, "EXITED"), PodSamples.Of(orphan), PodSamples.Stranger("pod00007", "x", HourAgo)], open), open);

        Assert.Equal(2, board.Alive);
        Assert.True(mount > Usd.Zero);
        Assert.Equal(PodSamples.Rate + mount, board.HourlyRate);
        Assert.Equal((1, PodSamples.Rate), (board.Wasting, board.WasteHourlyRate));

        // Released half an hour ago at $0.60 an hour.
        Assert.Equal(Usd.FromDollars(0.30m), board.Burned);
    }

    /// <summary>The page of money counts it so, too.</summary>
    [Fact]
    public void Totals_PodWithoutAKnownPrice_CostsTheWorst()
    {
        LedgerPod[] open =
        [
            PodSamples.Row(2, HourAgo), PodSamples.Row(3, HourAgo, PodWant.Released) with { HourlyRate = null }, PodSamples.Row(4, HourAgo) with { PodId = null, HourlyRate = null },
        ];
        PodsBoard board = Of(AccountLook.None, open) with { WorstHourlyRate = Usd.FromDollars(1.25m) };

        Assert.Equal((PodSamples.Rate + Usd.FromDollars(1.25m), true), (board.HourlyRate, board.IsHourlyRateAtWorst));
        Assert.Equal((1, Usd.FromDollars(1.25m)), (board.Wasting, board.WasteHourlyRate));
        Assert.False(Of(AccountLook.None, [open[0], open[2]]).IsHourlyRateAtWorst);
    }

    [Fact]
    public void Burned_PodThatStoppedMeanwhile_StillCountsWhatItBurnedBefore()
    {
        // Released half an hour ago at $0.60 an hour, stopped ten minutes ago.
        LedgerPod orphan = PodSamples.Row(3, HourAgo, PodWant.Released).Repriced(Usd.Zero, Now.AddMinutes(-10));
        BoardPod pod = Assert.Single(Of(Look([PodSamples.Of(orphan, "EXITED")], [orphan]), [orphan]).Pods);

        Assert.Equal((Usd.FromDollars(0.50m), Usd.FromDollars(0.20m)), (pod.CostSoFar, pod.Burned));
    }

    [Fact]
    public void Burned_PastLifetime_CountsFromItsEnd()
    {
        LedgerPod late = PodSamples.Row(1, HourAgo) with { LiveUntil = Now.AddMinutes(-10) };
        BoardPod pod = Assert.Single(Of(Look([PodSamples.Of(late)], [late]), [late]).Pods);

        Assert.Equal(PodClass.Orphan, pod.Class);
        Assert.Equal(Usd.FromDollars(0.10m), pod.Burned);
        Assert.Equal(Usd.FromDollars(0.60m), pod.CostSoFar);
    }

    [Fact]
    public void Board_PodMadeAfterTheListing_IsNotVanished()
    {
        LedgerPod young = PodSamples.Row(1, Now.AddSeconds(-5));
        AccountLook look = Look([], []) with { ListedAt = Now.AddSeconds(-30) };

        Assert.Equal(PodClass.Needed, Assert.Single(Of(look, [young]).Pods).Class);
    }

    [Fact]
    public void Board_PodGoneSinceTheListing_IsNoStranger()
    {
        LedgerPod row = PodSamples.Row(1, HourAgo, PodWant.Released);
        AccountLook look = Look([PodSamples.Of(row)], [row]);

        Assert.Empty(Of(look, []).Pods);
    }

    [Fact]
    public void Board_WishSinceTheListing_ShowsAtOnce()
    {
        LedgerPod row = PodSamples.Row(1, HourAgo);
        AccountLook look = Look([PodSamples.Of(row)], [row]);
        LedgerPod ended = row with { Want = PodWant.Released, WantReason = PodReasons.ByPerson, WantSince = Now };

        Assert.Equal(PodClass.Orphan, Assert.Single(Of(look, [ended]).Pods).Class);
    }

    [Fact]
    public void Board_ClaimSinceTheListing_ShowsAtOnce()
    {
        ProviderPod stranger = PodSamples.Stranger("pod00009", "box", HourAgo);
        PodClaim claim = new("pod00009", ClaimVerdict.Ours, new Actor(ActorKind.Person, "ada"), "my test", Now);

        BoardPod pod = Assert.Single(PodQueriesBoard.Of(Look([stranger], []), [], [claim], null, PodSamples.Installation, Now).Pods);

        Assert.Equal(PodClass.Unknown, pod.Class);
        Assert.Contains("ada said that it is ours: my test", pod.Why, StringComparison.Ordinal);
    }

    [Fact]
    public void Board_StrangerSweptSinceTheListing_IsShownOnce()
    {
        string name = PodNames.For(PodSamples.Installation, PodSamples.Job(6), 1, 1);
        AccountLook look = Look([PodSamples.Stranger("pod00006", name, HourAgo)], []);
        LedgerPod swept = PodSamples.Row(6, HourAgo, PodWant.Released);

        Assert.Equal(PodClass.Orphan, Assert.Single(Of(look, [swept]).Pods).Class);
    }

    [Fact]
    public void Board_HeldPodThatRunsForItsFile_SaysUntilWhen()
    {
        LedgerPod held = PodSamples.Row(1, HourAgo, PodWant.Held) with { FetchUntil = Now.AddMinutes(11) };
        LedgerPod stopping = PodSamples.Row(2, HourAgo, PodWant.Held) with { FetchUntil = Now.AddMinutes(-1) };
        LedgerPod[] open = [held, stopping];

        foreach (AccountLook look in new[] { AccountLook.None, Look([.. open.Select(row => PodSamples.Of(row))], open) })
        {
            Assert.Equal(
                ["Kept, and runs until 03:11 UTC so that its trained file can be fetched", "Kept, and not stopped yet: its trained file may be nowhere else"],
                Of(look, open).Pods.OrderBy(pod => pod.Name, StringComparer.Ordinal).Select(pod => pod.Why));
        }
    }

    [Fact]
    public void Board_WithoutListing_ShowsTheLedgerAndNothingVanished()
    {
        LedgerPod[] open = [PodSamples.Row(1, HourAgo), PodSamples.Row(2, HourAgo, PodWant.Held), PodSamples.Row(3, HourAgo, PodWant.Released)];
        PodsBoard board = Of(AccountLook.None, open);

        Assert.Null(board.ListedAt);
        Assert.Equal([PodClass.Orphan, PodClass.Held, PodClass.Needed], board.Pods.Select(pod => pod.Class));
    }

    [Fact]
    public void Board_RowWithoutId_IsAskedForOrInDoubt()
    {
        LedgerPod asked = PodSamples.Row(1, Now) with { PodId = null, Saw = PodSaw.Requested };
        LedgerPod doubt = PodSamples.Row(2, HourAgo, PodWant.Released, PodSaw.Requested) with { PodId = null, WantReason = PodReasons.InDoubt };
        PodsBoard board = Of(Look([], []), [asked, doubt]);

        Assert.Equal(["needed", "in doubt"], board.Pods.Select(pod => pod.Kind.ToWord()));
        Assert.Contains("in case it turns up", board.Pods[1].Why, StringComparison.Ordinal);
        Assert.Equal((0, 1), (board.Alive, board.InDoubt));
        Assert.Equal(Usd.Zero, board.HourlyRate);
    }

    private static AccountLook Look(IReadOnlyList<ProviderPod> pods, IReadOnlyList<LedgerPod> open) => PodSamples.Look(Now.AddSeconds(-30), pods, open);

    private static PodsBoard Of(AccountLook look, IReadOnlyList<LedgerPod> open) =>
        PodQueriesBoard.Of(look, open, [], null, PodSamples.Installation, Now);
}
