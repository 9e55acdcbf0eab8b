using System.Globalization;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <summary>What we ask the provider for.</summary>
/// <param name="Name">The ledger name: unique per try, because the provider has no idempotency key and its names are not unique.</param>
/// <param name="Environment">Holds the agent's token: never logged, and dropped from every answer at the parser.</param>
/// <param name="DiskGb">Container disk, wiped by a restart.</param>
/// <param name="MountGb">Size of the mount that survives a stop, when no network volume is configured.</param>
public sealed record PodSpec(
    string Name,
    string GpuType,
    string Image,
    int DiskGb,
    int MountGb,
    string MountPath,
    string? NetworkVolumeId,
    IReadOnlyList<string> Ports,
    IReadOnlyDictionary<string, string> Environment)
{
    /// <summary>What allows the call; never sent. Null: nobody was asked.</summary>
    public CreationPermit? Permit { get; init; }
}

/// <summary>Status as the provider says it; unknown words are kept as <see cref="Unknown"/>, never an error.</summary>
public enum ProviderPodStatus
{
    Unknown,
    Provisioning,
    Starting,
    Running,
    Exited,
    Error,
    Terminated,
}

/// <summary>A pod as the provider shows it. Its <c>env</c> is never carried.</summary>
/// <param name="Id">Matches <c>^[a-z0-9]{4,64}$</c>; anything else is refused at the parser.</param>
/// <param name="StatusText">The provider's own word.</param>
/// <param name="HourlyRate">Dollars per hour, container disk and mount included; zero when it says that it is stopped.</param>
public sealed record ProviderPod(
    string Id,
    string Name,
    ProviderPodStatus Status,
    string StatusText,
    string? GpuType,
    Usd HourlyRate,
    DateTimeOffset? CreatedAt,
    DateTimeOffset? StartedAt,
    bool Locked)
{
    /// <summary>A pod's container starts within so long of the pod's creation, whatever image it pulls.</summary>
    private static readonly TimeSpan FirstStartWithin = TimeSpan.FromMinutes(30);

    /// <summary>
    /// Since when it is known to cost <see cref="HourlyRate"/>: since its creation, or its present start when that can't be the first, as it stood still, for nobody knows how
    /// long, before it; null: the provider does not say.
    /// </summary>
    public DateTimeOffset? CostsSince => StartedAt - CreatedAt > FirstStartWithin ? StartedAt : CreatedAt;
}

/// <summary>Why a provider call gave no answer to work with.</summary>
public enum ProviderFailure
{
    /// <summary>401: the key is not accepted. Nothing else will work either, pods can't be stopped.</summary>
    Unauthorized,

    /// <summary>402.</summary>
    InsufficientBalance,

    /// <summary>403: the key lacks the scope.</summary>
    Forbidden,

    /// <summary>429, or our own budget kept the call back for deletes; not sent or not done.</summary>
    RateLimited,

    /// <summary>The connection could not be made: the call was certainly not received.</summary>
    Unreachable,

    /// <summary>5xx, time-out, broken connection, unreadable answer: it may or may not have been done.</summary>
    Ambiguous,

    /// <summary>422 or another 4xx: the request itself is wrong; never repeated unchanged.</summary>
    Rejected,

    /// <summary>409: not allowed in the pod's present status; read it again, it may still bill.</summary>
    Conflict,
}

/// <param name="Detail">The provider's own words, shortened, without secrets.</param>
/// <param name="RetryAfter">For <see cref="ProviderFailure.RateLimited"/>: not sooner than this.</param>
/// <param name="RequestId">The provider's <c>x-request-id</c>.</param>
public sealed record ProviderError(ProviderFailure Failure, int? Status, string Detail, TimeSpan? RetryAfter = null, string? RequestId = null)
{
    /// <summary>With the status by which it was judged: the provider's own words mostly do not tell it.</summary>
    public string Words => Status is { } status ? string.Create(CultureInfo.InvariantCulture, $"HTTP {status}: {Detail}") : Detail;
}

/// <summary>Outcome of a create. Only <see cref="Created"/> and <see cref="Refused"/> are certain.</summary>
public abstract record CreateOutcome
{
    private CreateOutcome()
    {
    }

    public sealed record Created(ProviderPod Pod) : CreateOutcome;

    /// <summary>400: no stock for this GPU type, or a request that breaks a rule; the provider has no code to tell them apart, the catalog decides.</summary>
    public sealed record NoCapacityOrBadRequest(ProviderError Error) : CreateOutcome;

    /// <summary>Certainly not created: 401, 402, 403, 422, 429, connection refused.</summary>
    public sealed record Refused(ProviderError Error) : CreateOutcome;

    /// <summary>5xx, time-out, broken connection: look for the name before anything else.</summary>
    public sealed record InDoubt(ProviderError Error) : CreateOutcome;

    /// <summary>Certainly not sent: its permit was withdrawn meanwhile.</summary>
    public sealed record NotSent(string Reason) : CreateOutcome;
}

/// <summary>The account's pods at one moment. "Could not read" is its own answer and proves nothing.</summary>
public abstract record PodListing
{
    private PodListing()
    {
    }

    /// <param name="StartedAt">Just before the call was sent: a pod made later may be missing.</param>
    public sealed record Complete(IReadOnlyList<ProviderPod> Pods, DateTimeOffset StartedAt) : PodListing;

    public sealed record Unavailable(ProviderError Error) : PodListing;
}

public abstract record PodReading
{
    private PodReading()
    {
    }

    public sealed record Found(ProviderPod Pod) : PodReading;

    /// <summary>404. Soon after a create this is normal and proves nothing.</summary>
    public sealed record NotFound : PodReading;

    public sealed record Unavailable(ProviderError Error) : PodReading;
}

/// <summary>Outcome of stop, start or terminate.</summary>
public abstract record PodActionOutcome
{
    private PodActionOutcome()
    {
    }

    /// <summary>2xx: the provider took it. For a terminate this is not yet proof that the pod is gone.</summary>
    public sealed record Accepted : PodActionOutcome;

    /// <summary>404: the provider does not know the pod (any more). For a terminate: not yet proof either.</summary>
    public sealed record NotFound : PodActionOutcome;

    public sealed record Failed(ProviderError Error) : PodActionOutcome;
}

/// <summary>
/// The GPU provider's account. Callers: the conductor (create, list before adoption) and the pod loop (everything else); people's commands write
/// wishes instead. No member throws for an outside failure; all obey the token. Source: RunPod REST v2.
/// </summary>
public interface IPodProvider
{
    /// <summary>How long one call may take before it is given up and, for a create, is in doubt.</summary>
    TimeSpan CallTimeout { get; }

    Task<CreateOutcome> CreateAsync(PodSpec spec, CancellationToken cancellationToken);

    Task<PodListing> ListAsync(CancellationToken cancellationToken);

    Task<PodReading> GetAsync(string podId, CancellationToken cancellationToken);

    Task<PodActionOutcome> StopAsync(string podId, CancellationToken cancellationToken);

    Task<PodActionOutcome> StartAsync(string podId, CancellationToken cancellationToken);

    Task<PodActionOutcome> TerminateAsync(string podId, CancellationToken cancellationToken);
}

/// <summary>One GPU type as the catalog lists it.</summary>
/// <param name="HourlyPrice">Secure cloud, one GPU; null when it is not offered there.</param>
public sealed record GpuOffer(string Id, string Name, int MemoryGb, Usd? HourlyPrice, bool InStock);

public abstract record CatalogReading
{
    private CatalogReading()
    {
    }

    public sealed record Read(IReadOnlyList<GpuOffer> Offers, DateTimeOffset At) : CatalogReading;

    public sealed record Unavailable(ProviderError Error) : CatalogReading;
}

/// <summary>Prices and stock. A hint: a create may still find no capacity.</summary>
public interface IGpuCatalog
{
    Task<CatalogReading> ReadAsync(CancellationToken cancellationToken);
}

public abstract record BalanceReading
{
    private BalanceReading()
    {
    }

    /// <param name="SpendPerHour">What the account spends per hour at present.</param>
    public sealed record Read(Usd Balance, Usd SpendPerHour, DateTimeOffset At) : BalanceReading;

    public sealed record Unavailable(ProviderError Error) : BalanceReading;
}

/// <summary>The account's money, behind a port of its own because its place in the provider's API is moving.</summary>
public interface IAccountBalance
{
    Task<BalanceReading> ReadAsync(CancellationToken cancellationToken);
}

/// <summary>The account's money as it was last read, and how reading it goes.</summary>
/// <param name="Last">What was read last, however long ago; null: it never could be.</param>
/// <param name="FailingSince">First of the failures in a row; null: it was read.</param>
/// <param name="Failure">In the provider's words.</param>
public sealed record KeptBalance(string Provider, BalanceReading.Read? Last, DateTimeOffset? FailingSince, string? Failure)
{
    /// <summary>How bad people were told it is that the money runs out; null: they were told nothing, or that it is over.</summary>
    public EventSeverity? LowTold { get; init; }

    /// <summary>People were told that it can't be read.</summary>
    public bool FailureTold { get; init; }
}

/// <summary>One row per provider, written by the instance that watches the balance. Bound to a unit of work.</summary>
public interface IBalanceStore
{
    Task<KeptBalance?> FindAsync(string provider, CancellationToken cancellationToken);

    Task SaveAsync(KeptBalance balance, CancellationToken cancellationToken);
}

/// <summary>The pod ledger. Bound to a unit of work.</summary>
public interface IPodLedger
{
    /// <exception cref="InvalidOperationException">The name is in use.</exception>
    Task AddAsync(LedgerPod pod, CancellationToken cancellationToken);

    /// <summary>
    /// Writes the row, but for <see cref="LedgerPod.HeardAt"/> and <see cref="LedgerPod.BillHold"/>, if its version is still <see cref="LedgerPod.Version"/> and raises it by one. False:
    /// somebody else wrote it meanwhile, nothing was written.
    /// </summary>
    Task<bool> SaveAsync(LedgerPod pod, CancellationToken cancellationToken);

    /// <summary>
    /// Notes in one statement that these pods were listed and are as the ledger has them. Does not raise their versions: whoever writes one of the rows
    /// at the same moment is right about everything else.
    /// </summary>
    Task NoteSeenAsync(IReadOnlyList<string> names, DateTimeOffset at, CancellationToken cancellationToken);

    /// <summary>Notes that the pod's agent has answered. Does not raise the row's version; an unknown or gone pod is passed over.</summary>
    Task NoteHeardAsync(string podId, DateTimeOffset at, CancellationToken cancellationToken);

    /// <summary>
    /// Notes on every row of the id whether its bills can be counted. Does not raise their versions; what was noted of bills that were read later stays.
    /// </summary>
    /// <param name="why">Null: they can.</param>
    Task NoteBillHoldAsync(string podId, string? why, DateTimeOffset readAt, CancellationToken cancellationToken);

    Task<LedgerPod?> FindAsync(string name, CancellationToken cancellationToken);

    /// <summary>The newest row with the provider's id, gone ones included.</summary>
    Task<LedgerPod?> FindByPodIdAsync(string podId, CancellationToken cancellationToken);

    /// <summary>All tries of one attempt, in order of try.</summary>
    Task<IReadOnlyList<LedgerPod>> ListForAttemptAsync(JobId job, int attempt, CancellationToken cancellationToken);

    /// <summary>Those tries of one attempt that are <see cref="PodSaw.Gone"/>, in order of try.</summary>
    Task<IReadOnlyList<LedgerPod>> ListGoneOfAttemptAsync(JobId job, int attempt, CancellationToken cancellationToken);

    /// <summary>Every row of the provider's ids, the oldest first.</summary>
    Task<IReadOnlyList<LedgerPod>> ListByPodIdsAsync(IReadOnlyCollection<string> podIds, CancellationToken cancellationToken);

    /// <summary>Rows with a provider's id that were verified gone within the time, the last first.</summary>
    Task<IReadOnlyList<LedgerPod>> ListGoneAsync(DateTimeOffset from, DateTimeOffset until, int max, CancellationToken cancellationToken);

    /// <summary>Every row that is not <see cref="PodSaw.Gone"/>, oldest first.</summary>
    Task<IReadOnlyList<LedgerPod>> ListAliveAsync(CancellationToken cancellationToken);

    /// <summary>Those of them that are held for their file and have a provider's id, oldest first.</summary>
    Task<IReadOnlyList<LedgerPod>> ListHeldAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Those that are in doubt (<see cref="LedgerPod.IsInDoubt"/>) and belong to attempts of which the ledger has nothing else that is not gone, oldest first.
    /// </summary>
    Task<IReadOnlyList<LedgerPod>> ListInDoubtAsync(CancellationToken cancellationToken);

    /// <summary>The provider's ids of the rows that are not <see cref="PodSaw.Gone"/> and have one, without the rows: there can be ten thousand of them.</summary>
    Task<IReadOnlySet<string>> ListAlivePodIdsAsync(CancellationToken cancellationToken);

    /// <summary>Rows of pods that no try of an attempt asked for (<see cref="LedgerPod.IsApart"/>): those that are there, and those that went since the instant.</summary>
    Task<IReadOnlyList<LedgerPod>> ListApartAsync(DateTimeOffset goneSince, CancellationToken cancellationToken);

    /// <summary>
    /// Whether something must not wait for the pod loop's next turn: a released pod that was not asked to end yet, or a held one that still runs, whose
    /// time for its file is over. One that may only be acted on after <paramref name="now"/> does not count.
    /// </summary>
    Task<bool> AnyToEndAsync(DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>
    /// Jobs that hold a place: those with a try that is needed and not gone. A job takes its place with the row that is committed before the create
    /// call and leaves it when its pod is released or held; a job that only looks for a place holds none, so it never stands in its own way.
    /// </summary>
    Task<int> CountPlacesAsync(CancellationToken cancellationToken);

    /// <summary>What the sweep has released by itself since the instant: rows whose reason is one of <see cref="PodReasons.OfTheSweep"/>.</summary>
    Task<SweepTally> TallySweepAsync(DateTimeOffset since, CancellationToken cancellationToken);
}

/// <param name="HourlyPrice">What the released pods cost per hour, together.</param>
public sealed record SweepTally(int Kills, Usd HourlyPrice);

public enum ClaimVerdict
{
    Ours,
    NotOurs,
}

/// <summary>What a person said about a pod that the portal can't place by its name.</summary>
/// <param name="Reason">1 to 500 characters.</param>
public sealed record PodClaim(string PodId, ClaimVerdict Verdict, Actor By, string Reason, DateTimeOffset At);

/// <summary>Bound to a unit of work.</summary>
public interface IPodClaimStore
{
    /// <summary>Oldest first.</summary>
    Task<IReadOnlyList<PodClaim>> ListAsync(CancellationToken cancellationToken);

    /// <summary>What was said last about one pod; null: nothing.</summary>
    Task<PodClaim?> FindAsync(string podId, CancellationToken cancellationToken);

    /// <summary>Replaces an earlier claim about the same pod.</summary>
    Task SaveAsync(PodClaim claim, CancellationToken cancellationToken);
}

/// <summary>
/// What is known about the trained file of one pod's attempt. Implemented by the training feature; asks storage, spool and, last, the pod's agent.
/// </summary>
public interface IFileProofs
{
    /// <summary><see cref="FileProof.None"/>: the file may lie on the pod alone, or nobody could say.</summary>
    Task<FileProof> FindAsync(JobId job, int attempt, string podName, string podId, CancellationToken cancellationToken);
}

/// <summary>Kinds of facts that the pods feature appends.</summary>
public static class PodEvents
{
    public const string Requested = "pods.requested";

    /// <summary>A pod of a job that was made before the portal took the database over now stands in the ledger.</summary>
    public const string Imported = "pods.imported";
    public const string Created = "pods.created";
    public const string Adopted = "pods.adopted";
    public const string CreateFailed = "pods.create_failed";
    public const string InDoubt = "pods.in_doubt";
    public const string Released = "pods.released";
    public const string Held = "pods.held";
    public const string TerminateFailed = "pods.terminate_failed";
    public const string Leaking = "pods.leaking";
    public const string Gone = "pods.gone";

    /// <summary>M2: a pod runs that nothing needs.</summary>
    public const string Orphaned = "pods.orphaned";
    public const string ForeignSeen = "pods.foreign_seen";
    public const string CapReached = "pods.cap_reached";
    public const string CapCleared = "pods.cap_cleared";

    /// <summary>Pods that nothing needs go on running, because the sweep is paused or held.</summary>
    public const string SweepHeld = "pods.sweep_held";

    /// <summary>Nothing goes on running any more because the sweep is paused or held.</summary>
    public const string SweepFree = "pods.sweep_free";

    /// <summary>A pod that nothing needed is gone by itself, needed again, or somebody else's, before the sweep had done anything about it.</summary>
    public const string OrphanOver = "pods.orphan_over";
    public const string Claimed = "pods.claimed";
    public const string EndRequested = "pods.end_requested";

    /// <summary>A held pod does not stop.</summary>
    public const string StopFailed = "pods.stop_failed";

    /// <summary>A held pod has stopped of which was told that it does not.</summary>
    public const string Stopped = "pods.stopped";
    public const string ForeignGone = "pods.foreign_gone";

    /// <summary>A process of the portal has begun to look after the account.</summary>
    public const string FirstLook = "pods.first_look";
    public const string AccountUnreadable = "pods.account_unreadable";
    public const string AccountReadable = "pods.account_readable";
}

/// <summary>Rules of incidents about pods; the subject is the provider's id of the pod.</summary>
public static class PodIncidents
{
    /// <summary>M2.</summary>
    public const string Orphaned = "pods.orphaned";
    public const string Leaking = "pods.leaking";
    public const string Held = "pods.held";
    public const string Foreign = "pods.foreign";

    /// <summary>A pod that was kept for its file vanished. The subject is the id of its job, whose next end closes it.</summary>
    public const string FileLost = "pods.file_lost";

    /// <summary>The subject is the sweep itself.</summary>
    public const string CapReached = "pods.cap_reached";

    /// <summary>Pods that nothing needs cost money while the sweep is paused or held. The subject is the sweep itself.</summary>
    public const string SweepHeld = "pods.sweep_held";

    /// <summary>The subject is the sweep itself.</summary>
    public const string SweepSubject = "sweep";

    /// <summary>The account can't be listed: nothing is known of pods that cost money. The subject is the account.</summary>
    public const string AccountUnreadable = "pods.account_unreadable";
    public const string AccountSubject = "runpod";

    public static IncidentSignal HeldSignal(string podId) => new(Held, podId, $"Pod {podId} is stopped and kept: its trained file may be nowhere else");

    /// <summary>A pod that is gone ends whatever was wrong with it.</summary>
    public static IReadOnlyList<IncidentSignal> AllOver(string podId, string how) =>
        [new(Orphaned, podId, how, Over: true), new(Leaking, podId, how, Over: true), new(Held, podId, how, Over: true)];
}
