namespace LoraAdmin.Domain.Pods;

/// <summary>Fixed words that say why a pod is wanted, held or released: reason labels of facts and counters.</summary>
public static class PodReasons
{
    public const string Adopted = "adopted";

    /// <summary>Its create call was never clearly answered, and it was not in the listing: it may still turn up for 15 minutes.</summary>
    public const string InDoubt = "in_doubt";
    public const string CreateFailed = "create_failed";
    public const string NoCapacity = "no_capacity";
    public const string RateLimited = "rate_limited";
    public const string Refused = "refused";

    /// <summary>Its permit was withdrawn before the call was sent.</summary>
    public const string Withdrawn = "withdrawn";

    /// <summary>A job from before the portal took the database over has it.</summary>
    public const string Imported = "imported";

    /// <summary>It did not become ready within <c>Pods:ReadyWithin</c>.</summary>
    public const string NotReady = "not_ready";
    public const string JobEnded = "job_ended";
    public const string FileStored = "file_stored";

    /// <summary>Its job is over, but a finished file may lie on it alone.</summary>
    public const string FileUnproven = "file_unproven";
    public const string Vanished = "vanished";

    /// <summary>It outlived boot, training and retrieval together, and its job did not end it.</summary>
    public const string PastLifetime = "past_lifetime";

    /// <summary>It bears our name, or a person said that it is ours, and no row knew it.</summary>
    public const string Unknown = "unknown";

    /// <summary>It turned up under a create call that was never clearly answered, after another try had given the attempt its pod.</summary>
    public const string Duplicate = "duplicate";

    /// <summary>Past its lifetime while its job still wants it: given some time more, once, for its file.</summary>
    public const string Prolonged = "prolonged";

    /// <summary>A person said that it is not ours: it is let out of the ledger and never touched.</summary>
    public const string NotOurs = "not_ours";

    /// <summary>A person ended it.</summary>
    public const string ByPerson = "by_person";

    /// <summary>Reasons for which the sweep ends pods that nobody asked it to end: these alone count against its caps.</summary>
    public static IReadOnlyList<string> OfTheSweep { get; } = [PastLifetime, Unknown];
}
