using System.Globalization;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Platform.Vendors;

namespace LoraAdmin.Pods;

/// <summary>RunPod REST v2: pods and catalog, with a typed outcome for every row of its status table.</summary>
public sealed class RunPodClient(RunPodWire wire, ICreationGate gate) : IPodProvider, IGpuCatalog
{
    private const long MaxListBytes = 32 * 1024 * 1024;
    private const long MaxBodyBytes = 1024 * 1024;

    private readonly GuardedCall<CreationPermit, CreateOutcome> creating = new(
        "runpod.create",
        async (permit, token) => await gate.WhyWithdrawnAsync(permit, token) is { } reason ? new CreateOutcome.NotSent(reason) : null,
        wire.Clock);

    public TimeSpan CallTimeout => wire.Options.CallTimeout;

    public Task<CreateOutcome> CreateAsync(PodSpec spec, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return creating.SendAsync(spec.Permit, spec, SendCreateAsync, cancellationToken);
    }

    private async Task<CreateOutcome> SendCreateAsync(PodSpec spec, CancellationToken cancellationToken)
    {
        RunPodCall call = new(
            "create", HttpMethod.Post, "/pods", CallPriority.Normal, MaxBodyBytes, RunPodJson.Create(spec), spec.Environment.Values);
        RunPodReply reply = await wire.SendAsync(call, cancellationToken);
        if (reply is { Error: null, Answer: { } answer })
        {
            (ProviderPod? pod, string? problem) = RunPodJson.ReadPod(answer);
            if (pod is not null)
            {
                return new CreateOutcome.Created(pod);
            }

            reply = wire.Unreadable(call, answer, problem!);
        }

        ProviderError error = reply.Error!;
        return error switch
        {
            { Failure: ProviderFailure.Ambiguous } => new CreateOutcome.InDoubt(error),
            { Status: 400 } => new CreateOutcome.NoCapacityOrBadRequest(error),
            _ => new CreateOutcome.Refused(error),
        };
    }

    public async Task<PodListing> ListAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset startedAt = wire.Clock.GetUtcNow();
        RunPodCall call = new("list", HttpMethod.Get, "/pods", CallPriority.Normal, MaxListBytes);
        RunPodReply reply = await wire.SendAsync(call, cancellationToken);
        if (reply is { Error: null, Answer: { } answer })
        {
            (IReadOnlyList<ProviderPod>? pods, string? problem) = answer.Status == 200
                ? RunPodJson.ReadList(answer)
                : (null, string.Create(CultureInfo.InvariantCulture, $"the listing came with status {answer.Status}"));
            if (pods is not null)
            {
                return new PodListing.Complete(pods, startedAt);
            }

            reply = wire.Unreadable(call, answer, problem!);
        }

        return new PodListing.Unavailable(reply.Error!);
    }

    public async Task<PodReading> GetAsync(string podId, CancellationToken cancellationToken)
    {
        if (!PodIds.IsValid(podId))
        {
            return new PodReading.Unavailable(BadId());
        }

        RunPodCall call = new("get", HttpMethod.Get, $"/pods/{podId}", CallPriority.Normal, MaxBodyBytes);
        RunPodReply reply = await wire.SendAsync(call, cancellationToken);
        if (reply is { Error: null, Answer: { } answer })
        {
            (ProviderPod? pod, string? problem) = RunPodJson.ReadPod(answer);
            if (pod?.Id == podId)
            {
                return new PodReading.Found(pod);
            }

            reply = wire.Unreadable(call, answer, problem ?? "the answer is about another pod");
        }

        return reply.Error!.Status == 404 ? new PodReading.NotFound() : new PodReading.Unavailable(reply.Error);
    }

    public Task<PodActionOutcome> StopAsync(string podId, CancellationToken cancellationToken) =>
        ActAsync("stop", podId, HttpMethod.Post, "/action", RunPodJson.Action("stop"), CallPriority.EndsCosts, cancellationToken);

    public Task<PodActionOutcome> StartAsync(string podId, CancellationToken cancellationToken) =>
        ActAsync("start", podId, HttpMethod.Post, "/action", RunPodJson.Action("start"), CallPriority.Normal, cancellationToken);

    public Task<PodActionOutcome> TerminateAsync(string podId, CancellationToken cancellationToken) =>
        ActAsync("terminate", podId, HttpMethod.Delete, "", null, CallPriority.EndsCosts, cancellationToken);

    public async Task<CatalogReading> ReadAsync(CancellationToken cancellationToken)
    {
        RunPodCall call = new("catalog", HttpMethod.Get, "/catalog/gpus?include=AVAILABILITY&product=POD", CallPriority.Normal, MaxBodyBytes);
        RunPodReply reply = await wire.SendAsync(call, cancellationToken);
        if (reply is { Error: null, Answer: { } answer })
        {
            (IReadOnlyList<GpuOffer>? offers, int leftOut, string? problem) = RunPodJson.ReadCatalog(answer);
            if (offers is not null)
            {
                if (leftOut > 0)
                {
                    RunPodLog.OffersLeftOut(wire.Logger, leftOut);
                }

                return new CatalogReading.Read(offers, wire.Clock.GetUtcNow());
            }

            reply = wire.Unreadable(call, answer, problem!);
        }

        return new CatalogReading.Unavailable(reply.Error!);
    }

    private static ProviderError BadId() => new(ProviderFailure.Rejected, null, "not sent: the pod id is not 4 to 64 lower-case letters and digits");

    private async Task<PodActionOutcome> ActAsync(
        string name, string podId, HttpMethod method, string suffix, byte[]? body, CallPriority priority, CancellationToken cancellationToken)
    {
        if (!PodIds.IsValid(podId))
        {
            return new PodActionOutcome.Failed(BadId());
        }

        RunPodCall call = new(name, method, $"/pods/{podId}{suffix}", priority, MaxBodyBytes, body);
        RunPodReply reply = await wire.SendAsync(call, cancellationToken);
        return reply.Error switch
        {
            null => new PodActionOutcome.Accepted(),
            { Status: 404 } => new PodActionOutcome.NotFound(),
            { } error => new PodActionOutcome.Failed(error),
        };
    }
}
