using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Shell;
using MudBlazor;

namespace LoraAdmin.Pods;

/// <summary>How the pods page says what a pod is and what to do about it.</summary>
public static class PodPageTexts
{
    /// <summary>In the order in which the page offers them.</summary>
    public static IReadOnlyList<PodKind> Kinds { get; } = Enum.GetValues<PodKind>();

    /// <summary>The same on chips and in rows.</summary>
    public static string ToWord(this PodKind kind) => kind == PodKind.InDoubt ? "in doubt" : kind.ToString().ToLowerInvariant();

    /// <summary>As addresses say it.</summary>
    public static string ToKey(this PodKind kind) => kind.ToWord().Replace(' ', '_');

    public static bool TryParse(string? key, out PodKind found)
    {
        foreach (PodKind one in Kinds)
        {
            if (one.ToKey() == key)
            {
                found = one;
                return true;
            }
        }

        found = default;
        return false;
    }

    public static string Explain(PodKind kind) => kind switch
    {
        PodKind.Leaking => "Asked to end three times and still there: it costs money until RunPod lets it go",
        PodKind.Needed => "A job works with it",
        PodKind.Held => "Stopped and kept, because a trained file may lie on it alone",
        PodKind.Orphan => "Ours, and nothing needs it: it is being ended, or it is past its lifetime",
        PodKind.Unknown => "It bears our name, or a person said that it is ours, and the ledger does not know it",
        PodKind.Foreign => "Not ours: never touched",
        PodKind.Vanished => "The ledger has it, the account does not list it",
        PodKind.InDoubt => "Its create call was never clearly answered, and the account has not shown it",
        _ => kind.ToWord(),
    };

    public static (Tone Tone, string Icon) Look(PodKind kind) => kind switch
    {
        PodKind.Leaking => (Tone.Bad, Icons.Material.Outlined.WaterDrop),
        PodKind.Needed => (Tone.Active, Icons.Material.Outlined.PlayCircle),
        PodKind.Held => (Tone.Warn, Icons.Material.Outlined.Inventory2),
        PodKind.Orphan => (Tone.Bad, Icons.Material.Outlined.MoneyOff),
        PodKind.Unknown => (Tone.Bad, Icons.Material.Outlined.HelpOutline),
        PodKind.Vanished => (Tone.Waiting, Icons.Material.Outlined.VisibilityOff),
        PodKind.InDoubt => (Tone.Waiting, Icons.Material.Outlined.QuestionMark),
        _ => (Tone.Quiet, Icons.Material.Outlined.Public),
    };

    public static string Words(string reason) => reason switch
    {
        PodReasons.Adopted => "adopted after an unclear create",
        PodReasons.InDoubt => "create never clearly answered",
        PodReasons.CreateFailed => "create failed",
        PodReasons.NoCapacity => "no capacity",
        PodReasons.RateLimited => "too many calls",
        PodReasons.Refused => "refused by the provider",
        PodReasons.Withdrawn => "held back before it was sent",
        PodReasons.NotReady => "did not become ready in time",
        PodReasons.JobEnded => "its job ended",
        PodReasons.FileStored => "its file is stored",
        PodReasons.FileUnproven => "its file is unproven",
        PodReasons.Vanished => "vanished from the account",
        PodReasons.PastLifetime => "past its lifetime",
        PodReasons.Unknown => "unknown to the ledger",
        PodReasons.Duplicate => "a second pod of one attempt",
        PodReasons.Prolonged => "past its lifetime, given time for its file",
        PodReasons.Imported => "from before the portal",
        PodReasons.ByPerson => "ended by a person",
        _ => reason.Replace('_', ' '),
    };

    public static string Words(SweepAction action) => action.ToWords();

    public const string ExplainLease = "How long the pod's agent goes on without an answer from us. Afterwards it stops its own pod as soon as its training has ended.";

    /// <summary>How the dead-man switch of the pod's agent stands after its last answer.</summary>
    public static string Lease(DateTimeOffset heard, DateTimeOffset now) => heard + AgentContact.Lease - now is { Ticks: > 0 } left
        ? $"lease {Math.Ceiling(left.TotalMinutes).ToString("0", System.Globalization.CultureInfo.InvariantCulture)} min"
        : "lease over";

    /// <summary>What a person does about an account that can't be listed.</summary>
    public static string Remedy(ProviderError? error) => error?.Failure switch
    {
        ProviderFailure.Unauthorized =>
            "RunPod does not accept the key, so pods can't be stopped either. Put a valid key in RunPod:ApiKey and restart; until then end pods in RunPod's own console.",
        ProviderFailure.Forbidden => "The key lacks the right to read pods. Give it read and write access to pods in RunPod's console.",
        ProviderFailure.RateLimited => "RunPod allows 60 calls a minute per account; something else uses them up. The portal tries again by itself.",
        ProviderFailure.Unreachable or ProviderFailure.Ambiguous =>
            "RunPod or the way to it is down. The portal tries again by itself; nothing is ended or forgotten meanwhile. Running pods go on and cost money.",
        ProviderFailure.Rejected => "RunPod refuses the question itself, so trying again will not help. See that RunPod:BaseUrl is right; the portal's log has the answer.",
        _ => "The portal tries again by itself; nothing is ended or forgotten meanwhile.",
    };

    /// <summary>The row's want and saw in one sentence, for people who know neither word.</summary>
    public static string WantAndSaw(LedgerPod row)
    {
        ArgumentNullException.ThrowIfNull(row);
        string want = row.Want switch
        {
            PodWant.Needed => "wanted",
            PodWant.Held => "to be kept, stopped",
            _ => "to be ended",
        };
        string saw = row.Saw switch
        {
            PodSaw.Requested => "asked for",
            PodSaw.Provisioning => "provisioning",
            PodSaw.Running => "running",
            PodSaw.Exited => "stopped",
            PodSaw.Terminating => "ending",
            PodSaw.Leaking => "leaking",
            _ => "gone",
        };
        return $"{want}; seen {saw}";
    }
}
