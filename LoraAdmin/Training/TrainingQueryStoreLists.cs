using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Training;

internal sealed partial class TrainingQueryStore
{
    private const int MaxPage = 200;
    private const string Escape = "\\";

    public Task<JobPage> ListAsync(JobFilter filter, JobCursor? after, int size, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(filter);
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, MaxPage);
        return work.ReadAsync(
            async (unit, token) =>
            {
                LoraDb db = Db(unit);

                // One more than asked tells whether there is a next page.
                var rows = await Page(db.Set<TrainingProgressRow>().AsNoTracking(), filter, after)
                    .Take(size + 1)
                    .Select(row => new
                    {
                        row.JobId, row.LoraId, row.UserId, row.Name, row.CreatorEmail, row.State, row.StateSince, row.CreatedAt, row.CompletedAt,
                        row.WaitReason, row.FailureCode, row.FailureDetail, row.Step, row.TotalSteps, row.Loss, row.HeartbeatAt, row.StepAt,
                        row.Attempt, row.CostMicros, IsSettled = db.Set<TrainingAttemptRow>().All(attempt => attempt.JobId != row.JobId || attempt.CostMicros != null),
                        IsUnjudged = row.NotValidated != null,
                    })
                    .ToListAsync(token);
                List<JobLine> lines = rows.Take(size).Select(row => new JobLine(
                    new JobId(row.JobId),
                    new LoraId(row.LoraId),
                    new UserId(row.UserId),
                    row.Name,
                    row.CreatorEmail,
                    row.State,
                    Instants.FromMillis(row.StateSince),
                    Instants.FromMillis(row.CreatedAt),
                    Instants.FromMillis(row.CompletedAt),
                    row.WaitReason,
                    TrainingProgressRow.ToFailure(row.FailureCode, row.FailureDetail),
                    TrainingProgressRow.ToFigures(row.Step, row.TotalSteps, row.Loss, row.HeartbeatAt, row.StepAt),
                    row.Attempt,
                    row is { IsSettled: true, CostMicros: { } cost } ? new Usd(cost) : null,
                    row.IsUnjudged)
                {
                    SettledCost = row.CostMicros is { } settled ? new Usd(settled) : null,
                }).ToList();
                return new JobPage(lines, rows.Count > size ? new JobCursor(lines[^1].CreatedAt, lines[^1].Id) : null);
            },
            cancellationToken);
    }

    private static IQueryable<TrainingProgressRow> Page(IQueryable<TrainingProgressRow> rows, JobFilter filter, JobCursor? after)
    {
        if (filter.States is { Count: > 0 } states)
        {
            TrainingState[] wanted = [.. states];
            rows = rows.Where(row => wanted.Contains(row.State));
        }

        if (filter.User is { } user)
        {
            rows = rows.Where(row => row.UserId == user.Value);
        }

        if (filter.Failures is { } failures)
        {
            string?[] codes = [.. failures.Select(failure => FailureTable.For(failure).Code)];
            rows = rows.Where(row => codes.Contains(row.FailureCode));
        }

        if (filter.EndedSince is { } ended)
        {
            long since = ended.ToMillis();
            rows = rows.Where(row => !row.IsOpen && row.CompletedAt >= since);
        }

        if (filter.Text?.Trim() is { Length: > 0 } text)
        {
            rows = Guid.TryParse(text, out Guid id)
                ? rows.Where(row => row.JobId == id || row.LoraId == id || row.UserId == id)
                : rows.Where(Containing(text));
        }

        if (after is not null)
        {
            long at = after.CreatedAt.ToMillis();
            Guid id = after.Id.Value;

            // The first condition alone bounds the index; the second only orders within one millisecond.
            rows = rows.Where(row => row.CreatedAt <= at && (row.CreatedAt < at || row.JobId < id));
        }

        return rows.OrderByDescending(row => row.CreatedAt).ThenByDescending(row => row.JobId);
    }

    private static System.Linq.Expressions.Expression<Func<TrainingProgressRow, bool>> Containing(string text)
    {
        string escaped = text.ToLowerInvariant()
            .Replace(Escape, Escape + Escape, StringComparison.Ordinal)
            .Replace("%", $"{Escape}%", StringComparison.Ordinal)
            .Replace("_", $"{Escape}_", StringComparison.Ordinal);
        string pattern = $"%{escaped}%";
        return row => EF.Functions.Like(row.SearchText, pattern, Escape);
    }
}
