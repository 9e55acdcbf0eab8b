using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data.Contracts;

public abstract class BudgetStoreContract : StoreContract
{
    private static readonly BudgetRules Rules = new(Usd.FromDollars(10), Usd.FromDollars(8));

    [Fact]
    public async Task Reserve_ByManyAtOnce_NeverPassesTheLimit()
    {
        ReserveResult[] results = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => (Id: NextId(), Job: NextJob())).ToArray()
            .Select(one => Task.Run(() => Reserve(one.Job, Usd.FromDollars(0.7m), one.Id))));

        Assert.Equal(14, results.Count(result => result is ReserveResult.Reserved));
        BudgetMonth month = await Month();
        Assert.Equal(Usd.FromDollars(9.8m), month.Reserved);
        Assert.Equal(Usd.FromDollars(0.2m), month.Free);
    }

    [Fact]
    public async Task Reserve_DoesNotFit_WritesNothing()
    {
        ReserveResult.DoesNotFit refused = Assert.IsType<ReserveResult.DoesNotFit>(await Reserve(NextJob(), Usd.FromDollars(10.000001m)));

        Assert.Equal((Usd.FromDollars(10.000001m), Usd.Zero), (refused.Estimate, refused.Month.Reserved));
        Assert.Empty(await Open());
    }

    [Fact]
    public async Task Reserve_ToTheLastMicroDollar_Fits() =>
        Assert.IsType<ReserveResult.Reserved>(await Reserve(NextJob(), Usd.FromDollars(10)));

    [Fact]
    public async Task Reserve_AskedAgain_AnswersTheSameReservation()
    {
        JobId job = NextJob();
        ReserveResult first = await Reserve(job, Usd.FromDollars(6));

        Assert.Equal(first, await Reserve(job, Usd.FromDollars(6)));

        Assert.Equal(Usd.FromDollars(6), (await Month()).Reserved);
    }

    /// <summary>As after a commit whose answer was lost.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Reserve_AskedAgainUnderItsId_AnswersTheSameReservationAndBooksNothing()
    {
        (JobId job, Guid id) = (NextJob(), NextId());
        ReserveResult first = await Reserve(job, Usd.FromDollars(4), id);
        BudgetMonth once = await Month();

        Assert.Equal(first, await Reserve(job, Usd.FromDollars(4), id));
        Assert.Equal(first, await Reserve(job, Usd.FromDollars(5), id, Start.AddDays(1)));
        Assert.Equal(first, await Reserve(job, Usd.FromDollars(4), id, Start.AddMonths(1)));
        await Set(new BudgetRules(Usd.FromDollars(1), Usd.Zero));
        Assert.Equal(first, await Reserve(job, Usd.FromDollars(4), id));
        Assert.True(await Settle(job, Usd.FromDollars(3)));
        Assert.Equal(Usd.FromDollars(3), Assert.IsType<ReserveResult.Reserved>(await Reserve(job, Usd.FromDollars(4), id)).Reservation.Actual);

        Assert.Equal(Usd.FromDollars(4), once.Reserved);
        Assert.Equal((Usd.FromDollars(3), Usd.Zero), ((await Month()).Spent, (await Month()).Reserved));
        Assert.Equal((Usd.Zero, Usd.Zero), ((await Month(Start.AddMonths(1))).Spent, (await Month(Start.AddMonths(1))).Reserved));
        await AssertTotalsAreWhatTheEntriesComeTo(Usd.FromDollars(3), Usd.Zero);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Reserve_AskedUnderOneIdByManyAtOnce_BooksOnce()
    {
        (JobId job, Guid id) = (NextJob(), NextId());

        ReserveResult[] results = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(() => Reserve(job, Usd.FromDollars(4), id))));

        Assert.Single(results.Distinct());
        Assert.Equal(Usd.FromDollars(4), (await Month()).Reserved);
        await AssertTotalsAreWhatTheEntriesComeTo(Usd.Zero, Usd.FromDollars(4));
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Reserve_AskedAgainInTheUnitThatSettlesAnother_BooksBothOnce()
    {
        (JobId job, Guid id, JobId other) = (NextJob(), NextId(), NextJob());
        await Reserve(job, Usd.FromDollars(4), id);
        await Reserve(other, Usd.FromDollars(5));

        ReserveResult again = await Work.RunAsync(
            async (unit, token) =>
            {
                IBudgetStore store = unit.Store<IBudgetStore>();
                Reservation open = Assert.Single(await store.ListForJobAsync(other, token));
                await store.ApplyAsync([ReservationBooks.Settle(open, CostSplit.Nothing with { Failed = Usd.FromDollars(1) }, Leak, Start)], token);
                await store.TryReserveAsync(id, job, 1, Usd.FromDollars(4), Start, Rules, token);
                return await store.TryReserveAsync(id, job, 1, Usd.FromDollars(4), Start, Rules, token);
            },
            None);

        Assert.Equal(id, Assert.IsType<ReserveResult.Reserved>(again).Reservation.Id);
        Assert.Equal((Usd.FromDollars(1), Usd.FromDollars(4)), ((await Month()).Spent, (await Month()).Reserved));
        await AssertTotalsAreWhatTheEntriesComeTo(Usd.FromDollars(1), Usd.FromDollars(4));
    }

    [Fact]
    public async Task Settle_Twice_BooksOnceInTheReservationsMonth()
    {
        JobId job = NextJob();
        await Reserve(job, Usd.FromDollars(6));
        DateTimeOffset nextMonth = Start.AddMonths(1);

        Assert.True(await Settle(job, Usd.FromDollars(2.5m), nextMonth));
        Assert.False(await Settle(job, Usd.FromDollars(9), nextMonth));

        BudgetMonth month = await Month();
        Assert.Equal((Usd.FromDollars(2.5m), Usd.Zero), (month.Spent, month.Reserved));
        BudgetMonth next = await Read<IBudgetStore, BudgetMonth>(store => store.ReadMonthAsync(Domain.Shared.Month.Of(nextMonth), Rules, None));
        Assert.Equal((Usd.Zero, Usd.Zero, Rules.MonthlyLimit), (next.Spent, next.Reserved, next.Limit));
        Assert.Empty(await Open());
        Reservation settled = Assert.Single(await Read<IBudgetStore, IReadOnlyList<Reservation>>(store => store.ListForJobAsync(job, None)));
        Assert.Equal(Usd.FromDollars(2.5m), settled.Actual);
    }

    [Fact]
    public async Task Reserve_InTheUnitThatSettles_HasTheRoomThatCameFree()
    {
        JobId job = NextJob();
        await Reserve(job, Usd.FromDollars(10));

        ReserveResult again = await SettleAndReserve(job, Usd.FromDollars(1), Usd.FromDollars(9));

        Assert.IsType<ReserveResult.Reserved>(again);
        BudgetMonth month = await Month();
        Assert.Equal((Usd.FromDollars(1), Usd.FromDollars(9)), (month.Spent, month.Reserved));
    }

    [Fact]
    public async Task Reserve_RefusedInTheUnitThatSettles_LeavesTheSettlement()
    {
        JobId job = NextJob();
        await Reserve(job, Usd.FromDollars(10));

        ReserveResult.DoesNotFit refused = Assert.IsType<ReserveResult.DoesNotFit>(
            await SettleAndReserve(job, Usd.FromDollars(1), Usd.FromDollars(9.000001m)));

        BudgetMonth month = await Month();
        Assert.Equal((Usd.FromDollars(1), Usd.Zero), (month.Spent, month.Reserved));
        Assert.Equal(month, refused.Month);
        Assert.Empty(await Open());
    }

    [Fact]
    public async Task Month_ReadInTheUnitThatBooks_HasWhatItBooked()
    {
        JobId job = NextJob();
        await Reserve(job, Usd.FromDollars(4));

        BudgetMonth read = await Work.RunAsync(
            async (unit, token) =>
            {
                IBudgetStore store = unit.Store<IBudgetStore>();
                Reservation open = Assert.Single(await store.ListForJobAsync(job, token));
                await store.ApplyAsync([ReservationBooks.Accrue(open, Usd.FromDollars(3), Leak, Start)!], token);
                return await store.ReadMonthAsync(Domain.Shared.Month.Of(Start), Rules, token);
            },
            None);

        Assert.Equal((Usd.FromDollars(3), Usd.FromDollars(1)), (read.Spent, read.Reserved));
        Assert.Equal(read, await Month());
    }

    [Fact]
    public async Task Settle_ByManyAtOnce_BooksOnce()
    {
        JobId job = NextJob();
        await Reserve(job, Usd.FromDollars(6));

        bool[] settled = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(() => Settle(job, Usd.FromDollars(1)))));

        Assert.Single(settled, done => done);
        Assert.Equal(Usd.FromDollars(1), (await Month()).Spent);
    }

    [Fact]
    public async Task Settle_NeverReserved_IsFalse() =>
        Assert.False(await Settle(NextJob(), Usd.Zero));

    [Fact]
    public async Task Open_PageByPage_GivesEachOnceAndTheOldestFirst()
    {
        List<JobId> jobs = [];
        for (int number = 0; number < 7; number++)
        {
            JobId job = NextJob();
            jobs.Add(job);

            // Three share an instant: the page may end among them.
            await Reserve(job, Usd.FromDollars(1), at: Start.AddSeconds(number is >= 2 and <= 4 ? 2 : number));
        }

        await Settle(jobs[1], Usd.FromDollars(0.5m));
        List<Reservation> seen = [];
        IReadOnlyList<Reservation> page = await Open(max: 2);
        while (page.Count > 0)
        {
            seen.AddRange(page);
            page = await Open(ReservationCursor.After(page[^1]), max: 2);
        }

        Assert.Equal(6, seen.Count);
        Assert.Equal(jobs.Except([jobs[1]]).ToHashSet(), seen.Select(one => one.Job).ToHashSet());
        Assert.Equal(seen.Select(one => one.CreatedAt).Order(), seen.Select(one => one.CreatedAt));

        // After an instant: none that shares it.
        foreach (Reservation first in seen)
        {
            Assert.Equal(seen.Where(one => one.CreatedAt > first.CreatedAt), await Open(new ReservationCursor(first.CreatedAt, Id: null)));
        }
    }

    [Fact]
    public async Task Spent_CountsAgainstTheLimit()
    {
        JobId job = NextJob();
        await Reserve(job, Usd.FromDollars(1));
        await Settle(job, Usd.FromDollars(9.5m));

        Assert.IsType<ReserveResult.DoesNotFit>(await Reserve(NextJob(), Usd.FromDollars(0.6m)));
    }

    [Fact]
    public async Task Settle_MoreThanReserved_CountsTheRestInTheCalendarsMonth()
    {
        JobId job = NextJob();
        await Reserve(job, Usd.FromDollars(6));
        DateTimeOffset nextMonth = Start.AddMonths(1);

        Assert.True(await Settle(job, Usd.FromDollars(7.5m), nextMonth));

        BudgetMonth month = await Month();
        BudgetMonth next = await Month(nextMonth);
        Assert.Equal((Usd.FromDollars(6), Usd.Zero, Usd.FromDollars(1.5m), Usd.Zero), (month.Spent, month.Reserved, next.Spent, next.Reserved));
        Reservation settled = await Find(job);
        Assert.Equal((Usd.FromDollars(7.5m), Usd.FromDollars(6), Usd.FromDollars(1.5m)), (settled.Actual, settled.Accrued, settled.Beyond));
        Assert.Equal(CostSplit.Nothing with { Training = Usd.FromDollars(6) }, settled.Split);
    }

    [Fact]
    public async Task Accrue_ThenSettle_MovesEachCentOnce()
    {
        JobId job = NextJob();
        await Reserve(job, Usd.FromDollars(6));

        Assert.True(await Accrue(job, Usd.FromDollars(1)));
        Assert.True(await Accrue(job, Usd.FromDollars(2.25m)));
        Assert.False(await Accrue(job, Usd.FromDollars(2.25m)));
        BudgetMonth running = await Month();
        Assert.Equal((Usd.FromDollars(2.25m), Usd.FromDollars(3.75m)), (running.Spent, running.Reserved));

        Assert.True(await Settle(job, Usd.FromDollars(3)));

        BudgetMonth over = await Month();
        Assert.Equal((Usd.FromDollars(3), Usd.Zero), (over.Spent, over.Reserved));
    }

    [Fact]
    public async Task Apply_OfWhatOthersHaveChangedMeanwhile_WritesOnlyTheRest()
    {
        JobId slow = NextJob();
        JobId free = NextJob();
        await Reserve(slow, Usd.FromDollars(2));
        await Reserve(free, Usd.FromDollars(2));
        ReservationChange stale = ReservationBooks.Accrue(await Find(slow), Usd.FromDollars(1), Leak, Start)!;
        ReservationChange good = ReservationBooks.Accrue(await Find(free), Usd.FromDollars(1), Leak, Start)!;
        await Accrue(slow, Usd.FromDollars(1.5m));

        IReadOnlyList<ReservationChange> written = await In<IBudgetStore, IReadOnlyList<ReservationChange>>(store => store.ApplyAsync([stale, good], None));

        Assert.Equal(free, Assert.Single(written).After.Job);
        BudgetMonth month = await Month();
        Assert.Equal((Usd.FromDollars(2.5m), Usd.FromDollars(1.5m)), (month.Spent, month.Reserved));
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Accrue_ByManyAtOnce_BooksOnce()
    {
        JobId job = NextJob();
        await Reserve(job, Usd.FromDollars(6));

        bool[] accrued = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(() => Accrue(job, Usd.FromDollars(1)))));

        Assert.Single(accrued, done => done);
        BudgetMonth month = await Month();
        Assert.Equal((Usd.FromDollars(1), Usd.FromDollars(5)), (month.Spent, month.Reserved));
    }

    [Fact]
    public async Task TopUp_ThatFits_RaisesTheReservation()
    {
        JobId job = NextJob();
        await Reserve(job, Usd.FromDollars(6));

        Assert.IsType<ReserveResult.Reserved>(await TopUp(job, Usd.FromDollars(4)));

        Assert.Equal(Usd.FromDollars(10), (await Month()).Reserved);
        Assert.Equal(Usd.FromDollars(10), (await Find(job)).Amount);
    }

    [Fact]
    public async Task Admitted_IsWhatWasReservedAtFirst()
    {
        JobId job = NextJob();
        await Reserve(job, Usd.FromDollars(3));
        Assert.IsType<ReserveResult.Reserved>(await TopUp(job, Usd.FromDollars(2)));
        Assert.True(await Settle(job, Usd.FromDollars(1)));

        Assert.Equal(Usd.FromDollars(3), await Read<IBudgetStore, Usd?>(store => store.FindAdmittedAsync(job, 1, None)));
        Assert.Null(await Read<IBudgetStore, Usd?>(store => store.FindAdmittedAsync(job, 2, None)));
    }

    [Fact]
    public async Task TopUp_ThatDoesNotFit_LeavesEverythingAsItWas()
    {
        JobId job = NextJob();
        await Reserve(job, Usd.FromDollars(6));

        ReserveResult.DoesNotFit refused = Assert.IsType<ReserveResult.DoesNotFit>(await TopUp(job, Usd.FromDollars(4.000001m)));

        Assert.Equal((Usd.FromDollars(6), Usd.FromDollars(4.000001m)), (refused.Month.Reserved, refused.Estimate));
        Assert.Equal((Usd.FromDollars(6), Usd.FromDollars(6)), ((await Month()).Reserved, (await Find(job)).Amount));
        Assert.True(await Settle(job, Usd.FromDollars(1)));
        Assert.Equal(Usd.Zero, (await Month()).Reserved);
    }

    [Fact]
    public async Task Book_TheSameKeyByMany_CountsOnce()
    {
        BudgetEntry entry = new()
        {
            Key = "correction:pod-1",
            Month = Domain.Shared.Month.Of(Start),
            At = Start,
            Kind = EntryKind.Correction,
            Spent = Usd.FromDollars(-0.25m),
            Pod = "pod-1",
            Purpose = CostPurpose.Orphan,
            Note = "Billed less",
        };

        bool[] booked = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(() => In<IBudgetStore, bool>(store => store.BookAsync(entry, None)))));

        Assert.Single(booked, done => done);
        Assert.Equal(Usd.FromDollars(-0.25m), (await Month()).Spent);
        Assert.Equal(
            [new PodBooked("pod-1", Usd.Zero, Usd.FromDollars(-0.25m), 1, 1)],
            await Read<IBudgetStore, IReadOnlyList<PodBooked>>(store => store.SumForPodsAsync(["pod-1", "pod-2"], None)));
    }

    [Fact]
    public async Task Beyond_OfAnAttemptAndOfAPod_IsLeaksAndPriceChangesAlone()
    {
        JobId job = NextJob();
        JobId other = NextJob();
        await Reserve(job, Usd.FromDollars(1));
        await Reserve(other, Usd.FromDollars(1));
        await Accrue(job, Usd.FromDollars(1.5m));
        await Accrue(other, Usd.FromDollars(3));
        await Settle(job, Usd.FromDollars(0.75m));
        BudgetEntry correction = new()
        {
            Key = "correct:pod-1:1", Month = Domain.Shared.Month.Of(Start), At = Start, Kind = EntryKind.Correction, Spent = Usd.FromDollars(9), Job = job, Attempt = 1, Pod = "pod-1",
        };
        await In<IBudgetStore, bool>(store => store.BookAsync(correction, None));

        IReadOnlyList<BudgetEntry> beyond = await Read<IBudgetStore, IReadOnlyList<BudgetEntry>>(store => store.ListBeyondAsync(job, 1, None));
        Assert.Equal([-500_000, 500_000], beyond.Select(static entry => entry.Spent.Micros).Order());
        Assert.All(beyond, entry => Assert.Equal((job, 1, EntryKind.Leak), (entry.Job!.Value, entry.Attempt!.Value, entry.Kind)));
        IReadOnlyList<BudgetEntry> ofPod = await Read<IBudgetStore, IReadOnlyList<BudgetEntry>>(store => store.ListBeyondAsync("pod-1", None));
        Assert.Equal([500_000, 2_000_000], ofPod.Select(static entry => entry.Spent.Micros).Order());
        Assert.Empty(await Read<IBudgetStore, IReadOnlyList<BudgetEntry>>(store => store.ListBeyondAsync("pod-2", None)));
        Assert.Empty(await Read<IBudgetStore, IReadOnlyList<BudgetEntry>>(store => store.ListBeyondAsync(job, 2, None)));
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Totals_OfEveryKindOfWrite_AreWhatTheEntriesComeTo()
    {
        JobId[] jobs = [NextJob(), NextJob(), NextJob()];
        foreach (JobId job in jobs)
        {
            await Reserve(job, Usd.FromDollars(2));
        }

        await Accrue(jobs[0], Usd.FromDollars(1));
        await TopUp(jobs[1], Usd.FromDollars(1));
        await TopUp(jobs[1], Usd.FromDollars(100));
        await Reserve(NextJob(), Usd.FromDollars(100));
        await Settle(jobs[0], Usd.FromDollars(3), Start.AddMonths(1));
        KeptTotal leaks = new(Domain.Shared.Month.Of(Start.AddMonths(1)), new DayOfTotal(new DateOnly(2026, 12, 24), EntryKind.Leak, CostPurpose.Orphan));

        Assert.Empty(await Read<IKeptTotalsStore, IReadOnlyList<WrongTotal>>(store => store.FindWrongAsync(10, None)));
        Assert.Null(await In<IKeptTotalsStore, WrongTotal?>(store => store.MendAsync(leaks, None)));
        Assert.Null(await In<IKeptTotalsStore, WrongTotal?>(store => store.MendAsync(leaks with { Of = leaks.Of! with { Purpose = null } }, None)));
        Assert.Null(await In<IKeptTotalsStore, WrongTotal?>(store => store.MendAsync(leaks with { Of = null }, None)));
        EntrySums sums = await Read<IKeptTotalsStore, EntrySums>(store => store.SumAsync(None));
        Assert.Equal(new EntrySums(8, Usd.FromDollars(3), Usd.FromDollars(5)), sums);
    }

    [Fact]
    public async Task Limit_SetOverTheOptions_CountsForTheNextReservationAndInMonthsThatHaveNoRowYet()
    {
        await Reserve(NextJob(), Usd.FromDollars(6));
        await Set(new BudgetRules(Usd.FromDollars(7), Usd.FromDollars(5)));

        Assert.IsType<ReserveResult.DoesNotFit>(await Reserve(NextJob(), Usd.FromDollars(1.5m)));
        Assert.IsType<ReserveResult.Reserved>(await Reserve(NextJob(), Usd.FromDollars(1)));
        Assert.IsType<ReserveResult.DoesNotFit>(await Reserve(NextJob(), Usd.FromDollars(8), at: Start.AddMonths(1)));
        Assert.Equal((Usd.FromDollars(7), Usd.Zero), ((await Month()).Limit, (await Month()).Free));

        await Set(null);

        Assert.IsType<ReserveResult.Reserved>(await Reserve(NextJob(), Usd.FromDollars(3)));
        Assert.IsType<ReserveResult.Reserved>(await Reserve(NextJob(), Usd.FromDollars(8), at: Start.AddMonths(1)));
        Assert.Equal(Rules.MonthlyLimit, (await Month()).Limit);
    }

    [Fact]
    public async Task Limit_Soft_AdmitsUntilItIsSpent()
    {
        await Set(Rules with { Mode = BudgetMode.Soft });
        JobId job = NextJob();
        await Reserve(job, Usd.FromDollars(9));

        Assert.IsType<ReserveResult.Reserved>(await Reserve(NextJob(), Usd.FromDollars(9)));
        Assert.Equal((BudgetMode.Soft, Usd.FromDollars(-8)), ((await Month()).Mode, (await Month()).Free));

        await Settle(job, Usd.FromDollars(9));
        Assert.IsType<ReserveResult.Reserved>(await Reserve(NextJob(), Usd.FromDollars(1)));
        JobId last = NextJob();
        await Reserve(last, Usd.FromDollars(1));
        await Settle(last, Usd.FromDollars(1));
        Assert.IsType<ReserveResult.DoesNotFit>(await Reserve(NextJob(), new Usd(1)));
    }

    [Fact]
    public async Task Limit_Changes_AreKeptNewestFirst()
    {
        Assert.Equal(BudgetLimit.Of(Rules), await Read<IBudgetLimitStore, BudgetLimit>(store => store.ReadAsync(Rules, None)));
        BudgetLimitChange first = await Set(new BudgetRules(Usd.FromDollars(7), Usd.FromDollars(5)), Start);
        BudgetLimitChange second = await Set(null, Start.AddMinutes(1));
        BudgetLimitChange third = await Set(new BudgetRules(Usd.Zero, Usd.Zero) { Mode = BudgetMode.Soft }, Start.AddMinutes(2));

        Assert.Equal([third, second, first], await Read<IBudgetLimitStore, IReadOnlyList<BudgetLimitChange>>(store => store.ListChangesAsync(10, None)));
        Assert.Equal(
            new BudgetLimit(third.After, Rules, third.Actor, third.At, third.Reason), await Read<IBudgetLimitStore, BudgetLimit>(store => store.ReadAsync(Rules, None)));
    }

    [Fact]
    public async Task Options_Noted_AnswerWhatWasNotedBefore()
    {
        BudgetRules others = Rules with { Mode = BudgetMode.Soft, WarnAt = Usd.Zero };

        Assert.Null(await In<IBudgetLimitStore, BudgetRules?>(store => store.SwapOptionsAsync(Rules, None)));
        Assert.Equal(Rules, await In<IBudgetLimitStore, BudgetRules?>(store => store.SwapOptionsAsync(others, None)));
        Assert.Equal(others, await In<IBudgetLimitStore, BudgetRules?>(store => store.SwapOptionsAsync(Rules, None)));
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Limit_LoweredWhileManyReserve_NothingIsAdmittedBeyondItAfterwards()
    {
        int runs = 0;
        Task<ReserveResult>[] callers = [.. Enumerable.Range(0, 64).Select(_ => (Id: NextId(), Job: NextJob())).ToArray()
            .Select(one => Task.Run(() => In<IBudgetStore, ReserveResult>(store =>
            {
                Interlocked.Increment(ref runs);
                return store.TryReserveAsync(one.Id, one.Job, 1, Usd.FromDollars(0.2m), Start, Rules, None);
            })))];
        Usd lowered = Usd.FromDollars(3);
        BudgetLimitChange change = Change(new BudgetRules(lowered, Usd.Zero));
        BudgetMonth seen = await Task.Run(() => Work.RunAsync(
            async (unit, token) =>
            {
                Interlocked.Increment(ref runs);
                await unit.Store<IBudgetLimitStore>().SetAsync(change, token);
                return await unit.Store<IBudgetStore>().ReadMonthAsync(Domain.Shared.Month.Of(Start), Rules, token);
            },
            None));
        await Task.WhenAll(callers);

        // Nobody was broken off for the others' sake and ran again.
        Assert.Equal(callers.Length + 1, runs);
        Usd most = seen.Reserved > lowered ? seen.Reserved : lowered;
        BudgetMonth end = await Month();
        Assert.True(end.Reserved <= most, $"{end.Reserved} is reserved; {seen.Reserved} was when the limit became {lowered}.");
    }

    /// <summary>Of every month and day, and of all of them together.</summary>
    private async Task AssertTotalsAreWhatTheEntriesComeTo(Usd spent, Usd reserved)
    {
        Assert.Empty(await Read<IKeptTotalsStore, IReadOnlyList<WrongTotal>>(store => store.FindWrongAsync(10, None)));
        EntrySums sums = await Read<IKeptTotalsStore, EntrySums>(store => store.SumAsync(None));
        Assert.Equal((spent, reserved), (sums.Spent, sums.Reserved));
    }

    private Task<ReserveResult> Reserve(JobId job, Usd amount, Guid? id = null, DateTimeOffset? at = null)
    {
        Guid reservation = id ?? NextId();
        return In<IBudgetStore, ReserveResult>(store => store.TryReserveAsync(reservation, job, 1, amount, at ?? Start, Rules, None));
    }

    private Task<bool> Settle(JobId job, Usd actual, DateTimeOffset? at = null) =>
        ChangeAsync(job, open => ReservationBooks.Settle(open, CostSplit.Nothing with { Training = actual }, Leak, at ?? Start));

    /// <summary>As a job goes over to its next attempt: what came to nothing makes room for what comes next.</summary>
    private Task<ReserveResult> SettleAndReserve(JobId job, Usd actual, Usd amount)
    {
        Guid next = NextId();
        return Work.RunAsync(
            async (unit, token) =>
            {
                IBudgetStore store = unit.Store<IBudgetStore>();
                Reservation open = Assert.Single(await store.ListForJobAsync(job, token));
                await store.ApplyAsync([ReservationBooks.Settle(open, CostSplit.Nothing with { Failed = actual }, Leak, Start)], token);
                return await store.TryReserveAsync(next, job, 2, amount, Start, Rules, token);
            },
            None);
    }

    private Task<bool> Accrue(JobId job, Usd cost) => ChangeAsync(job, open => ReservationBooks.Accrue(open, cost, Leak, Start));

    private Task<bool> ChangeAsync(JobId job, Func<Reservation, ReservationChange?> change) => Work.RunAsync(
        async (unit, token) =>
        {
            IBudgetStore store = unit.Store<IBudgetStore>();
            Reservation? open = (await store.ListForJobAsync(job, token)).SingleOrDefault(one => one.SettledAt is null);
            return open is not null && change(open) is { } wanted && (await store.ApplyAsync([wanted], token)).Count == 1;
        },
        None);

    private async Task<ReserveResult> TopUp(JobId job, Usd more)
    {
        ReservationChange change = ReservationBooks.TopUp(await Find(job), more, Start);
        return await In<IBudgetStore, ReserveResult>(store => store.TryTopUpAsync(change, Rules, None));
    }

    private async Task<Reservation> Find(JobId job) =>
        Assert.Single(await Read<IBudgetStore, IReadOnlyList<Reservation>>(store => store.ListForJobAsync(job, None)));

    private async Task<BudgetLimitChange> Set(BudgetRules? rules, DateTimeOffset? at = null)
    {
        BudgetLimitChange change = Change(rules, at);
        await In<IBudgetLimitStore>(store => store.SetAsync(change, None));
        return change;
    }

    private BudgetLimitChange Change(BudgetRules? rules, DateTimeOffset? at = null) =>
        new(NextId(), at ?? Start, new Actor(ActorKind.Person, "ada"), "A dear month", Rules, rules ?? Rules, FollowsOptions: rules is null);

    private static Excess Leak() => new(EntryKind.Leak, CostPurpose.Orphan, "pod-1", "It lived too long");

    private Task<BudgetMonth> Month(DateTimeOffset? at = null) =>
        Read<IBudgetStore, BudgetMonth>(store => store.ReadMonthAsync(Domain.Shared.Month.Of(at ?? Start), Rules, None));

    private Task<IReadOnlyList<Reservation>> Open(ReservationCursor? after = null, int max = 10) =>
        Read<IBudgetStore, IReadOnlyList<Reservation>>(store => store.ListOpenAsync(after, max, None));
}
