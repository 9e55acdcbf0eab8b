using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Shell;

namespace LoraAdmin.Operations;

/// <summary>Operations whose last run failed, whole or in part, and that are not at work; and what caps hold back until a person approves it.</summary>
internal sealed class GaveUpOperations(IOperationQueries queries, IOperationDesk desk) : IGaveUpSource
{
    public string Kind => "operations";

    public string ReadPermission => Permissions.ReadOperations;

    public string Title => "Operations that failed or wait";

    public string Means => "Each is run at once: it looks anew, and does what it finds within its caps. Pause and kill switch don't hold it back.";

    public async Task<IReadOnlyList<GaveUpLine>> ReadAsync(CancellationToken cancellationToken)
    {
        OperationBoard board = await queries.ReadBoardAsync(cancellationToken);
        IReadOnlyList<OperationLine> lines = board.Lines;
        IEnumerable<GaveUpLine> failed = lines
            .Where(line => line.Running is null && line.Last is { State: RunState.Failed or RunState.PartlyFailed })
            .Select(line => new GaveUpLine(
                line.Info.Key,
                line.Info.Title,
                $"Run {line.Last!.Number} {OperationPages.Word(line.Last.State)}: {line.Last.Outcome}",
                line.Last.EndedAt ?? line.Last.StartedAt,
                null,
                $"/operations/runs/{line.Last.Id}",
                line.Info.Permission,
                line.Awaiting is null ? null : "A plan of it waits for approval: open that one, read it, and approve exactly that.")
            {
                Heed = HeedOf(line, board),
            });
        IEnumerable<GaveUpLine> waiting = lines
            .Where(line => line.Awaiting is not null)
            .Select(line => new GaveUpLine(
                $"{line.Info.Key} {line.Awaiting!.Id}",
                $"A plan of “{line.Info.Title}”",
                $"{line.Awaiting.Draft.Count} {(line.Awaiting.Draft.Count == 1 ? "is" : "are")} held back: {line.Awaiting.Draft.CapWords ?? "they are beyond its caps"}",
                line.Awaiting.MadeAt,
                null,
                $"/operations/plans/{line.Awaiting.Id}",
                line.Info.Permission,
                "Open the plan, read it, and approve exactly that."));
        return [.. failed.Concat(waiting).OrderBy(line => line.Since)];
    }

    private static string? HeedOf(OperationLine line, OperationBoard board) =>
        line.IsPausedAt(board.At) && line.Schedule.Pause is { } pause ? $"{pause.By.Name} has paused it since {pause.Since:u}: {Sentences.WithStop(pause.Reason)} It would run all the same."
        : line.Info.IsDestructive && board.Hold is { } hold ? $"{hold.By.Name} holds destructive automation since {hold.Since:u}: {Sentences.WithStop(hold.Reason)} It would run all the same."
        : null;

    public async Task<ActionResult> RetryAsync(string id, string reason, Actor actor, CancellationToken cancellationToken) =>
        OperationPages.Tell(await desk.RunNowAsync(id, reason, actor, cancellationToken), "It runs.");
}
