using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>A copied database lets go of the original's trainings: nothing of them is cancelled, looked for or removed from here.</summary>
public sealed class HostedCopyTests
{
    private static readonly DateTimeOffset Start = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);
    private static readonly JobId Job = new(new Guid(1, 0, 0, new byte[8]));

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    [Trait("Requirement", "J1")]
    public async Task Disown_OfTrainingsInEachState_LeavesNothingToDoAndWhatIsOverAsItWas(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        foreach (HostedSaw saw in Enum.GetValues<HostedSaw>())
        {
            await database.Work.RunAsync((unit, token) => unit.Store<IHostedTrainingStore>().AddAsync(Row(saw), token), CancellationToken.None);
        }

        DateTimeOffset now = Start.AddHours(1);
        await using (LoraDb db = database.NewContext())
        {
            Assert.Equal(4, await HostedCopyStore.DisownAsync(db, now, CancellationToken.None));
        }

        IReadOnlyList<HostedTraining> rows = await database.Work.ReadAsync(
            (unit, token) => unit.Store<IHostedTrainingStore>().ListForAttemptAsync(Job, 1, token), CancellationToken.None);
        Assert.All(rows, static row => Assert.True(row is { IsFinal: true, IsSettled: true }));
        Assert.Empty(await database.Work.ReadAsync((unit, token) => unit.Store<IHostedTrainingStore>().ListOpenAsync(token), CancellationToken.None));
        foreach (HostedTraining row in rows)
        {
            HostedTraining before = Row((HostedSaw)(row.Try - 1));
            Assert.Equal(before.IsFinal ? before.Saw : HostedSaw.NeverMade, row.Saw);
            Assert.Equal(before.IsFinal && before.IsNeeded, row.IsNeeded);
            Assert.Equal(before.IsFinal ? before.EndedAt : now, row.EndedAt);
        }
    }

    private static HostedTraining Row(HostedSaw saw)
    {
        HostedTraining row = new()
        {
            Name = PodNames.For("5eed0001", Job, 1, (int)saw + 1),
            Job = Job,
            Attempt = 1,
            Try = (int)saw + 1,
            IsNeeded = true,
            Saw = saw,
            RequestedAt = Start,
            WantSince = Start,
            StartedAt = Start.AddMinutes(1),
            HourlyRate = new Usd(5_040_000),
        };
        return row.IsFinal ? row with { EndedAt = Start.AddMinutes(2) } : row;
    }
}
