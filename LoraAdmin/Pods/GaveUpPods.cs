using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Shell;

namespace LoraAdmin.Pods;

/// <summary>Pods that did not end although their end was tried as often as it may be: they cost money until they are gone.</summary>
internal sealed class GaveUpPods(IPodQueries queries, IPodDesk desk) : IGaveUpSource
{
    public string Kind => "pods";

    public string ReadPermission => Permissions.ReadPods;

    public string Title => "Pods that do not end";

    public string Means => "The end of each is asked for once more. A pod on which a trained file may lie alone is left as it is.";

    public async Task<IReadOnlyList<GaveUpLine>> ReadAsync(CancellationToken cancellationToken) =>
    [
        .. (await queries.ReadAsync(cancellationToken)).Pods
            .Where(pod => pod is { IsLeaking: true, PodId: not null })
            .OrderBy(pod => pod.Row!.WantSince)
            .Take(GaveUpReading.MostLines)
            .Select(pod => new GaveUpLine(
                pod.PodId!,
                $"Pod {pod.PodId}",
                $"{pod.Why}. Its end was tried {pod.Row!.TerminateAttempts} times{(pod.Row.LastError is { } error ? $"; last: {error}" : "")}",
                pod.Row.WantSince,
                pod.CostSoFar,
                $"/pods?pod={Uri.EscapeDataString(pod.PodId!)}",
                Permissions.EndPods,
                null)
            {
                Job = pod.Job,
                Pod = pod.Row.Name,
            }),
    ];

    public async Task<ActionResult> RetryAsync(string id, string reason, Actor actor, CancellationToken cancellationToken) =>
        await desk.EndAsync(id, reason, evenWithItsFile: false, actor, cancellationToken) switch
        {
            EndPodOutcome.Noted => new ActionResult(true, "Noted: the pod loop asks for its end within seconds, and watches until it is gone."),
            EndPodOutcome.FileAtRisk => new ActionResult(false, "A trained file may lie on it alone. Press “End” on the pods page to end it all the same."),
            EndPodOutcome.CouldNotRead unread => new ActionResult(false, $"RunPod could not be asked for it: {unread.Error.Detail}"),
            _ => new ActionResult(false, "It is gone already, or is not ours."),
        };
}
