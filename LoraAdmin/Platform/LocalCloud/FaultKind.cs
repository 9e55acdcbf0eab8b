namespace LoraAdmin.Platform.LocalCloud;

/// <summary>A way in which LocalCloud can be told to fail.</summary>
/// <param name="Kind">The word that the control route takes.</param>
/// <param name="Where">What it can hit: a call, or a moment in a pod's life.</param>
/// <param name="Effect">What a caller sees.</param>
/// <param name="Seconds">What the fault's <c>seconds</c> means here, or null when it opens a window in which everything that fits is hit.</param>
public sealed record FaultKind(string Kind, string Where, string Effect, string? Seconds = null)
{
    public const string NoCapacity = "no_capacity";
    public const string Balance402 = "balance_402";
    public const string Unauth401 = "unauth_401";
    public const string Forbidden403 = "forbidden_403";
    public const string Validate422 = "validate_422";
    public const string Rate429 = "rate_429";
    public const string Create500 = "create_500";
    public const string Create500ButCreated = "create_500_but_created";
    public const string CreateHangButCreated = "create_hang_but_created";
    public const string CreateHangThenLate = "create_hang_then_late";
    public const string Early404 = "early_404";
    public const string ListEmpty = "list_empty";
    public const string ListPartial = "list_partial";
    public const string List500 = "list_500";
    public const string ListSlow = "list_slow";
    public const string ListUnknownStatus = "list_unknown_status";
    public const string Delete500 = "delete_500";
    public const string DeleteIgnored = "delete_accepted_but_ignored";
    public const string Delete404 = "delete_404_but_alive";
    public const string PodExits = "pod_exits";
    public const string PodVanishes = "pod_vanishes";
    public const string StuckProvisioning = "stuck_provisioning";
    public const string StartWithoutGpu = "start_without_gpu";
    public const string AgentUnreachable = "agent_unreachable";
    public const string Billing500 = "billing_500";
    public const string BillingGap = "billing_gap";
    public const string BillingTwice = "billing_twice";
    public const string BillingLate = "billing_late";
    public const string BillingUnknownPod = "billing_unknown_pod";
    public const string BillingNegative = "billing_negative";
    public const string BillingDearer = "billing_dearer";
    public const string TrainingFails = "training_fails";
    public const string TrainingHangs = "training_hangs";
    public const string HeartbeatStops = "heartbeat_stops";
    public const string ArtifactTruncated = "artifact_truncated";
    public const string ArtifactAltered = "artifact_altered";
    public const string ArtifactNotSafetensors = "artifact_not_safetensors";
    public const string ArtifactSlow = "artifact_slow";
    public const string ValidationFails = "validation_fails";
    public const string ImageCorrupt = "image_corrupt";
    public const string ImageCorruptOnce = "image_corrupt_once";
    public const string StorePutFails = "store_put_fails";
    public const string StorePutTimeout = "store_put_timeout";
    public const string StoreStoresOther = "store_stores_other";
    public const string StoreFull = "store_full";
    public const string SpoolFull = "spool_full";
    public const string ReplicateUnauth401 = "replicate_unauth_401";
    public const string ReplicateThrottled = "replicate_throttled";
    public const string ReplicateBalance402 = "replicate_balance_402";
    public const string ReplicateCreate500 = "replicate_create_500";
    public const string ReplicateCreate500ButCreated = "replicate_create_500_but_created";
    public const string ReplicateCreateHangButCreated = "replicate_create_hang_but_created";
    public const string ReplicateCreateHangThenLate = "replicate_create_hang_then_late";
    public const string ReplicateRead500 = "replicate_read_500";
    public const string ReplicateRead404 = "replicate_read_404";
    public const string ReplicateList500 = "replicate_list_500";
    public const string ReplicateCancel500 = "replicate_cancel_500";
    public const string ReplicateCancelIgnored = "replicate_cancel_accepted_but_ignored";
    public const string ReplicateTrainingLost = "replicate_training_lost";
    public const string ReplicateTrainingFails = "replicate_training_fails";
    public const string ReplicateFailsAfterSuccess = "replicate_fails_after_success";
    public const string ReplicateNoMetrics = "replicate_no_metrics";
    public const string ReplicateOutputLate = "replicate_output_late";
    public const string ReplicateWeightsTar = "replicate_weights_tar";
    public const string ReplicateWeightsTruncated = "replicate_weights_truncated";
    public const string ReplicateRemovalUntold = "replicate_removal_untold";
    public const string ReplicateWeights403 = "replicate_weights_403";
    public const string ReplicateValidationFails = "replicate_validation_fails";
    public const string ReplicatePredictionFails = "replicate_prediction_fails";
    public const string ReplicatePredictionLost = "replicate_prediction_lost";
    public const string ReplicateImageCorrupt = "replicate_image_corrupt";
    public const string ReplicateWebhookTwice = "replicate_webhook_twice";
    public const string ReplicateWebhookOutOfOrder = "replicate_webhook_out_of_order";
    public const string ReplicateWebhookLost = "replicate_webhook_lost";

    private const string Account = "account";
    private const string Create = "create";
    private const string Listing = "listing";
    private const string Billing = "billing";
    private const string Terminate = "terminate";
    private const string Start = "start";
    private const string Life = "pod's life";
    private const string Agent = "agent";
    private const string Artifact = "artifact";
    private const string Store = "store";
    private const string Spool = "spool";
    private const string Replicate = "replicate";
    private const string ReplicateCreate = "replicate create";
    private const string ReplicateLife = "replicate training";

    /// <summary>Every kind that can be asked for. A new kind is one line here and one question to the table where it applies.</summary>
    public static IReadOnlyList<FaultKind> All { get; } =
    [
        new(NoCapacity, Create, "400 with the no-capacity sentence; no pod"),
        new(Balance402, "create, start", "402; nothing is done"),
        new(Unauth401, Account, "401, as after the key was revoked; the balance too"),
        new(Forbidden403, Account, "403, as with a key that lacks the scope"),
        new(Validate422, Create, "422; no pod"),
        new(Rate429, Account, "429; not counted as a violation", "the `Retry-After` (30)"),
        new(Create500, Create, "500; no pod"),
        new(Create500ButCreated, Create, "500, and the pod exists and bills"),
        new(
            CreateHangButCreated, Create, "no answer before the caller gives up, and the pod exists and bills",
            "how long the answer takes (600)"),
        new(
            CreateHangThenLate, Create, "no answer before the caller gives up; the pod appears, and bills, only later",
            "from the call to the pod's appearance (60)"),
        new(Early404, Create, "the pod just made answers 404 to everything but the listing", "for how long (15)"),
        new(ListEmpty, Listing, "200 without any pod"),
        new(ListPartial, Listing, "200 without the pods that `match` names; with an empty one every second pod is missing, the oldest first"),
        new(List500, Listing, "500"),
        new(ListSlow, Listing, "the answer comes late, and shows what was when it was asked for", "how long the answer takes (60)"),
        new(ListUnknownStatus, Listing, "the pods that `match` names, or all, show a status that the contract does not know"),
        new(Delete500, Terminate, "500; the pod stays"),
        new(DeleteIgnored, Terminate, "204, and the pod stays, is listed and bills"),
        new(Delete404, Terminate, "404, and the pod stays, is listed and bills"),
        new(
            PodExits, Life, "a pod that runs is EXITED by itself; its mount stays",
            "after it came up, or after the fault was set on one that runs (0)"),
        new(
            PodVanishes, Life, "a pod is gone, and bills no more, without anyone having asked; its data are lost",
            "after it was made, or after the fault was set on one that exists (0)"),
        new(StuckProvisioning, Life, "a pod does not leave PROVISIONING, and bills", "how much longer it takes (for ever)"),
        new(StartWithoutGpu, Start, "400: the stopped pod's machine has no free GPU"),
        new(Billing500, Billing, "500"),
        new(BillingGap, Billing, "the records of the pods that `match` names are missing; with an empty one every second record is, from the first on"),
        new(BillingTwice, Billing, "the records of the pods that `match` names, or all, come twice"),
        new(BillingLate, Billing, "the newest records of the pods that `match` names, or of all, are not there yet", "how old the end of a bucket must be (86400)"),
        new(BillingUnknownPod, Billing, "one more record, of 1.25 $ for a pod that never was, in the first bucket of the answer"),
        new(BillingNegative, Billing, "the amounts of the pods that `match` names, or of all, are below zero"),
        new(BillingDearer, Billing, "the pods that `match` names, or all, are billed a tenth above what they cost"),
        new(AgentUnreachable, Agent, "the proxy answers 502 for the pod's agent"),
        new(TrainingFails, Life, "the training that is started next fails at two fifths of its steps"),
        new(
            TrainingHangs, Life,
            "steps stop and the agent goes on answering: at two fifths of the training that is started next, or at once in one that runs",
            "for how long (until the pod is started anew)"),
        new(
            HeartbeatStops, Agent,
            "from a status read of a training on, the agent takes every call and answers none, and renews no lease; the training goes on",
            "for how long (until the pod is started anew)"),
        new(ArtifactTruncated, Artifact, "the range announces its whole length and breaks off after half of it"),
        new(ArtifactAltered, Artifact, "one byte in the middle of the range is another one than the announced SHA-256 was made of"),
        new(
            ArtifactSlow, Artifact, "the range comes late; one that is not there after 100 s is ended by the proxy (524)",
            "how long the range takes (120)"),
        new(
            ArtifactNotSafetensors, Life,
            "the training that is started next makes a file whose size and SHA-256 are announced truly, and which is no safetensors file"),
        new(ValidationFails, Life, "all validation images of the training that is started next have scores below 0.6"),
        new(
            ImageCorrupt, Store, "a training image lies corrupt in the store: from its first reading on it always reads as no image; `count` is how many images",
            "none: it lasts until the faults are cleared"),
        new(ImageCorruptOnce, Store, "one reading of a training image gives no image; the next reads it well"),
        new(StorePutFails, Store, "the store answers 503 and keeps nothing"),
        new(StorePutTimeout, Store, "no answer before the store's client gives up; nothing is kept", "how long the client waits (60)"),
        new(StoreStoresOther, Store, "the store acknowledges what was sent, and keeps other bytes of the same length"),
        new(StoreFull, Store, "the store has no room and keeps nothing"),
        new(SpoolFull, Spool, "the spool's disk has no room: nothing is appended, what lies there stays"),
        new(ReplicateUnauth401, Replicate, "401, as after the token was revoked"),
        new(ReplicateThrottled, Replicate, "429 with the throttling sentence and no `Retry-After`", "what the sentence says (30)"),
        new(ReplicateBalance402, ReplicateCreate, "402; no training"),
        new(ReplicateCreate500, ReplicateCreate, "500; no training"),
        new(ReplicateCreate500ButCreated, ReplicateCreate, "500, and the training exists and costs"),
        new(
            ReplicateCreateHangButCreated, ReplicateCreate, "no answer before the caller gives up, and the training exists and costs",
            "how long the answer takes (600)"),
        new(
            ReplicateCreateHangThenLate, ReplicateCreate, "no answer before the caller gives up; the training appears, and costs, only later",
            "from the call to the training's appearance (60)"),
        new(ReplicateRead500, Replicate, "500 for a read of one training"),
        new(ReplicateRead404, Replicate, "404 for a read or a cancel of one training, which goes on and is in the list"),
        new(ReplicateList500, Replicate, "500 for the list of trainings"),
        new(ReplicateCancel500, Replicate, "500 for a cancel; the training goes on"),
        new(ReplicateCancelIgnored, Replicate, "200 for a cancel, with the status that the training had, and it goes on"),
        new(ReplicateTrainingLost, ReplicateLife, "the training waits for a machine and is then gone: 404, and in no list", "for how long it waits (1800)"),
        new(ReplicateTrainingFails, ReplicateLife, "the training fails at two fifths of its time, and costs that"),
        new(ReplicateFailsAfterSuccess, ReplicateLife, "the training fails after its whole time, when its weights should be put away; it costs all of it"),
        new(ReplicateNoMetrics, ReplicateLife, "the training is over and never has `metrics`; it costs what it took"),
        new(ReplicateOutputLate, Replicate, "a read of a training that has succeeded shows it without its output"),
        new(ReplicateWeightsTar, ReplicateLife, "the weights are a tar that holds the file among others"),
        new(ReplicateWeightsTruncated, Replicate, "the weights announce their whole length and break off after half of it"),
        new(ReplicateRemovalUntold, Replicate, "a read of a training whose data were removed shows them as if they were there; the weights are 404"),
        new(ReplicateWeights403, Replicate, "403 for the weights, also when they were removed"),
        new(ReplicateValidationFails, ReplicateLife, "all images of the prediction that is made next have scores below 0.6"),
        new(ReplicatePredictionFails, ReplicateLife, "the prediction that is made next fails at two fifths of its time, and costs that"),
        new(
            ReplicatePredictionLost, ReplicateLife, "the prediction that is made next waits for a machine and is then gone: 404, and in no list",
            "for how long it waits (60)"),
        new(ReplicateImageCorrupt, Replicate, "an image of a prediction is answered as bytes that are no image"),
        new(ReplicateWebhookTwice, ReplicateLife, "the event of a training's end is told twice"),
        new(ReplicateWebhookOutOfOrder, ReplicateLife, "the event of a training's start is told after the one of its end"),
        new(ReplicateWebhookLost, ReplicateLife, "an event is told to nobody"),
    ];

    /// <summary>Whether it hits the portal's own store or spool, and <c>match</c> is part of <c>bucket/key</c> or of the file's name in the spool.</summary>
    public bool IsOfStores => Where is Store or Spool;

    /// <summary>Whether what was hit once is hit for ever.</summary>
    public bool Lasts => Kind == ImageCorrupt;

    /// <summary>Whether <c>match</c> picks pods within an answer about many, instead of the calls that are hit.</summary>
    public bool MatchPicksPods => Kind is ListPartial or ListUnknownStatus
        or BillingGap or BillingTwice or BillingLate or BillingUnknownPod or BillingNegative or BillingDearer;

    public static FaultKind? Find(string kind)
    {
        foreach (FaultKind known in All)
        {
            if (known.Kind == kind)
            {
                return known;
            }
        }

        return null;
    }
}
