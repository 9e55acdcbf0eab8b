using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Tests.Doubles;

namespace LoraAdmin.Tests.Budget;

/// <summary>Money of two months, booked through the real stores: entries of every kind, attempts that reserve, accrue and are settled, jobs and pods behind them.</summary>
internal sealed class RandomLedger(TestDatabase database, DateTimeOffset now, int seed)
{
    /// <summary>So high that everything fits.</summary>
    public static readonly BudgetRules Rules = new(Usd.FromDollars(100_000), Usd.FromDollars(150));

    private const int Entries = 400;
    private const int Jobs = 40;
    private const int DaysBack = 45;

    private static readonly Actor Person = new(ActorKind.Person, "ada");

    private readonly Random random = new(seed);
    private readonly SeededIds ids = new(seed);

    public async Task FillAsync()
    {
        for (int number = 0; number < Entries; number++)
        {
            BudgetEntry entry = NewEntry(number);
            Assert.True(await database.Work.RunAsync((unit, token) => unit.Store<IBudgetStore>().BookAsync(entry, token), CancellationToken.None));
        }

        for (int number = 0; number < Jobs; number++)
        {
            await AddJobAsync(number);
        }

        await new RandomAccount(database, now, seed).FillAsync();
        await SetLimitsAsync();
    }

    /// <summary>Limits about what the months come to, of both modes; in the end a person's or again the configuration's.</summary>
    private async Task SetLimitsAsync()
    {
        BudgetRules before = Rules;
        for (int number = 4; number > 0; number--)
        {
            Usd limit = new(random.Next(50_000_000, 400_000_000));
            BudgetRules after = random.Next(4) == 0
                ? Rules
                : new BudgetRules(limit, new Usd(random.NextInt64(limit.Micros))) { Mode = random.Next(3) == 0 ? BudgetMode.Soft : BudgetMode.Hard };
            BudgetLimitChange change = new(ids.Next(), now.AddDays(-number), Person, $"change {number}", before, after, FollowsOptions: after == Rules);
            await database.Work.RunAsync((unit, token) => unit.Store<IBudgetLimitStore>().SetAsync(change, token), CancellationToken.None);
            before = after;
        }
    }

    private BudgetEntry NewEntry(int number)
    {
        EntryKind kind = (EntryKind)random.Next(Enum.GetValues<EntryKind>().Length);

        // Whole minutes, so that many share an instant and the key decides.
        DateTimeOffset at = now.AddDays(-random.Next(DaysBack)).AddMinutes(-random.Next(3));
        Month month = random.Next(5) == 0 ? Month.Of(at.AddMonths(-1)) : Month.Of(at);
        return new BudgetEntry
        {
            Key = $"random:{number:0000}",
            Month = month,
            At = at,
            Kind = kind,
            Spent = new Usd(random.Next(-2_000_000, 4_000_000)),
            Reserved = new Usd(random.Next(-3_000_000, 4_000_000)),
            Job = random.Next(3) == 0 ? null : new JobId(new Guid(random.Next(6), 7, 0, new byte[8])),
            Attempt = random.Next(3) == 0 ? null : random.Next(1, 4),
            Pod = random.Next(4) == 0 ? $"lora-pod-{random.Next(9)}" : null,
            Provider = random.Next(4) == 0 ? "runpod" : null,
            Purpose = random.Next(2) == 0 ? null : (CostPurpose)random.Next(Enum.GetValues<CostPurpose>().Length),
            Note = random.Next(4) == 0 ? "a note, with \"quotes\"" : null,
        };
    }

    private async Task AddJobAsync(int number)
    {
        TrainingState state = (TrainingState)random.Next(Enum.GetValues<TrainingState>().Length);
        DateTimeOffset created = now.AddHours(-random.Next(1, 24 * DaysBack));
        bool waits = state is TrainingState.Queued or TrainingState.Preparing && random.Next(2) == 0;
        JobId id = new(ids.Next());
        TrainingJob job = new()
        {
            Id = id,
            LoraId = new LoraId(ids.Next()),
            UserId = new UserId(ids.Next()),
            Name = $"LoRA {number}",
            CreatorEmail = "creator-17@example.org",
            State = state,
            StateSince = created,
            CreatedAt = created,
            UpdatedAt = created,
            CompletedAt = state.IsFinal() ? created.AddHours(1) : null,
            Attempt = random.Next(1, 3),
            Admission = 1,
            DueAt = created,
            WaitReason = waits ? $"RunPod's balance is ${number}.00; it does not cover another pod" : null,
            WaitingSince = waits && random.Next(2) == 0 ? created.AddMinutes(number) : null,
        };
        await database.Work.RunAsync((unit, token) => unit.Store<ITrainingStore>().AddAsync(job, [], null, token), CancellationToken.None);
        if (random.Next(4) > 0)
        {
            await ReserveAsync(job);
        }
    }

    private async Task ReserveAsync(TrainingJob job)
    {
        Usd amount = new(random.Next(1_000_000, 6_000_000));
        ReserveResult.Reserved reserved = Assert.IsType<ReserveResult.Reserved>(await database.Work.RunAsync(
            (unit, token) => unit.Store<IBudgetStore>().TryReserveAsync(ids.Next(), job.Id, job.Attempt, amount, job.CreatedAt, Rules, token), CancellationToken.None));
        Reservation reservation = reserved.Reservation;
        if (random.Next(2) == 0)
        {
            reservation = await ApplyAsync(ReservationBooks.Accrue(reservation, new Usd(amount.Micros / random.Next(1, 5)), Excess, now.AddMinutes(-random.Next(1, 30)))!);
        }

        if (job.State.IsFinal() && random.Next(4) > 0)
        {
            CostSplit split = new(new Usd(random.Next(3_000_000)), new Usd(random.Next(900_000)), new Usd(random.Next(900_000)), new Usd(random.Next(900_000)));
            await ApplyAsync(ReservationBooks.Settle(reservation, split, Excess, now.AddMinutes(-random.Next(1, 30))));
        }
        else if (job.State is not (TrainingState.Queued or TrainingState.Preparing))
        {
            await AddPodAsync(job, 1);
        }

        // One that was given up before, or that is there although its attempt was settled.
        if (random.Next(3) == 0)
        {
            await AddPodAsync(job, 2);
        }

        if (random.Next(4) == 0)
        {
            await AddHostedAsync(job);
        }
    }

    private Task AddPodAsync(TrainingJob job, int number)
    {
        bool isGone = random.Next(3) == 0;
        bool isMade = isGone || random.Next(5) > 0;
        Usd? rate = random.Next(6) == 0 ? null : new Usd(random.Next(200_000, 900_000));
        LedgerPod pod = new()
        {
            Name = $"lora-abc123-{job.Id}-{job.Attempt}-{number}",
            Job = job.Id,
            Attempt = job.Attempt,
            Try = number,
            Want = (PodWant)random.Next(Enum.GetValues<PodWant>().Length),
            WantReason = isGone && random.Next(6) == 0 ? PodReasons.NotOurs : null,
            Saw = isGone ? PodSaw.Gone : !isMade ? PodSaw.Requested : random.Next(5) == 0 ? PodSaw.Leaking : PodSaw.Running,
            PodId = isMade ? $"pod{random.Next():x8}" : null,
            GpuType = "NVIDIA A40",
            HourlyRate = rate,
            RequestedAt = job.CreatedAt,
            CreatedAt = isMade ? job.CreatedAt.AddMinutes(1) : null,
            LiveUntil = random.Next(3) == 0 ? null : now.AddMinutes(random.Next(-60, 170)),
            GoneAt = isGone ? job.CreatedAt.AddMinutes(random.Next(2, 60)) : null,
        };
        pod = rate is not null && random.Next(4) == 0 ? pod.Repriced(new Usd(random.Next(200_000, 900_000)), job.CreatedAt.AddMinutes(2)) : pod;
        return database.Work.RunAsync((unit, token) => unit.Store<IPodLedger>().AddAsync(pod, token), CancellationToken.None);
    }

    private Task AddHostedAsync(TrainingJob job)
    {
        bool isOver = random.Next(2) == 0;
        HostedTraining training = new()
        {
            Name = $"lora-abc123-{job.Id}-{job.Attempt}-9",
            Kind = random.Next(2) == 0 ? HostedKind.Training : HostedKind.Prediction,
            Job = job.Id,
            Attempt = job.Attempt,
            Try = 9,
            IsNeeded = !isOver,
            Saw = isOver ? HostedSaw.Over : HostedSaw.Processing,
            TrainingId = $"training{random.Next():x8}",
            RequestedAt = job.CreatedAt,
            WantSince = job.CreatedAt,
            StartedAt = isOver || random.Next(4) > 0 ? job.CreatedAt.AddMinutes(2) : null,
            EndedAt = isOver ? job.CreatedAt.AddMinutes(20) : null,
            Worked = isOver && random.Next(2) == 0 ? TimeSpan.FromSeconds(random.Next(60, 1200)) : null,
            HourlyRate = new Usd(random.Next(1_000_000, 6_000_000)),
            ImagesGone = isOver && random.Next(2) == 0,
        };
        return database.Work.RunAsync((unit, token) => unit.Store<IHostedTrainingStore>().AddAsync(training, token), CancellationToken.None);
    }

    private async Task<Reservation> ApplyAsync(ReservationChange change) => Assert.Single(
        await database.Work.RunAsync((unit, token) => unit.Store<IBudgetStore>().ApplyAsync([change], token), CancellationToken.None)).After;

    private static Excess Excess() => new(EntryKind.Leak, CostPurpose.Orphan, "lora-pod-1", "past its lifetime");
}
