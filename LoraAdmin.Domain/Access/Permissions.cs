namespace LoraAdmin.Domain.Access;

/// <summary>One permission per action, checked on the server at every event. Words are also the scopes of API tokens.</summary>
public static class Permissions
{
    public const string ViewPortal = "portal:read";
    public const string ReadTraining = "training:read";
    public const string SubmitTraining = "training:submit";
    public const string CancelTraining = "training:cancel";
    public const string RetryTraining = "training:retry";
    public const string PauseTraining = "training:pause";

    /// <summary>O2: stop everything.</summary>
    public const string StopEverything = "training:stop-everything";
    public const string ReadPods = "pods:read";

    /// <summary>Run the sweep and approve its capped plans.</summary>
    public const string SweepPods = "pods:sweep";
    public const string EndPods = "pods:end";

    /// <summary>Say that a pod is ours, or not.</summary>
    public const string ClaimPods = "pods:claim";
    /// <summary>Have a kept file uploaded at once.</summary>
    public const string UploadFiles = "files:upload";

    /// <summary>Have storage counted.</summary>
    public const string CountFiles = "files:count";

    /// <summary>Say what becomes of a trained file that no job knows.</summary>
    public const string DecideFiles = "files:decide";
    public const string ReadBreaker = "breaker:read";

    /// <summary>Hold the breaker open.</summary>
    public const string IsolateBreaker = "breaker:isolate";

    /// <summary>Close the breaker and let go what holds it.</summary>
    public const string ResetBreaker = "breaker:reset";
    public const string ReadBudget = "budget:read";

    /// <summary>Set the month's limit over the configuration.</summary>
    public const string SetBudget = "budget:set-limit";
    public const string ReadLoras = "loras:read";
    public const string LinkLoras = "loras:link";

    public const string ReadOperations = "operations:read";

    /// <summary>Have a plan made, to read it. Applying it needs the operation's own permission.</summary>
    public const string PreviewOperations = "operations:preview";
    public const string CancelOperations = "operations:cancel";
    public const string PauseOperations = "operations:pause";
    public const string ScheduleOperations = "operations:schedule";

    /// <summary>The kill switch for destructive automation.</summary>
    public const string HoldAutomation = "operations:hold";
    public const string CleanHistory = "operations:clean-history";
    public const string ResetLimits = "limits:reset";

    /// <summary>Have the ledger corrected by what the provider billed, and its totals by its entries.</summary>
    public const string ReconcileMoney = "budget:reconcile";

    /// <summary>Have training images deleted that are past their time.</summary>
    public const string DeleteImages = "training:delete-images";

    /// <summary>The fault API and truth of LocalCloud; never part of a role.</summary>
    public const string LocalCloud = "local-cloud";

    public static IReadOnlyList<string> All { get; } =
        [ViewPortal, ReadTraining, SubmitTraining, CancelTraining, RetryTraining, PauseTraining, StopEverything,
        ReadPods, SweepPods, EndPods, ClaimPods, UploadFiles, CountFiles, DecideFiles, ReadBreaker, IsolateBreaker, ResetBreaker, ReadBudget, SetBudget, ReadLoras, LinkLoras,
         ReadOperations, PreviewOperations, CancelOperations, PauseOperations, ScheduleOperations, HoldAutomation, CleanHistory, ResetLimits, ReconcileMoney, DeleteImages, LocalCloud];
}
