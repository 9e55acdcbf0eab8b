using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// Ends every open job of a database that is a copy: the original goes on with them, on pods that this installation must not touch, and for money
/// that would be spent twice.
/// </summary>
public sealed class JobsOfACopy(IUnitOfWork work, JobEnding ending, TimeProvider clock)
{
    private const string Detail = "This database is a copy; the job goes on in the original";
    private const int AtOnce = 50;

    /// <summary>Long enough from now for every job to be due and every lease of the original to be over.</summary>
    private static readonly TimeSpan Later = TimeSpan.FromDays(3650);

    /// <returns>How many jobs were ended. Running it again goes on where it broke off.</returns>
    public async Task<int> EndAsync(CancellationToken cancellationToken)
    {
        int all = 0;
        while (await work.RunAsync(EndSomeAsync, cancellationToken) is var some and > 0)
        {
            all += some;
        }

        return all;
    }

    private async Task<int> EndSomeAsync(IUnit unit, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        IReadOnlyList<LeasedJob> open = await unit.Store<ITrainingStore>().LeaseDueAsync("copy", "copy", now + Later, TimeSpan.Zero, AtOnce, cancellationToken);
        foreach (LeasedJob leased in open)
        {
            await ending.FailAsync(
                unit,
                leased.Job,
                leased.Fence,
                new JobFailure(FailureCode.Cancelled, Detail),
                FileProof.None,
                new ErrorDetail("cancelled", "installation.copied", Detail, null),
                mayGoOn: false,
                now,
                cancellationToken);
        }

        return open.Count;
    }
}
