using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Shared;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data.Contracts;

public abstract class LimitsStoreContract : StoreContract
{
    private static readonly LimitRules Rules = new(3, 5);

    [Fact]
    public async Task Charge_ByManyAtOnce_StopsAtTheLimit()
    {
        UserId user = NextUser();
        JobId[] jobs = [.. Enumerable.Range(0, 64).Select(_ => NextJob())];

        ChargeResult[] results = await Task.WhenAll(jobs.Select(job => Task.Run(() => Charge(user, job))));

        Assert.Equal([1, 2, 3], results.Where(result => result.Verdict == ChargeVerdict.Charged).Select(result => result.Used).Order());
        Assert.All(results.Where(result => result.Verdict != ChargeVerdict.Charged), result => Assert.Equal(ChargeVerdict.LimitReached, result.Verdict));
        Assert.Equal(new ChargeResult(ChargeVerdict.LimitReached, 3, 3), await Charge(user, NextJob()));
    }

    [Fact]
    public async Task Charge_ManyAtOnceWithARoomyLimit_StopsAtTheAttempts()
    {
        UserId user = NextUser();
        LimitRules rules = new(100, 5);
        JobId[] jobs = [.. Enumerable.Range(0, 32).Select(_ => NextJob())];

        ChargeResult[] results = await Task.WhenAll(jobs.Select(job => Task.Run(() => Charge(user, job, rules: rules))));

        Assert.Equal(5, results.Count(result => result.Verdict == ChargeVerdict.Charged));
        Assert.Equal(27, results.Count(result => result.Verdict == ChargeVerdict.AttemptsReached));
    }

    [Fact]
    public async Task Refund_Twice_GivesBackOnce()
    {
        UserId user = NextUser();
        JobId job = NextJob();
        await Charge(user, job);
        await Charge(user, NextJob());

        bool[] refunds = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => Refund(job, Start))));

        Assert.Single(refunds, refunded => refunded);
        Assert.Equal(2, (await Charge(user, NextJob())).Used);
    }

    [Fact]
    public async Task Charge_AskedAgain_ChargesOnce()
    {
        UserId user = NextUser();
        JobId job = NextJob();
        await Charge(user, job);

        Assert.Equal(new ChargeResult(ChargeVerdict.Charged, 1, 3), await Charge(user, job));
        Assert.Equal(2, (await Charge(user, NextJob())).Used);
    }

    [Fact]
    public async Task Charge_AttemptsAndLimitBothReached_NamesTheAttempts()
    {
        UserId user = NextUser();
        LimitRules rules = new(2, 2);
        await Charge(user, NextJob(), rules: rules);
        await Charge(user, NextJob(), rules: rules);

        Assert.Equal(new ChargeResult(ChargeVerdict.AttemptsReached, 2, 2), await Charge(user, NextJob(), rules: rules));
    }

    [Fact]
    public async Task Refund_NeverCharged_IsFalse() => Assert.False(await Refund(NextJob(), Start));

    [Fact]
    public async Task Refund_AfterTheMonth_LeavesTheNewCount()
    {
        UserId user = NextUser();
        JobId old = NextJob();
        await Charge(user, old);
        DateTimeOffset next = Start.AddMonths(1);
        Assert.Equal(1, (await Charge(user, NextJob(), next)).Used);

        Assert.True(await Refund(old, next));

        Assert.Equal(2, (await Charge(user, NextJob(), next)).Used);
    }

    [Fact]
    public async Task Charge_ByAClockThatWasSetBack_BelongsToTheMonthInWhichItCounts()
    {
        UserId user = NextUser();
        JobId late = NextJob();
        DateTimeOffset next = Start.AddMonths(1);
        await Charge(user, NextJob(), next);
        Assert.Equal(2, (await Charge(user, late, Start)).Used);

        Assert.True(await Refund(late, next));

        Assert.Equal(2, (await Charge(user, NextJob(), next)).Used);
    }

    [Fact]
    public async Task Charge_ByAClockThatWasSetBack_CountsTheAttemptsOfThatMonth()
    {
        UserId user = NextUser();
        LimitRules rules = new(9, 2);
        await Charge(user, NextJob(), Start.AddMonths(1), rules: rules);
        await Charge(user, NextJob(), Start.AddMonths(1), rules: rules);

        Assert.Equal(new ChargeResult(ChargeVerdict.AttemptsReached, 2, 2), await Charge(user, NextJob(), Start, rules: rules));
    }

    [Fact]
    public async Task Charge_NewMonth_StartsAtOne()
    {
        UserId user = NextUser();
        for (int job = 0; job < 3; job++)
        {
            await Charge(user, NextJob());
        }

        ChargeResult next = await Charge(user, NextJob(), new DateTimeOffset(2026, 12, 1, 0, 0, 0, TimeSpan.Zero));

        Assert.Equal(new ChargeResult(ChargeVerdict.Charged, 1, 3), next);
    }

    [Fact]
    public async Task Charge_RefundedManyTimes_StopsAtTheAttempts()
    {
        UserId user = NextUser();
        for (int job = 0; job < Rules.AttemptsPerUserPerMonth; job++)
        {
            JobId charged = NextJob();
            Assert.Equal(ChargeVerdict.Charged, (await Charge(user, charged)).Verdict);
            Assert.True(await Refund(charged, Start));
        }

        Assert.Equal(ChargeVerdict.AttemptsReached, (await Charge(user, NextJob())).Verdict);
        Assert.Equal(ChargeVerdict.Charged, (await Charge(user, NextJob(), Start.AddMonths(1))).Verdict);
    }

    [Fact]
    public async Task Charge_RetryAfterRefund_IsChargedUnderTheNextAdmission()
    {
        UserId user = NextUser();
        JobId job = NextJob();
        await Charge(user, job);
        await Refund(job, Start);

        Assert.Equal(new ChargeResult(ChargeVerdict.Charged, 1, 3), await Charge(user, job, admission: 2));
        Assert.True(await Refund(job, Start));
        Assert.False(await Refund(job, Start));
    }

    [Fact]
    public async Task Charge_LimitOfZero_AdmitsNobody()
    {
        Assert.Equal(
            new ChargeResult(ChargeVerdict.LimitReached, 0, 0),
            await Charge(NextUser(), NextJob(), rules: new LimitRules(0, 5)));
    }

    [Fact]
    [Trait("Requirement", "J3")]
    public async Task Reset_OfIdleUsers_ZeroesTheirCountsAndNobodyElses()
    {
        UserId idle = NextUser();
        UserId active = NextUser();
        DateTimeOffset next = new(2026, 12, 3, 4, 5, 6, TimeSpan.Zero);
        Month month = Month.Of(next);
        await Charge(idle, NextJob());
        await Charge(idle, NextJob());
        await Charge(active, NextJob());
        await Charge(active, NextJob(), next);

        Assert.Equal(new IdleUsers(1, 0, 2), await Idle(month));
        IdleUser sample = Assert.Single(await Read<ILimitsStore, IReadOnlyList<IdleUser>>(store => store.SampleIdleAsync(month, 5, None)));
        Assert.Equal((idle, 2), (sample.User, sample.Loras));
        Assert.Equal(1, await Reset(month, next));

        Assert.Equal(new IdleUsers(0, 0, 0), await Idle(month));
        Assert.Equal(0, await Reset(month, next));
        Assert.Equal(2, (await Charge(active, NextJob(), next)).Used);
        Assert.Equal(1, (await Charge(idle, NextJob(), next)).Used);
    }

    [Fact]
    [Trait("Requirement", "J3")]
    public async Task Reset_ByManyAtOnce_HasOneEffect()
    {
        for (int user = 0; user < 20; user++)
        {
            await Charge(NextUser(), NextJob());
        }

        DateTimeOffset next = Start.AddMonths(1);

        long[] changed = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => Reset(Month.Of(next), next))));

        Assert.Equal(20, changed.Sum());
        Assert.Equal(new IdleUsers(0, 0, 0), await Idle(Month.Of(next)));
    }

    [Fact]
    [Trait("Requirement", "J3")]
    public async Task Miscount_IsAUserWhoWasZeroedTwice()
    {
        UserId user = NextUser();
        JobId refunded = NextJob();
        DateTimeOffset next = Start.AddMonths(1);
        await Charge(user, NextJob());
        await Reset(Month.Of(next), next);
        await Charge(user, NextJob(), next);
        await Charge(user, refunded, next);
        await Refund(refunded, next);
        Assert.Null(await Miscounted(Month.Of(Start)));
        Assert.Null(await Miscounted(Month.Of(next)));

        // A reset that takes the present month for an earlier one.
        await Reset(Month.Of(next.AddMonths(1)), next);

        Assert.Equal(new Miscount(user, 0, 1), await Miscounted(Month.Of(next)));
    }

    private Task<Miscount?> Miscounted(Month month) => Read<ILimitsStore, Miscount?>(store => store.FindMiscountAsync(month, None));

    private Task<IdleUsers> Idle(Month month) => Read<ILimitsStore, IdleUsers>(store => store.CountIdleAsync(month, None));

    private Task<long> Reset(Month month, DateTimeOffset today) => In<ILimitsStore, long>(store => store.ResetAsync(month, today, None));

    private Task<ChargeResult> Charge(UserId user, JobId job, DateTimeOffset? now = null, LimitRules? rules = null, int admission = 1) =>
        In<ILimitsStore, ChargeResult>(store => store.TryChargeAsync(user, job, admission, now ?? Start, rules ?? Rules, None));

    private Task<bool> Refund(JobId job, DateTimeOffset now) => In<ILimitsStore, bool>(store => store.RefundAsync(job, "failed", now, None));
}
