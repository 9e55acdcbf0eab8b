using System.Globalization;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// Counts what each bucket holds and notes where buckets and tables don't agree: objects that no row knows, completed LoRAs whose file is not there. It only
/// counts and reports: nothing is ever deleted or mended by it.
/// </summary>
/// <param name="permission">What a person needs to run it.</param>
public sealed class StorageCensus(IUnitOfWork work, IObjectListing listing, IObjectStore objects, TimeProvider clock, string permission) : IItemOperation
{
    public const string Key = "storage.census";

    /// <summary>Differences of one kind in a bucket that are named one by one. More of them have one cause, which the first show.</summary>
    public const int MostDifferences = 500;

    /// <summary>An object that is younger may be about to get its row: a form that is being sent, a file that is being verified.</summary>
    public static readonly TimeSpan StrayAfter = TimeSpan.FromDays(1);

    private const string Count = "count";
    private const string Report = "report";
    private const char Between = '\t';

    private readonly StorageLook look = new(work, listing, objects);

    public OperationInfo Info { get; } = new(
        Key,
        "Census of storage",
        "Counts the objects and bytes of each bucket, and reports objects that no row knows and completed LoRAs whose file is missing. It deletes nothing.",
        "0 10 3 * * ?",
        permission);

    public async Task<Planning> PlanAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        List<PlanItem> items = [];
        List<Figure> totals = [];
        foreach (string bucket in Buckets.All)
        {
            BucketLook found = await look.AtAsync(bucket, now, cancellationToken);

            // The count comes last: it notes what the second looks have confirmed.
            items.AddRange(found.Differences.Select(ToItem));
            items.Add(ToItem(found));
            totals.AddRange(Figures(found.Census));
        }

        return new Planning.Planned(PlanDraft.OfItems(now, items) with { Totals = totals });
    }

    public Task ApplyAsync(PlanItem item, IItemTurn turn, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(item);
        ArgumentNullException.ThrowIfNull(turn);
        return item.Action == Count
            ? turn.EndAsync((unit, token) => NoteAsync(unit, ReadCount(item), turn.Actor, token), cancellationToken)
            : ReportAsync(ReadDifference(item), turn, cancellationToken);
    }

    public async Task<IReadOnlyList<Figure>> MeasureAsync(IUnit unit, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        IReadOnlyList<BucketStanding> standings = await unit.Store<IStorageCensusStore>().ReadAsync(Month.Of(clock.GetUtcNow()).Start, cancellationToken);
        return [.. standings.Select(one => one.LastRead).OfType<BucketCensus>().SelectMany(Figures)];
    }

    public Task<string?> CheckAsync(IUnit unit, CancellationToken cancellationToken) => Task.FromResult<string?>(null);

    private static async Task<ItemOutcome> NoteAsync(IUnit unit, PlannedCount planned, Actor actor, CancellationToken cancellationToken)
    {
        ConfirmedDifferences confirmed = await unit.Store<IStorageCensusStore>().CountConfirmedAsync(planned.Census.Bucket, planned.Census.At, cancellationToken);
        BucketCensus census = planned.Census with
        {
            Strays = planned.Census.Strays - planned.NamedStrays + confirmed.Strays,
            Missing = planned.Census.Missing - planned.NamedMissing + confirmed.Missing,
        };
        if (!await unit.Store<IStorageCensusStore>().TryNoteAsync(census, cancellationToken))
        {
            return ItemOutcome.Ineligible("A later count of the bucket is kept");
        }

        if (census.Unread is { } why)
        {
            return ItemOutcome.Failed($"It could not be read to its end: {why}");
        }

        await unit.Events.AppendAsync(
            new OperationalEvent
            {
                Kind = StorageEvents.Counted,
                Message = $"{census.Bucket} holds {Words(census)}",
                Actor = actor,
                Severity = census.Missing > 0 ? EventSeverity.Error : EventSeverity.Info,
                Signals = [Signal(census)],
            },
            cancellationToken);
        return new ItemOutcome(ItemEnd.Done, Words(census));
    }

    /// <summary>
    /// What the look saw may be mended by now: it is looked at once more, and noted if it still is so. One that can't be looked at stands as it was seen.
    /// </summary>
    private async Task ReportAsync(CensusDifference difference, IItemTurn turn, CancellationToken cancellationToken)
    {
        bool? isThere = difference.Kind == DifferenceKind.Missing && !ObjectKeys.IsValid(difference.Key) ? false : null;
        string? unread = null;
        switch (isThere is null ? await objects.OpenAsync(new ObjectRef(difference.Bucket, difference.Key), cancellationToken) : null)
        {
            case ObjectReading.Found found:
                await found.Content.DisposeAsync();
                isThere = true;
                break;
            case ObjectReading.Unavailable unavailable:
                unread = unavailable.Reason;
                break;
            default:
                isThere = false;
                break;
        }

        await turn.EndAsync(
            async (unit, token) => unread is null && await WhyMendedAsync(unit, difference, isThere == true, token) is { } mended ? ItemOutcome.Ineligible(mended)
                : !await unit.Store<IStorageCensusStore>().TryAddAsync(difference, token) ? ItemOutcome.Ineligible("A later count of the bucket is kept")
                : unread is null ? ItemOutcome.Done
                : ItemOutcome.Failed($"It could not be looked at again, and stands as it was seen: {unread}"),
            cancellationToken);
    }

    private static async Task<string?> WhyMendedAsync(IUnit unit, CensusDifference difference, bool isThere, CancellationToken cancellationToken)
    {
        if (difference.Kind == DifferenceKind.Stray)
        {
            return !isThere ? "It is gone"
                : (await StorageLook.KnownAsync(unit, difference.Bucket, [difference.Key], cancellationToken)).Contains(difference.Key) ? "A row knows it by now"
                : null;
        }

        Lora? lora = await unit.Store<ILoraStore>().FindAsync(difference.Lora!.Value, cancellationToken);
        bool names = lora is { Status: LoraStatus.Completed } && (string.IsNullOrEmpty(lora.StoragePath) || lora.StoragePath == difference.Key);
        return !names ? "The LoRA does not name that file any more"
            : isThere && !string.IsNullOrEmpty(lora!.StoragePath) ? "Storage has it by now"
            : null;
    }

    private static IncidentSignal Signal(BucketCensus census) => census.Missing > 0
        ? new IncidentSignal(StorageIncidents.FilesMissing, census.Bucket, $"{census.Bucket} lacks the files of {census.Missing} completed LoRAs")
        : new IncidentSignal(StorageIncidents.FilesMissing, census.Bucket, "Every completed LoRA has its file", Over: true);

    private static string Words(BucketCensus census)
    {
        string strays = census.Strays == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", {census.Strays} of them unknown to every row");
        string missing = census.Missing == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"; {census.Missing} completed LoRAs have no file there");
        return string.Create(CultureInfo.InvariantCulture, $"{census.Objects:N0} {(census.Objects == 1 ? "object" : "objects")} of {census.Bytes:N0} bytes{strays}{missing}");
    }

    private static IEnumerable<Figure> Figures(BucketCensus census) => census.Unread is not null
        ? [new Figure($"{census.Bucket}: objects", "could not be read")]
        :
        [
            new Figure($"{census.Bucket}: objects", census.Objects.ToString("N0", CultureInfo.InvariantCulture)),
            new Figure($"{census.Bucket}: bytes", census.Bytes.ToString("N0", CultureInfo.InvariantCulture)),
            new Figure($"{census.Bucket}: unknown to every row", census.Strays.ToString("N0", CultureInfo.InvariantCulture)),
            .. census.Bucket == Buckets.Models ? [new Figure($"{census.Bucket}: missing files", census.Missing.ToString("N0", CultureInfo.InvariantCulture))] : Array.Empty<Figure>(),
        ];

    private static PlanItem ToItem(BucketLook found)
    {
        BucketCensus census = found.Census;
        long[] numbers =
        [
            census.At.ToUnixTimeMilliseconds(), census.Objects, census.Bytes, census.Strays, census.Missing, Named(DifferenceKind.Stray), Named(DifferenceKind.Missing),
        ];
        return new PlanItem(census.Bucket, Count, census.Unread is { } why ? $"It can't be read to its end: {why}" : $"It holds {Words(census)}")
        {
            Bytes = census.Unread is null ? census.Bytes : null,
            Detail = string.Join(Between, [.. numbers.Select(number => number.ToString(CultureInfo.InvariantCulture)), census.Unread ?? ""]),
        };

        long Named(DifferenceKind kind) => found.Differences.Count(one => one.Kind == kind);
    }

    private static PlannedCount ReadCount(PlanItem item)
    {
        const int numbersOfACount = 7;
        string[] parts = item.Detail!.Split(Between, numbersOfACount + 1);
        long[] numbers = [.. parts.Take(numbersOfACount).Select(part => long.Parse(part, CultureInfo.InvariantCulture))];
        string unread = parts[numbersOfACount];
        return new PlannedCount(
            new BucketCensus(
                item.Target, DateTimeOffset.FromUnixTimeMilliseconds(numbers[0]), numbers[1], numbers[2], numbers[3], numbers[4], unread.Length == 0 ? null : unread),
            numbers[5],
            numbers[6]);
    }

    private static PlanItem ToItem(CensusDifference difference) =>
        new($"{difference.Bucket}/{difference.Key}", Report, difference.Kind == DifferenceKind.Stray
            ? "It lies in the bucket, and no row knows it"
            : $"LoRA {difference.Lora} is completed, and its file is not there")
        {
            Bytes = difference.SizeBytes,
            Detail = string.Join(Between, difference.At.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture), difference.Lora?.ToString() ?? ""),
        };

    private static CensusDifference ReadDifference(PlanItem item)
    {
        string[] place = item.Target.Split('/', 2);
        string[] parts = item.Detail!.Split(Between);
        LoraId? lora = parts[1].Length == 0 ? null : new LoraId(Guid.Parse(parts[1]));
        return new CensusDifference(
            place[0],
            place[1],
            lora is null ? DifferenceKind.Stray : DifferenceKind.Missing,
            DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(parts[0], CultureInfo.InvariantCulture)),
            lora,
            item.Bytes);
    }

    /// <param name="Census">As the look saw the bucket.</param>
    /// <param name="NamedStrays">Strays that the plan names, each in an item before the count.</param>
    /// <param name="NamedMissing">Missing files that it names.</param>
    private sealed record PlannedCount(BucketCensus Census, long NamedStrays, long NamedMissing);
}
