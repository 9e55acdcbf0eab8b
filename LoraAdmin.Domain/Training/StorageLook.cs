using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training;

/// <summary>What one look through a bucket found.</summary>
/// <param name="Differences">The first of each kind; the counts have all.</param>
internal sealed record BucketLook(BucketCensus Census, IReadOnlyList<CensusDifference> Differences);

/// <summary>
/// Goes through a bucket part by part beside the tables that know its objects, both in the order of keys, so that neither is ever held whole. Reads only.
/// </summary>
internal sealed class StorageLook(IUnitOfWork work, IObjectListing listing, IObjectStore objects)
{
    private const int PageSize = 1000;

    public async Task<BucketLook> AtAsync(string bucket, DateTimeOffset now, CancellationToken cancellationToken)
    {
        Tally tally = new(bucket, now);
        CompletedRows? rows = bucket == Buckets.Models ? new CompletedRows(work) : null;
        string? after = null;
        do
        {
            switch (await listing.ListAsync(bucket, after, PageSize, cancellationToken))
            {
                case ObjectPage.Unavailable unavailable:
                    return tally.Unread(unavailable.Reason);
                case ObjectPage.Listed page:
                    await CountAsync(tally, bucket, page.Objects, now, cancellationToken);
                    if (rows is not null && await MissingAsync(tally, rows, page, cancellationToken) is { } unread)
                    {
                        return tally.Unread(unread);
                    }

                    after = page.Next;
                    break;
                default:
                    throw new NotSupportedException("A part of a bucket is listed or unavailable.");
            }
        }
        while (after is not null);
        return tally.Whole();
    }

    /// <summary>Which of the bucket's keys some row knows.</summary>
    public static async Task<IReadOnlySet<string>> KnownAsync(IUnit unit, string bucket, IReadOnlyCollection<string> keys, CancellationToken cancellationToken) => bucket switch
    {
        Buckets.Models => await KnownModelsAsync(unit.Store<ILoraFiles>(), keys, cancellationToken),
        Buckets.ValidationImages => await unit.Store<ILoraFiles>().ListImageKeysAsync(
            [.. keys.Select(ObjectKeys.LoraOfValidationImage).OfType<LoraId>().Distinct()], cancellationToken),
        _ => await KnownTrainingImagesAsync(unit, keys, cancellationToken),
    };

    private static async Task<IReadOnlySet<string>> KnownModelsAsync(ILoraFiles loras, IReadOnlyCollection<string> keys, CancellationToken cancellationToken)
    {
        IReadOnlySet<LoraId> rows = await loras.FindExistingAsync([.. keys.Select(ObjectKeys.LoraOfModel).OfType<LoraId>().Distinct()], cancellationToken);
        HashSet<string> known = [.. keys.Where(key => ObjectKeys.LoraOfModel(key) is { } lora && rows.Contains(lora))];
        string[] left = [.. keys.Where(key => !known.Contains(key))];
        if (left.Length > 0)
        {
            known.UnionWith(await loras.FindPathsAsync(left, cancellationToken));
        }

        return known;
    }

    private static async Task<IReadOnlySet<string>> KnownTrainingImagesAsync(IUnit unit, IReadOnlyCollection<string> keys, CancellationToken cancellationToken)
    {
        Dictionary<string, (UserId User, Guid? Upload)?> owners = keys.ToDictionary(key => key, ObjectKeys.OwnerOfTrainingImage);
        IReadOnlySet<Guid> uploads = await unit.Store<ITrainingUploadStore>().FindExistingAsync(
            [.. owners.Values.Select(owner => owner?.Upload).OfType<Guid>().Distinct()], cancellationToken);
        HashSet<string> known = [.. keys.Where(key => owners[key]?.Upload is { } upload && uploads.Contains(upload))];
        UserId[] users = [.. keys.Where(key => !known.Contains(key)).Select(key => owners[key]?.User).OfType<UserId>().Distinct()];
        if (users.Length > 0)
        {
            known.UnionWith(await unit.Store<ITrainingStore>().FindImageKeysAsync(users, [.. keys.Where(key => !known.Contains(key))], cancellationToken));
        }

        return known;
    }

    private async Task CountAsync(Tally tally, string bucket, IReadOnlyList<ListedObject> page, DateTimeOffset now, CancellationToken cancellationToken)
    {
        tally.Objects += page.Count;
        tally.Bytes += page.Sum(one => one.SizeBytes);
        string[] keys = [.. page.Where(one => now - one.LastModified >= StorageCensus.StrayAfter).Select(one => one.Key)];
        if (keys.Length == 0)
        {
            return;
        }

        IReadOnlySet<string> known = await work.ReadAsync((unit, token) => KnownAsync(unit, bucket, keys, token), cancellationToken);
        foreach (ListedObject one in page.Where(one => now - one.LastModified >= StorageCensus.StrayAfter && !known.Contains(one.Key)))
        {
            tally.Add(new CensusDifference(bucket, one.Key, DifferenceKind.Stray, now, null, one.SizeBytes));
        }
    }

    /// <summary>Rows whose keys lie within the part, or after the last one, and whose object is not in it.</summary>
    /// <returns>Why it could not be told; null: it could.</returns>
    private async Task<string?> MissingAsync(Tally tally, CompletedRows rows, ObjectPage.Listed page, CancellationToken cancellationToken)
    {
        HashSet<string> keys = [.. page.Objects.Select(one => one.Key)];
        while (await rows.TakeUpToAsync(page.Next, cancellationToken) is { } row)
        {
            if (keys.Contains(row.Path))
            {
                continue;
            }

            string key = row.Path.Length > 0 ? row.Path : ObjectKeys.Model(row.User, row.Id).Key;

            // It may have been stored since the part was listed. Where very many are missing the listing is believed.
            switch (tally.IsFull(DifferenceKind.Missing) || row.Path.Length == 0 || !ObjectKeys.IsValid(key) ? new ObjectReading.NotFound() : await objects.OpenAsync(new ObjectRef(tally.Bucket, key), cancellationToken))
            {
                case ObjectReading.Found found:
                    await found.Content.DisposeAsync();
                    break;
                case ObjectReading.Unavailable unavailable:
                    return unavailable.Reason;
                default:
                    tally.Add(new CensusDifference(tally.Bucket, key, DifferenceKind.Missing, tally.At, row.Id, null));
                    break;
            }
        }

        return null;
    }

    private sealed class Tally(string bucket, DateTimeOffset at)
    {
        private readonly List<CensusDifference> strays = [];
        private readonly List<CensusDifference> missing = [];
        private long allStrays;
        private long allMissing;

        public string Bucket => bucket;

        public DateTimeOffset At => at;

        public long Objects { get; set; }

        public long Bytes { get; set; }

        public bool IsFull(DifferenceKind kind) => Of(kind).Count >= StorageCensus.MostDifferences;

        public void Add(CensusDifference difference)
        {
            allStrays += difference.Kind == DifferenceKind.Stray ? 1 : 0;
            allMissing += difference.Kind == DifferenceKind.Missing ? 1 : 0;
            if (!IsFull(difference.Kind))
            {
                Of(difference.Kind).Add(difference);
            }
        }

        public BucketLook Whole() => new(new BucketCensus(bucket, at, Objects, Bytes, allStrays, allMissing, null), [.. missing.Concat(strays)]);

        /// <summary>What was seen of a part says nothing about the whole.</summary>
        public BucketLook Unread(string why) => new(new BucketCensus(bucket, at, 0, 0, 0, 0, why), []);

        private List<CensusDifference> Of(DifferenceKind kind) => kind == DifferenceKind.Missing ? missing : strays;
    }

    /// <summary>Completed LoRAs in the order of their paths, some at a time.</summary>
    private sealed class CompletedRows(IUnitOfWork work)
    {
        private readonly Queue<StoredLora> ahead = new();
        private StoredLora? last;
        private bool isWhole;

        /// <returns>The next row whose path is not after the key; null: there is none.</returns>
        public async Task<StoredLora?> TakeUpToAsync(string? key, CancellationToken cancellationToken)
        {
            if (ahead.Count == 0 && !isWhole)
            {
                IReadOnlyList<StoredLora> page = await work.ReadAsync((unit, token) => unit.Store<ILoraFiles>().ListCompletedAsync(last, PageSize, token), cancellationToken);
                foreach (StoredLora row in page)
                {
                    ahead.Enqueue(row);
                    last = row;
                }

                isWhole = page.Count < PageSize;
            }

            return ahead.TryPeek(out StoredLora? next) && (key is null || string.CompareOrdinal(next.Path, key) <= 0) ? ahead.Dequeue() : null;
        }
    }
}
