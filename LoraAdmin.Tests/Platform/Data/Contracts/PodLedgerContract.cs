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
            TerminateAttempts = 1,
            NextActionAt = Start.AddMinutes(5),
            LastError = "503",
        };

        Assert.True(await In<IPodLedger, bool>(ledger => ledger.SaveAsync(seen, None)));

        Assert.Equal(seen with { Version = 1 }, await Read<IPodLedger, LedgerPod?>(ledger => ledger.FindAsync(pod.Name, None)));
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
        LedgerPod second = NewPod(job, 2) with { RequestedAt = Start.AddMinutes(1), Saw = PodSaw.Leaking };
        LedgerPod first = NewPod(job, 1);
        LedgerPod gone = NewPod(job, 3) with { Saw = PodSaw.Gone, GoneAt = Start };
        foreach (LedgerPod pod in new[] { second, first, gone })
        {
            await In<IPodLedger>(ledger => ledger.AddAsync(pod, None));
        }

        Assert.Equal([first, second], await Read<IPodLedger, IReadOnlyList<LedgerPod>>(ledger => ledger.ListAliveAsync(None)));
        Assert.Equal([first, second, gone], await Read<IPodLedger, IReadOnlyList<LedgerPod>>(ledger => ledger.ListForAttemptAsync(job, 1, None)));
        Assert.Empty(await Read<IPodLedger, IReadOnlyList<LedgerPod>>(ledger => ledger.ListForAttemptAsync(job, 2, None)));
    }

    [Fact]
    public async Task Find_UnknownName_IsNull() => Assert.Null(await Read<IPodLedger, LedgerPod?>(ledger => ledger.FindAsync("lora-none", None)));

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
