using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training.Steps;

namespace LoraAdmin.Domain.Training;

/// <summary>The figures that admission works by, read anew for each command.</summary>
public sealed record AdmissionRules(TrainingRules Training, BudgetRules Budget, LimitRules Limits);

/// <inheritdoc cref="ITrainingDesk"/>
public sealed class TrainingDesk(
    IUnitOfWork work, GpuPrices prices, ISpool spool, IIds ids, TimeProvider clock, Func<AdmissionRules> rules, ClockStandings clocks) : ITrainingDesk
{
    public static readonly TimeSpan IdempotencyKeptFor = TimeSpan.FromDays(7);

    /// <summary>So many of the reservations that end first are looked at before all are.</summary>
    private const int EndFirst = 50;

    public async Task<SubmitOutcome> SubmitAsync(TrainingRequest request, IdempotencyKey? key, Actor actor, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        AdmissionRules now = rules();
        IReadOnlyList<FieldProblem> problems = TrainingRequestCheck.Check(request, now.Training);
        if (problems.Count > 0)
        {
            return new SubmitOutcome.Invalid(problems);
        }

        // Outside the transaction: it may ask the provider's catalog.
        Usd estimate = await EstimateAsync(request.GpuType, now.Training, cancellationToken);
        try
        {
            return await work.RunAsync((unit, token) => AdmitAsync(unit, request, key, actor, estimate, now, token), cancellationToken);
        }
        catch (NotAdmittedException refusal)
        {
            return refusal.Outcome is SubmitOutcome.BudgetExhausted full
                ? full with { MayFitAt = await MayFitAtAsync(full.Month, full.Estimate, now.Training, cancellationToken) }
                : refusal.Outcome;
        }
    }

    public async Task<CancelOutcome> CancelAsync(JobId job, string reason, Actor actor, CancellationToken cancellationToken) => await work.RunAsync<CancelOutcome>(
        async (unit, token) =>
        {
            ITrainingStore store = unit.Store<ITrainingStore>();
            if (await store.FindAsync(job, token) is not { } found)
            {
                return new CancelOutcome.NotFound();
            }

            if (!await store.WishCancelAsync(job, new CancelWish(actor, reason, clock.GetUtcNow()), token))
            {
                return new CancelOutcome.TooLate(found.State);
            }

            await unit.Events.AppendAsync(TrainingFacts.Of(found, TrainingEvents.CancelRequested, $"Cancel requested: {reason}", actor), token);
            return new CancelOutcome.Noted();
        },
        cancellationToken);

    public async Task<RetryOutcome> RetryAsync(JobId job, Actor actor, CancellationToken cancellationToken)
    {
        AdmissionRules now = rules();
        TrainingJob? seen = await work.ReadAsync((unit, token) => unit.Store<ITrainingStore>().FindAsync(job, token), cancellationToken);
        if (seen is null)
        {
            return new RetryOutcome.NotFound();
        }

        Usd estimate = await EstimateAsync(seen.GpuType, now.Training, cancellationToken);
        try
        {
            return await work.RunAsync((unit, token) => ReopenAsync(unit, job, actor, estimate, now, token), cancellationToken);
        }
        catch (NotReopenedException refusal)
        {
            return refusal.Outcome is RetryOutcome.BudgetExhausted full
                ? full with { MayFitAt = await MayFitAtAsync(full.Month, full.Estimate, now.Training, cancellationToken) }
                : refusal.Outcome;
        }
    }

    /// <summary>
    /// Outside the transaction that did not admit: it holds the month's row. The reservations that end first mostly make room enough; all of them are read only where they
    /// don't, since every caller is refused when the month is full.
    /// </summary>
    private async Task<DateTimeOffset?> MayFitAtAsync(BudgetMonth month, Usd estimate, TrainingRules training, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clocks.ByProvider(clock.GetUtcNow());
        return month.Mode == BudgetMode.Soft || !BudgetOutlook.MayEverFit(month, estimate) ? At([], new Dictionary<(JobId, int), DateTimeOffset?>()) : await work.ReadAsync(
            async (unit, token) =>
            {
                IBudgetStore store = unit.Store<IBudgetStore>();
                IReadOnlyDictionary<(JobId Job, int Attempt), DateTimeOffset?> doubts = await AttemptDoubts.OfEndedAsync(unit, clocks, clock.GetUtcNow(), token);

                // What is in doubt ends sooner than its age says.
                DateTimeOffset? first = doubts.Count > 0 ? null : At(await store.ListOpenSinceAsync(now - training.PodLifetime, EndFirst, token), doubts);
                return first < month.Month.End ? first : At(await store.ListAllOpenAsync(token), doubts);
            },
            cancellationToken);

        DateTimeOffset? At(IReadOnlyList<Reservation> open, IReadOnlyDictionary<(JobId, int), DateTimeOffset?> known) =>
            BudgetOutlook.MayFitAt(month, estimate, open, training.PodLifetime, known, now);
    }

    private async Task<Usd> EstimateAsync(string? gpuType, TrainingRules training, CancellationToken cancellationToken)
    {
        IReadOnlyList<string> types = gpuType is null ? training.GpuTypes : [gpuType];
        return training.EstimateAt(await prices.DearestAsync(types, training.WorstHourlyPrice, cancellationToken));
    }

    private async Task<SubmitOutcome> AdmitAsync(
        IUnit unit, TrainingRequest request, IdempotencyKey? key, Actor actor, Usd estimate, AdmissionRules figures, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        JobId jobId = new(ids.Next());
        LoraId loraId = new(ids.Next());
        if (key is not null)
        {
            IdempotencyRecord? holder = await unit.Store<IIdempotencyStore>().ClaimAsync(
                new IdempotencyRecord(key.TokenId, key.Key, key.BodyHash, jobId, loraId, now), now - IdempotencyKeptFor, cancellationToken);
            if (holder is null)
            {
                return new SubmitOutcome.KeyInFlight();
            }

            if (holder.Job != jobId)
            {
                return holder.BodyHash == key.BodyHash ? new SubmitOutcome.Accepted(holder.Job, holder.Lora, Replayed: true) : new SubmitOutcome.KeyReused();
            }
        }

        ChargeResult charge = await unit.Store<ILimitsStore>().TryChargeAsync(request.UserId, jobId, 1, now, figures.Limits, cancellationToken);
        if (charge.Verdict != ChargeVerdict.Charged)
        {
            throw new NotAdmittedException(new SubmitOutcome.LimitReached(charge));
        }

        if (request.Upload is { } upload && !await ClaimAsync(unit, upload, request.UserId, jobId, now, cancellationToken))
        {
            throw new NotAdmittedException(new SubmitOutcome.UploadGone());
        }

        if (request.Upload is null)
        {
            // Keys may name images that lie staged under an upload: from here on they are this job's, and no sweep takes them.
            foreach (Guid staged in ObjectKeys.UploadsOf(request.UserId, request.ImageKeys))
            {
                if (!await ClaimAsync(unit, staged, request.UserId, jobId, now, cancellationToken)
                    && await unit.Store<ITrainingUploadStore>().FindAsync(staged, cancellationToken) is { ClaimedBy: null } late && late.User == request.UserId)
                {
                    throw new NotAdmittedException(new SubmitOutcome.UploadGone());
                }
            }
        }

        TrainingJob job = NewJob(request, jobId, loraId, now);
        Lora lora = new()
        {
            Id = loraId,
            UserId = request.UserId,
            CreatorEmail = request.CreatorEmail,
            Name = request.Name,
            Status = LoraStatus.Training,
            CreatedAt = now,
            UpdatedAt = now,
        };
        List<TrainingImage> images = [.. request.ImageKeys.Select((imageKey, number) => new TrainingImage(number, imageKey, null, null, null, null, null))];
        string accepted = $"Accepted \"{request.Name}\" with {images.Count} {(images.Count == 1 ? "image" : "images")}; {estimate} reserved at most";
        await unit.Events.AppendAsync(TrainingFacts.Of(job, TrainingEvents.Accepted, accepted, actor), cancellationToken);
        await unit.Store<ILoraStore>().AddAsync(lora, cancellationToken);
        TrainingAttempt first = new(jobId, 1, ProvisioningStep.Provider, AttemptState.Active, now, null, null, null);
        await unit.Store<ITrainingStore>().AddAsync(job, images, first, cancellationToken);

        // Last: every admission of the month waits for the month's row, so only the commit follows. Always after the user's row, so that two
        // admissions can't wait for each other. A clock that is far off does not say which month it is.
        ReserveResult reserved = await unit.Store<IBudgetStore>().TryReserveAsync(
            ids.Next(), jobId, 1, estimate, clocks.ByProvider(now), figures.Budget, cancellationToken);
        return reserved is ReserveResult.DoesNotFit full
            ? throw new NotAdmittedException(new SubmitOutcome.BudgetExhausted(full.Month, full.Estimate))
            : new SubmitOutcome.Accepted(jobId, loraId, Replayed: false);
    }

    /// <returns>False: unknown, another user's, claimed already, or about to be removed.</returns>
    private static async Task<bool> ClaimAsync(IUnit unit, Guid upload, UserId user, JobId job, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ITrainingUploadStore uploads = unit.Store<ITrainingUploadStore>();
        return await uploads.FindAsync(upload, cancellationToken) is { } found && now - found.CreatedAt < TrainingUpload.ClaimableFor
            && await uploads.ClaimAsync(upload, user, job, cancellationToken);
    }

    private static TrainingJob NewJob(TrainingRequest request, JobId jobId, LoraId loraId, DateTimeOffset now) => new()
    {
        Id = jobId,
        LoraId = loraId,
        UserId = request.UserId,
        Name = request.Name,
        CreatorEmail = request.CreatorEmail,
        GpuType = request.GpuType,
        State = TrainingState.Queued,
        StateSince = now,
        CreatedAt = now,
        UpdatedAt = now,
        Attempt = 1,
        Admission = 1,
        DueAt = now,
    };

    private async Task<RetryOutcome> ReopenAsync(
        IUnit unit, JobId id, Actor actor, Usd estimate, AdmissionRules figures, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        ITrainingStore store = unit.Store<ITrainingStore>();
        if (await store.FindAsync(id, cancellationToken) is not { } job)
        {
            return new RetryOutcome.NotFound();
        }

        if (job.State is not (TrainingState.Failed or TrainingState.Cancelled) || job.Failure is not { } failure)
        {
            return new RetryOutcome.NotFinal(job.State);
        }

        if (failure.Rule.Retry == RetryRule.WithNewImages)
        {
            return new RetryOutcome.NotRetryable(failure.Rule);
        }

        LastProven proven = await LastProven.FindAsync(unit, job, failure, spool.Id, figures.Training.ValidationImages, now, cancellationToken);
        if (proven.GoesOnAs is null && failure.Rule.Retry == RetryRule.UploadOnly)
        {
            return proven.Elsewhere is { } elsewhere
                ? new RetryOutcome.FileOutOfReach($"The file lies on disk {elsewhere.Spool}, whose portal is silent.", "Start that portal again, or submit a new job.")
                : new RetryOutcome.FileOutOfReach("The file is neither in storage, nor in a spool, nor on a pod any more.", "Submit a new job.");
        }

        int admission = job.Admission;
        if (failure.Rule.Refund != RefundRule.Never)
        {
            admission++;
            ChargeResult charge = await unit.Store<ILimitsStore>().TryChargeAsync(job.UserId, id, admission, now, figures.Limits, cancellationToken);
            if (charge.Verdict != ChargeVerdict.Charged)
            {
                throw new NotReopenedException(new RetryOutcome.LimitReached(charge));
            }
        }

        return proven.GoesOnAs is { } goesOn
            ? await OpenAsync(unit, JobReopening.Reset(goesOn, goesOn.State, now) with { Admission = admission, Spool = goesOn.Spool }, actor, cancellationToken)
            : await TrainAgainAsync(unit, job, admission, actor, estimate, figures, now, cancellationToken);
    }

    private async Task<RetryOutcome> TrainAgainAsync(
        IUnit unit, TrainingJob job, int admission, Actor actor, Usd estimate, AdmissionRules figures, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ITrainingStore store = unit.Store<ITrainingStore>();
        int attempt = (await store.ListAttemptsAsync(job.Id, cancellationToken)).Max(one => one.Number) + 1;
        if (await unit.Store<IBudgetStore>().TryReserveAsync(
                ids.Next(), job.Id, attempt, estimate, clocks.ByProvider(now), figures.Budget, cancellationToken) is ReserveResult.DoesNotFit full)
        {
            throw new NotReopenedException(new RetryOutcome.BudgetExhausted(full.Month, full.Estimate));
        }

        // The images may have been changed or removed since they were checked: they are looked at anew before money is spent.
        IReadOnlyList<TrainingImage> images = await store.ListImagesAsync(job.Id, cancellationToken);
        await store.SaveImagesAsync(
            job.Id, [.. images.Select(image => image with { Sha256 = null, SizeBytes = null, Width = null, Height = null, Format = null })], cancellationToken);
        TrainingJob again = JobReopening.Reset(job, TrainingState.Queued, now) with
        {
            Attempt = attempt,
            Admission = admission,
            Provider = ProvisioningStep.Provider,
            StartedAt = null,
            PodId = null,
            TrainingId = null,
            Figures = null,
            Artifact = null,
        };
        return await OpenAsync(unit, again, actor, cancellationToken);
    }

    private static async Task<RetryOutcome> OpenAsync(IUnit unit, TrainingJob job, Actor actor, CancellationToken cancellationToken)
    {
        if (!await JobReopening.OpenAsync(unit, job, cancellationToken))
        {
            throw new NotReopenedException(new RetryOutcome.NotFinal(job.State));
        }

        await unit.Events.AppendAsync(TrainingFacts.Of(job, TrainingEvents.RetryRequested, $"Retry requested; goes on from {job.State.ToWord()}", actor), cancellationToken);
        return new RetryOutcome.Accepted(job.State);
    }

    /// <summary>Leaves the transaction so that it rolls back whole.</summary>
    private sealed class NotAdmittedException(SubmitOutcome outcome) : Exception
    {
        public SubmitOutcome Outcome { get; } = outcome;
    }

    /// <summary>Leaves the transaction so that it rolls back whole.</summary>
    private sealed class NotReopenedException(RetryOutcome outcome) : Exception
    {
        public RetryOutcome Outcome { get; } = outcome;
    }
}
