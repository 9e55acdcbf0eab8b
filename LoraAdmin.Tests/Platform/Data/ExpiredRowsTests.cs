using LoraAdmin.Access;
using LoraAdmin.Alerts;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Alerts;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using LoraAdmin.Platform.Data.Events;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd;
using LoraAdmin.Training;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace LoraAdmin.Tests.Platform.Data;

public sealed class ExpiredRowsTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);
    private static readonly Guid Taken = new("0193f0a0-0000-7000-8000-000000000001");
    private static readonly Guid Waiting = new("0193f0a0-0000-7000-8000-000000000002");

    private static readonly ExpiredRows[] Tables =
    [
        new("a table that is broken", (_, _, _) => throw new InvalidOperationException("planned")),
        new("idempotency_keys", IdempotencyStore.DeleteExpiredAsync),
        new("sign_in_links", AccessStore.DeleteEndedLinksAsync),
        new("sign_in_sessions", AccessStore.DeleteEndedSessionsAsync),
        new("incident_facts", IncidentStore.DeleteConsumedFactsAsync),
    ];

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task Rows_ThatNobodyAsksFor_AreDeletedAndNoOthers(DatabaseKind kind)
    {
        FakeTimeProvider clock = new(Now - TimeSpan.FromDays(8));
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, clock);
        await WriteAsync(database, "old", clock.GetUtcNow(), Taken);
        await WaitingFactAsync(database);
        clock.SetUtcNow(Now);
        await WriteAsync(database, "new", Now, new Guid("0193f0a0-0000-7000-8000-000000000003"));

        using ExpiredRowsService service = new(
            Tables, database.Services.GetRequiredService<LoraDbFactory>(), KnownClocks.New(clock).NoteAhead(TimeSpan.Zero), clock, NullLogger<ExpiredRowsService>.Instance);
        await service.StartAsync(CancellationToken.None);
        await Eventually.TrueAsync(async () => (await FactsAsync(database)).Count == 2, "the fact that was taken in long ago is deleted");
        await service.StopAsync(CancellationToken.None);

        await using LoraDb db = database.NewContext();
        Assert.Equal(["new"], await db.Set<IdempotencyRow>().Select(row => row.Key).ToListAsync());
        Assert.Equal(["new"], await db.Set<SignInLinkRow>().Select(row => row.Sha256).ToListAsync());
        Assert.Equal(["new"], await db.Set<SignInSessionRow>().Select(row => row.Person).ToListAsync());
        Assert.Contains(Waiting, await FactsAsync(database));
        Assert.DoesNotContain(Taken, await FactsAsync(database));
    }

    [Fact]
    public async Task FirstTurn_OfAProcessWhoseClockNobodyHasVouchedForYet_DeletesNothing()
    {
        TurnsClock clock = new();
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite, new FakeTimeProvider(Now));
        TaskCompletionSource<DateTimeOffset> deleted = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ExpiredRows table = new("watched", (_, at, _) =>
        {
            deleted.TrySetResult(at);
            return Task.FromResult(0);
        });
        using ExpiredRowsService service = new(
            [table], database.Services.GetRequiredService<LoraDbFactory>(), KnownClocks.New(clock), clock, NullLogger<ExpiredRowsService>.Instance);
        await service.StartAsync(CancellationToken.None);
        await clock.Waits.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);

        clock.Advance(TimeSpan.FromMinutes(10));

        Assert.Equal(Now.AddMinutes(10), await deleted.Task.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken));
        await service.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Tables_ThatWouldOnlyGrow_AreAllEmptiedByThePortal()
    {
        await using InProcessPortal portal = await InProcessPortal.StartAsync();

        Assert.Equal(
            ["idempotency_keys", "incident_facts", "sign_in_links", "sign_in_sessions"],
            portal.Services.GetServices<ExpiredRows>().Select(expired => expired.Table).Order(StringComparer.Ordinal));
    }

    private static Task WriteAsync(TestDatabase database, string name, DateTimeOffset at, Guid fact) => database.Work.RunAsync(
        async (unit, token) =>
        {
            await unit.Store<IIdempotencyStore>().ClaimAsync(new IdempotencyRecord(Taken, name, "hash", new JobId(fact), new LoraId(fact), at), at, token);
            await unit.Store<IAccessStore>().AddSignInLinkAsync(name, at, at.AddMinutes(15), token);
            await unit.Store<IAccessStore>().AddSessionAsync(new SignInSession(fact, name, at, at.AddHours(12), EndedAt: null), token);
            await unit.Store<IIncidentStore>().TryTakeInAsync(fact, token);
        },
        CancellationToken.None);

    /// <summary>Taken in by the incidents, and not by every other consumer: it is handed out again.</summary>
    private static async Task WaitingFactAsync(TestDatabase database)
    {
        await using LoraDb db = database.NewContext();
        db.Add(new OperationalEventRow { Id = Waiting, Kind = "tests.waiting", Message = "Waiting", ActorKind = ActorKind.Portal, ActorName = "tests" });
        await db.SaveChangesAsync();
        await database.Work.RunAsync((unit, token) => unit.Store<IIncidentStore>().TryTakeInAsync(Waiting, token), CancellationToken.None);
    }

    private static async Task<List<Guid>> FactsAsync(TestDatabase database)
    {
        await using LoraDb db = database.NewContext();
        return await db.Set<IncidentFactRow>().Select(row => row.EventId).ToListAsync();
    }

    /// <summary>Tells when the loop has had its first turn and waits for the next.</summary>
    private sealed class TurnsClock() : FakeTimeProvider(Now)
    {
        private readonly TaskCompletionSource waits = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Waits => waits.Task;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            ITimer timer = base.CreateTimer(callback, state, dueTime, period);
            waits.TrySetResult();
            return timer;
        }
    }
}
