using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation.Memory;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace LoraAdmin.Tests.Platform;

public sealed class LeasedTurnTests : IDisposable
{
    private const string Lease = "tests.lease";

    private static readonly TimeSpan LeaseFor = TimeSpan.FromMinutes(3);

    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));
    private readonly MemoryDatabase database;
    private readonly ClockStandings clocks;
    private readonly Faulty work;
    private readonly LeasedTurn here;
    private readonly TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public LeasedTurnTests()
    {
        database = new MemoryDatabase(clock);
        clocks = KnownClocks.New(clock);
        work = new Faulty(database);
        here = new LeasedTurn(work, new PortalInstance("here"), clocks, clock, NullLogger<LeasedTurn>.Instance);
    }

    public void Dispose() => database.Dispose();

    [Fact]
    public async Task Turn_LongerThanTheLease_KeepsIt()
    {
        Task<bool> turn = here.TryRunAsync(Lease, LeaseFor, gate.Task.WaitAsync, CancellationToken.None);
        for (int minute = 1; minute <= 10; minute++)
        {
            DateTimeOffset held = Held;
            clock.Advance(TimeSpan.FromMinutes(1));
            await Eventually.TrueAsync(() => Held > held, $"the lease is renewed in minute {minute}");
            Assert.False(await TakeElsewhereAsync());
        }

        gate.SetResult();

        Assert.True(await turn);
    }

    [Fact]
    public async Task Turn_OfAnInstanceWhoseClockIsFarOff_LeavesTheNextToAnother()
    {
        Assert.True(await here.TryRunAsync(Lease, LeaseFor, static _ => Task.CompletedTask, CancellationToken.None));
        Assert.False(await TakeElsewhereAsync());

        clocks.NoteAhead(TimeSpan.FromMinutes(6));
        Assert.True(await here.TryRunAsync(Lease, LeaseFor, static _ => Task.CompletedTask, CancellationToken.None));

        Assert.True(await TakeElsewhereAsync());
    }

    [Fact]
    public async Task Turn_ThatLeavesWorkToAVouchedInstance_LeavesTheNextToItUntilItsOwnClockIs()
    {
        Assert.True(await here.TryRunForTheVouchedAsync(Lease, LeaseFor, static _ => Task.CompletedTask, CancellationToken.None));
        Assert.True(await TakeElsewhereAsync());

        database.LoopLeases.Set(Lease, null);
        clocks.NoteAhead(TimeSpan.Zero);
        Assert.True(await here.TryRunForTheVouchedAsync(Lease, LeaseFor, static _ => Task.CompletedTask, CancellationToken.None));
        Assert.False(await TakeElsewhereAsync());
    }

    [Fact]
    public async Task Lease_TakenByAnother_BreaksTheTurnOff()
    {
        Task<bool> turn = here.TryRunAsync(Lease, LeaseFor, gate.Task.WaitAsync, CancellationToken.None);
        database.LoopLeases.Set(Lease, new LoopLeaseRow("elsewhere", clock.GetUtcNow() + LeaseFor));

        clock.Advance(TimeSpan.FromMinutes(1));

        Assert.False(await turn.WaitAsync(Eventually.DefaultDeadline, TimeProvider.System));
    }

    [Fact]
    public async Task Database_AwayUntilTheLeaseRanOut_BreaksTheTurnOff()
    {
        CancellationToken seen = default;
        Task<bool> turn = here.TryRunAsync(
            Lease,
            LeaseFor,
            token =>
            {
                seen = token;
                return gate.Task.WaitAsync(token);
            },
            CancellationToken.None);
        work.Away = true;
        for (int tries = 1; tries <= 2; tries++)
        {
            clock.Advance(TimeSpan.FromMinutes(1));
            await Eventually.TrueAsync(() => work.Refused == tries, $"renewal {tries} is tried");
            Assert.False(seen.IsCancellationRequested);
        }

        await Eventually.TrueAsync(
            () =>
            {
                clock.Advance(TimeSpan.FromSeconds(10));
                return turn.IsCompleted;
            },
            "the turn is broken off");
        Assert.False(await turn);
    }

    [Fact]
    public async Task Lease_HeldByAnother_RunsNothing()
    {
        database.LoopLeases.Set(Lease, new LoopLeaseRow("elsewhere", clock.GetUtcNow() + LeaseFor));

        Assert.False(await here.TryRunAsync(Lease, LeaseFor, _ => throw new InvalidOperationException("not mine"), CancellationToken.None));
    }

    [Fact]
    public async Task Turn_ThatFails_TellsSoAndRenewsNoMore()
    {
        await Assert.ThrowsAsync<IOException>(() => here.TryRunAsync(Lease, LeaseFor, _ => throw new IOException("planned"), CancellationToken.None));
        DateTimeOffset held = Held;
        clock.Advance(TimeSpan.FromHours(1));

        Assert.Equal(held, Held);
        Assert.True(await TakeElsewhereAsync());
    }

    private DateTimeOffset Held => database.LoopLeases.Find(Lease)!.Until;

    private Task<bool> TakeElsewhereAsync() => database.RunAsync(
        (unit, token) => unit.Store<ILeaseStore>().TryTakeAsync(Lease, "elsewhere", clock.GetUtcNow(), LeaseFor, token), CancellationToken.None);

    private sealed class Faulty(IUnitOfWork inner) : IUnitOfWork
    {
        private int refused;

        public bool Away { get; set; }

        public int Refused => Volatile.Read(ref refused);

        public Task<T> RunAsync<T>(Func<IUnit, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
        {
            if (!Away)
            {
                return inner.RunAsync(work, cancellationToken);
            }

            Interlocked.Increment(ref refused);
            throw new StoreUnavailableException("planned");
        }

        public Task<T> ReadAsync<T>(Func<IUnit, CancellationToken, Task<T>> read, CancellationToken cancellationToken) => inner.ReadAsync(read, cancellationToken);
    }
}
