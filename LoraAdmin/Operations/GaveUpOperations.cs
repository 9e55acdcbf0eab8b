using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Shell;

namespace LoraAdmin.Operations;

/// <summary>Operations whose last run failed, whole or in part, and that are not at work.</summary>
internal sealed class GaveUpOperations(IOperationQueries queries, IOperationDesk desk) : IGaveUpSource
{
    public string Kind => "operations";

    public string Title => "Operations that failed";

    public string Means => "Each is run at once: it looks anew, and does what it finds. Pause and kill switch don't hold it back.";

    public async Task<IReadOnlyList<GaveUpLine>> ReadAsync(CancellationToken cancellationToken) =>
    [
        .. (await queries.ReadBoardAsync(cancellationToken)).Lines
            .Where(line => line.Running is null && line.Last is { State: RunState.Failed or RunState.PartlyFailed })
            .OrderBy(line => line.Last!.StartedAt)
            .Select(line => new GaveUpLine(
                line.Info.Key,
                line.Info.Title,
                $"Run {line.Last!.Number} {OperationPages.Word(line.Last.State)}: {line.Last.Outcome}",
                line.Last.EndedAt ?? line.Last.StartedAt,
                null,
                $"/operations/runs/{line.Last.Id}",
                line.Info.Permission,
                null)),
    ];

    public async Task<ActionResult> RetryAsync(string id, string reason, Actor actor, CancellationToken cancellationToken) =>
        OperationPages.Tell(await desk.RunNowAsync(id, reason, actor, cancellationToken), "It runs.");
}
