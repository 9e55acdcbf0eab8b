using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using Microsoft.EntityFrameworkCore;
using Xunit;

namespace LoraAdmin.Tests.Pods;

/// <summary>Two instances see two changes of one price, and the second comes before the first is committed.</summary>
public sealed class GpuPriceRaceTests
{
    private static readonly DateTimeOffset Start = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task TheLaterOfTwoChanges_IsNotLostToTheOneThatItWaitsFor(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        await database.Work.RunAsync((unit, token) => ChangeAsync(unit, 0.40m, 0, token), Token);
        TaskCompletionSource changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource commits = new(TaskCreationOptions.RunContinuationsAsynchronously);

        Task first = Task.Run(
            () => database.Work.RunAsync(
                async (unit, token) =>
                {
                    await ChangeAsync(unit, 0.44m, 10, token);
                    changed.TrySetResult();
                    await commits.Task.WaitAsync(token);
                },
                Token),
            Token);
        await changed.Task.WaitAsync(Eventually.DefaultDeadline, TimeProvider.System, Token);
        Task second = Task.Run(() => database.Work.RunAsync((unit, token) => ChangeAsync(unit, 0.50m, 11, token), Token), Token);
        if (kind == DatabaseKind.Postgres)
        {
            await Eventually.TrueAsync(async () => await WaitingAsync(database) > 0, "the second change waits for the first");
        }

        commits.SetResult();
        await Task.WhenAll(first, second);

        Assert.Equal(
            [Price(0.50m, 11, null), Price(0.44m, 10, 11), Price(0.40m, 0, 10)],
            await database.Work.ReadAsync((unit, token) => unit.Store<IGpuPriceStore>().ListAsync(10, token), Token));
    }

    private static Task ChangeAsync(IUnit unit, decimal dollars, int minute, CancellationToken cancellationToken) =>
        unit.Store<IGpuPriceStore>().ChangeAsync("A40", Usd.FromDollars(dollars), Start.AddMinutes(minute), cancellationToken);

    private static GpuPrice Price(decimal dollars, int from, int? until) =>
        new("A40", Usd.FromDollars(dollars), Start.AddMinutes(from), until is { } end ? Start.AddMinutes(end) : null);

    private static async Task<long> WaitingAsync(TestDatabase database)
    {
        await using LoraDb db = database.NewContext();
        return await db.Database
            .SqlQueryRaw<long>("SELECT count(*) AS \"Value\" FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
            .SingleAsync(Token);
    }
}
