using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.Simulation;
using LoraAdmin.Training;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>Admission writes everything or nothing.</summary>
public sealed class DeskTests
{
    private static readonly Guid TokenId = new(1, 0, 0, new byte[8]);

    [Fact]
    public async Task Submit_AtTheUsersLimit_IsRefusedAndWritesNothing()
    {
        TrainingBench bench = new();
        bench.World.Limits = new LimitRules(2, 30);
        await bench.SubmitAsync();
        await bench.SubmitAsync();
        Usd reserved = bench.Month.Reserved;
        int facts = bench.World.Database.Events.Count;

        SubmitOutcome outcome = await bench.Portal.Desk.SubmitAsync(
            bench.Request(), new IdempotencyKey(TokenId, "k", "b"), TrainingBench.Gateway, TrainingBench.Token);

        Assert.Equal(new SubmitOutcome.LimitReached(new ChargeResult(ChargeVerdict.LimitReached, 2, 2)), outcome);
        Assert.Equal((2, 2), (Count(bench.World.Database.Jobs.Rows), Count(bench.World.Database.Loras.Rows)));
        Assert.Equal((2, 2), (Count(bench.World.Database.Charges.Rows), bench.UserCount));
        Assert.Equal(reserved, bench.Month.Reserved);
        Assert.Equal(2, Count(bench.World.Database.Reservations.Rows));
        Assert.Empty(bench.World.Database.Idempotency.Rows);
        Assert.Equal(facts, bench.World.Database.Events.Count);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Submit_WhenTheBudgetIsFull_IsRefusedAndWritesNothing()
    {
        TrainingBench bench = new();
        await bench.SubmitAsync();
        Usd estimate = bench.Month.Reserved;
        bench.World.Budget = new BudgetRules(estimate + estimate - new Usd(1), estimate);

        SubmitOutcome outcome = await bench.Portal.Desk.SubmitAsync(bench.Request(), null, TrainingBench.Gateway, TrainingBench.Token);

        SubmitOutcome.BudgetExhausted full = Assert.IsType<SubmitOutcome.BudgetExhausted>(outcome);
        Assert.Equal((estimate, estimate - new Usd(1)), (full.Estimate, full.Month.Free));
        Assert.Equal(bench.Reservation(bench.World.Database.Jobs.Rows.Single().Id).CreatedAt + bench.World.Training.PodLifetime, full.MayFitAt);
        Assert.Equal((1, 1, 1), (Count(bench.World.Database.Jobs.Rows), Count(bench.World.Database.Charges.Rows), bench.UserCount));
        Assert.Equal(estimate, bench.Month.Reserved);
    }

    /// <summary>What pages hold the free money against, whatever attempts elsewhere have reserved.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Estimate_IsWhatTheNextJobIsAdmittedBy()
    {
        TrainingBench bench = new();
        await bench.SubmitAsync();
        JobId elsewhere = new(new Guid(1, 6, 0, new byte[8]));
        await bench.World.Database.RunAsync(
            (unit, token) => unit.Store<IBudgetStore>().TryReserveAsync(elsewhere.Value, elsewhere, 2, Usd.FromDollars(13), bench.Now, bench.World.Budget, token), TrainingBench.Token);
        Usd estimate = await bench.Portal.Estimate.ReadAsync(TrainingBench.Token);

        bench.World.Budget = new BudgetRules(bench.Month.Reserved + estimate, Usd.Zero);
        Assert.IsType<SubmitOutcome.Accepted>(await bench.Portal.Desk.SubmitAsync(bench.Request(), null, TrainingBench.Gateway, TrainingBench.Token));
        bench.World.Budget = new BudgetRules(bench.Month.Reserved + estimate - new Usd(1), Usd.Zero);
        Assert.Equal(
            estimate,
            Assert.IsType<SubmitOutcome.BudgetExhausted>(await bench.Portal.Desk.SubmitAsync(bench.Request(), null, TrainingBench.Gateway, TrainingBench.Token)).Estimate);
    }

    /// <summary>As after midnight of the first: all those of the month before are older than the one that makes room.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Submit_WithManyOpenReservationsOfTheMonthBefore_IsToldWhenThisMonthsJobEnds()
    {
        TrainingBench bench = new();
        DateTimeOffset before = Month.Of(bench.Now).Start.AddMinutes(-10);
        for (int number = 0; number < 60; number++)
        {
            JobId old = new(new Guid(number, 6, 0, new byte[8]));
            await bench.World.Database.RunAsync(
                (unit, token) => unit.Store<IBudgetStore>().TryReserveAsync(old.Value, old, 1, new Usd(1), before, bench.World.Budget, token), TrainingBench.Token);
        }

        JobId running = await bench.SubmitAsync();
        bench.World.Budget = new BudgetRules(bench.Month.Reserved, Usd.Zero);

        SubmitOutcome outcome = await bench.Portal.Desk.SubmitAsync(bench.Request(), null, TrainingBench.Gateway, TrainingBench.Token);

        Assert.Equal(bench.Reservation(running).CreatedAt + bench.World.Training.PodLifetime, Assert.IsType<SubmitOutcome.BudgetExhausted>(outcome).MayFitAt);
    }

    /// <summary>Its job waits, or a pod of it is not verified gone: a client that asks again at the instant it is told must not ask for ever.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Submit_WhenWhatIsReservedShouldBeOver_IsToldThatNobodyKnowsWhen()
    {
        TrainingBench bench = new();
        await bench.SubmitAsync();
        bench.World.Budget = new BudgetRules(bench.Month.Reserved, Usd.Zero);
        bench.World.Clock.Advance(bench.World.Training.PodLifetime);

        SubmitOutcome outcome = await bench.Portal.Desk.SubmitAsync(bench.Request(), null, TrainingBench.Gateway, TrainingBench.Token);

        SubmitOutcome.BudgetExhausted full = Assert.IsType<SubmitOutcome.BudgetExhausted>(outcome);
        Assert.Null(full.MayFitAt);
        Assert.Contains("nobody knows when", NewJobTexts.BudgetExhausted(full.Month, full.Estimate, full.MayFitAt), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Submit_WhenTheBudgetIsUsedUp_IsRefusedWhileWhatRunsFinishes()
    {
        TrainingBench bench = new();
        JobId running = await bench.SubmitAsync();
        await bench.RunToStateAsync(running, TrainingState.Training);
        bench.World.Budget = new BudgetRules(bench.Month.Reserved, bench.Month.Reserved);
        Assert.IsType<SubmitOutcome.BudgetExhausted>(await bench.Portal.Desk.SubmitAsync(bench.Request(), null, TrainingBench.Gateway, TrainingBench.Token));

        await bench.RunToRestAsync(running);

        Assert.Equal(TrainingState.Completed, bench.Job(running).State);
        Assert.Equal((Usd.Zero, bench.Reservation(running).Actual), (bench.Month.Reserved, bench.Month.Spent));
        Assert.IsType<SubmitOutcome.BudgetExhausted>(await bench.Portal.Desk.SubmitAsync(bench.Request(), null, TrainingBench.Gateway, TrainingBench.Token));
    }

    [Fact]
    public async Task Submit_OfTheLastFreeMicroDollar_Fits()
    {
        TrainingBench bench = new();
        await bench.SubmitAsync();
        Usd estimate = bench.Month.Reserved;
        bench.World.Budget = new BudgetRules(estimate + estimate, estimate);

        await bench.SubmitAsync();
        Assert.Equal(estimate + estimate, bench.Month.Reserved);
    }

    [Fact]
    public async Task Submit_TheSameAgainUnderItsKey_AnswersTheFirstJob()
    {
        TrainingBench bench = new();
        TrainingRequest request = bench.Request();
        SubmitOutcome.Accepted first = await SubmitAsync(bench, request, "body");
        bench.World.Limits = new LimitRules(1, 1);
        SubmitOutcome.Accepted second = await SubmitAsync(bench, request, "body");

        Assert.Equal(first with { Replayed = true }, second);
        Assert.Equal((1, 1), (Count(bench.World.Database.Jobs.Rows), bench.UserCount));
        Assert.Single(bench.World.Database.Reservations.Rows);
    }

    [Fact]
    public async Task Submit_AnotherBodyUnderAUsedKey_IsRefused()
    {
        TrainingBench bench = new();
        await SubmitAsync(bench, bench.Request(), "body");
        SubmitOutcome outcome = await bench.Portal.Desk.SubmitAsync(
            bench.Request(), new IdempotencyKey(TokenId, "key", "other body"), TrainingBench.Gateway, TrainingBench.Token);

        Assert.IsType<SubmitOutcome.KeyReused>(outcome);
        Assert.Single(bench.World.Database.Jobs.Rows);
    }

    [Theory]
    [InlineData(7 * 24 * 60, true)]
    [InlineData((7 * 24 * 60) + 1, false)]
    public async Task Submit_UnderAnOldKey_IsReplayedForSevenDays(int minutes, bool replayed)
    {
        TrainingBench bench = new();
        TrainingRequest request = bench.Request();
        await SubmitAsync(bench, request, "body");
        bench.World.Clock.Advance(TimeSpan.FromMinutes(minutes));

        Assert.Equal(replayed, (await SubmitAsync(bench, request, "body")).Replayed);
    }

    [Fact]
    public async Task Submit_TheSameKeyOfAnotherToken_IsAnotherJob()
    {
        TrainingBench bench = new();
        TrainingRequest request = bench.Request();
        await SubmitAsync(bench, request, "body");
        SubmitOutcome other = await bench.Portal.Desk.SubmitAsync(
            request, new IdempotencyKey(new Guid(2, 0, 0, new byte[8]), "key", "body"), TrainingBench.Gateway, TrainingBench.Token);

        Assert.False(Assert.IsType<SubmitOutcome.Accepted>(other).Replayed);
        Assert.Equal(2, Count(bench.World.Database.Jobs.Rows));
    }

    [Fact]
    public async Task Submit_TwiceAtOnceUnderOneKey_MakesOneJob()
    {
        TrainingBench bench = new();
        TrainingRequest request = bench.Request();
        SubmitOutcome.Accepted[] outcomes = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(_ => Task.Run(() => SubmitAsync(bench, request, "body"), TrainingBench.Token)));

        Assert.Single(outcomes.Select(outcome => outcome.Job).Distinct());
        Assert.Single(outcomes, outcome => !outcome.Replayed);
        Assert.Single(bench.World.Database.Jobs.Rows);
        Assert.Equal(1, bench.UserCount);
    }

    [Fact]
    public async Task Submit_OfAStagedUpload_ClaimsItOnce()
    {
        TrainingBench bench = new();
        Guid upload = new(9, 0, 0, new byte[8]);
        bench.World.Database.Uploads.Set(upload, new TrainingUpload(upload, TrainingBench.User, bench.Now, null));
        TrainingRequest request = bench.Request() with { Upload = upload };
        JobId id = await bench.SubmitAsync(request);
        SubmitOutcome second = await bench.Portal.Desk.SubmitAsync(request, null, TrainingBench.Gateway, TrainingBench.Token);

        Assert.IsType<SubmitOutcome.UploadGone>(second);
        Assert.Equal(id, bench.World.Database.Uploads.Find(upload)!.ClaimedBy);
        Assert.Single(bench.World.Database.Jobs.Rows);
        Assert.Single(bench.World.Database.Reservations.Rows);
        Assert.Equal(1, bench.UserCount);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Submit_OfAnUploadThatIsAboutToBeRemoved_IsRefused(bool byKeys)
    {
        TrainingBench bench = new();
        TrainingRequest request = bench.Request();
        Guid upload = Guid.Parse(request.ImageKeys[0].Split('/')[1]);
        bench.World.Database.Uploads.Set(upload, new TrainingUpload(upload, TrainingBench.User, bench.Now, null));
        bench.World.Clock.Advance(TrainingUpload.ClaimableFor);
        SubmitOutcome outcome = await bench.Portal.Desk.SubmitAsync(
            byKeys ? request : request with { Upload = upload }, null, TrainingBench.Gateway, TrainingBench.Token);

        Assert.IsType<SubmitOutcome.UploadGone>(outcome);
        Assert.Null(bench.World.Database.Uploads.Find(upload)!.ClaimedBy);
        Assert.Equal(0, bench.UserCount);
        Assert.True(UploadSweep.UnclaimedAfter - TrainingUpload.ClaimableFor >= TimeSpan.FromMinutes(10));
    }

    [Fact]
    public async Task Submit_OfAnotherUsersUpload_IsRefused()
    {
        TrainingBench bench = new();
        Guid upload = new(9, 0, 0, new byte[8]);
        bench.World.Database.Uploads.Set(upload, new TrainingUpload(upload, new UserId(bench.World.Ids.Next()), bench.Now, null));
        SubmitOutcome outcome = await bench.Portal.Desk.SubmitAsync(
            bench.Request() with { Upload = upload }, null, TrainingBench.Gateway, TrainingBench.Token);

        Assert.IsType<SubmitOutcome.UploadGone>(outcome);
        Assert.Empty(bench.World.Database.Jobs.Rows);
    }

    private static int Count<T>(IEnumerable<T> rows) => rows.Count();

    private static async Task<SubmitOutcome.Accepted> SubmitAsync(TrainingBench bench, TrainingRequest request, string body) =>
        Assert.IsType<SubmitOutcome.Accepted>(await bench.Portal.Desk.SubmitAsync(
            request, new IdempotencyKey(TokenId, "key", body), TrainingBench.Gateway, TrainingBench.Token));
}
