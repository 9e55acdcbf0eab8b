using LoraAdmin.Platform.LocalCloud;

namespace LoraAdmin.Tests.Simulation.PlantedBugs;

/// <summary>The planted bugs, in the order of what they violate. How to add one: docs/crash-safety.md.</summary>
internal static partial class PlantedBugTable
{
    public static IReadOnlyList<PlantedBug> All { get; } = [.. OfPods, .. OfTrainingsElsewhere, .. OfFiles, .. OfJobs, .. OfMoney];

    private static PlantedBug[] OfPods =>
    [
        new(
            "write the ledger row after the create", "Pods/PodLauncher.cs",
            "1: pod … is alive and the ledger has no open row …", Grounds.Crash,
            new Edit("string? refusal = await work.RunAsync(", "CreateOutcome sent = await provider.CreateAsync(order.SpecFor(name, gpuType) with { Permit = permit }, cancellationToken); string? refusal = await work.RunAsync("),
            new Edit("CreateOutcome outcome = await provider.CreateAsync(order.SpecFor(name, gpuType) with { Permit = permit }, cancellationToken);", "CreateOutcome outcome = sent;")),
        new(
            "take a 404 to the delete for the end of the pod", "Pods/PodEnder.cs",
            "1: pod … is alive and the ledger has no open row …", Grounds.CrashWith(FaultKind.Delete404),
            "Saw = leaking ? PodSaw.Leaking : error is null", "Saw = outcome is PodActionOutcome.NotFound ? PodSaw.Gone : leaking ? PodSaw.Leaking : error is null"),
        new(
            "end the doubt at the first look that misses the pod", "Pods/PodObserver.cs",
            "1: pod … is alive and the ledger has no open row …", Grounds.CrashWith(FaultKind.CreateHangThenLate),
            "return account.StartedAt - since >= DoubtLasts ? await", "return account.StartedAt >= since ? await"),
        new(
            "believe an empty listing", "Pods/PodObserver.cs",
            "1: pod … is alive and the ledger has no open row …", Grounds.CrashWith(FaultKind.DeleteIgnored, FaultKind.ListEmpty),
            "int reads = ended ? 1 : 2;", "int reads = ended ? (row.Saw == PodSaw.Leaking ? 1 : 0) : 2;"),
        new(
            "close a leaking pod by listings alone", "Pods/PodObserver.cs",
            "1: pod … is alive and the ledger has no open row …", Grounds.CrashWith(FaultKind.Delete500, FaultKind.ListPartial),
            "int reads = ended ? 1 : 2;", "int reads = ended ? (account.Listing.Pods.Count == 0 ? 1 : 0) : 2;"),
        new(
            "call an ended pod gone by two listings alone", "Pods/PodObserver.cs",
            "1: pod … is alive and the ledger has no open row …", Grounds.CrashWith(FaultKind.DeleteIgnored, FaultKind.ListPartial),
            "int reads = ended ? 1 : 2;", "int reads = ended ? 0 : 2;"),
        new(
            "treat 404 after create as gone", "Pods/PodLauncher.cs",
            "1: pod … is alive and the ledger has no open row …", Grounds.CrashWith(FaultKind.Early404),
            "case CreateOutcome.Created created:",
            "case CreateOutcome.Created made when await provider.GetAsync(made.Pod.Id, cancellationToken) is PodReading.NotFound: await NeverMadeAsync(row, PodReasons.CreateFailed, new ProviderError(ProviderFailure.Unreachable, 404, \"gone\"), null, guard, actor, cancellationToken); return null; case CreateOutcome.Created created:"),
        new(
            "leave the pod of an ended job to the hourly run", "Pods/PodEnder.cs",
            "1: pod … has been an orphan for … of watching and is …", Grounds.Crash,
            "{ Want: PodWant.Released } => await EndAsync(row, now, cancellationToken),", "{ Want: PodWant.Released } when row.WantSince < now.AddHours(-1) => await EndAsync(row, now, cancellationToken),"),
        new(
            "end a duplicate only with its attempt", "Pods/PodEnder.cs",
            "1: pod … was seen to be a duplicate … of watching ago and is …", Grounds.CrashWith(FaultKind.CreateHangThenLate),
            "if (row.PodId is null || row.NextActionAt > now)", "if (row.PodId is null || row.NextActionAt > now || (row.WantReason == PodReasons.Duplicate && row.LiveUntil > now))"),
        new(
            "send the delete once and never again", "Pods/PodEnder.cs",
            "1: at rest pod … (…) is …", Grounds.Troubled,
            "Saw: PodSaw.Terminating or PodSaw.Leaking } when !listed => row,", "Saw: PodSaw.Terminating or PodSaw.Leaking } => row,"),
        new(
            "wait for ever for a pod in doubt", "Pods/PodObserver.cs",
            "1: at rest the ledger says …, … of …", Grounds.Dying,
            "if (row is { PodId: null, Want: not PodWant.Released })", "if (row.PodId is null)"),
        new(
            "wait for ever for a pod in doubt, seen by a crash", "Pods/PodObserver.cs",
            "nothing comes to rest: …", Grounds.CrashWith(FaultKind.CreateHangThenLate),
            "if (row is { PodId: null, Want: not PodWant.Released })", "if (row.PodId is null)"),
        new(
            "hold a pod and tell nobody", "Training/Steps/AttemptPods.cs",
            "1: pod … is held and no incident says so", Grounds.Troubled,
            "Signals = [new IncidentSignal(PodIncidents.Held, pod.PodId!, text)],", "Signals = [],"),
        new(
            "tell nobody of a leak that RunPod gives no error for", "Pods/PodEnder.cs",
            "1: pod … is leaking and no incident says so", Grounds.Troubled,
            "bool tellOfLeak = leaking && ", "bool tellOfLeak = leaking && error is not null && "),
        new(
            "leave the incidents of a pod open that is gone", "Pods/PodObserver.cs",
            "9: at rest incident … of … is still open", Grounds.Troubled,
            "Signals = row.PodId is { } id ? PodIncidents.AllOver(id, how) : [],", "Signals = [],"),
        new(
            "adopt a late pod although another try has won", "Pods/PodObserver.cs",
            "2: attempt … of job … keeps more than one pod", Grounds.CrashWith(FaultKind.CreateHangThenLate),
            "LedgerPod noted = second ? seen with { WantReason = PodReasons.Duplicate } : seen;", "LedgerPod noted = seen with { Want = PodWant.Needed };"),
        new(
            "create again without looking", "Pods/PodLauncher.cs",
            "… pods were made for the one job", Grounds.CrashWith(FaultKind.Create500ButCreated),
            "(PodListing listing, ProviderPod? pod) = await FindAsync(row.Name, cancellationToken);", "(PodListing? listing, ProviderPod? pod) = ((PodListing?)null, (ProviderPod?)null);"),
        new(
            "give up after the first try that failed", "Pods/PodLauncher.cs",
            "the one job ended as …, … pods were left to people", Grounds.Crash,
            "if (!once && failed.Count <= retries)", "if (!once && failed.Count <= 0)"),
        new(
            "end a pod by an age at which it still trains", "Pods/PodLauncher.cs",
            "2: pod … was let go while its job needs it (…, …)", Grounds.Dying,
            "LiveUntil = requestedAt + order.Lifetime,", "LiveUntil = requestedAt + (order.Lifetime / 20),"),
        new(
            "give a pod up that boots", "Training/Steps/ProvisioningStep.cs",
            "2: pod … was let go while its job needs it (…, …)", Grounds.Crash,
            "if (waited < figures.ReadyWithin && pod.Saw", "if (waited < figures.ReadyWithin / 100 && pod.Saw"),
        new(
            "end a pod that its dead-man switch stopped", "Pods/PodEnder.cs",
            "2: pod … was asked to end while its job needs it (…, …)", Grounds.CrashWith(FaultKind.HeartbeatStops),
            "when row.WantReason != PodReasons.Imported => await StartAsync(row, now, cancellationToken),", "when row.WantReason != PodReasons.Imported => await TerminateAsync(row, now, cancellationToken),"),
        new(
            "take every installation's pods for ours", "Pods/PodNames.cs",
            "2: foreign pod … was touched", Grounds.Dying,
            "return name.StartsWith($\"{Prefix}{installation}-\", StringComparison.Ordinal);", "return name.StartsWith(Prefix, StringComparison.Ordinal);"),
        new(
            "forget the listing before what nobody asked for is ended", "Pods/PodEnder.cs",
            "2: pod … was ended by the sweep and the account could not be listed before", Grounds.Blind,
            "when account is null && PodReasons.OfTheSweep.Contains(reason) => row,", "when account is null && reason.Length == 0 => row,"),
        new(
            "end a pod of which nothing says that it is ours", "Pods/PodCensus.cs",
            "2: foreign pod … was touched", Grounds.Dying,
            "_ when PodNames.Parse(pod.Name) is { } other => new CountedPod(pod, null, PodClass.Foreign, null,", "_ when PodNames.Parse(pod.Name) is { } other => new CountedPod(pod, null, PodClass.Unknown, PodReasons.Unknown,"),
        new(
            "adopt without checking installation and job", "Pods/PodLauncher.cs",
            "2: foreign pod … was touched", Grounds.Dying,
            "Pods.FirstOrDefault(pod => pod.Name == name));", "Pods.FirstOrDefault(pod => PodNames.Parse(pod.Name)?.Attempt == PodNames.Parse(name)!.Attempt && PodNames.Parse(pod.Name)!.Try == PodNames.Parse(name)!.Try));"),
        new(
            "take a place without asking again when the row is added", "Training/Steps/ProvisioningStep.cs",
            "… jobs have a pod, … may", Grounds.Rivals,
            "await places.WhyRefusedAsync(unit, token) ?? (funding", "await Task.FromResult<string?>(null) ?? (funding"),
        new(
            "ignore the fence of a lease that was lost", "Training/JobLease.cs",
            "… jobs have a pod, … may", Grounds.Rivals,
            "return unit.Store<ITrainingStore>().RenewAsync(Id, Fence, clock.GetUtcNow() + duration, cancellationToken);", "return Task.CompletedTask;"),
    ];

    private static PlantedBug[] OfTrainingsElsewhere =>
    [
        new(
            "take a training that has a machine for one that is over", "Training/Hosted/HostedTraining.cs",
            "1: training … is alive and the ledger has no open row …", Grounds.CrashElsewhere,
            "HostedSaw saw = view.IsOver ? HostedSaw.Over", "HostedSaw saw = view.IsOver || view.Status == HostedStatus.Processing ? HostedSaw.Over"),
        new(
            "ask for another training without looking", "Training/Hosted/HostedLauncher.cs",
            "… trainings were made for the one job", Grounds.CrashElsewhereWith(FaultKind.ReplicateCreate500ButCreated),
            new Edit("(HostedListing listing, HostedView? found) = await FindAsync(row, cancellationToken);", "(HostedListing? listing, HostedView? found) = ((HostedListing?)null, (HostedView?)null);"),
            new Edit("static one => one is { Reason: HostedReasons.InDoubt, TrainingId: null, Saw: HostedSaw.Requested })];", "static one => one is { Name: \"\" })];")),
        new(
            "adopt a late training although another try has won", "Training/Hosted/HostedWatch.cs",
            "2: attempt … of job … keeps more than one training", Grounds.CrashElsewhereWith(FaultKind.ReplicateCreateHangThenLate),
            "row.Seen(found, now) with { NextActionAt = now },", "row.Seen(found, now) with { IsNeeded = true, NextActionAt = now },"),
        new(
            "believe the first 404, and no list", "Training/Hosted/HostedAbsence.cs",
            "1: training … is alive and the ledger has no open row …", Grounds.CrashElsewhereWith(FaultKind.ReplicateRead404),
            new Edit("if (now - since < SecondLookAfter)", "if (now < since)"),
            new Edit("complete.Trainings.FirstOrDefault(one => one.Id == row.TrainingId)", "complete.Trainings.FirstOrDefault(one => one.Id.Length == 0)")),
        new(
            "train once more when the weights break off", "Training/Steps/HostedRetrievingStep.cs",
            "… trainings were made for the one job", Grounds.CrashElsewhereWith(FaultKind.ReplicateWeightsTruncated),
            "WeightsOutcome.Stalled stalled => Unless(job, Later(job, stalled.Reason, figures)),", "WeightsOutcome.Stalled stalled => Gone(job, stalled.Reason),"),
        new(
            "count the cost of a training to when it was read", "Training/Hosted/HostedTraining.cs",
            "4: attempt … of … was settled at … and … were billed at the fallback provider", Grounds.CrashElsewhereWith(FaultKind.ReplicateNoMetrics),
            "saw == HostedSaw.Over ? view.CompletedAt ?? EndedAt ?? now : null,", "saw == HostedSaw.Over ? EndedAt ?? now : null,"),
        new(
            "leave it untold that both providers are down", "Training/ProvidersWatch.cs",
            "both providers are down at … and no incident says so", Grounds.Diverted,
            "bool areDown = pods is not null;", "bool areDown = pods is not null && hosted is null;"),
        new(
            "leave it open that both providers were down", "Training/ProvidersWatch.cs",
            "a provider takes trainings at … and an incident says that both are down", Grounds.Diverted,
            "if (areDown == told && !(areDown &&", "if ((!areDown && told == true) || areDown == told && !(areDown &&"),
        new(
            "leave out of the fallback's room what a waiting job gives back", "Training/Hosted/HostedRoom.cs",
            "a provider takes trainings at … and an incident says that both are down", Grounds.Pinched,
            "month with { Reserved = month.Reserved - back }", "month with { Reserved = month.Reserved }"),
        new(
            "settle a training that failed at nothing", "Training/AttemptCosts.cs",
            "4: attempt … of … was settled at … and … were billed at the fallback provider", Grounds.CrashElsewhereWith(FaultKind.ReplicateTrainingFails),
            "+ Hosted.Aggregate(Usd.Zero, (sum, one) => sum + one.CostUntil(now));", "+ Hosted.Where(one => one.LastError is null).Aggregate(Usd.Zero, (sum, one) => sum + one.CostUntil(now));"),
        new(
            "take a training whose cancel failed for one that is over", "Training/Hosted/HostedWatch.cs",
            "1: training … is alive and the ledger has no open row …", Grounds.CrashElsewhereWith(CrashRun.Cancelled + CrashRun.During + FaultKind.ReplicateCancel500),
            "await NotEndedAsync(seen, id, error.Detail, now, cancellationToken);",
            "await SaveAsync(row with { Saw = HostedSaw.Over, EndedAt = now, NextActionAt = now }, null, cancellationToken);"),
        new(
            "need the training of a cancelled job for ever", "Training/Hosted/HostedLedger.cs",
            "nothing comes to rest: …", Grounds.CrashElsewhereWith(CrashRun.Cancelled + CrashRun.During + FaultKind.ReplicateCancel500),
            "foreach (HostedTraining one in tries.Where(one => one.IsNeeded))", "foreach (HostedTraining one in tries.Where(one => one.IsNeeded && one.TrainingId is null))"),
        new(
            "fail a job for credit that is used up", "Training/Steps/HostedProvisioningStep.cs",
            "the one job ended as …, … pods were left to people", Grounds.CrashElsewhereWith(FaultKind.ReplicateBalance402),
            "return await way.WaitAsync(job, new NoPlace(HostedRefusals.WordsOf(refusal), Counts: true), cancellationToken);",
            "return HostedReturn.NoProvider(job, HostedRefusals.WordsOf(refusal));"),
        new(
            "make the images anew when they are not shown at once", "Training/Hosted/HostedValidation.cs",
            "… predictions were made for the one job", Grounds.CrashElsewhereWith(FaultKind.ReplicateOutputLate + CrashRun.OfImages),
            ": Later(look, $\"Replicate does not say yet where the images of prediction {row.TrainingId} are\");", ": ToNothing(look, row, HostedSaw.Over, \"late\");"),
        new(
            "give the images up at the first look that fails", "Training/Hosted/HostedValidation.cs",
            "nobody judged the one job: …", Grounds.CrashElsewhereWith(FaultKind.ReplicateRead404 + CrashRun.OfImages),
            "return since < look.Figures.RetrieveWithin ?", "return since < TimeSpan.Zero ?"),
        new(
            "complete a LoRA whose images failed", "Training/Steps/ValidatingStep.cs",
            "job … completed and … of its … validation images passed", Grounds.Choosy,
            "if (passed >= figures.ValidationMustPass)", "if (passed >= 0)"),
        new(
            "leave the images of an ended training where they are", "Training/Hosted/HostedWatch.cs",
            "1: at rest the ledger says …, needed … of training …", Grounds.Diverted,
            "await SaveAsync(row with { ImagesGone = true }, null, cancellationToken);", "await Task.CompletedTask;"),
    ];

    private static PlantedBug[] OfFiles =>
    [
        new(
            "release the pod before the spool's file is verified", "Training/Steps/RetrievingStep.cs",
            "2: pod … was let go while its job needs it (…, …)", Grounds.Crash,
            "return new StepResult.Again(TimeSpan.Zero, known with { FailingSince = null });",
            "return new StepResult.Again(TimeSpan.Zero, known with { FailingSince = null }, null, (unit, token) => AttemptPods.ReleaseAsync(unit, job.Id, job.Attempt, FileProof.InSpool, PodReasons.FileStored, clock.GetUtcNow(), token));"),
        new(
            "cancel without a last look at the agent", "Training/TrainingConductor.cs",
            "3: pod … was terminated and the file of job … is nowhere (…)", Grounds.Impatient,
            "? await LastLook.StopAsync(agent, AttemptPods.AddressOf(pod), AgentWord.Known(job), cancellationToken)", "? new LastLook(null, FileProof.AgentHasNone)"),
        new(
            "take a silent agent's pod for one without a file", "Training/LastLook.cs",
            "3: pod … was terminated and the file of job … is nowhere (…)", Grounds.Choosy,
            "if (before.Value is not { } running)", "if (before.Value is null) { return new LastLook(null, FileProof.AgentHasNone); } if (before.Value is not { } running)"),
        new(
            "let a pod go without proof as if a person had said so", "Training/Steps/AttemptPods.cs",
            "3: pod … was terminated and the file of job … is nowhere (…)", Grounds.Troubled,
            new Edit("Want = about == FileProof.None ? PodWant.Held : PodWant.Released,", "Want = PodWant.Released,"),
            new Edit("Proof = about,", "Proof = about == FileProof.None ? FileProof.Override : about,")),
        new(
            "let a held pod go as soon as its job has ended", "Training/HeldFiles.cs",
            "3: pod … was terminated and the file of job … is nowhere (…)", Grounds.Troubled,
            "if (written != FileProof.None && !(", "written = FileProof.NotNeeded; if (written != FileProof.None && !("),
        new(
            "take a fetched file for whole without its hash", "Training/ArtifactFetch.cs",
            "3: pod … was terminated and the file of job … is nowhere (…)", Grounds.Troubled,
            "|| digest.Sha256 != artifact.Sha256)", ")"),
        new(
            "tell a lost pod as a failed upload", "Training/Steps/RunningStep.cs",
            "3: the upload of … failed and no spool has its file", Grounds.Troubled,
            "job, new JobFailure(FailureCode.PodLost, detail), FileProof.None,", "job, new JobFailure(FailureCode.UploadFailed, detail), FileProof.None,"),
        new(
            "take whatever file the LoRA has in storage for this attempt's", "Training/SpoolUpload.cs",
            "3: the stored file of … is not the trained one", Grounds.Troubled,
            "if (stored is not { StoragePath: not null } || stored.FileSha256 != entry.Sha256)", "if (stored is not { StoragePath: not null })"),
        new(
            "let a held pod go for any file that the LoRA has in storage", "Training/FileProofs.cs",
            "3: pod … was terminated and the file of job … is nowhere (…)", Grounds.Choosy,
            "bool announced = job.Attempt == attempt && job.Artifact?.Sha256 == stored;", "bool announced = stored.Length > 0;"),
        new(
            "never clear the spool of completed jobs", "Training/SpoolSweep.cs",
            "the spool row of … is left behind", Grounds.Dying,
            "if (entry.Discard is not null || await IsSettledAsync(unit, entry, cancellationToken))", "if (entry.Discard is not null)"),
    ];

    private static PlantedBug[] OfJobs =>
    [
        new(
            "admit a form without claiming its files", "Training/TrainingDesk.cs",
            "storage keeps … images, … uploads are claimed", Grounds.CrashWith(CrashRun.AsAForm),
            "if (request.Upload is { } upload && !await ClaimAsync(", "if (request.Upload is { } upload && upload == Guid.Empty && !await ClaimAsync("),
        new(
            "look for a GPU again only days later", "Training/TrainingConductor.cs",
            "job … rests as …: …", Grounds.Troubled,
            "DueAt = now + dueIn,", "DueAt = now + (dueIn * 3000),"),
        new(
            "fail a job for a create call that was never sent", "Pods/PodLauncher.cs",
            "job … failed, which no job may here: …", Grounds.Dying,
            "if (!once && failed.Count <= retries)", "if (!once && failed.Count <= 0)"),
        new(
            "end a job without saying why", "Training/JobEnding.cs",
            "job … rests as … without a failure", Grounds.Troubled,
            "State = cancelled ? TrainingState.Cancelled : TrainingState.Failed, Failure = failure }", "State = cancelled ? TrainingState.Cancelled : TrainingState.Failed }"),
        new(
            "end a cancelled job as failed", "Training/JobEnding.cs",
            "job … rests as … with …", Grounds.Troubled,
            "State = cancelled ? TrainingState.Cancelled : TrainingState.Failed,", "State = TrainingState.Failed,"),
        new(
            "leave the LoRA in training when its job fails", "Training/JobEnding.cs",
            "job … rests as … and its LoRA as …", Grounds.Troubled,
            "await unit.Store<ILoraStore>().SetStatusAsync(job.LoraId, LoraStatus.Failed, rule.Message, now, cancellationToken);", ""),
        new(
            "tell the user the detail instead of the message", "Training/JobEnding.cs",
            "the LoRA of … says …, the table …", Grounds.Troubled,
            "SetStatusAsync(job.LoraId, LoraStatus.Failed, rule.Message, now", "SetStatusAsync(job.LoraId, LoraStatus.Failed, failure.Detail, now"),
        new(
            "keep the failure of a lost pod in the job that goes on", "Training/JobEnding.cs",
            "job … is completed and says …", Grounds.Troubled,
            new Edit("Attempt = next,", "Attempt = next, Failure = failure,"),
            new Edit("State = TrainingState.Completed, Failure = null }", "State = TrainingState.Completed }")),
        new(
            "open an attempt again by writing its cost", "Training/AttemptSettlement.cs",
            "an attempt is active at rest", Grounds.Crash,
            "await store.SetAttemptCostAsync(attempt.Job, attempt.Number, actual, cancellationToken);",
            "await store.SetAttemptCostAsync(attempt.Job, attempt.Number, actual, cancellationToken); await store.SaveAttemptAsync(attempt with { State = AttemptState.Active }, cancellationToken);"),
    ];

    private static PlantedBug[] OfMoney =>
    [
        new(
            "admit beyond the month's limit", "Training/TrainingDesk.cs",
            "4: month … passes its limit", Grounds.Dying,
            "jobId, 1, estimate, clocks.ByProvider(now), figures.Budget, cancellationToken);", "jobId, 1, estimate, clocks.ByProvider(now), figures.Budget with { MonthlyLimit = figures.Budget.MonthlyLimit + estimate }, cancellationToken);"),
        new(
            FaultyStores.BudgetWithoutGuard, "",
            "4: month … passes its limit", Grounds.Dying),
        new(
            "add money up in whole cents", "Shared/Usd.cs",
            "4: month … differs from its entries", Grounds.Crash,
            "operator +(Usd a, Usd b) => new(a.Micros + b.Micros);", "operator +(Usd a, Usd b) => new((a.Micros + b.Micros) / 10_000 * 10_000);"),
        new(
            FaultyStores.EntriesWithoutMonth, "",
            "4: month … differs from its entries", Grounds.Dying),
        new(
            "settle an attempt without taking back what it had accrued", "Budget/ReservationBooks.cs",
            "4: month … differs from its reservations", Grounds.Crash,
            "with { Spent = Usd.Zero - open.Accrued, Reserved = Usd.Zero - open.Rest }", "with { Reserved = Usd.Zero - open.Rest }"),
        new(
            "give back an attempt's whole reservation although a part is accrued", "Budget/ReservationBooks.cs",
            "4: attempt … of … is settled and its entries hold … reserved", Grounds.Crash,
            "with { Spent = Usd.Zero - open.Accrued, Reserved = Usd.Zero - open.Rest }", "with { Spent = Usd.Zero - open.Accrued, Reserved = Usd.Zero - open.Amount }"),
        new(
            "settle an attempt only days later", "Training/AttemptSettlement.cs",
            "4: the reservation of attempt … of … outlives it", Grounds.Dying,
            "if (!costs.AreFinal)", "if (!costs.AreFinal || now - attempt.EndedAt < TimeSpan.FromDays(5))"),
        new(
            "settle an attempt before its pods are gone", "Training/AttemptSettlement.cs",
            "4: attempt … of … is settled and its pod … lives", Grounds.CrashWith(FaultKind.DeleteIgnored),
            new Edit("if (!alive.Attempts.Contains((one.Job, one.Attempt)))", "if (!alive.Needed.ContainsKey((one.Job, one.Attempt)))"),
            new Edit("if (!costs.AreFinal)", "if (costs.Pods.Any(pod => pod.Want == PodWant.Needed && pod.Saw != PodSaw.Gone))")),
        new(
            "settle without telling the job its cost", "Training/AttemptSettlement.cs",
            "4: job … has no settled cost", Grounds.Crash,
            "await store.AddCostAsync(reservation.Job, actual, cancellationToken);", ""),
        new(
            "leave a job's clean-up pending when the last of it is settled", "Training/AttemptSettlement.cs",
            "1: job … rests and its clean-up is …", Grounds.Crash,
            "await store.SetCleanupStatusAsync(settled.Job, CleanupWords.Done, cancellationToken);", ""),
        new(
            "settle a job's later attempts only twenty hours later", "Training/AttemptSettlement.cs",
            "4: a reservation is open at rest", Grounds.Troubled,
            "if (!costs.AreFinal)", "if (!costs.AreFinal || (reservation.Attempt > 1 && now - attempt.EndedAt < TimeSpan.FromHours(20)))"),
        new(
            "settle only the first attempt of a job", "Training/AttemptSettlement.cs",
            "4: the reservation of attempt … of … outlives it", Grounds.Troubled,
            "if (!alive.Attempts.Contains((one.Job, one.Attempt)))", "if (one.Attempt == 1 && !alive.Attempts.Contains((one.Job, one.Attempt)))"),
        new(
            "begin the month a day late", "Shared/Month.cs",
            "4: what was reserved at … counts in …", Grounds.Dying,
            "DateTimeOffset utc = instant.ToUniversalTime();", "DateTimeOffset utc = instant.ToUniversalTime().AddDays(-1);"),
        new(
            "charge a LoRA to the next month", "Training/TrainingDesk.cs",
            "5: the LoRA that was charged at … counts in …", Grounds.Crash,
            "TryChargeAsync(request.UserId, jobId, 1, now, figures.Limits, cancellationToken);", "TryChargeAsync(request.UserId, jobId, 1, now.AddDays(7), figures.Limits, cancellationToken);"),
        new(
            "refund a job that goes on by itself, and again when it ends", "Training/JobEnding.cs",
            "5: job … is completed and its charge was given back", Grounds.Troubled,
            "bool cancelled = failure.Code == FailureCode.Cancelled;", "bool cancelled = failure.Code == FailureCode.Cancelled; await unit.Store<ILimitsStore>().RefundAsync(job.Id, rule.Code, now, cancellationToken);"),
        new(
            "refund every cancelled job", "Training/JobEnding.cs",
            "5: job … ended as …; given back …, right is …", Grounds.Impatient,
            "_ => !asked || job.Cancel?.By.Kind == ActorKind.Person,", "_ => true,"),
        new(
            FaultyStores.RefundWithoutCount, "",
            "5: user … counts …, charges less refunds are …", Grounds.Impatient),
    ];
}
