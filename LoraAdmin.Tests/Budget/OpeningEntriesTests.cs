using LoraAdmin.Budget;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Xunit;

namespace LoraAdmin.Tests.Budget;

/// <summary>A database that knows only what months have spent and reserved gets a ledger that says the same.</summary>
public sealed class OpeningEntriesTests
{
    private const string Ledger = "_Money";

    private static readonly DateTimeOffset October = new(2026, 10, 30, 12, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset November = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);
    private static readonly BudgetRules Rules = new(Usd.FromDollars(200), Usd.FromDollars(150));

    private readonly SeededIds ids = new(11);

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    [Trait("Requirement", "M6")]
    public async Task Ledger_OfAnOlderDatabase_OpensWithWhatItsMonthsHold(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        JobId good = await JobAsync(database, AttemptState.Succeeded, null, October);
        JobId kept = await JobAsync(database, AttemptState.Failed, FailureCode.UploadFailed, October);
        JobId lost = await JobAsync(database, AttemptState.Failed, FailureCode.PodLost, November);
        JobId open = await JobAsync(database, AttemptState.Active, null, November);
        await SettleAsync(database, good, 2.5m, October);
        await SettleAsync(database, kept, 1.25m, October);
        await SettleAsync(database, lost, 0.5m, November);
        await using (LoraDb db = database.NewContext())
        {
            IMigrator migrator = db.GetService<IMigrator>();
            await migrator.MigrateAsync(db.Database.GetMigrations().TakeWhile(static name => !name.EndsWith(Ledger, StringComparison.Ordinal)).Last());
            await migrator.MigrateAsync();
        }

        await using LoraDb after = database.NewContext();
        List<BudgetEntry> entries = [.. (await after.Set<BudgetEntryRow>().AsNoTracking().OrderBy(row => row.Month).ToListAsync()).Select(row => row.ToEntry())];
        Assert.Equal(
            [(new Month(2026, 10), Usd.FromDollars(3.75m), Usd.Zero), (new Month(2026, 11), Usd.FromDollars(0.5m), Usd.FromDollars(3))],
            entries.Select(entry => (entry.Month, entry.Spent, entry.Reserved)));
        Assert.All(entries, entry => Assert.Equal((EntryKind.Opening, entry.Month.Start, $"opening:{entry.Month}"), (entry.Kind, entry.At, entry.Key)));
        List<BudgetDayRow> days = await after.Set<BudgetDayRow>().AsNoTracking().OrderBy(row => row.Day).ToListAsync();
        Assert.Equal(
            [("2026-10-01", "2026-10", 3_750_000L, 0L), ("2026-11-01", "2026-11", 500_000L, 3_000_000L)],
            days.Select(day => (day.Day, day.Month, day.SpentMicros, day.ReservedMicros)));

        Assert.Equal(CostSplit.Nothing with { Training = Usd.FromDollars(2.5m) }, (await FindAsync(database, good)).Split);
        Assert.Equal(CostSplit.Nothing with { Training = Usd.FromDollars(1.25m) }, (await FindAsync(database, kept)).Split);
        Assert.Equal(CostSplit.Nothing with { Failed = Usd.FromDollars(0.5m) }, (await FindAsync(database, lost)).Split);
        Reservation running = await FindAsync(database, open);
        Assert.Equal((Usd.Zero, Usd.FromDollars(3), null), (running.Accrued, running.Rest, running.Split));

        await SettleAsync(database, open, 1m, November);

        BudgetMonth month = await database.Work.ReadAsync(
            (unit, token) => unit.Store<IBudgetStore>().ReadMonthAsync(new Month(2026, 11), Rules, token), TestContext.Current.CancellationToken);
        Assert.Equal((Usd.FromDollars(1.5m), Usd.Zero), (month.Spent, month.Reserved));
        await using LoraDb end = database.NewContext();
        Assert.Equal(1_500_000, await end.Set<BudgetEntryRow>().Where(row => row.Month == "2026-11").SumAsync(row => row.SpentMicros));
        Assert.Equal(0, await end.Set<BudgetEntryRow>().Where(row => row.Month == "2026-11").SumAsync(row => row.ReservedMicros));
    }

    private async Task<JobId> JobAsync(TestDatabase database, AttemptState state, FailureCode? failure, DateTimeOffset at)
    {
        TrainingJob job = new()
        {
            Id = new JobId(ids.Next()),
            LoraId = new LoraId(ids.Next()),
            UserId = new UserId(ids.Next()),
            Name = "Mara",
            CreatorEmail = "creator-17@example.org",
            State = TrainingState.Queued,
            StateSince = at,
            CreatedAt = at,
            UpdatedAt = at,
            Attempt = 1,
            Admission = 1,
            DueAt = at,
        };
        TrainingAttempt attempt = new(job.Id, 1, "runpod", state, at, null, failure, null);
        await database.Work.RunAsync(
            async (unit, token) =>
            {
                await unit.Store<ILoraStore>().AddAsync(
                    new Lora
                    {
                        Id = job.LoraId,
                        UserId = job.UserId,
                        CreatorEmail = job.CreatorEmail,
                        Name = job.Name,
                        Status = LoraStatus.Training,
                        CreatedAt = at,
                        UpdatedAt = at,
                    },
                    token);
                await unit.Store<ITrainingStore>().AddAsync(job, [], attempt, token);
                await unit.Store<IBudgetStore>().TryReserveAsync(ids.Next(), job.Id, 1, Usd.FromDollars(3), at, Rules, token);
            },
            TestContext.Current.CancellationToken);
        return job.Id;
    }

    private static Task SettleAsync(TestDatabase database, JobId job, decimal actual, DateTimeOffset at) => database.Work.RunAsync(
        async (unit, token) =>
        {
            IBudgetStore store = unit.Store<IBudgetStore>();
            Reservation open = Assert.Single(await store.ListForJobAsync(job, token));
            CostSplit split = CostSplit.Nothing with { Training = Usd.FromDollars(actual) };
            Assert.Single(await store.ApplyAsync([ReservationBooks.Settle(open, split, static () => throw new InvalidOperationException("It fits."), at)], token));
        },
        TestContext.Current.CancellationToken);

    private static async Task<Reservation> FindAsync(TestDatabase database, JobId job) => Assert.Single(await database.Work.ReadAsync(
        (unit, token) => unit.Store<IBudgetStore>().ListForJobAsync(job, token), TestContext.Current.CancellationToken));
}
