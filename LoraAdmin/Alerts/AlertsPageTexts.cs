using LoraAdmin.Domain.Alerts;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Clocks;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Shell;
using MudBlazor;

namespace LoraAdmin.Alerts;

/// <summary>An incident as a person who was just woken needs it.</summary>
/// <param name="Title">What is wrong.</param>
/// <param name="HowBad">What it costs or risks if nobody acts.</param>
/// <param name="WhatHelps">Which button, on the page behind <paramref name="Href"/>.</param>
public sealed record IncidentWords(string Title, string HowBad, string WhatHelps, string? Href, string? LinkText);

/// <summary>Rules in words. A rule that has none yet still says its text, and never hides.</summary>
public static class AlertsPageTexts
{
    public static IncidentWords Of(Incident incident)
    {
        ArgumentNullException.ThrowIfNull(incident);
        string pod = $"/pods?pod={Uri.EscapeDataString(incident.Subject)}";
        string? job = (incident.Job is { } id ? id.ToString() : JobSubject(incident)) is { } text ? $"/training/{text}" : null;
        return incident.Rule switch
        {
            PodIncidents.Leaking => new(
                "A pod does not end", "It costs money every hour until it ends. The portal goes on trying.",
                "See its last error. If RunPod stays in the way, end it in RunPod's own console; the portal notices by itself.", pod, "Show the pod"),
            PodIncidents.CapReached => new(
                "The sweep holds pods back", "What it holds back goes on running and costs money.",
                "Press “See the plan” on the pods page, check the list, and approve exactly that plan.", "/pods", "To the pods page"),
            PodIncidents.Orphaned => new(
                "A pod ran that nothing needs", OrphanCosts,
                "Usually nothing: it resolves when the pod is verified gone. If it stays longer than 10 minutes, look at the pod's last error, and whether the sweep is paused or held back.",
                pod, "Show the pod"),
            PodIncidents.SweepHeld => new(
                "The sweep is held, and pods cost money", "Nothing ends them by itself. They cost money until the sweep goes on or a person ends them.",
                "When what it was held for is mended, press “Resume” on the sweep's page, or “Release” in the banner. Meanwhile “See the plan” on the page Pods ends exactly those that you have read.",
                "/operations/pods.sweep", "Open the sweep"),
            PodIncidents.Held => new(
                "A pod is kept for its file", "Its trained file may be nowhere else. Stopped it costs only its disk; its full price while the file is fetched, or when it does not stop.",
                "Usually nothing: for 7 days it is started every hour until its file is fetched. After that, look at it in RunPod's own console. If the file does not matter, "
                + "press “End” on the pod and confirm the risk.", pod, "Show the pod"),
            PodIncidents.FileLost => new(
                "A kept pod vanished", "Its trained file may be lost: no proof of it was anywhere else.",
                "Look into RunPod's console and its billing (at zero balance RunPod ends pods with their data). Then retry the job, which trains anew.", job, "Open the job"),
            PodIncidents.AccountUnreadable => new(
                "RunPod's account can't be listed", "Nothing is known of pods that cost money; what runs goes on and costs money.",
                "See RunPod's words and the remedy on the pods page. A refused key: put a valid one into RunPod:ApiKey and restart.", "/pods", "To the pods page"),
            PodIncidents.Foreign => new(
                "Another portal's pod is in this account", "It is never touched. Its cost is another installation's, on the same bill.",
                "If it belongs to this portal, press “Ours” on the pod; if it does not, press nothing.", pod, "Show the pod"),
            BreakerIncidents.Open when IsOfReplicate(incident) => new(
                "Replicate's breaker is open", "No training is asked for there until its time is over; then one job tries Replicate out. While RunPod's breaker is open too, jobs wait; a job that RunPod makes no pod for fails.",
                "Usually nothing: it closes as soon as a training is made. If Replicate works again, press “Reset” in its part of the page Breaker.", "/breaker", "To the breaker"),
            BreakerIncidents.Isolated when IsOfReplicate(incident) => new(
                "Replicate's breaker is held open", "There is no fallback until it is reset or its time is over. If Replicate refused the token, trainings can't be cancelled either.",
                "Read the reason on the page Breaker. A refused token: put a valid one into Replicate:ApiToken and restart, or press “Reset” when the same token works again.",
                "/breaker", "To the breaker"),
            BreakerIncidents.Open => new(
                "RunPod's breaker is open", "No pod is asked for until its time is over; then one job tries RunPod out. Jobs are trained at Replicate while it takes them; else they wait, and fail after a while.",
                "Usually nothing: it closes as soon as a pod is made. If RunPod works again, press “Reset” on the page Breaker.", "/breaker", "To the breaker"),
            BreakerIncidents.Isolated => new(
                "RunPod's breaker is held open", "No pod is asked for until it is reset or its time is over; jobs go to Replicate while it takes them. If RunPod refused the key, pods can't be stopped either.",
                "Read the reason on the page Breaker. A refused key: put a valid one into RunPod:ApiKey and restart, or press “Reset” when the same key works again.",
                "/breaker", "To the breaker"),
            BreakerIncidents.RedisAway => new(
                "Redis is away", "Each portal guards the creation of pods by itself, by the same rules; pages of other portals refresh late. Nothing is lost.",
                "Start Redis again, or mend ConnectionStrings:Redis. The stricter of both breakers holds when it is back.", "/breaker", "To the breaker"),
            TrainingIncidents.CreateRefused when IsOfReplicate(incident) => new(
                "Replicate refuses to train", "It did not take what it was asked for last. While RunPod's breaker is open jobs wait, and go back to RunPod when that may be asked; one that RunPod has failed fails. Nothing is spent meanwhile.",
                "Do what the text says: the account's credit, the token's rights or the configuration has to be mended. Replicate is asked again every 5 minutes while jobs wait.",
                "/breaker", "To the fallback"),
            TrainingIncidents.CreateRefused => new(
                "RunPod refuses to create pods", "Jobs wait. After Training:QueueWait they go to Replicate while it takes them; else they fail.",
                "Read RunPod's words: the key, its rights, the account's balance or the request (image, GPU types, volume) has to be mended. Jobs then go on by themselves; after a refused key press “Reset” on the page Breaker. It resolves when RunPod makes a pod, or when no job waits any more.", JobsThatWait, "Show the jobs that wait"),
            TrainingIncidents.ProvidersDown => new(
                "No provider takes trainings", "RunPod makes no pods for us and Replicate takes no jobs: they wait, and fail after a while. Nothing is spent meanwhile.",
                "Read both reasons on the page Breaker. The first provider that works again is used by itself. Where the month has no room for Replicate, press “Change limit” on the page Budget.",
                "/breaker", "To the breaker"),
            HostedIncidents.NotEnding => new(
                "A training at Replicate does not end", "It may cost money until it ends. The portal goes on cancelling it.",
                "If it stays, cancel it at Replicate; the portal notices by itself.", job, job is null ? null : "Open the job"),
            HostedIncidents.Account => new(
                "Replicate can't train for us", "What RunPod makes no pod for can't be trained there: it waits or fails. Nothing is spent.",
                "Do what the text says. It is looked at again within some minutes; a changed key needs a restart.", "/breaker", "To the fallback"),
            HostedIncidents.ValidationModel => new(
                "Replicate has no validation model", "LoRAs that are trained there complete as not validated.",
                "Do what the text says. It is looked at again within some minutes; a changed key needs a restart.", "/breaker", "To the fallback"),
            HostedIncidents.Unresolved => new(
                "A training at Replicate can't be looked for", "It may cost money, and what its attempt may cost stays reserved. After a day it is counted at that.",
                "Do what the text says, or look for the name in Replicate's own list and cancel it there. It resolves by itself when the account can be listed.", job,
                job is null ? null : "Open the job"),
            HostedIncidents.WeightsWaiting => new(
                "A trained file waits at Replicate", "Replicate removes it within the hour. A training that was paid for would be lost, and made again.",
                "Do what the text says: make room on the spool's disk, or mend what keeps the portal from reaching Replicate. The fetch is tried every few seconds.", job, "Open the job"),
            HostedIncidents.PredictionLost => new(
                "Replicate lost a prediction", "What it cost is lost. Another is made, or the LoRA completes as not validated.",
                "Usually nothing. If it happens again, ask Replicate about the prediction that the text names.", job, "Open the job"),
            HostedIncidents.Lost => new(
                "Replicate lost a training", "What it cost is lost. The job trains once more by itself; one that had done so has failed.",
                "A job that trains again needs nothing. For one that failed ask Replicate about the training that the text names, then press “Retry”.", job, "Open the job"),
            TrainingIncidents.OverTime => new(
                "A training passed its limit", "It is cancelled, its file first. Its pod costs money until it is gone.",
                "Open the job and see that its pods end. Retry it when the reason is clear.", job, "Open the job"),
            TrainingIncidents.Stuck => new(
                "A training does not move", "Its pod costs money and nothing comes of it until the limit cancels it.",
                "Open the job. If it does not move on, press “Cancel job” and then “Retry”.", job, "Open the job"),
            TrainingIncidents.Crashing => new(
                "A job can't go on", "Its step fails again and again; its pod, if it has one, costs money meanwhile.",
                "Open the job and read the last error. Mend what it names, or press “Cancel job”.", job, "Open the job"),
            TrainingIncidents.UploadGivenUp => new(
                "A trained file waits in the spool", "Storage does not take it. It is safe on the portal's disk, and its user waits.",
                "Mend storage; the upload is tried hourly. Press “Upload now” on the page Files to try at once.", "/spool", "To the files"),
            SpoolIncidents.Silent => new(
                "Files lie on a disk that no portal has", "Nobody else can read them.",
                "Start that portal again, or bring its spool folder to another one.", "/spool", "To the files"),
            SpoolIncidents.Away => new(
                "A portal can't read its spool", "No trained file is lost or given up. Pods wait stopped for it, and their users wait.",
                "Mount the spool's disk again; what waits goes on by itself.", "/spool", "To the files"),
            TrainingIncidents.SpoolFileMissing => new(
                "A file is gone from the spool", "A training that was paid for may be lost.",
                "Restore the file from a backup of the disk, or retry the job.", job ?? "/spool", job is null ? "To the files" : "Open the job"),
            ProviderMoneyIncidents.BalanceLow => new(
                "RunPod's balance runs out", "At $0 RunPod ends pods together with their data, and trainings that are under way are lost. Jobs whose pod it does not cover wait, and fail after a while.",
                "Add credit to RunPod's account, or cancel what need not run. It resolves by itself some minutes after the credit is there.", JobsThatWait, "Show the jobs that wait"),
            ProviderMoneyIncidents.BalanceUnreadable => new(
                "RunPod's balance can't be read", "Nobody is told before it runs out; trainings go on meanwhile.",
                "Look at the balance in RunPod's console. The command “check” says what is wrong with the key; if RunPod has moved the call, RunPod:GraphQlUrl names where it is now.", null, null),
            BudgetIncidents.Beyond => new(
                "Something costs money that nobody reserved", "It counts in this month beyond every guard, and takes the room of new jobs, until what takes it is gone.",
                "See what the text names. A pod: see on the pods page that it ends; one that is not ours, say so there with “Not ours”, and the money is taken back.",
                job ?? "/pods", job is null ? "To the pods page" : "Open the job"),
            BudgetIncidents.CameOutAbove => new(
                "A month came out above its limit", "RunPod billed more than had been booked. Nothing of it can be undone; nobody is refused because of it.",
                "Look at the corrections in the month's ledger, and at RunPod's console where they are large. It resolves by itself.",
                $"/budget/ledger?month={Uri.EscapeDataString(incident.Subject)}", "To the ledger"),
            BudgetIncidents.TotalsWrong => new(
                "A total of the ledger was wrong", "It is mended. Until then pages showed it and admission went by it: jobs may have been refused, or admitted beyond the limit.",
                "Find out who wrote into the database past the portal; if nobody did, it is a bug. It resolves with the next check that finds every total right.",
                "/operations/budget.totals", "Open the check"),
            BudgetIncidents.LimitPassed => new(
                "The month's limit is passed", "New jobs are refused until the limit is raised or the month is over, under a hard limit also until money comes free; what runs finishes.",
                "See on the page Budget what it went into. If more may be spent, press “Change limit”.", "/budget", "To the budget"),
            BudgetIncidents.MarkPassed => new(
                "The month is dear", "What runs goes on. At the limit new jobs are refused.",
                "See on the page Budget when the limit is expected to be reached, and what the money went into. It resolves when the month is over, or when the mark is raised.",
                "/budget", "To the budget"),
            BudgetIncidents.LoraTooDear => new(
                "A LoRA costs too much on average", "Each one takes more of the month's budget than planned.",
                "See on the page Budget, “What it went into”, whether training or waste is dear. It resolves when the average is a twentieth below the mark again.",
                "/budget", "To the budget"),
            OperationIncidents.Failed => new(
                "A scheduled operation failed", "What it is there for was not done, or only a part of it.",
                "Open the operation and read its last run. Mend what it names; the next run goes on, or press “Run now”.", Operation(incident), "Open the operation"),
            OperationIncidents.Missed => new(
                "A scheduled operation did not run", "What it is there for was not done at its instant.",
                "Where it was missed, usually nothing: a run makes up for it. Where it is paused or held, resume or release it when what that was for is mended: nothing makes up for what was skipped. Only then, or if it can't wait, press “Run now”.", Operation(incident), "Open the operation"),
            OperationIncidents.Schedule => new(
                "An operation's schedule can't be read", "It does not run by itself; all others do.",
                "Open the operation, press “Edit schedule”, and give a text that can be read or press “Back to the default”.", Operation(incident), "Open the operation"),
            OperationIncidents.Accounting => new(
                "An operation's instants can't be accounted for", "Whether it ran when it should have is not known, and nothing makes up for what it missed. Its schedule is not to blame.",
                "Mend what the text names; the portal tries again every few seconds. “Run now” on its page works meanwhile.", Operation(incident), "Open the operation"),
            OperationIncidents.Approval => new(
                "A plan waits for approval", "Its caps hold back a part of what the operation would do.",
                "Open the operation, read the plan, and approve exactly that.", Operation(incident), "Open the operation"),
            OperationIncidents.AutomationHeld => new(
                "Destructive automation is held", "Orphaned pods go on costing money, and nothing old is deleted.",
                "Press “Release” in the banner when what it was held for is mended.", "/operations", "To the operations"),
            ClockIncidents.Off => new(
                "A clock is wrong", "Ages, limits and months are told by it. A portal whose clock is more than Clocks:HoldAt off ends and deletes nothing by age, resets no limits and books no bills; orphaned pods go on costing money.",
                "Synchronise the clock that the text names by NTP. It resolves by itself within some minutes; nothing has to be restarted.", null, null),
            StorageIncidents.FilesMissing => new(
                "Trained files are missing in storage", "The LoRAs count as completed, and nobody can use them.",
                "See which on the page Files. Bring the files back from a backup, or train them again; the next census sees it.", "/spool#storage", "To what storage holds"),
            TrainingIncidents.Unclaimed => new(
                "A trained file has no job", "It takes room on the disk; nothing is lost.",
                "Say on the page Files whose it is, or delete it.", "/spool", "To the files"),
            _ => new(
                incident.Rule.Replace('.', ' ').Replace('_', ' '), incident.Severity >= EventSeverity.Error ? "Something does not work." : "Something may not work.",
                job is null ? "Read the text; the portal's log has the details." : "Open the job and read its timeline.", job, job is null ? null : "Open the job"),
        };
    }

    /// <summary>Whether one cause can bring many of the rule at once.</summary>
    public static bool ComesInCrowds(string rule) => rule is PodIncidents.Orphaned or PodIncidents.Leaking or PodIncidents.Held or PodIncidents.Foreign
        or BudgetIncidents.Beyond;

    /// <summary>Many of one rule, in one line.</summary>
    public static IncidentWords OfMany(AttentionLine line)
    {
        ArgumentNullException.ThrowIfNull(line);
        IncidentWords one = Of(line.Worst);
        IncidentWords many = one with { Href = "/pods", LinkText = "To the pods page" };
        return line.Worst.Rule switch
        {
            PodIncidents.Orphaned => many with
            {
                Title = $"{line.Count} pods ran that nothing needs",
                HowBad = OrphansCost,
                WhatHelps = "Usually nothing: each resolves when its pod is verified gone. If they stay longer than 10 minutes, look at their last errors on the page Pods, and whether the sweep is paused or held back.",
            },
            PodIncidents.Leaking => many with
            {
                Title = $"{line.Count} pods do not end",
                HowBad = "They cost money every hour until they end. The portal goes on trying.",
                WhatHelps = "See their last errors. If RunPod stays in the way, end them in RunPod's own console; the portal notices by itself.",
            },
            PodIncidents.Held => many with { Title = $"{line.Count} pods are kept for their files" },
            BudgetIncidents.Beyond => many with
            {
                Title = $"{line.Count} things cost money that nobody reserved",
                HowBad = "They count in this month beyond every guard, and take the room of new jobs, until what takes the money is gone.",
                WhatHelps = "See what each text names. Pods: see on the page Pods that they end, and what they cost now; one that is not ours, say so there with “Not ours”, and its money is taken back.",
            },
            PodIncidents.Foreign => many with { Title = $"{line.Count} pods of another portal are in this account" },
            _ => many,
        };
    }

    public static (Tone Tone, string Icon, string Word) Look(EventSeverity severity) => severity switch
    {
        EventSeverity.Critical => (Tone.Bad, Icons.Material.Outlined.LocalFireDepartment, "act now"),
        EventSeverity.Error => (Tone.Bad, Icons.Material.Outlined.Error, "urgent"),
        EventSeverity.Warning => (Tone.Warn, Icons.Material.Outlined.WarningAmber, "look soon"),
        _ => (Tone.Quiet, Icons.Material.Outlined.Info, "to know"),
    };

    /// <summary>A job that waits for a provider asks again from time to time, and is provisioning while it does.</summary>
    private const string JobsThatWait = "/training?state=queued&state=provisioning";

    private const string OrphanCosts = "It costs money until it is gone; the portal ends it, or stops it for its file, unless the sweep is paused or held, the portal's clock is far off, or the caps hold it back.";
    private const string OrphansCost = "They cost money until they are gone; the portal ends them, or stops them for their files, unless the sweep is paused or held, the portal's clock is far off, or the caps hold them back.";

    /// <summary>What it refuses is told of it as it is configured, by a mark behind its name.</summary>
    private static bool IsOfReplicate(Incident incident) => incident.Subject.Split('/')[0] == BreakerSubject.Replicate.Provider;

    private static string Operation(Incident incident) => $"/operations/{Uri.EscapeDataString(incident.Subject)}";

    private static string? JobSubject(Incident incident) => Guid.TryParse(incident.Subject, out Guid id) ? id.ToString("D") : null;
}
