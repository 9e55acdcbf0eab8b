using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data.Contracts;

public abstract class PodLedgerContract : StoreContract
{
    [Fact]
    public async Task Pod_AddedAndSaved_IsReadBackWhole()
    {
        LedgerPod pod = NewPod(NextJob(), 1);
        await In<IPodLedger>(ledger => ledger.AddAsync(pod, None));
        LedgerPod seen = pod with
        {
            Want = PodWant.Released,
            WantReason = "done",
            WantSince = Start.AddMinutes(3),
            Proof = FileProof.InStorage,
            Saw = PodSaw.Terminating,
            PodId = "abcd1234",
            HourlyRate = new Usd(690_000),
            CreatedAt = Start.AddSeconds(2),
            LastSeenAt = Start.AddMinutes(2),
            AbsentSince = Start.AddMinutes(4),
            MissingReads = 2,
            LiveUntil = Start.AddHours(3),
            TerminateAttempts = 1,
            NextActionAt = Start.AddMinutes(5),
            LastError = "503",
            Permit = new CreationPermit(true, "7:lora-a:b") { IsFailureTold = true },
            ProofAt = Start.AddMinutes(3),
            Billed = new Usd(1_234_567),
            BilledUntil = Start.AddMinutes(1),
            EarlierPrices = PriceHistory.With(PriceHistory.With(null, new PricedTime(Start, Start.AddSeconds(20), new Usd(700_000))), new PricedTime(Start.AddSeconds(20), Start.AddMinutes(1), Usd.Zero)),
            FetchUntil = Start.AddMinutes(20),
            NextFetchAt = Start.AddHours(1),
            StopAttempts = 3,
            ToldAt = Start.AddMinutes(6),
        };

        Assert.True(await In<IPodLedger, bool>(ledger => ledger.SaveAsync(seen, None)));

        Assert.Equal(seen with { Version = 1 }, await Read<IPodLedger, LedgerPod?>(ledger => ledger.FindAsync(pod.Name, None)));
    }

    [Fact]
    public async Task NoteSeenAndHeard_TouchTheirInstantAlone_WhateverTheVersion()
    {
        LedgerPod first = NewPod(NextJob(), 1) with { PodId = "first" };
        LedgerPod second = NewPod(NextJob(), 1) with { PodId = "second" };
        LedgerPod gone = NewPod(NextJob(), 1) with { PodId = "gone", Saw = PodSaw.Gone };
        foreach (LedgerPod pod in new[] { first, second, gone })
        {
            await In<IPodLedger>(ledger => ledger.AddAsync(pod, None));
        }

        await In<IPodLedger>(ledger => ledger.NoteSeenAsync([first.Name, "nobody"], Start.AddMinutes(7), None));
        await In<IPodLedger>(ledger => ledger.NoteHeardAsync("first", Start.AddMinutes(8), None));
        await In<IPodLedger>(ledger => ledger.NoteHeardAsync("gone", Start.AddMinutes(8), None));

        LedgerPod noted = first with { LastSeenAt = Start.AddMinutes(7), HeardAt = Start.AddMinutes(8) };
        Assert.Equal(noted, await Read<IPodLedger, LedgerPod?>(ledger => ledger.FindAsync(first.Name, None)));
        Assert.Equal(second, await Read<IPodLedger, LedgerPod?>(ledger => ledger.FindAsync(second.Name, None)));
        Assert.Equal(gone, await Read<IPodLedger, LedgerPod?>(ledger => ledger.FindAsync(gone.Name, None)));

        // A writer that had read the row before loses nothing of it.
        Assert.True(await In<IPodLedger, bool>(ledger => ledger.SaveAsync(first with { LastError = "503" }, None)));
        Assert.Equal(Start.AddMinutes(8), (await Read<IPodLedger, LedgerPod?>(ledger => ledger.FindAsync(first.Name, None)))!.HeardAt);
    }

    [Fact]
    public async Task BillHold_OfBillsThatWereReadLater_StaysWhateverTheVersion()
    {
        LedgerPod first = NewPod(NextJob(), 1) with { PodId = "first", Saw = PodSaw.Gone };
        LedgerPod again = NewPod(NextJob(), 1) with { PodId = "first" };
        LedgerPod other = NewPod(NextJob(), 1) with { PodId = "second" };
        foreach (LedgerPod pod in new[] { first, again, other })
        {
            await In<IPodLedger>(ledger => ledger.AddAsync(pod, None));
        }

        await Note(null, 1);
        Assert.Equal(first, await Find(first));
        await Note("Its bill is below zero", 5);
        await Note("Its bill is of another time", 4);
        await Note(null, 4);
        Assert.True(await In<IPodLedger, bool>(ledger => ledger.SaveAsync(again with { LastError = "503" }, None)));
        Assert.Equal(first with { BillHold = "Its bill is below zero", BillHoldAt = Start.AddMinutes(5) }, await Find(first));
        Assert.Equal("Its bill is below zero", (await Find(again)).BillHold);
        Assert.Equal(other, await Find(other));

        await Note(null, 6);
        await Note("Its bill is below zero", 5);
        Assert.Equal(first with { BillHoldAt = Start.AddMinutes(6) }, await Find(first));

        Task Note(string? why, int minute) => In<IPodLedger>(ledger => ledger.NoteBillHoldAsync("first", why, Start.AddMinutes(minute), None));

        async Task<LedgerPod> Find(LedgerPod pod) => (await Read<IPodLedger, LedgerPod?>(ledger => ledger.FindAsync(pod.Name, None)))!;
    }

    [Fact]
    public async Task Pods_OfManyIds_AreFoundWhateverBecameOfThem()
    {
        LedgerPod old = NewPod(NextJob(), 1) with { PodId = "first", RequestedAt = Start, Saw = PodSaw.Gone, GoneAt = Start.AddHours(1) };
        LedgerPod late = NewPod(NextJob(), 1) with { PodId = "first", RequestedAt = Start.AddHours(2) };
        LedgerPod other = NewPod(NextJob(), 1) with { PodId = "second", RequestedAt = Start.AddHours(1) };
        foreach (LedgerPod pod in new[] { late, old, other, NewPod(NextJob(), 1), NewPod(NextJob(), 1) with { PodId = "third" } })
        {
            await In<IPodLedger>(ledger => ledger.AddAsync(pod, None));
        }

        Assert.Equal([old, other, late], await ByIds("second", "first", "nobody", "first"));
        Assert.Empty(await ByIds());

        Task<IReadOnlyList<LedgerPod>> ByIds(params IReadOnlyCollection<string> ids) =>
            Read<IPodLedger, IReadOnlyList<LedgerPod>>(ledger => ledger.ListByPodIdsAsync(ids, None));
    }

    [Fact]
    public async Task Gone_WithinATime_AreThoseThatHadAnIdAndTheLastFirst()
    {
        LedgerPod[] gone =
        [
            .. Enumerable.Range(0, 5).Select(hour => NewPod(NextJob(), 1) with { PodId = $"pod{hour}", Saw = PodSaw.Gone, GoneAt = Start.AddHours(hour) }),
        ];
        foreach (LedgerPod pod in gone.Append(NewPod(NextJob(), 1) with { PodId = "alive" }).Append(NewPod(NextJob(), 1) with { Saw = PodSaw.Gone, GoneAt = Start.AddHours(2) }))
        {
            await In<IPodLedger>(ledger => ledger.AddAsync(pod, None));
        }

        Assert.Equal([gone[3], gone[2], gone[1]], await Gone(Start.AddHours(1), Start.AddHours(4), 10));
        Assert.Equal([gone[4], gone[3]], await Gone(Start, Start.AddHours(5), 2));

        Task<IReadOnlyList<LedgerPod>> Gone(DateTimeOffset from, DateTimeOffset until, int max) =>
            Read<IPodLedger, IReadOnlyList<LedgerPod>>(ledger => ledger.ListGoneAsync(from, until, max, None));
    }

    [Fact]
    public async Task Add_NameInUse_IsRefused()
    {
        LedgerPod pod = NewPod(NextJob(), 1);
        await In<IPodLedger>(ledger => ledger.AddAsync(pod, None));

        await Assert.ThrowsAsync<InvalidOperationException>(() => In<IPodLedger>(ledger => ledger.AddAsync(pod, None)));
    }

    [Fact]
    public async Task Save_OlderVersion_WritesNothing()
    {
        LedgerPod pod = NewPod(NextJob(), 1);
        await In<IPodLedger>(ledger => ledger.AddAsync(pod, None));

        bool[] saved = await Task.WhenAll(Enumerable.Range(0, 8).Select(writer => Task.Run(() =>
            In<IPodLedger, bool>(ledger => ledger.SaveAsync(pod with { LastError = $"writer {writer}" }, None)))));

        Assert.Single(saved, done => done);
        Assert.Equal(1, (await Read<IPodLedger, LedgerPod?>(ledger => ledger.FindAsync(pod.Name, None)))!.Version);
    }

    [Fact]
    public async Task Alive_ListsAllButGone_OldestFirst()
    {
        JobId job = NextJob();
        LedgerPod second = NewPod(job, 2) with { RequestedAt = Start.AddMinutes(1), Saw = PodSaw.Leaking, PodId = "second" };
        LedgerPod first = NewPod(job, 1) with { PodId = null };
        LedgerPod gone = NewPod(job, 3) with { Saw = PodSaw.Gone, GoneAt = Start, PodId = "gone" };
        foreach (LedgerPod pod in new[] { second, first, gone })
        {
            await In<IPodLedger>(ledger => ledger.AddAsync(pod, None));
        }

        Assert.Equal([first, second], await Read<IPodLedger, IReadOnlyList<LedgerPod>>(ledger => ledger.ListAliveAsync(None)));
        Assert.Equal([first, second, gone], await Read<IPodLedger, IReadOnlyList<LedgerPod>>(ledger => ledger.ListForAttemptAsync(job, 1, None)));
        Assert.Empty(await Read<IPodLedger, IReadOnlyList<LedgerPod>>(ledger => ledger.ListForAttemptAsync(job, 2, None)));
        Assert.Equal(["second"], await Read<IPodLedger, IReadOnlySet<string>>(ledger => ledger.ListAlivePodIdsAsync(None)));
        Assert.Equal([gone], await Read<IPodLedger, IReadOnlyList<LedgerPod>>(ledger => ledger.ListGoneOfAttemptAsync(job, 1, None)));
        Assert.Empty(await Read<IPodLedger, IReadOnlyList<LedgerPod>>(ledger => ledger.ListGoneOfAttemptAsync(job, 2, None)));
    }

    [Fact]
    public async Task Held_ListsThoseWithAPodThatIsThere_OldestFirst()
    {
        JobId job = NextJob();
        LedgerPod second = NewPod(job, 2) with { Want = PodWant.Held, RequestedAt = Start.AddMinutes(1), PodId = "second" };
        LedgerPod first = NewPod(job, 1) with { Want = PodWant.Held, PodId = "first" };
        LedgerPod needed = NewPod(job, 3) with { PodId = "needed" };
        LedgerPod nameless = NewPod(job, 4) with { Want = PodWant.Held, PodId = null };
        LedgerPod gone = NewPod(job, 5) with { Want = PodWant.Held, Saw = PodSaw.Gone, GoneAt = Start, PodId = "gone" };
        foreach (LedgerPod pod in new[] { second, first, needed, nameless, gone })
        {
            await In<IPodLedger>(ledger => ledger.AddAsync(pod, None));
        }

        Assert.Equal([first, second], await Read<IPodLedger, IReadOnlyList<LedgerPod>>(ledger => ledger.ListHeldAsync(None)));
    }

    /// <summary>One attempt has a pod that is there, another a try that is needed, and of a third all but the doubts are gone.</summary>
    [Fact]
    public async Task InDoubt_ListsThoseOfAttemptsThatHaveNothingElse_OldestFirst()
    {
        JobId job = NextJob();
        LedgerPod doubt = NewPod(job, 1) with { Want = PodWant.Released, WantReason = PodReasons.InDoubt, Saw = PodSaw.Requested, PodId = null };
        LedgerPod second = doubt with { RequestedAt = Start.AddMinutes(1) };
        LedgerPod first = Other(1, 2) with { WantSince = Start, AbsentSince = Start.AddMinutes(2) };
        LedgerPod[] others =
        [
            Other(1, 3) with { Saw = PodSaw.Gone, GoneAt = Start, PodId = "gone" }, Other(1, 4) with { Saw = PodSaw.Gone, GoneAt = Start },
            Other(2, 1), Other(2, 2) with { PodId = "leaks", Saw = PodSaw.Leaking },
            Other(3, 1), Other(3, 2) with { Want = PodWant.Needed },
        ];
        foreach (LedgerPod pod in others.Concat([second, first]))
        {
            await In<IPodLedger>(ledger => ledger.AddAsync(pod, None));
        }

        IReadOnlyList<LedgerPod> read = await Read<IPodLedger, IReadOnlyList<LedgerPod>>(ledger => ledger.ListInDoubtAsync(None));
        Assert.Equal([first, second], read);
        Assert.All(read, static pod => Assert.True(pod.IsInDoubt));

        LedgerPod Other(int attempt, int number) => doubt with { Name = $"{doubt.Name}-{attempt}-{number}", Attempt = attempt, Try = number };
    }

    [Fact]
    public async Task AnyToEnd_IsTrueForExactlyWhatMustNotWait()
    {
        LedgerPod needed = NewPod(NextJob(), 1) with { PodId = "abcd1234", Saw = PodSaw.Running };
        LedgerPod released = needed with { Want = PodWant.Released };
        LedgerPod held = needed with { Want = PodWant.Held };
        (LedgerPod Pod, bool Waits)[] cases =
        [
            (released, false), (held, false), (released with { NextActionAt = Start }, false), (held with { FetchUntil = Start }, false),
            (needed, true), (released with { PodId = null }, true), (released with { TerminateAttempts = 1 }, true), (released with { Saw = PodSaw.Gone }, true),
            (released with { NextActionAt = Start.AddMilliseconds(1) }, true), (held with { Saw = PodSaw.Exited }, true),
            (held with { NextActionAt = Start.AddMilliseconds(1) }, true), (held with { FetchUntil = Start.AddMilliseconds(1) }, true),
        ];
        await In<IPodLedger>(ledger => ledger.AddAsync(needed, None));
        int version = 0;
        foreach ((LedgerPod pod, bool waits) in cases)
        {
            Assert.True(await In<IPodLedger, bool>(ledger => ledger.SaveAsync(pod with { Version = version++ }, None)));
            Assert.Equal(!waits, await Read<IPodLedger, bool>(ledger => ledger.AnyToEndAsync(Start, None)));
        }
    }

    [Fact]
    public async Task Places_AreHeldByJobsWithANeededPod()
    {
        (PodWant Want, PodSaw Saw)[] rows =
        [
            (PodWant.Needed, PodSaw.Requested), (PodWant.Needed, PodSaw.Running), (PodWant.Needed, PodSaw.Exited), (PodWant.Needed, PodSaw.Gone),
            (PodWant.Held, PodSaw.Exited), (PodWant.Released, PodSaw.Requested), (PodWant.Released, PodSaw.Leaking),
        ];
        foreach ((PodWant want, PodSaw saw) in rows)
        {
            LedgerPod pod = NewPod(NextJob(), 1) with { Want = want, Saw = saw };
            await In<IPodLedger>(ledger => ledger.AddAsync(pod, None));
        }

        JobId twice = NextJob();
        await In<IPodLedger>(ledger => ledger.AddAsync(NewPod(twice, 1), None));
        await In<IPodLedger>(ledger => ledger.AddAsync(NewPod(twice, 2), None));

        Assert.Equal(4, await Read<IPodLedger, int>(ledger => ledger.CountPlacesAsync(None)));
    }

    [Fact]
    public async Task Find_UnknownName_IsNull() => Assert.Null(await Read<IPodLedger, LedgerPod?>(ledger => ledger.FindAsync("lora-none", None)));

    [Fact]
    public async Task FindByPodId_SeveralRows_IsTheNewestGoneOrNot()
    {
        JobId job = NextJob();
        LedgerPod older = NewPod(job, 1) with { PodId = "abcd1234" };
        LedgerPod newer = NewPod(job, 2) with { PodId = "abcd1234", RequestedAt = Start.AddMinutes(1), Saw = PodSaw.Gone, GoneAt = Start.AddMinutes(2) };
        foreach (LedgerPod pod in new[] { newer, older })
        {
            await In<IPodLedger>(ledger => ledger.AddAsync(pod, None));
        }

        Assert.Equal(newer, await Read<IPodLedger, LedgerPod?>(ledger => ledger.FindByPodIdAsync("abcd1234", None)));
        Assert.Null(await Read<IPodLedger, LedgerPod?>(ledger => ledger.FindByPodIdAsync("none0000", None)));
    }

    [Fact]
    public async Task Add_SameTryUnderAnotherName_IsTaken()
    {
        LedgerPod pod = NewPod(NextJob(), 1);
        LedgerPod twin = pod with { Name = $"{pod.Name}@abcd1234", PodId = "abcd1234" };
        await In<IPodLedger>(ledger => ledger.AddAsync(pod, None));

        await In<IPodLedger>(ledger => ledger.AddAsync(twin, None));

        Assert.Equal(twin, await Read<IPodLedger, LedgerPod?>(ledger => ledger.FindAsync(twin.Name, None)));
    }

    [Fact]
    public async Task Tally_CountsOnlyWhatTheSweepHasReleasedSince()
    {
        JobId job = NextJob();
        LedgerPod swept = NewPod(job, 1) with
        {
            Want = PodWant.Released, WantReason = PodReasons.Unknown, WantSince = Start, HourlyRate = Usd.FromDollars(0.40m),
        };
        LedgerPod[] pods =
        [
            swept,
            swept with { Name = "2", WantReason = PodReasons.PastLifetime, Saw = PodSaw.Gone, GoneAt = Start },
            swept with { Name = "3", HourlyRate = null },
            swept with { Name = "4", WantSince = Start.AddMilliseconds(-1) },
            swept with { Name = "5", WantReason = PodReasons.JobEnded },
            swept with { Name = "6", Want = PodWant.Held },
            swept with { Name = "7", WantReason = null },
        ];
        foreach (LedgerPod pod in pods)
        {
            await In<IPodLedger>(ledger => ledger.AddAsync(pod, None));
        }

        Assert.Equal(new SweepTally(3, Usd.FromDollars(0.80m)), await Read<IPodLedger, SweepTally>(ledger => ledger.TallySweepAsync(Start, None)));
        Assert.Equal(new SweepTally(0, Usd.Zero), await Read<IPodLedger, SweepTally>(ledger => ledger.TallySweepAsync(Start.AddMinutes(1), None)));
    }

    private static LedgerPod NewPod(JobId job, int number) => new()
    {
        Name = PodNames.For("0a1b2c3d", job, 1, number),
        Job = job,
        Attempt = 1,
        Try = number,
        Want = PodWant.Needed,
        Saw = PodSaw.Requested,
        GpuType = "NVIDIA RTX 4090",
        RequestedAt = Start,
    };
}
