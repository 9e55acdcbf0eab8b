using LoraAdmin.Budget;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Limits;
using LoraAdmin.Platform.Data;
using LoraAdmin.Storage;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace LoraAdmin.Bench.Admission;

/// <summary>One of the two sides that are compared, on a fresh database.</summary>
internal sealed class AdmissionSide : IAsyncDisposable
{
    private readonly TestDatabase database;
    private readonly HandDatabase? hand;
    private readonly IIds ids;
    private readonly Guid token;

    private AdmissionSide(TestDatabase database, HandDatabase? hand)
    {
        this.database = database;
        this.hand = hand;
        ids = database.Services.GetRequiredService<IIds>();
        token = ids.Next();
    }

    /// <summary>The portal's desk, unit of work and stores.</summary>
    public static async Task<AdmissionSide> OfDeskAsync(DatabaseKind kind) => new(await TestDatabase.CreateAsync(kind), hand: null);

    public static async Task<AdmissionSide> ByHandAsync(DatabaseKind kind)
    {
        TestDatabase database = await TestDatabase.CreateAsync(kind);
        HandDatabase hand = database.Services.GetRequiredService<DatabaseTarget>() switch
        {
            DatabaseTarget.Postgres postgres => new HandPostgres(postgres.ConnectionString),
            DatabaseTarget.Sqlite sqlite => new HandSqlite(sqlite.File),
            _ => throw new NotSupportedException("The portal has two kinds of databases."),
        };
        return new AdmissionSide(database, hand);
    }

    /// <exception cref="InvalidOperationException">More was admitted than budget or limits allow, or less than they allow.</exception>
    public async Task<(TimeSpan Elapsed, IReadOnlyCollection<TimeSpan> Latencies)> RunAsync(AdmissionRound round)
    {
        Guid[] users = [.. Enumerable.Range(0, AdmissionRound.Callers + 1).Select(_ => ids.Next())];
        Func<TrainingRequest, IdempotencyKey, Task<bool>> submit = hand is null ? ByDesk(round) : new HandAdmission(hand, round, ids).SubmitAsync;
        int admitted = 0;
        var measured = await Callers.RunAsync(AdmissionRound.Callers, AdmissionRound.CallsEach, async (caller, call) =>
        {
            var (request, key) = AdmissionRound.Request(token, users, ids, caller, call);
            if (await submit(request, key))
            {
                Interlocked.Increment(ref admitted);
            }
        });
        await CheckAsync(round, admitted);
        return measured;
    }

    public async ValueTask DisposeAsync()
    {
        if (hand is not null)
        {
            await hand.DisposeAsync();
        }

        await database.DisposeAsync();
    }

    private Func<TrainingRequest, IdempotencyKey, Task<bool>> ByDesk(AdmissionRound round)
    {
        AdmissionRules rules = new(
            AdmissionPrices.Training, new BudgetRules(round.Limit, round.Limit), new LimitRules(AdmissionRound.LorasPerUser, AdmissionRound.AttemptsPerUser));
        FileSpool spool = new(Path.GetTempPath(), new("bench"));
        TrainingDesk desk = new(
            database.Work, new GpuPrices(new AdmissionPrices(), round), spool, ids, round, () => rules, KnownClocks.New(round).NoteAhead(TimeSpan.Zero));
        return async (request, key) =>
            await desk.SubmitAsync(request, key, AdmissionRound.Caller, CancellationToken.None) switch
            {
                SubmitOutcome.Accepted { Replayed: false } => true,
                SubmitOutcome.LimitReached or SubmitOutcome.BudgetExhausted => false,
                SubmitOutcome.Invalid invalid => throw new InvalidOperationException($"The desk refused: {string.Join(' ', invalid.Problems)}"),
                var other => throw new InvalidOperationException($"Nobody asked for {other}."),
            };
    }

    private async Task CheckAsync(AdmissionRound round, int admitted)
    {
        await using LoraDb db = database.NewContext();
        string month = Month.Of(round.Now).ToString();
        BudgetMonthRow row = await db.Set<BudgetMonthRow>().SingleAsync(found => found.Month == month);
        long reserved = await db.Set<BudgetReservationRow>().Where(found => found.Month == month).SumAsync(found => found.AmountMicros);
        List<int> perUser = await db.Set<LimitChargeRow>().Where(found => found.Period == month).GroupBy(found => found.UserId)
            .Select(group => group.Count()).ToListAsync();
        int most = await db.Set<UserTrainingLimitRow>().MaxAsync(found => found.LorasCreatedThisMonth);
        int jobs = await db.Set<TrainingProgressRow>().CountAsync(found => found.CreatedAt == round.Now.ToMillis());
        Demand(row.SpentMicros + row.ReservedMicros <= round.Limit.Micros, "the month's budget was passed");
        Demand(row.ReservedMicros == reserved, "the month's row and its reservations differ");
        long booked = await db.Set<BudgetEntryRow>().Where(found => found.Month == month).SumAsync(found => found.ReservedMicros);
        long inDays = await db.Set<BudgetDayRow>().Where(found => found.Month == month).SumAsync(found => found.ReservedMicros);
        Demand(booked == reserved && inDays == reserved, "the ledger's entries, its days and the reservations differ");
        Demand(reserved == AdmissionRound.Fit * AdmissionRound.Estimate.Micros, "another number of jobs was admitted than fits the budget");
        Demand(jobs == admitted && admitted == AdmissionRound.Fit && perUser.Sum() == admitted, "jobs, charges and answers differ");
        Demand(perUser.Max() <= AdmissionRound.LorasPerUser && most <= AdmissionRound.LorasPerUser, "a user was given more than the limit");
    }

    private static void Demand(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new InvalidOperationException($"The comparison is void: {otherwise}.");
        }
    }
}
