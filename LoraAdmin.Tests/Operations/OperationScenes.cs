using System.Globalization;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Pods;
using LoraAdmin.Tests.Simulation;
using LoraAdmin.Tests.Simulation.Memory;
using LoraAdmin.Tests.Training;
using LoraAdmin.Training;
using Xunit;

namespace LoraAdmin.Tests.Operations;

/// <summary>A world in which one operation has something to do.</summary>
/// <param name="State">What the world holds of each target: what differs before and after was touched.</param>
/// <param name="Change">After the plan: one planned thing is not to be done any more, and where the plan names its items something new is to be done.</param>
internal sealed record OperationScene(IOperation Operation, SimulatedWorld World, Func<Dictionary<string, string>> State, Func<Task> Change)
{
    /// <summary>Which of the plan's targets a change belongs to; null: none, and it must not be.</summary>
    public required Func<Effect, string?> OwnerOf { get; init; }

    private readonly VendorSpy vendor = new(World.Cloud);

    /// <summary>Calls that the world's vendor got since the scene was made and that were more than a question: method and path.</summary>
    public IReadOnlyList<string> Commands => vendor.Commands;

    /// <summary>Every write that a spy saw: rows, facts, objects, files, commands to a vendor.</summary>
    public int Writes => World.Database.Writes + World.Objects.Changes + World.Disks.Sum(static disk => disk.Changes) + Commands.Count;

    /// <summary>Stands where all calls to the vendor pass, whichever client makes them.</summary>
    private sealed class VendorSpy
    {
        private readonly List<string> commands = [];

        public VendorSpy(LocalCloudFace cloud)
        {
            cloud.Asked += call =>
            {
                if (!HttpWatch.IsQuestion(call.Method))
                {
                    commands.Add($"{call.Method} {call.Path}");
                }
            };
        }

        public IReadOnlyList<string> Commands => commands;
    }
}

/// <summary>One scene for every operation of the portal; the tests fail for one that has none.</summary>
internal static class OperationScenes
{
    public static readonly IReadOnlyDictionary<string, Func<Task<OperationScene>>> All = new Dictionary<string, Func<Task<OperationScene>>>
    {
        [PodSweepOperation.Key] = SweepAsync,
        [SpoolUploadOperation.Key] = UploadsAsync,
        [OldImages.Key] = ImagesAsync,
        [MonthReset.Key] = ResetAsync,
        [HistoryRetention.Key] = HistoryAsync,
        [StorageCensus.Key] = CensusAsync,
        [MoneyReconcile.Key] = MoneyAsync,
        [TotalsCheck.Key] = TotalsAsync,
    };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static async Task<OperationScene> SweepAsync()
    {
        PodHouse house = new();
        PodRecord[] orphans = [.. Enumerable.Range(0, 3).Select(_ => house.AddPod(house.NextName()))];
        await house.KnowAsync(house.AddPod(house.NextName()));
        house.Pass(PodSweep.UnknownAfter + TimeSpan.FromSeconds(1));
        SimulatedWorld world = house.World;
        return new OperationScene(
            new PodSweepOperation(house.Portal.Sweep, world.Clock, Permissions.SweepPods),
            world,
            () => world.Database.Pods.Rows.Where(pod => pod.PodId is not null).ToDictionary(pod => pod.PodId!, pod => $"{pod.Want} {pod.WantReason}"),
            async () =>
            {
                await house.KnowAsync(orphans[1], row => row with { Want = PodWant.Released, WantReason = PodReasons.JobEnded });
                house.AddPod(house.NextName());
                house.Pass(PodSweep.UnknownAfter + TimeSpan.FromSeconds(1));
            })
        {
            OwnerOf = effect => effect switch
            {
                { Where: "command", Key: string call } => orphans.Select(pod => pod.Id).FirstOrDefault(id => call.Contains(id, StringComparison.Ordinal)),
                { Key: OperationalEvent { Pod: { } name } } => world.Database.Pods.Find(name)?.PodId,
                _ => ((effect.After ?? effect.Before) as LedgerPod)?.PodId,
            },
        };
    }

    private static async Task<OperationScene> UploadsAsync()
    {
        TrainingBench bench = new();
        bench.Store.OnPut = static target => target.Bucket == Buckets.Models ? new PutOutcome.Failed("HTTP 544") : null;
        JobId[] jobs = [await FailAsync(), await FailAsync(), await FailAsync()];
        bench.Store.OnPut = null;
        return new OperationScene(
            new SpoolUploadOperation(bench.World.Database, bench.Portal.Uploads, bench.World.Spool, bench.World.Clock, Permissions.UploadFiles),
            bench.World,
            () => bench.World.Database.Spool.Rows.ToDictionary(entry => $"{entry.Spool}/{entry.Name}", entry => $"{bench.Job(entry.Job!.Value).State} {entry.LastTriedAt}"),
            async () =>
            {
                await bench.Portal.FilesDesk.DiscardAsync("disk-1", SpoolNames.File(jobs[1], 1), "of a test", TrainingBench.Person, Token);
                bench.Store.OnPut = static target => target.Bucket == Buckets.Models ? new PutOutcome.Failed("HTTP 544") : null;
                await FailAsync();
                bench.Store.OnPut = null;
            })
        {
            OwnerOf = effect => effect switch
            {
                { Key: JobId job } => FileOf(job),
                { Key: (JobId job, int) } => FileOf(job),
                { Key: LoraId lora } => FileOf(jobs.FirstOrDefault(job => bench.Job(job).LoraId == lora)),
                { Key: OperationalEvent { Job: { } job } } => FileOf(job),
                { Where: "object", Key: string place } => FileOf(jobs.FirstOrDefault(job => place.Contains(bench.Job(job).LoraId.ToString(), StringComparison.Ordinal))),
                { Where: "file", Key: string place } => place,
                { Key: (string spool, string name) } => $"{spool}/{name}",
                _ => null,
            },
        };

        string FileOf(JobId job) => $"{bench.World.Spool.Id}/{SpoolNames.File(job, 1)}";

        async Task<JobId> FailAsync()
        {
            JobId id = await bench.SubmitAsync();
            await bench.RunToStateAsync(id, TrainingState.Failed);
            return id;
        }
    }

    private static async Task<OperationScene> ImagesAsync()
    {
        TrainingBench bench = new();
        JobId[] jobs = [await EndAsync(), await EndAsync()];
        JobId late = await EndAsync();
        bench.World.Clock.SetUtcNow(bench.Job(jobs[1]).CompletedAt!.Value + bench.World.Training.ImageRetention + TimeSpan.FromMinutes(1));
        return new OperationScene(
            new OldImages(bench.World.Database, bench.World.Objects, bench.World.Clock, () => bench.World.Training, Permissions.DeleteImages),
            bench.World,
            () => new[] { jobs[0], jobs[1], late }.ToDictionary(
                id => id.ToString(),
                id => string.Join(' ', bench.World.Database.Images.Find(id)!.Items.Select(image => bench.World.Objects.Find(new ObjectRef(Buckets.TrainingImages, image.Key)) is null))),
            () =>
            {
                // Somebody opens one again; another one comes of age.
                bench.World.Database.Jobs.Set(jobs[1], bench.Job(jobs[1]) with { State = TrainingState.Queued });
                bench.World.Clock.Advance(TimeSpan.FromMinutes(50));
                return Task.CompletedTask;
            })
        {
            OwnerOf = effect => effect switch
            {
                { Key: JobId job } => job.ToString(),
                { Key: OperationalEvent { Job: { } job } } => job.ToString(),
                { Where: "object", Key: string place } => bench.World.Database.Images.All
                    .FirstOrDefault(one => one.Value.Items.Any(image => place == $"{Buckets.TrainingImages}/{image.Key}")).Key.ToString(),
                _ => ((effect.Before ?? effect.After) as TrainingUpload)?.ClaimedBy?.ToString(),
            },
        };

        async Task<JobId> EndAsync()
        {
            JobId id = await bench.SubmitAsync();
            await bench.RunToRestAsync(id);
            return id;
        }
    }

    private static async Task<OperationScene> ResetAsync()
    {
        SimulatedWorld world = new(1);
        UserId[] users = [.. Enumerable.Range(1, 3).Select(number => new UserId(new Guid(number, 0, 0, new byte[8])))];
        foreach (UserId user in users)
        {
            await ChargeAsync(user);
        }

        world.Clock.Advance(TimeSpan.FromDays(2));
        return new OperationScene(
            new MonthReset(world.Database, world.Clock, Permissions.ResetLimits),
            world,
            () => world.Database.Users.All.ToDictionary(one => one.Key.ToString(), one => one.Value.ToString()),
            () => ChargeAsync(users[1]))
        {
            OwnerOf = static effect => (effect.Key as UserId?)?.ToString(),
        };

        Task ChargeAsync(UserId user) => world.Database.RunAsync(
            (unit, token) => unit.Store<ILimitsStore>().TryChargeAsync(user, new JobId(world.Ids.Next()), 1, world.Clock.GetUtcNow(), world.Limits, token), Token);
    }

    /// <summary>Three operations with more runs than are kept, and beside them instants and plans of long ago.</summary>
    private static async Task<OperationScene> HistoryAsync()
    {
        const string leftovers = "instants and plans";
        SimulatedWorld world = new(1);
        OperationRules rules = new(TimeSpan.FromMinutes(5), TimeSpan.FromHours(1), TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(10), KeepRuns: 2, TimeSpan.FromDays(1));
        foreach (string operation in new[] { "tests.one", "tests.two", "tests.three" })
        {
            foreach (int number in Enumerable.Range(1, 5))
            {
                await AddRunAsync(operation, number);
            }
        }

        // One of each is past its time, one comes to be past it within the hour, one stays.
        DateTimeOffset now = world.Clock.GetUtcNow();
        TimeSpan[] ages = [TimeSpan.FromHours(1), TimeSpan.FromMinutes(-10), TimeSpan.FromDays(-3)];
        HashSet<Guid> plans = [];
        foreach (TimeSpan age in ages)
        {
            plans.Add(await AddPlanAsync(now - TimeSpan.FromDays(7) - age));
            Occurrence instant = new("tests.one", now - OperationRules.KeepOccurrencesFor - age, OccurrenceState.Ran, null, null, null, now);
            await world.Database.RunAsync((unit, token) => unit.Store<IOccurrenceStore>().TryAddAsync(instant, token), Token);
        }

        return new OperationScene(
            new HistoryRetention(world.Database, world.Clock, () => rules, Permissions.CleanHistory),
            world,
            () => world.Database.Operations.Runs.Rows.Where(run => run.Operation.StartsWith("tests.", StringComparison.Ordinal))
                .GroupBy(run => run.Operation).ToDictionary(group => group.Key, group => group.Count().ToString(CultureInfo.InvariantCulture))
                .Append(new(leftovers, $"{world.Database.Operations.Occurrences.Rows.Count(one => one.Operation == "tests.one")} {world.Database.Operations.Plans.Rows.Count(plan => plan.Run is null)}"))
                .ToDictionary(),
            async () =>
            {
                // One is cleaned by somebody else; one runs again, so that an older run of it would go too; a new one comes.
                await world.Database.RunAsync(
                    (unit, token) => unit.Store<IOperationRunStore>().DeleteOldAsync("tests.two", world.Clock.GetUtcNow(), 2, 100, token), Token);
                await AddRunAsync("tests.one", 0);
                foreach (int number in Enumerable.Range(1, 5))
                {
                    await AddRunAsync("tests.new", number);
                }

                world.Clock.Advance(TimeSpan.FromMinutes(20));
            })
        {
            OwnerOf = effect => effect switch
            {
                { Key: Guid plan } when plans.Contains(plan) => leftovers,
                { Key: (Guid plan, int) } when plans.Contains(plan) => leftovers,
                _ when (effect.Before ?? effect.After) is Occurrence => leftovers,
                _ => ((effect.Before ?? effect.After) as OperationRun)?.Operation,
            },
        };

        Task AddRunAsync(string operation, int number)
        {
            DateTimeOffset at = world.Clock.GetUtcNow().AddDays(-10 * number);
            OperationRun run = new()
            {
                Id = world.Ids.Next(),
                Operation = operation,
                Number = number,
                Trigger = RunTrigger.Schedule,
                StartedBy = Actor.Portal(operation),
                State = RunState.Succeeded,
                StartedAt = at,
                EndedAt = at,
                Instance = "portal-1",
                LeaseUntil = at,
            };
            return world.Database.RunAsync((unit, token) => unit.Store<IOperationRunStore>().AddAsync(run, token), Token);
        }

        async Task<Guid> AddPlanAsync(DateTimeOffset at)
        {
            PlanDraft draft = PlanDraft.OfItems(at, [new PlanItem("a", "do", "of a test")]);
            OperationPlan plan = new(world.Ids.Next(), "tests.one", "inst0001", draft, draft.Hash(), OperationHouse.Ada, at, PlanState.Open, null);
            await world.Database.RunAsync((unit, token) => unit.Store<IOperationPlanStore>().AddAsync(plan, token), Token);
            return plan.Id;
        }
    }

    /// <summary>Two completed LoRAs whose files are gone, and three objects that no row knows.</summary>
    private static async Task<OperationScene> CensusAsync()
    {
        TrainingBench bench = new();
        SimulatedWorld world = bench.World;
        JobId[] jobs = [await EndAsync(), await EndAsync(), await EndAsync()];
        ObjectRef[] strays = [new(Buckets.Models, "nobody/knows/model.safetensors"), new(Buckets.ValidationImages, "a.jpg"), new(Buckets.TrainingImages, "b.png")];
        foreach (ObjectRef stray in strays)
        {
            world.Objects.Set(stray, [1, 2, 3], "image/png");
        }

        byte[] file = world.Objects.Find(FileOf(jobs[1]))!;
        await world.Objects.DeleteAsync(FileOf(jobs[0]), Token);
        await world.Objects.DeleteAsync(FileOf(jobs[1]), Token);
        world.Clock.Advance(TimeSpan.FromDays(2));
        return new OperationScene(
            new StorageCensus(world.Database, world.Objects, world.Objects, world.Clock, Permissions.CountFiles),
            world,
            () => world.Database.Censuses.Rows.GroupBy(one => one.Bucket).Select(bucket => (bucket.Key, $"{bucket.MaxBy(one => one.At)}"))
                .Concat(world.Database.Differences.Rows.Select(one => ($"{one.Bucket}/{one.Key}", $"{one}")))
                .ToDictionary(one => one.Item1, one => one.Item2),
            () =>
            {
                // Somebody brings one file back; another object comes that nobody knows.
                world.Objects.Set(FileOf(jobs[1]), file, "application/octet-stream");
                world.Objects.Set(new ObjectRef(Buckets.Models, "late/comer/model.safetensors"), [1], "application/octet-stream");
                return Task.CompletedTask;
            })
        {
            OwnerOf = static effect => effect switch
            {
                { Key: OperationalEvent fact } => fact.Signals[0].Subject,
                { After: BucketCensus census } => census.Bucket,
                { After: CensusDifference difference } => $"{difference.Bucket}/{difference.Key}",
                _ => null,
            },
        };

        ObjectRef FileOf(JobId job) => ObjectKeys.Model(bench.Job(job).UserId, bench.Job(job).LoraId);

        async Task<JobId> EndAsync()
        {
            JobId id = await bench.SubmitAsync();
            await bench.RunToRestAsync(id);
            return id;
        }
    }

    private static async Task<OperationScene> MoneyAsync()
    {
        TrainingBench bench = new();
        for (int job = 0; job < 3; job++)
        {
            await EndAsync();
        }

        await bench.RunForAsync(TimeSpan.FromDays(1) + PodBills.ClosedAfter);
        MoneyReconcile operation = BillsOf.Operation(bench);
        return new OperationScene(
            operation,
            bench.World,
            () => bench.VendorPods.ToDictionary(
                pod => pod.Id,
                pod => string.Join(' ', bench.World.Database.Bills.Rows.Where(bill => bill.Record.PodId == pod.Id).Select(bill => bill.Record.Total)
                    .Concat(bench.World.Database.Entries.Rows.Where(entry => entry.Pod == pod.Name).Select(entry => entry.Spent)))),
            async () =>
            {
                // Somebody corrects one of them; another pod ends.
                PlanDraft plan = ((Planning.Planned)await operation.PlanAsync(Token)).Plan;
                await operation.ApplyAsync(plan.Items[1], new FreeTurn(bench.World.Database), Token);
                await EndAsync();
            })
        {
            OwnerOf = effect => effect switch
            {
                { After: KeptBill bill } => bill.Record.PodId,
                { After: BudgetEntry { Pod: { } pod } } => PodOf(row => row.Name == pod),
                { Key: OperationalEvent { Pod: { } pod } } => PodOf(row => row.Name == pod),
                { Key: JobId job } => PodOf(row => row.Job == job),
                { Key: (JobId job, int) } => PodOf(row => row.Job == job),

                // Sums of entries, of which the newest belongs to a pod.
                { After: BudgetMonth or LedgerDay } => PodOf(row => row.Name == bench.World.Database.Entries.Rows.Where(entry => entry.Pod is not null).MaxBy(entry => entry.At)!.Pod),
                _ => null,
            },
        };

        string? PodOf(Func<LedgerPod, bool> condition) => bench.World.Database.Pods.Rows.FirstOrDefault(condition)?.PodId;

        async Task EndAsync()
        {
            JobId id = await bench.SubmitAsync();
            await bench.RunToRestAsync(id);
        }
    }

    /// <summary>Two totals of days and one of a month, of which each says more than its entries.</summary>
    private static async Task<OperationScene> TotalsAsync()
    {
        TrainingBench bench = new();
        await bench.RunToRestAsync(await bench.SubmitAsync());
        MemoryDatabase database = bench.World.Database;
        (KeptTotal Total, LedgerDay Day)[] days = [.. database.Days.All.OrderBy(day => day.Key.ToString(), StringComparer.Ordinal).Select(day => (day.Key, day.Value))];
        BudgetMonth month = database.Months.Rows.Single();
        Spoil(0);
        Spoil(1);
        database.Months.Set(month.Month, month with { Spent = month.Spent + Usd.FromDollars(1) });
        return new OperationScene(
            new TotalsCheck(database, bench.World.Clock, Permissions.ReconcileMoney),
            bench.World,
            () => database.Days.All.Select(day => (day.Key.ToString(), $"{day.Value}"))
                .Concat(database.Months.All.Select(row => (row.Key.ToString(), $"{row.Value}")))
                .ToDictionary(one => one.Item1, one => one.Item2),
            () =>
            {
                // Somebody mends one of them; another is spoilt.
                database.Days.Set(days[1].Total, days[1].Day);
                Spoil(2);
                return Task.CompletedTask;
            })
        {
            OwnerOf = effect => effect switch
            {
                { Key: KeptTotal total } => total.ToString(),
                { Key: Month of } => of.ToString(),
                { Key: OperationalEvent fact } => days.Select(day => day.Total.ToString()).Append(month.Month.ToString())
                    .FirstOrDefault(total => fact.Message.StartsWith($"The total {total} was ", StringComparison.Ordinal)),
                _ => null,
            },
        };

        void Spoil(int number) => database.Days.Set(days[number].Total, days[number].Day with { Spent = days[number].Day.Spent + Usd.FromDollars(1) });
    }
}
