using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Tests.Platform.Data;

public sealed class NewRowsTests
{
    private static readonly TrainingUpload Upload = new(
        new Guid("0193f0a0-0000-7000-8000-000000000001"),
        new UserId(new Guid("0193f0a0-0000-7000-8000-000000000002")),
        new DateTimeOffset(2026, 11, 25, 12, 0, 0, TimeSpan.Zero),
        ClaimedBy: null);

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task Rows_ThatAUnitAdded_AreSeenByItsNextStatement(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);

        TrainingUpload? found = await database.Work.RunAsync(AddAndFindAsync, CancellationToken.None);

        Assert.Equal(Upload, found);
        Assert.Equal(1, await CountAsync(database));
    }

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task Rows_OfAReadingUnit_AreSeenByItAndGoneAfterIt(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);

        TrainingUpload? found = await database.Work.ReadAsync(AddAndFindAsync, CancellationToken.None);

        Assert.Equal(Upload, found);
        Assert.Equal(0, await CountAsync(database));
    }

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task Rows_OfAUnitThatFailed_AreNotWrittenByTheNext(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);

        // The row still waits when the unit ends; the next unit gets the same context from the pool.
        await Assert.ThrowsAsync<TimeZoneNotFoundException>(() => database.Work.RunAsync<bool>(
            async (unit, token) =>
            {
                await unit.Store<ITrainingUploadStore>().AddAsync(Upload, token);
                throw new TimeZoneNotFoundException("planned");
            },
            CancellationToken.None));
        await database.Work.RunAsync((unit, token) => unit.Store<ITrainingUploadStore>().FindAsync(Guid.Empty, token), CancellationToken.None);

        Assert.Equal(0, await CountAsync(database));
    }

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task Statements_OutsideAUnit_AreRefused(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        await using LoraDb db = database.NewContext();

        await Assert.ThrowsAsync<InvalidOperationException>(() => db.RunAsync([new Statement("SELECT 1", []) { Returns = true }], CancellationToken.None));
    }

    private static async Task<TrainingUpload?> AddAndFindAsync(IUnit unit, CancellationToken cancellationToken)
    {
        ITrainingUploadStore store = unit.Store<ITrainingUploadStore>();
        await store.AddAsync(Upload, cancellationToken);
        return await store.FindAsync(Upload.Id, cancellationToken);
    }

    private static async Task<int> CountAsync(TestDatabase database)
    {
        await using LoraDb db = database.NewContext();
        return await db.Set<TrainingUploadRow>().CountAsync();
    }
}
