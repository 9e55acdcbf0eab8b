namespace LoraAdmin.Domain.Operations;

/// <summary>How long a run may still take: from its own pace once it has one, and before that from the runs before it.</summary>
public static class RunEstimate
{
    /// <param name="before">Runs of the same operation that went well.</param>
    /// <returns>Null: it has ended, or nothing is known.</returns>
    public static TimeSpan? Left(OperationRun run, IReadOnlyList<OperationRun> before, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(before);
        if (run.State != RunState.Running || run.Planned == 0)
        {
            return null;
        }

        long items = run.Planned - run.Ended;
        if (run.Ended > 0)
        {
            return (now - run.StartedAt) / run.Ended * items;
        }

        OperationRun[] known = [.. before.Where(one => one.Ended > 0 && one.Duration is not null)];
        if (known.Length == 0)
        {
            return null;
        }

        TimeSpan whole = known.Aggregate(TimeSpan.Zero, (sum, one) => sum + one.Duration!.Value) / known.Sum(one => one.Ended) * items;
        TimeSpan left = whole - (now - run.StartedAt);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }
}
