using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Text;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Domain.Training.Steps;
using LoraAdmin.Platform.LocalCloud;

namespace LoraAdmin.Tests.Simulation;

/// <summary>
/// The promises ([crash safety](docs/crash-safety.md)), checked on what the vendor, the database and the buckets really hold. Shares no code with what it checks beyond the names of things.
/// After each commit and each turn it looks at what is open and at what was written since the last look; <see cref="CheckWhole"/> takes nothing from earlier looks.
/// </summary>
public sealed partial class Invariants
{
    private readonly SimulatedWorld world;
    private readonly SimulationPlan? plan;
    private readonly string ours;
    private readonly MoneySums sums;
    private readonly VendorPods pods;
    private readonly HashSet<(string Rule, string Subject)> openIncidents = [];
    private readonly HashSet<(JobId, int)> attempts = [];
    private readonly HashSet<JobId> places = [];

    /// <summary>What a job had asked for when its user was charged for it last.</summary>
    private readonly Dictionary<JobId, HashSet<string>> askedBefore = [];
    private ExceptionDispatchInfo? failure;
    private int facts;
    private bool isDirty;

    public Invariants(SimulatedWorld world, SimulationPlan? plan = null)
    {
        this.world = world;
        this.plan = plan;
        ours = $"lora-{world.Installation.Id}-";
        sums = new MoneySums(world.Database);
        pods = new VendorPods(world);
        world.ProvidersSeen = CheckProviders;
        FollowJobs();
        FollowWants();
        FollowMoney();
    }

    /// <summary>How often what was open or had changed was checked.</summary>
    public int Looks { get; private set; }

    /// <summary>
    /// Checks after every commit too that changed a job's standing, a pod's row or money; most commits take leases and note figures. What is found there is
    /// thrown by the next check of the run's own: whoever committed must not handle it as an error of the database.
    /// </summary>
    public void FollowCommits() => world.Committed = () =>
    {
        try
        {
            world.Refresh();
            if (failure is null && isDirty)
            {
                CheckAlways();
            }
        }
        catch (Exception found)
        {
            failure = ExceptionDispatchInfo.Capture(found);
        }
    };

    /// <summary>What may have changed since the last look.</summary>
    public void CheckAlways()
    {
        failure?.Throw();
        Looks++;
        isDirty = false;
        CheckOpen();
        IReadOnlyList<PodRecord> touched = pods.TakeTouched();
        foreach (PodRecord pod in world.Cloud.World.Alive)
        {
            CheckPod(pod);
        }

        foreach (PodRecord pod in touched)
        {
            CheckPod(pod);
        }

        foreach (PodRecord pod in touched)
        {
            CheckFile(pod);
        }

        CheckJustCompleted();
        foreach ((JobId job, int attempt) in sums.TakeAttempts())
        {
            CheckAttempt(job, attempt, sums.HeldByEntries((job, attempt)));
        }

        foreach (Month month in sums.TakeMonths())
        {
            CheckMonth(month, sums.Of(month));
        }

        CheckOutlived();

        foreach (UserId user in sums.TakeUsers())
        {
            CheckUser(user, sums.Charged);
        }
    }

    /// <summary>Everything there ever was.</summary>
    public void CheckWhole()
    {
        failure?.Throw();
        CheckOpen();
        pods.Note();
        foreach (PodRecord pod in world.Cloud.World.Pods)
        {
            CheckPod(pod);
            CheckFile(pod);
        }

        CheckMoney();
        CheckBilled();
        ILookup<(UserId, Month), Memory.ChargeRow> charges = world.Database.Charges.Rows.ToLookup(static charge => (charge.User, charge.Period));
        foreach (UserId user in world.Database.Charges.Rows.Select(static charge => charge.User).Distinct())
        {
            CheckUser(user, (who, period) => charges[(who, period)].Count(static charge => !charge.Refunded));
        }
    }

    public void CheckAtRest()
    {
        CheckAlways();
        CheckWhole();
        CheckMonths();
        foreach (PodRecord pod in world.Cloud.World.Pods.Where(pod => !IsForeign(pod)))
        {
            Require(pod.Status == PodStatus.Terminated, $"1: at rest pod {pod.Id} ({pod.Name}) is {pod.Status}");
        }

        foreach (LedgerPod pod in world.Database.Pods.Rows)
        {
            Require(pod.Saw == PodSaw.Gone, $"1: at rest the ledger says {pod.Saw}, {pod.Want} of {pod.Name}");
        }

        foreach (HostedTraining training in world.Database.Hosted.Rows)
        {
            Require(training.IsSettled, $"1: at rest the ledger says {training.Saw}, needed {training.IsNeeded} of training {training.Name}");
        }

        foreach (TrainingJob job in world.Database.Jobs.Rows)
        {
            Require(job.State.IsFinal(), $"job {job.Id} rests as {job.State}: {job.WaitReason}");
            Require(job.Cost is not null, $"4: job {job.Id} has no settled cost");
            Require(job.CleanupStatus == CleanupWords.Done, $"1: job {job.Id} rests and its clean-up is {job.CleanupStatus}");
            Lora lora = world.Database.Loras.Find(job.LoraId)!;
            Require(lora.Status == job.State.ToLoraStatus(), $"job {job.Id} rests as {job.State} and its LoRA as {lora.Status}");
            if (job.State == TrainingState.Completed)
            {
                CheckCompleted(job);
            }
            else
            {
                CheckFailed(job, lora);
            }
        }

        Require(world.Database.Reservations.Rows.All(one => one.SettledAt is not null), $"4: a reservation is open at rest");
        Require(world.Database.Attempts.Rows.All(one => one.State != AttemptState.Active), $"an attempt is active at rest");
        foreach ((string rule, string subject) in openIncidents.Where(incident => incident.Rule is PodIncidents.Held or PodIncidents.Leaking or PodIncidents.Orphaned or TrainingIncidents.OverTime))
        {
            Require(holds: false, $"9: at rest incident {rule} of {subject} is still open");
        }
    }

    private void CheckCompleted(TrainingJob job)
    {
        CheckStored(job);
        Require(!world.Database.Spool.Rows.Any(entry => entry.Job == job.Id), $"the spool row of {job.Id} is left behind");
        Require(job.Failure is null, $"job {job.Id} is completed and says {job.Failure}");
        Require(!NewestCharge(job).Refunded, $"5: job {job.Id} is completed and its charge was given back");
        CheckJudged(job);
    }

    /// <summary>Enough images of its own attempt passed, or it says that nobody judged it; then not that many did.</summary>
    private void CheckJudged(TrainingJob job)
    {
        IReadOnlyList<ValidationImage> all = world.Database.ValidationImages.Find(job.LoraId)?.Items ?? [];
        int images = all.Count(image => image.Attempt == job.Attempt);
        int passed = all.Count(image => image.Attempt == job.Attempt && image.Passed == true);
        Require(
            (job.NotValidated is null) == (passed >= world.Training.ValidationMustPass),
            $"job {job.Id} completed and {passed} of its {images} validation images passed");
    }

    private void CheckFailed(TrainingJob job, Lora lora)
    {
        Require(plan?.JobsMayFail == true, $"job {job.Id} failed, which no job may here: {job.Failure}");
        Require(job.Failure is not null, $"job {job.Id} rests as {job.State} without a failure");
        FailureRule rule = job.Failure!.Rule;
        HashSet<string> before = askedBefore.GetValueOrDefault(job.Id) ?? [];
        Require((job.State == TrainingState.Cancelled) == (rule.Failure == FailureCode.Cancelled), $"job {job.Id} rests as {job.State} with {rule.Code}");
        Require(lora.ErrorMessage == rule.Message, $"the LoRA of {job.Id} says {lora.ErrorMessage}, the table {rule.Message}");
        bool asked = world.Database.PodsOf[job.Id].Any(pod => !before.Contains(pod.Name))
            || world.Database.HostedOf[job.Id].Any(one => !before.Contains(one.Name) && one is not { Saw: HostedSaw.NeverMade, Reason: HostedReasons.JobEnded });
        bool refund = rule.Refund == RefundRule.Always || (rule.Refund == RefundRule.BeforePodOrByAdmin && (!asked || job.Cancel!.By.Kind == ActorKind.Person));
        Require(NewestCharge(job).Refunded == refund, $"5: job {job.Id} ended as {rule.Code}; given back {!refund}, right is {refund}");
        Require(
            rule.Failure != FailureCode.UploadFailed || world.Disks.Any(disk => IsTrained(disk.FindSealed(SpoolNames.File(job.Id, job.Attempt)), job)),
            $"3: the upload of {job.Id} failed and no spool has its file");
    }

    private void CheckOpen()
    {
        attempts.Clear();
        foreach (ReplicateRecord training in world.Cloud.World.Replicate.Alive.Where(static one => !one.IsFinal && !one.IsLost))
        {
            HostedTraining? row = RowOf(training);
            Require(row is { IsFinal: false }, $"1: training {training.Id} is alive and the ledger has no open row {NameOf(training)}");
            Require(!row!.IsNeeded || attempts.Add((row.Job, row.Attempt)), $"2: attempt {row.Attempt} of job {row.Job} keeps more than one training");
        }

        CheckIncidents();
        attempts.Clear();
        places.Clear();
        foreach (LedgerPod pod in world.Database.OpenPods.Rows)
        {
            Require(pod is not { Want: PodWant.Needed, PodId: not null } || attempts.Add((pod.Job, pod.Attempt)), $"2: attempt {pod.Attempt} of job {pod.Job} keeps more than one pod");
            if (pod.Want == PodWant.Needed)
            {
                places.Add(pod.Job);
            }
        }

        Require(places.Count <= world.Training.MaxConcurrentPods, $"{places.Count} jobs have a pod, {world.Training.MaxConcurrentPods} may");
    }

    /// <summary>Takes in what facts have said of incidents since the last look.</summary>
    private void NoteIncidents()
    {
        for (; facts < world.Database.Events.Count; facts++)
        {
            foreach (IncidentSignal signal in world.Database.Events[facts].Signals ?? [])
            {
                _ = signal switch
                {
                    { Over: false } => openIncidents.Add((signal.Rule, signal.Subject)),
                    { Except: null } => openIncidents.Remove((signal.Rule, signal.Subject)),
                    _ => openIncidents.RemoveWhere(incident => incident.Rule == signal.Rule && signal.Ends(incident.Subject)) > 0,
                };
            }
        }
    }

    /// <summary>What the ledger holds or cannot end has an open incident (invariant 1).</summary>
    private void CheckIncidents()
    {
        NoteIncidents();
        foreach (LedgerPod pod in world.Database.OpenPods.Rows)
        {
            if (pod.PodId is { } id)
            {
                Require(
                    pod.Want != PodWant.Held || openIncidents.Contains((PodIncidents.Held, id)) || openIncidents.Contains((PodIncidents.Orphaned, id)),
                    $"1: pod {pod.Name} is held and no incident says so");
                Require(pod.Saw != PodSaw.Leaking || openIncidents.Contains((PodIncidents.Leaking, id)), $"1: pod {pod.Name} is leaking and no incident says so");
            }
        }
    }

    private void FollowMoney()
    {
        world.Database.Reservations.Written += (_, _, _) => isDirty = true;
        world.Database.Charges.Written += (key, before, _) =>
        {
            isDirty = true;
            if (before is null)
            {
                askedBefore[key.Item1] =
                [
                    .. world.Database.PodsOf[key.Item1].Select(static pod => pod.Name),
                    .. world.Database.HostedOf[key.Item1].Select(static one => one.Name),
                ];
            }
        };
        world.Database.Users.Written += (_, _, _) => isDirty = true;
        world.Database.Months.Written += (_, _, _) => isDirty = true;
        world.Database.Entries.Written += (_, _, _) => isDirty = true;
        world.Database.Hosted.Written += (_, _, _) => isDirty = true;
    }

    private Memory.ChargeRow NewestCharge(TrainingJob job) => world.Database.Charges.Find((job.Id, job.Admission))!;

    private void CheckUser(UserId user, Func<UserId, Month, int> charged)
    {
        Memory.UserCount? row = world.Database.Users.Find(user);
        int expected = row is null ? world.Database.Charges.Rows.Count(charge => charge.User == user) : row.Period is { } period ? charged(user, period) : 0;
        int count = row?.Count ?? 0;
        Require(count == expected, $"5: user {user} counts {count}, charges less refunds are {expected}");
    }

    /// <summary>The message is made only for a violation: this is asked at every commit of simulated years.</summary>
    private static void Require(bool holds, [InterpolatedStringHandlerArgument(nameof(holds))] ViolationText what)
    {
        if (!holds)
        {
            throw new InvariantViolatedException(what.ToString());
        }
    }
}

/// <summary>Text that is put together only when what was required does not hold.</summary>
[InterpolatedStringHandler]
internal ref struct ViolationText
{
    private readonly StringBuilder? text;

    public ViolationText(int literalLength, int formattedCount, bool holds, out bool wanted)
    {
        wanted = !holds;
        text = holds ? null : new StringBuilder(literalLength + (formattedCount * 16));
    }

    public readonly void AppendLiteral(string value) => text!.Append(value);

    public readonly void AppendFormatted<T>(T value) => text!.Append(CultureInfo.InvariantCulture, $"{value}");

    public readonly void AppendFormatted(DateTimeOffset value, string format) => text!.Append(value.ToString(format, CultureInfo.InvariantCulture));

    public override readonly string ToString() => text?.ToString() ?? "";
}

public sealed class InvariantViolatedException(string message) : Exception($"Invariant {message}");
